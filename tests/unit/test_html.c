/* HTML to text, HTML to safe XHTML, and what XML can hold. What the text says is compared with another parser's in formats.py. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "text/html_fragment.h"
#include "text/html_text.h"
#include "text/xml_write.h"

static struct lt_arena *arena;
static struct lt_error err;

static int set_up(void **state)
{
    arena = lt_arena_new();
    return 0;
}

static int tear_down(void **state)
{
    lt_arena_free(arena);
    return 0;
}

/* In memory of its own, so that a byte too far is seen. */
static struct lt_str alone(const char *p, size_t n)
{
    char *copy = malloc(n ? n : 1);
    memcpy(copy, p, n);
    lt_arena_on_free(arena, free, copy);
    return (struct lt_str){copy, n};
}

#define GIVES(got, want, what)                                                                                               \
    do {                                                                                                                     \
        struct lt_str gives_got = (got), gives_want = (want);                                                                \
        if (!lt_str_eq(gives_got, gives_want))                                                                               \
            fail_msg("%s:\n got %.*s\nwant %.*s", what, LT_FMT(gives_got), LT_FMT(gives_want));                              \
    } while (0)

/* ---- text ---- */

static struct lt_str text_of(struct lt_str html)
{
    struct lt_str ret = LT_STR("");
    if (lt_html_text(arena, alone(html.p, html.n), &ret, &err))
        fail_msg("%s", err.detail);
    assert_true(lt_utf8_valid(ret.n ? ret.p : "", ret.n));
    return ret;
}

static const struct {
    const char *statement, *html, *text;
} texts[] = {
    {"nothing gives nothing", "", ""},
    {"plain text stays", "Only text", "Only text"},
    {"one line for each text node", "<p>One <b>two</b> three</p>", "One\ntwo\nthree"},
    {"lines of a node are trimmed, empty ones go", "<pre>  a\n\n   b \r\n</pre>", "a\nb"},
    {"no-break spaces are white space", "<p>&nbsp;a&nbsp;b\xC2\xA0</p>", "a\xC2\xA0" "b"},
    {"characters by name and number", "<p>&lt;a&gt; &amp; &eacute; &#233; &#x1F600;</p>", "<a> & é é 😀"},
    {"an entity splits no node", "<p>a&amp;b</p>", "a&b"},
    {"script, style and comments are left out", "<style>p{}</style>a<!-- b --><script>if (1<2) x('</p>')</script>c", "a\nc"},
    {"a comment parts two nodes", "a<!-- -->b", "a\nb"},
    {"an open tag at the end is no text", "<p>a<b", "a"},
    {"tags that do not match", "<b>a<i>b</b>c</i>d", "a\nb\ncd"},
    {"tables and lists, cell by cell", "<table><tr><td>1<td>2<tr><td>3</table><ul><li>x<li>y</ul>", "1\n2\n3\nx\ny"},
    {"elements that nobody knows", "<foo-bar>a</foo-bar><article>b</article>", "a\nb"},
    {"the charset that it claims means nothing", "<meta charset=iso-8859-1><p>\xC3\xA9</p>", "é"},
    {"bytes that are not UTF-8 become U+FFFD", "<p>a\xFF\xC3z</p>", "a\xEF\xBF\xBD\xEF\xBF\xBDz"},
    {"no entity of a document type is expanded", "<!DOCTYPE p [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><p>a &x; b</p>", "]>\na &x; b"},
    {"an image, behind the text", "<img src=\"/a.png\" alt=\"A  leaf\"><p>b</p>", "b\n\n[Embedded image: alt=\"A leaf\", src=\"/a.png\"]"},
    {"an image alone", "<img src=/a.png>", "[Embedded image: alt=\"image\", src=\"/a.png\"]"},
    {"an image without address", "a<img alt=x>", "a"},
    {"quotes in a value are single", "<img src=x alt='say \"hi\"'>", "[Embedded image: alt=\"say 'hi'\", src=\"x\"]"},
    {"of a data: address only the kind", "<img src=\"data:image/png;base64,AAAA\">", "[Embedded image: alt=\"image\", src=\"data:image/png\"]"},
    {"an iframe; its stand-in text is none", "<iframe src=/v title=Film>no frames</iframe>b", "b\n\n[Embedded iframe: title=\"Film\", src=\"/v\"]"},
    {"a PDF by type", "<object data=/f type=Application/PDF title=T>x</object>", "[Embedded PDF: title=\"T\", file=\"/f\"]"},
    {"a PDF by name", "<object data=/f.Pdf>x</object>", "[Embedded PDF: title=\"Object\", file=\"/f.Pdf\"]"},
    {"another object", "<object data=/f.obj type=model/x></object>", "[Embedded object: title=\"Object\", type=\"model/x\", file=\"/f.obj\"]"},
    {"a video with its sources", "<video title=L src=/c><source src=/a><source src=/b><source src=/a>No video</video>t",
     "t\n\n[Embedded video: title=\"L\", sources=\"/a, /b, /c\"]"},
    {"an audio that is not closed", "<audio src=/a>", "[Embedded audio: title=\"audio\", sources=\"/a\"]"},
    {"embedded content", "<embed src=/a.swf>", "[Embedded content: tag=embed, src=\"/a.swf\"]"},
    {"an XBlock", "<div data-type=problem data-block-id=b1>in</div><div data-block-id=b2></div><div data-type=html></div>",
     "in\n\n[Embedded XBlock: type=\"problem\", id=\"b1\"]\n[Embedded XBlock: id=\"b2\"]\n[Embedded XBlock: type=\"html\"]"},
    {"in the order of the document", "<img src=1><iframe src=2></iframe><img src=3>",
     "[Embedded image: alt=\"image\", src=\"1\"]\n[Embedded iframe: title=\"iframe\", src=\"2\"]\n[Embedded image: alt=\"image\", src=\"3\"]"},
};

