"""
Course packages written to the specifications: OLX as Studio exports it, IMS Common Cartridge 1.1 to 1.3, Moodle backups of the old and new form.

A course is a list of sections (name, pages); write_*() make the file of it. The names of files to contents are made first (olx_files() and so on), so
that a test can change them before they are packed.
"""
import gzip
import io
import json
import random
import tarfile
import zipfile
from html import escape
from xml.sax.saxutils import quoteattr

WORDS = ("rain snow cloud river mountain valley forest meadow stone water light energy atom cell leaf root seed flower insect bird number sum angle"
         " circle line point curve force speed mass heat sound wave colour language word sentence story letter history city ship trade king law map").split()


def prose(seed, words=400):
    """Some text that no two pages share and no packer shrinks to nothing."""
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) + (str(rng.randrange(10000)) if rng.random() < 0.3 else "") for _ in range(words))


def page_html(number, words=400):
    return f"<h2>Page {number}</h2><p>{prose(number, words)}</p><p>The secret word of page {number} is <b>word{number}x</b>.</p>"


def sections_of(pages, per_section=20):
    return [(f"Section {s + 1}", list(range(s * per_section, min(pages, (s + 1) * per_section)))) for s in range((pages + per_section - 1) // per_section)]


# ---- packing ----

def tar_gz(files, extra=None):
    """extra(tar) adds what has no place among names and bytes."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=6) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            content = content if isinstance(content, bytes) else content.encode()
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        if extra:
            extra(tar)
    return out.getvalue()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


# ---- OLX ----

def olx_files(pages=0, words=400, start="2020-01-01T00:00:00Z", extra_chapters="", showanswer="finished"):
    """A small course with one of each kind, and as many pages more."""
    sections = sections_of(pages)
    chapters = "".join(f'<chapter url_name="bulk{s}"/>' for s in range(len(sections)))
    files = {
        "course/course.xml": '<course url_name="2026" org="School" course="Rain"/>\n',
        "course/course/2026.xml": f'<course display_name="from the file" start="&quot;{start}&quot;"><chapter url_name="week1"/>{chapters}{extra_chapters}'
                                  '<wiki slug="School.Rain.2026"/></course>\n',
        "course/policies/2026/policy.json": json.dumps({"course/2026": {"display_name": "How rain is made", "start": start, "language": "en",
                                                                        "showanswer": showanswer}}),
        "course/policies/2026/grading_policy.json": "{}",
        "course/about/overview.html": "<section><p>All about rain.</p></section>",
        "course/about/short_description.html": "Rain, shortly.",
        "course/about/effort.html": "3 hours",
        "course/chapter/week1.xml": '<chapter display_name="Week 1"><sequential url_name="clouds"/><sequential url_name="later"/>'
                                    '<sequential url_name="teachers"/></chapter>',
        "course/sequential/clouds.xml": '<sequential display_name="Clouds"><vertical url_name="intro"/><vertical url_name="quiz"/>'
                                        '<vertical url_name="film"/><vertical url_name="secret"/><vertical url_name="groups"/></sequential>',
        "course/vertical/intro.xml": '<vertical display_name="Introduction"><html url_name="hello"/><discussion url_name="talk" display_name="Talk"/>'
                                       '<drag-and-drop-v2 url_name="drag" xblock-family="xblock.v1" display_name="Drag" data="{&quot;zones&quot;: []}"/></vertical>',
        "course/html/hello.xml": '<html filename="hello" display_name="Hello &amp; welcome"/>',
        "course/html/hello.html": "<p>Clouds are made of <em>droplets</em> &amp; ice.</p><img src=\"/static/cloud.png\" alt=\"A cloud\"/>",
        "course/discussion/talk.xml": '<discussion discussion_id="1" display_name="Talk"/>',
        "course/vertical/quiz.xml": '<vertical display_name="Quiz"><problem url_name="choice"/><problem url_name="number" showanswer="always"/></vertical>',
        "course/problem/choice.xml": '<problem display_name="Choice" markdown="null"><multiplechoiceresponse><label>What makes rain?</label><choicegroup>'
                                     '<choice correct="false">Stones <choicehint>No stones.</choicehint></choice><choice correct="true">Droplets</choice>'
                                     '</choicegroup><solution><p>Droplets grow until they fall.</p></solution></multiplechoiceresponse>'
                                     '<demandhint><hint>Think of water.</hint></demandhint></problem>',
        "course/problem/number.xml": '<problem display_name="Number"><numericalresponse answer="42"><label>How many?</label>'
                                     '<responseparam type="tolerance" default="5"/><formulaequationinput/></numericalresponse></problem>',
        "course/vertical/film.xml": '<vertical display_name="Film"><video url_name="film" display_name="A film" youtube_id_1_0="x"><transcript language="en"'
                                    ' src="film-en.srt"/><transcript language="de" src="film-de.srt"/></video></vertical>',
        "course/static/film-en.srt": "1\n00:00:00,000 --> 00:00:02,000\nRain falls.\n\n2\n00:00:02,000 --> 00:00:04,000\nIt is wet.\n",
        "course/static/film-de.srt": "1\n00:00:00,000 --> 00:00:02,000\nRegen.\n",
        "course/static/cloud.png": b"\x89PNG not really",
        "course/vertical/secret.xml": '<vertical display_name="Secret" visible_to_staff_only="true"><html url_name="secret" display_name="S">'
                                      '<p>Only for teachers.</p></html></vertical>',
        "course/vertical/groups.xml": '<vertical display_name="Groups" group_access="{&quot;50&quot;: [2]}"><html url_name="verified" display_name="V">'
                                      '<p>Only for the verified track.</p></html></vertical>',
        "course/sequential/later.xml": '<sequential display_name="Later" start="2099-01-01T00:00:00Z"><vertical url_name="future"/></sequential>',
        "course/vertical/future.xml": '<vertical display_name="Future"><html url_name="future"><p>Of the future.</p></html></vertical>',
        "course/sequential/teachers.xml": '<sequential display_name="For teachers" visible_to_staff_only="true"><vertical url_name="notes"/></sequential>',
        "course/vertical/notes.xml": '<vertical display_name="Notes"><html url_name="notes"><p>Notes of the teacher.</p></html></vertical>',
        "course/drafts/vertical/draft.xml": "<vertical/>",
        "course/tabs/page.html": "<p>A page beside.</p>",
    }
    for s, (name, numbers) in enumerate(sections):
        files[f"course/chapter/bulk{s}.xml"] = f'<chapter display_name={quoteattr(name)}><sequential url_name="bulk{s}"/></chapter>'
        files[f"course/sequential/bulk{s}.xml"] = (f'<sequential display_name={quoteattr(name)}>' + "".join(f'<vertical url_name="p{n}"/>' for n in numbers) +
                                                   "</sequential>")
        for n in numbers:
            files[f"course/vertical/p{n}.xml"] = f'<vertical display_name="Page {n}"><html url_name="h{n}"/></vertical>'
            files[f"course/html/h{n}.xml"] = f'<html filename="h{n}" display_name="Page {n}"/>'
            files[f"course/html/h{n}.html"] = page_html(n, words)
    return files


def write_olx(pages=0, **options):
    return tar_gz(olx_files(pages, **options))


# ---- Common Cartridge ----

CC = {"1.1": ("imsccv1p1", "1.1.0", "imscc_xmlv1p1", "imswl_xmlv1p1", "imsdt_xmlv1p1", "imsbasiclti_xmlv1p0"),
      "1.2": ("imsccv1p2", "1.2.0", "imscc_xmlv1p2", "imswl_xmlv1p2", "imsdt_xmlv1p2", "imsbasiclti_xmlv1p0"),
      "1.3": ("imsccv1p3", "1.3.0", "imscc_xmlv1p3", "imswl_xmlv1p3", "imsdt_xmlv1p3", "imsbasiclti_xmlv1p3")}

QTI = """<?xml version="1.0" encoding="UTF-8"?>
<questestinterop xmlns="http://www.imsglobal.org/xsd/ims_qtiasiv1p2"><{outer} ident="q1"{title}>{open}
<item ident="i1" title="First"><itemmetadata><qtimetadata><qtimetadatafield><fieldlabel>cc_profile</fieldlabel>
<fieldentry>cc.multiple_choice.v0p1</fieldentry></qtimetadatafield></qtimetadata></itemmetadata>
<presentation><material><mattext texttype="text/html">&lt;p&gt;What makes rain?&lt;/p&gt;</mattext></material>
<response_lid ident="r1" rcardinality="Single"><render_choice><response_label ident="a"><material><mattext texttype="text/plain">Stones</mattext></material>
</response_label><response_label ident="b"><material><mattext texttype="text/plain">Droplets</mattext></material></response_label></render_choice></response_lid>
</presentation><resprocessing><outcomes><decvar varname="SCORE" vartype="Decimal" minvalue="0" maxvalue="100"/></outcomes>
<respcondition continue="No"><conditionvar><varequal respident="r1">b</varequal></conditionvar><setvar action="Set" varname="SCORE">100</setvar></respcondition>
<respcondition><conditionvar><varequal respident="r1">a</varequal></conditionvar><setvar action="Set" varname="SCORE">0</setvar></respcondition></resprocessing>
<itemfeedback ident="general_fb"><flow_mat><material><mattext texttype="text/plain">They grow until they fall.</mattext></material></flow_mat></itemfeedback>
</item>{close}</{outer}></questestinterop>"""


def cc_files(pages=0, words=400, version="1.3", identifier="cc-rain"):
    namespace, schema, cc, weblink, topic, lti = CC[version]
    sections = sections_of(pages)
    qti = f"imsqti_xmlv1p2/{cc}"
    items = "".join(
        f'<item identifier="S{s}"><title>{name}</title>' + "".join(f'<item identifier="I{n}" identifierref="R{n}"><title>Page {n}</title></item>' for n in numbers) +
        "</item>" for s, (name, numbers) in enumerate(sections))
    resources = "".join(f'<resource identifier="R{n}" type="webcontent" href="pages/p{n}.html"><file href="pages/p{n}.html"/></resource>'
                        for _, numbers in sections for n in numbers)
    manifest = f"""<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="{identifier}" xmlns="http://www.imsglobal.org/xsd/{namespace}/imscp_v1p1" xmlns:lom="http://ltsc.ieee.org/xsd/{namespace}/LOM/resource"
 xmlns:lomimscc="http://ltsc.ieee.org/xsd/{namespace}/LOM/manifest">
<metadata><schema>IMS Common Cartridge</schema><schemaversion>{schema}</schemaversion><lomimscc:lom><lomimscc:general>
<lomimscc:title><lomimscc:string language="en-US">How rain is made</lomimscc:string></lomimscc:title><lomimscc:language>en</lomimscc:language>
<lomimscc:description><lomimscc:string>All about rain.</lomimscc:string></lomimscc:description></lomimscc:general></lomimscc:lom></metadata>
<organizations><organization identifier="O1" structure="rooted-hierarchy"><item identifier="root">
<item identifier="week1"><title>Week 1</title>
 <item identifier="clouds"><title>Clouds</title>
  <item identifier="intro" identifierref="r_intro"><title>Introduction</title></item>
  <item identifier="quiz" identifierref="r_quiz"><title>Quiz</title></item>
  <item identifier="link" identifierref="r_link"><title>Link</title></item>
  <item identifier="talk" identifierref="r_talk"><title>Talk</title></item>
  <item identifier="tool" identifierref="r_tool"><title>Tool</title></item>
  <item identifier="paper" identifierref="r_paper"><title>Paper</title></item>
  <item identifier="notes" identifierref="r_notes"><title>Notes</title></item>
  <item identifier="off" identifierref="r_intro2" isvisible="false"><title>Off</title></item>
 </item></item>{items}
</item></organization></organizations>
<resources>
<resource identifier="r_intro" type="webcontent" href="web/intro%20page.html"><file href="web/intro%20page.html"/></resource>
<resource identifier="r_intro2" type="webcontent" href="web/off.html"><file href="web/off.html"/></resource>
<resource identifier="r_quiz" type="{qti}/assessment"><file href="quiz.xml"/></resource>
<resource identifier="r_bank" type="{qti}/question-bank"><file href="bank.xml"/></resource>
<resource identifier="r_link" type="{weblink}"><file href="link.xml"/></resource>
<resource identifier="r_talk" type="{topic}"><file href="talk.xml"/></resource>
<resource identifier="r_tool" type="{lti}"><file href="tool.xml"/></resource>
<resource identifier="r_paper" type="webcontent" href="web/paper.pdf"><file href="web/paper.pdf"/></resource>
<resource identifier="r_notes" type="associatedcontent/{cc}/learning-application-resource" href="notes.html"><metadata><lom:lom><lom:educational>
<lom:intendedEndUserRole><lom:source>IMSGLC_CC_Rolesv1p1</lom:source><lom:value>Instructor</lom:value></lom:intendedEndUserRole></lom:educational></lom:lom></metadata>
<file href="notes.html"/></resource>
{resources}</resources></manifest>"""
    files = {
        "imsmanifest.xml": manifest,
        "web/intro page.html": "<html><head><title>Intro</title></head><body><p>Clouds are made of <em>droplets</em> &amp; ice.</p></body></html>",
        "web/off.html": "<p>Switched off.</p>",
        "web/paper.pdf": b"%PDF-1.4",
        "notes.html": "<p>Notes of the teacher.</p>",
        "quiz.xml": QTI.format(outer="assessment", title=' title="Quiz"', open='<section ident="root_section">', close="</section>"),
        "bank.xml": QTI.format(outer="objectbank", title="", open="", close="").replace("What makes rain?", "A question of the bank?"),
        "link.xml": f'<webLink xmlns="http://www.imsglobal.org/xsd/{namespace}/{weblink}"><title>Weather</title><url href="https://weather.example/rain?of=clouds&amp;in=spring" target="_blank"/></webLink>',
        "talk.xml": f'<topic xmlns="http://www.imsglobal.org/xsd/{namespace}/{topic}"><title>Talk</title><text texttype="text/html">&lt;p&gt;Why does it rain?&lt;/p&gt;</text></topic>',
        "tool.xml": '<cartridge_basiclti_link xmlns:blti="http://www.imsglobal.org/xsd/imsbasiclti_v1p0"><blti:title>Simulator</blti:title>'
                    '<blti:description>Makes rain.</blti:description><blti:launch_url>https://tool.example/launch</blti:launch_url></cartridge_basiclti_link>',
    }
    for _, numbers in sections:
        for n in numbers:
            files[f"pages/p{n}.html"] = f"<html><body>{page_html(n, words)}</body></html>"
    return files


def write_cc(pages=0, **options):
    return zipped(cc_files(pages, **options))


# ---- Canvas ----

def canvas_settings(root, identifier, **values):
    """Settings as Canvas writes them: empty elements for what is not set, times without a zone."""
    inside = "".join(f"<{name}>{value}</{name}>" if value else f"<{name}/>" for name, value in values.items())
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} identifier="{identifier}" xmlns="http://canvas.instructure.com/xsd/cccv1p0"'
            f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{inside}</{root}>')


def canvas_page(identifier, title, body, state="active"):
    return (f'<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>\n<title>{title}</title>\n<meta name="identifier" '
            f'content="{identifier}"/>\n<meta name="editing_roles" content="teachers"/>\n<meta name="workflow_state" content="{state}"/>\n</head>\n<body>\n'
            f'{body}\n</body>\n</html>')


def canvas_files(pages=(), resources=(), files=(), unpublished=()):
    """
    An .imscc of Canvas: CC 1.1, a root item "LearningModules", one module of these items. pages: (identifier, title, body, state); resources: (identifier, XML of
    the resource and of what it depends on); unpublished: identifiers of items, and "module".
    """
    found = {f"wiki_content/{identifier}.html": canvas_page(identifier, title, body, state) for identifier, title, body, state in pages}
    listed = [(i, f'<resource identifier="{i}" type="webcontent" href="wiki_content/{i}.html"><file href="wiki_content/{i}.html"/></resource>') for i, *_ in pages]
    listed += list(resources)
    items = "".join(f'<item identifier="item-{i}" identifierref="{i}"><title>{i}</title></item>' for i, _ in listed)
    def state(name):
        return f"<workflow_state>{'unpublished' if name in unpublished else 'active'}</workflow_state>"
    meta = "".join(f'<item identifier="item-{i}"><content_type>WikiPage</content_type>{state(i)}<title>{i}</title><identifierref>{i}</identifierref><position>1</position>'
                   "</item>" for i, _ in listed)
    found["imsmanifest.xml"] = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<manifest identifier="canvas-rain" xmlns="http://www.imsglobal.org/xsd/imsccv1p1/imscp_v1p1"'
        ' xmlns:lomimscc="http://ltsc.ieee.org/xsd/imsccv1p1/LOM/manifest"><metadata><schema>IMS Common Cartridge</schema><schemaversion>1.1.0</schemaversion>'
        '<lomimscc:lom><lomimscc:general><lomimscc:title><lomimscc:string>Rain in Canvas</lomimscc:string></lomimscc:title></lomimscc:general></lomimscc:lom></metadata>'
        '<organizations><organization identifier="org_1" structure="rooted-hierarchy"><item identifier="LearningModules">'
        f'<item identifier="module"><title>Module</title>{items}</item></item></organization></organizations><resources>'
        '<resource identifier="settings" type="associatedcontent/imscc_xmlv1p1/learning-application-resource" href="course_settings/canvas_export.txt">'
        '<file href="course_settings/module_meta.xml"/></resource>' + "".join(xml for _, xml in listed) + "</resources></manifest>")
    found["course_settings/canvas_export.txt"] = "exported"
    found["course_settings/module_meta.xml"] = (
        f'<modules xmlns="http://canvas.instructure.com/xsd/cccv1p0"><module identifier="module"><title>Module</title>{state("module")}<position>1</position>'
        f"<items>{meta}</items></module></modules>")
    return {**found, **dict(files)}


# ---- Moodle ----

def module_xml(cmid, name, section, visible=1, availability="$@NULL@$"):
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<module id="{cmid}" version="2024100700"><modulename>{name}</modulename><sectionid>{section}</sectionid>'
            f'<sectionnumber>1</sectionnumber><idnumber></idnumber><visible>{visible}</visible><visibleoncoursepage>1</visibleoncoursepage>'
            f'<groupmode>0</groupmode><availability>{escape(availability, quote=False)}</availability></module>')


def activity_xml(cmid, name, body, instance=None):
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<activity id="{instance or cmid}" moduleid="{cmid}" modulename="{name}" contextid="{cmid + 1000}">'
            f'<{name} id="{instance or cmid}">{body}</{name}></activity>')


def field(name, html):
    return f"<{name}>{escape(html, quote=False)}</{name}>"


QUESTION = ('<question id="{id}"><parent>0</parent><name>First</name><questiontext>&lt;p&gt;{text}&lt;/p&gt;</questiontext><questiontextformat>1'
            '</questiontextformat><generalfeedback>&lt;p&gt;They grow until they fall.&lt;/p&gt;</generalfeedback><qtype>multichoice</qtype>'
            '<plugin_qtype_multichoice_question><answers><answer id="1"><answertext>&lt;p&gt;Stones&lt;/p&gt;</answertext><fraction>0.0000000</fraction>'
            '<feedback></feedback></answer><answer id="2"><answertext>&lt;p&gt;Droplets&lt;/p&gt;</answertext><fraction>1.0000000</fraction><feedback>'
            '</feedback></answer></answers><multichoice id="1"><single>1</single></multichoice></plugin_qtype_multichoice_question></question>')


def moodle_files(pages=0, words=400, old=False, modules=(), sections_more=(), course_id=7, password=""):
    """old: as Moodle up to 3.11 writes questions. modules, sections_more: (cmid, name, section, module.xml, activity.xml) and (id, number, section.xml) more."""
    bulk = sections_of(pages)
    date = json.dumps({"op": "&", "c": [{"type": "date", "d": ">=", "t": 4070908800}], "showc": [True]})
    group = json.dumps({"op": "&", "c": [{"type": "group", "id": 5}], "showc": [True]})
    completion = json.dumps({"op": "|", "c": [{"type": "completion", "cm": 11, "e": 1}, {"type": "date", "d": "<", "t": 4070908800}], "show": True})
    if old:
        slot = "<question_instance id=\"1\"><slot>1</slot><page>1</page><questionid>9</questionid></question_instance>"
        questions = "<question_categories><question_category id=\"1\"><name>D</name><questions>" + QUESTION.format(id=9, text="What makes rain?") + "</questions></question_category></question_categories>"
    else:
        slot = ('<question_instance id="1"><quizid>12</quizid><slot>1</slot><page>1</page><question_reference id="1"><usingcontextid>1</usingcontextid>'
                '<component>mod_quiz</component><questionarea>slot</questionarea><questionbankentryid>3</questionbankentryid><version>$@NULL@$</version>'
                '</question_reference></question_instance><question_instance id="2"><slot>2</slot><question_set_reference id="1"/></question_instance>')
        questions = ('<question_categories><question_category id="1"><name>D</name><question_bank_entries><question_bank_entry id="3"><question_version>'
                     '<question_versions id="1"><version>1</version><status>ready</status><questions>' + QUESTION.format(id=8, text="An older question?") +
                     '</questions></question_versions><question_versions id="2"><version>2</version><status>ready</status><questions>' +
                     QUESTION.format(id=9, text="What makes rain?") + '</questions></question_versions></question_version></question_bank_entry>'
                     '</question_bank_entries></question_category></question_categories>')
    activities = [
        (11, "page", 10, module_xml(11, "page", 10), activity_xml(11, "page", "<name>Introduction</name>" + field("intro", "<p>Read this.</p>") +
         field("content", "<p>Clouds are made of <em>droplets</em> &amp; ice.</p><img src=\"@@PLUGINFILE@@/cloud.png\" alt=\"A cloud\">"))),
        (12, "quiz", 10, module_xml(12, "quiz", 10), activity_xml(12, "quiz", "<name>Quiz</name>" + field("intro", "") + "<timeopen>0</timeopen><timeclose>0</timeclose>"
         "<reviewrightanswer>4352</reviewrightanswer>" + field("password", password) + "<subnet></subnet><question_instances>" + slot + "</question_instances>"
         "<attempts><attempt id=\"1\"><userid>99</userid></attempt></attempts>")),
        (13, "label", 10, module_xml(13, "label", 10), activity_xml(13, "label", "<name>Label</name>" + field("intro", "<p>Look here.</p>"))),
        (14, "book", 10, module_xml(14, "book", 10), activity_xml(14, "book", "<name>Book</name>" + field("intro", "<p>A book.</p>") + "<chapters>"
         "<chapter id=\"1\"><pagenum>1</pagenum><subchapter>0</subchapter><title>One</title>" + field("content", "<p>Chapter one.</p>") + "<hidden>0</hidden></chapter>"
         "<chapter id=\"2\"><pagenum>2</pagenum><subchapter>0</subchapter><title>Two</title>" + field("content", "<p>Chapter two.</p>") + "<hidden>1</hidden></chapter></chapters>")),
        (15, "url", 10, module_xml(15, "url", 10), activity_xml(15, "url", "<name>Link</name><intro></intro><externalurl>https://weather.example/rain</externalurl>")),
        (16, "page", 10, module_xml(16, "page", 10, visible=0), activity_xml(16, "page", "<name>Secret</name><intro></intro>" + field("content", "<p>Only for teachers.</p>"))),
        (17, "page", 10, module_xml(17, "page", 10, availability=date), activity_xml(17, "page", "<name>Later</name><intro></intro>" + field("content", "<p>Of the future.</p>"))),
        (18, "page", 10, module_xml(18, "page", 10, availability=group), activity_xml(18, "page", "<name>Groups</name><intro></intro>" + field("content", "<p>Only for group A.</p>"))),
        (19, "page", 10, module_xml(19, "page", 10, availability=completion), activity_xml(19, "page", "<name>After</name><intro></intro>" + field("content", "<p>When it is done.</p>"))),
        (20, "lesson", 10, module_xml(20, "lesson", 10), activity_xml(20, "lesson", "<name>Lesson</name><intro></intro><usepassword>0</usepassword><pages><page id=\"1\">"
         "<title>First</title>" + field("contents", "<p>Is it wet?</p>") + "<answers><answer id=\"1\"><score>1</score><answer_text>Yes</answer_text></answer><answer id=\"2\">"
         "<score>0</score><answer_text>No</answer_text></answer></answers></page></pages>")),
        (21, "glossary", 10, module_xml(21, "glossary", 10), activity_xml(21, "glossary", "<name>Words</name><intro></intro><entries><entry id=\"1\"><userid>99</userid>"
         "<concept>Drizzle</concept>" + field("definition", "<p>Fine rain.</p>") + "<approved>1</approved></entry><entry id=\"2\"><userid>98</userid><concept>Nonsense</concept>"
         "<definition>No.</definition><approved>0</approved></entry></entries>")),
        (22, "assign", 10, module_xml(22, "assign", 10), activity_xml(22, "assign", "<name>Essay</name>" + field("intro", "<p>Write about rain.</p>"))),
        (23, "forum", 10, module_xml(23, "forum", 10), activity_xml(23, "forum", "<name>Forum</name>" + field("intro", "<p>Ask here.</p>") +
         "<discussions><discussion id=\"1\"><name>Post of a user</name></discussion></discussions>")),
        (24, "resource", 10, module_xml(24, "resource", 10), activity_xml(24, "resource", "<name>Paper</name>" + field("intro", "<p>A paper.</p>"))),
    ] + list(modules)
    for s, (_, numbers) in enumerate(bulk):
        for n in numbers:
            activities.append((1000 + n, "page", 100 + s, module_xml(1000 + n, "page", 100 + s), activity_xml(
                1000 + n, "page", f"<name>Page {n}</name><intro></intro>" + field("content", page_html(n, words)))))
    sections = [(10, 0, "<name>$@NULL@$</name>" + field("summary", "<p>Welcome to rain.</p>") + "<sequence>" + ",".join(str(a[0]) for a in activities if a[2] == 10) +
                 "</sequence><visible>1</visible><availabilityjson>$@NULL@$</availabilityjson>")]
    sections += [(100 + s, 1 + s, f"<name>{name}</name><summary></summary><sequence>" + ",".join(str(1000 + n) for n in numbers) +
                  "</sequence><visible>1</visible><availabilityjson>$@NULL@$</availabilityjson>") for s, (name, numbers) in enumerate(bulk)]
    sections += list(sections_more)
    contents = ("<activities>" + "".join(f"<activity><moduleid>{c}</moduleid><sectionid>{s}</sectionid><modulename>{m}</modulename><title>t</title>"
                                         f"<directory>activities/{m}_{c}</directory></activity>" for c, m, s, _, _ in activities) + "</activities><sections>" +
                "".join(f"<section><sectionid>{i}</sectionid><title>t</title><directory>sections/section_{i}</directory></section>" for i, _, _ in sections) +
                f"</sections><course><courseid>{course_id}</courseid><title>RAIN</title><directory>course</directory></course>")
    files = {
        "moodle_backup.xml": f'<?xml version="1.0" encoding="UTF-8"?>\n<moodle_backup><information><name>b.mbz</name><moodle_version>2024100700</moodle_version>'
                             f'<original_wwwroot>https://moodle.example</original_wwwroot><original_course_id>{course_id}</original_course_id>'
                             f'<original_course_fullname>How rain is made</original_course_fullname><details><detail backup_id="x"><type>course</type>'
                             f'<format>moodle2</format></detail></details><contents>{contents}</contents></information></moodle_backup>',
        "course/course.xml": f'<course id="{course_id}" contextid="1"><shortname>RAIN</shortname><fullname>How rain is made</fullname>' +
                             field("summary", "<p>All about rain.</p>") + "<visible>1</visible><lang>en</lang></course>",
        "questions.xml": questions,
        "groups.xml": '<groups><group id="5"><name>Group A</name></group></groups>',
        "users.xml": "<users><user id=\"99\"><username>somebody</username></user></users>",
        "files.xml": "<files/>",
    }
    for i, number, body in sections:
        files[f"sections/section_{i}/section.xml"] = f'<section id="{i}"><number>{number}</number>{body}</section>'
    for cmid, name, _, module, activity in activities:
        files[f"activities/{name}_{cmid}/module.xml"] = module
        files[f"activities/{name}_{cmid}/{name}.xml"] = activity
        files[f"activities/{name}_{cmid}/inforef.xml"] = "<inforef><fileref><file><id>1</id></file></fileref></inforef>"
        files[f"activities/{name}_{cmid}/roles.xml"] = "<roles/>"
    return files


def write_moodle(pages=0, packed="tar", **options):
    files = moodle_files(pages, **options)
    if packed == "tar":  # its first entry says what is in it, folders with a slash
        folders = sorted({name.rpartition("/")[0] for name in files if "/" in name})
        lines = [f"{folder}/\td\t0\t?" for folder in folders] + [f"{name}\tf\t{len(content)}\t1751300396" for name, content in files.items()]
        files = {".ARCHIVE_INDEX": f"Moodle archive file index. Count: {len(lines)}\n" + "\n".join(lines) + "\n", **files}
    return tar_gz(files) if packed == "tar" else zipped(files)


WRITERS = {"olx": write_olx, "common_cartridge": write_cc, "moodle_backup": write_moodle}

if __name__ == "__main__":
    import sys
    kind, pages, path = sys.argv[1:4]
    with open(path, "wb") as out:
        out.write(WRITERS[kind](int(pages)))