static void the_text_of_html(void **state)
{
    for (size_t i = 0; i < LT_COUNT(texts); i++)
        GIVES(text_of(lt_str(texts[i].html)), lt_str(texts[i].text), texts[i].statement);
}

static void a_nul_ends_nothing(void **state)
{
    GIVES(text_of(LT_STR("<p>a\0b</p><p>c</p>")), LT_STR("ab\nc"), "NUL in the text");
}

static struct lt_str repeated(const char *piece, size_t times)
{
    size_t n = strlen(piece);
    char *p = lt_alloc(arena, n * times);
    for (size_t i = 0; i < times; i++)
        memcpy(p + i * n, piece, n);
    return (struct lt_str){p, n * times};
}

static void values_are_bounded(void **state)
{
    struct lt_str html = lt_printf(arena, "<img src=a alt=\"%.*s\">", LT_FMT(repeated("é", 600))), text = text_of(html);
    struct lt_str want = lt_printf(arena, "[Embedded image: alt=\"%.*s\", src=\"a\"]", LT_FMT(repeated("é", 250)));
    GIVES(text, want, "500 bytes of a value");
}

static void limits_are_refused(void **state)
{
    struct lt_str ret;
    assert_int_equal(lt_html_text(arena, repeated("x", LT_HTML_BYTES_MAX), &ret, &err), LT_OK);
    assert_int_equal(ret.n, LT_HTML_BYTES_MAX);
    assert_int_equal(lt_html_text(arena, repeated("x", LT_HTML_BYTES_MAX + 1), &ret, &err), LT_ETOO_LARGE);
    assert_int_equal(lt_html_text(arena, repeated("<b>", LT_HTML_DEPTH_MAX - 10), &ret, &err), LT_OK);
    assert_int_equal(lt_html_text(arena, repeated("<b>", LT_HTML_DEPTH_MAX + 1), &ret, &err), LT_EINVALID_INPUT);
    assert_int_equal(lt_html_text(arena, repeated("<img src=1>", LT_HTML_BYTES_MAX / 11), &ret, &err), LT_OK);
}

/* Without the bound these take minutes: libxml2 compares each attribute with all before it. */
static void a_tag_without_end_costs_no_square(void **state)
{
    static const char *const openings[] = {"<a ", "<a x=\">\" ", "<a x==\"> <b ", "<a '\">' ", "<!-- <a \"> --><b "};
    struct lt_buf many;
    lt_buf_init(&many, 2 << 20);
    for (int i = 0; many.n < 1900000; i++)
        lt_buf_printf(&many, "a%x ", i);
    for (size_t i = 0; i < LT_COUNT(openings); i++) {
        struct lt_str html = lt_printf(arena, "%s%.*s>end", openings[i], LT_FMT(lt_buf_str(&many))), text = text_of(html);
        assert_true(lt_str_ends(text, LT_STR("end")));
    }
    lt_buf_free(&many);
}

/* ---- fragments ---- */

static struct lt_html_fragment fragment_of(const char *html, enum lt_html_dialect dialect)
{
    struct lt_html_fragment ret;
    if (lt_html_fragment(arena, alone(html, strlen(html)), dialect, &ret, &err))
        fail_msg("%s: %s", html, err.detail);
    return ret;
}

static const struct {
    const char *statement, *html, *blocks;
} fragments[] = {
    {"nothing gives nothing", "", ""},
    {"loose text stands in a paragraph", "Why?", "<p>Why?</p>"},
    {"what nobody sees is left out", " <p> </p><div><b></b></div><ul></ul><table></table><!-- x -->", ""},
    {"phrases stay", "<p>H<sub>2</sub>O is <em>not</em> <code>x&lt;y</code><br>end</p>",
     "<p>H<sub>2</sub>O is <em>not</em> <code>x&lt;y</code><br/>end</p>"},
    {"empty phrases leave no tag behind", "a<b></b>c", "<p>ac</p>"},
    {"but the space in them", "a<b> </b>c", "<p>a c</p>"},
    {"attributes go", "<p class=x onclick=y style=z id=i>a</p>", "<p>a</p>"},
    {"links to the web", "<a href=\"https://e.org/?a=1&b=2\" target=_blank>l</a>", "<p><a href=\"https://e.org/?a=1&amp;b=2\">l</a></p>"},
    {"other links become their text", "<a href=\"javascript:alert(1)\">l</a> <a href=/x>m</a> <a>n</a>", "<p>l m n</p>"},
    {"a link with a hole is none", "<a href=\"java&#10;script:x\">l</a><a href=\"http://a b\">m</a>", "<p>lm</p>"},
    {"no link stands in a link", "<a href=http://a><b><a href=http://b>x</a></b></a>", "<p><a href=\"http://a\"><b>x</b></a></p>"},
    {"images of the web", "<img src=http://e.org/a.png onerror=x alt='a \"b\"'>", "<p><img src=\"http://e.org/a.png\" alt=\"a &quot;b&quot;\"/></p>"},
    {"images as data", "<img src='data:image/png;base64,AA=='>", "<p><img src=\"data:image/png;base64,AA==\" alt=\"\"/></p>"},
    {"other images become their alt text", "<img src='data:image/svg+xml;base64,AA' alt=A><img src=x alt=B><img src=javascript:x>", "<p>AB</p>"},
    {"script and style have no text", "a<script>b</script><style>c</style>d", "<p>ad</p>"},
    {"headings", "<h1>a</h1><h2>b</h2><h3>c</h3><h6>d</h6>", "<h3>a</h3><h3>b</h3><h3>c</h3><h6>d</h6>"},
    {"sections are blocks", "<section>a</section><section>b</section>", "<div>a</div><div>b</div>"},
    {"unknown elements are their text", "<marquee>a <blink>b</blink></marquee><object>c</object>", "<p>a bc</p>"},
    {"fields are their text", "<form><input value=x><button>b</button><textarea>c</textarea></form>", "<div>bc</div>"},
    {"elements of OLX cannot be smuggled in", "<solution>a</solution><choice correct=true>b</choice>", "<p>ab</p>"},
    {"elements that are not closed", "<p><b>a<p>c", "<p><b>a</b></p><p>c</p>"},
    {"a list", "<ul><li>a<li>b<ol><li>c</ol></ul>", "<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>"},
    {"what stands bare in a list", "<ul>a <b>b</b><li>c</li> <p>d</p></ul>", "<ul><li>a <b>b</b></li><li>c</li><li> <p>d</p></li></ul>"},
    {"an item without a list", "<div><li>a</li></div><li>b</li>", "<div><div>a</div></div><div>b</div>"},
    {"a table", "<table border=1><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td><td></td></tr></tbody></table>",
     "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td><td></td></tr></tbody></table>"},
    {"rows without a body share one", "<table><tr><td>a</td></tr> <tr><td>b</td></tr></table>",
     "<table><tbody><tr><td>a</td></tr><tr><td>b</td></tr></tbody></table>"},
    {"what stands bare in a table", "<table>x<tr>y<td>z</td></tr></table>",
     "<table><tbody><tr><td>x</td></tr><tr><td>y</td><td>z</td></tr></tbody></table>"},
    {"a cell without a table", "<td>a</td><tr>b</tr>", "<div>a</div><div>b</div>"},
    {"blocks among phrases are set off", "<b>a<div>b</div>c</b>", "<p><b>a b c</b></p>"},
    {"a quotation holds blocks", "<blockquote>a <i>b</i><p>c</p></blockquote>", "<blockquote><p>a <i>b</i></p><p>c</p></blockquote>"},
    {"lines of code keep their spaces", "<pre>a\n  b</pre>", "<pre>a\n  b</pre>"},
    {"] ] > and friends", "a ]]&gt; b &amp;lt; c", "<p>a ]]&gt; b &amp;lt; c</p>"},
    {"an ampersand alone", "a & b &foo; c", "<p>a &amp; b &amp;foo; c</p>"},
    {"formulas keep their signs", "\\(a<b\\) and \\[x<y & y>z\\]", "<p>\\(a&lt;b\\) and \\[x&lt;y &amp; y&gt;z\\]</p>"},
    {"formulas that are escaped already", "\\(a&lt;b\\)", "<p>\\(a&lt;b\\)</p>"},
    {"a formula with lines and brackets", "\\[a \\\\[2pt] b<c \\\\ d\\]", "<p>\\[a \\\\[2pt] b&lt;c \\\\ d\\]</p>"},
    {"a script is no formula", "\\(a<script>x</script>\\)", "<p>\\(a\\)</p>"},
    {"a formula that is not closed", "\\(a<b>c", "<p>\\(a<b>c</b></p>"},
    {"a line break in a formula is one", "\\(a<br/>b<c\\)", "<p>\\(a<br/>b&lt;c\\)</p>"},
    {"two backslashes open none", "a\\\\(b<i>c</i>", "<p>a\\\\(b<i>c</i></p>"},
    {"right to left and beyond the plane", "<p>שלום 😀</p>", "<p>שלום 😀</p>"},
};

static void fragments_are_made_safe(void **state)
{
    for (size_t i = 0; i < LT_COUNT(fragments); i++)
        GIVES(fragment_of(fragments[i].html, LT_HTML_XHTML).blocks, lt_str(fragments[i].blocks), fragments[i].statement);
}

static void an_only_paragraph_is_told(void **state)
{
    GIVES(fragment_of("<p>a <b>b</b></p>", LT_HTML_XHTML).paragraph, LT_STR("a <b>b</b>"), "one paragraph");
    GIVES(fragment_of("a", LT_HTML_XHTML).paragraph, LT_STR("a"), "loose text");
    assert_null(fragment_of("<p>a</p><p>b</p>", LT_HTML_XHTML).paragraph.p);
    assert_null(fragment_of("<div>a</div>", LT_HTML_XHTML).paragraph.p);
    assert_null(fragment_of("<p>a</p><ul><li>b</li></ul><p>c</p>", LT_HTML_XHTML).paragraph.p);
    assert_null(fragment_of("", LT_HTML_XHTML).paragraph.p);
}

static void qti_knows_no_u(void **state)
{
    GIVES(fragment_of("<u>a</u><ins>b</ins>", LT_HTML_QTI).blocks, LT_STR("<p><em>a</em><em>b</em></p>"), "u");
}

static void deep_fragments_become_flat(void **state)
{
    struct lt_html_fragment ret;
    struct lt_str html = lt_printf(arena, "%.*sx", LT_FMT(repeated("<div>", 300)));
    assert_int_equal(lt_html_fragment(arena, html, LT_HTML_XHTML, &ret, &err), LT_OK);
    GIVES(ret.blocks, lt_printf(arena, "%.*sx%.*s", LT_FMT(repeated("<div>", 40)), LT_FMT(repeated("</div>", 40))), "300 levels");
    assert_int_equal(lt_html_fragment(arena, repeated("x", LT_HTML_FRAGMENT_MAX + 1), LT_HTML_XHTML, &ret, &err), LT_ETOO_LARGE);
}

/* What comes out is a fixed point: made safe once more it stays as it is. (Not with "\\(": tags that are gone may make a formula.) */
static void safe_html_stays_as_it_is(void **state)
{
    static const char *const pieces[] = {
        "a", " ", "é", "<b>", "</b>", "<p>", "</p>", "<ul>", "</ul>", "<li>", "<table>", "<tr>", "<td>", "</table>", "<div>", "</div>",
        "<blockquote>", "</blockquote>", "&amp;", "<br>", "<img src=http://x>", "<a href=http://x>", "</a>", "<span", ">", "\"", "x<y",
        "<h2>", "</h2>", "<script>", "</script>", "<pre>", "</pre>", "\n", "<!--", "-->",
    };
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 1500; round++) {
        struct lt_arena *before = arena;
        char html[512] = "";
        arena = lt_arena_new();
        for (int k = rand() % 30; k > 0; k--)
            strcat(html, pieces[(size_t)rand() % LT_COUNT(pieces)]);
        struct lt_html_fragment once = fragment_of(html, LT_HTML_XHTML);
        GIVES(fragment_of(lt_strz(arena, once.blocks), LT_HTML_XHTML).blocks, once.blocks, html);
        lt_arena_free(arena);
        arena = before;
    }
}

/* ---- threads ---- */

static void *make_many_safe(void *arg)
{
    const char *html = "<h2>Q</h2><p>Is \\(a<b\\)? <a href=http://e.org>l</a> <img src=http://e.org/i.png alt=A></p><ul><li>a<li>b</ul>";
    for (int i = 0; i < 50; i++) {
        struct lt_arena *own = lt_arena_new();
        struct lt_html_fragment ret;
        struct lt_str text;
        bool right = !lt_html_fragment(own, lt_str(html), LT_HTML_XHTML, &ret, NULL) && !lt_html_text(own, ret.blocks, &text, NULL) &&
                     lt_str_is(text, "Q\nIs \\(a<b\\)?\nl\na\nb\n\n[Embedded image: alt=\"A\", src=\"http://e.org/i.png\"]");
        *(int *)arg += right;
        lt_arena_free(own);
    }
    lt_arena_thread_end();
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    pthread_t threads[4];
    int right[4] = {0};
    for (size_t i = 0; i < LT_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many_safe, &right[i]), 0);
    for (size_t i = 0; i < LT_COUNT(threads); i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(right[i], 50);
    }
}

/* ---- characters of XML ---- */

static void what_xml_cannot_hold_is_cleaned(void **state)
{
    GIVES(lt_xml_clean(arena, LT_STR("a\0b\x01" "c\x1F" "d")), LT_STR("abcd"), "control characters go");
    GIVES(lt_xml_clean(arena, LT_STR("a\fb\vc")), LT_STR("a b c"), "form feeds are spaces");
    GIVES(lt_xml_clean(arena, LT_STR("\t\n\r\x7F\xC2\x80")), LT_STR("\t\n\r\x7F\xC2\x80"), "these are held");
    GIVES(lt_xml_clean(arena, LT_STR("a\xEF\xBF\xBE\xEF\xBF\xBF" "b")), LT_STR("ab"), "no characters");
    GIVES(lt_xml_clean(arena, LT_STR("a\xED\xA0\x80")), LT_STR("a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"), "a surrogate");
    struct lt_str clean = LT_STR("clean é");
    assert_ptr_equal(lt_xml_clean(arena, clean).p, clean.p);
    assert_int_equal(lt_xml_clean(arena, LT_STR_NULL).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_text_of_html, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_nul_ends_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_tag_without_end_costs_no_square, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fragments_are_made_safe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_only_paragraph_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(qti_knows_no_u, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deep_fragments_become_flat, set_up, tear_down),
        cmocka_unit_test_setup_teardown(safe_html_stays_as_it_is, set_up, tear_down),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test_setup_teardown(what_xml_cannot_hold_is_cleaned, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
