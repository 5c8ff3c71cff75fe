#!/usr/bin/env python3
"""
Who reads outside bytes is fuzzed: each source file with a reader names its target in its head comment ("Fuzzed by tests/fuzz/fuzz_json.c."), each target
is named by a source file, is built and has a corpus. A reader is a function that is named as one (parse, read, decode, feed, peek, scan, split, strip, unhex; take, where others call
it) and takes
text, bytes or, where others call it, a JSON value; and whatever calls a library that parses. Readers of what is no outside bytes stand below, each
group with its reason: one that is new is in no group, and fails here until it has a target or a reason.
"""
import pathlib
import re
import sys

DEFINITION = re.compile(r"^([A-Za-z_][\w \*]*?[ \*])(\w+)\(([^;{}]*?)\)\n\{", re.M)
NAME = re.compile(r"(?:^|_)(?:parse|read|decode|feed|peek|scan|split|strip|unhex)(?:_|$)")
TAKES = re.compile(r"_take(?:_|$)")
TEXT = re.compile(r"(?:\bstruct lt_str \*?|\bconst char \*|\bconst (?:uint8_t|unsigned char|void) \*)(?!ret|out|title)(\w+)(?:,|$)")
TREE = re.compile(r"\bconst struct lt_json \*\w+(?:,|$)")
NOT_TEXT = {"path", "name", "field", "pointer", "what", "where", "key", "dir", "directory", "file", "one", "many", "ctx", "schema_text"}
LIBRARIES = re.compile(r"\b(?:xmlParseChunk|xmlParseDocument|htmlParseChunk|htmlParseDocument|archive_read_open\w*|gdImageCreateFrom\w+|inflate|cmark_parse\w*|"
                       r"cmark_markdown_to_html|cjose_jw[ks]_import\w*|redisReaderFeed|jsonparse\w*)\(")
VENDOR = re.compile(r"\.object = (\w+)")  # how a vendor's answers are read: struct lt_wire_format
TARGET = re.compile(r"[Ff]uzzed by ((?:tests/fuzz/fuzz_\w+\.c(?:, | and )?)+)")

NOT_OUTSIDE = {
    "hands the bytes on to a reader that is fuzzed, and takes nothing apart itself":
        "api/auth.c:read_token api/hosts.c:read_ip api/peers.c:read_user content/source_admin.c:read_address io/http_client.c:parse_target "
        "tools/mcp_hub.c:read_page tools/mcp_session.c:mcp_take providers/wire.c:read_whole guard/submission.c:lt_submission_read",
    "asks for named members of JSON that a fuzzed reader has read; types and lengths are checked by lt_json_str() and its like":
        "content/source_ask.c:read_token guard/watch.c:read_moderation providers/anthropic.c:read_page providers/bedrock.c:read_page providers/bedrock.c:read_list "
        "providers/gemini.c:read_page providers/openai_kept.c:read_response",
    "one word or number, compared with a list or read by fuzzed readers of numbers and times":
        "api/openai_images.c:read_quality api/openai_images.c:read_size api/parts.c:read_time api/reports.c:read_view core/connector.c:lt_course_fields_parse "
        "core/outbox.c:read_events",
    "what an administrator of the site has written, as JSON that was checked when it was stored":
        "core/admin.c:lt_admin_parse workflows/approval.c:lt_approval_rule_read workflows/processors/llm_options.c:lt_llm_options_read workflows/profile.c:read_patch "
        "providers/wire_settings.c:lt_wire_read_endpoint",
    "what the operator of the machine has written: command lines, environment, files that nobody else may write":
        "api/doctor_deploy.c:read_date base/seal.c:parse base/seal.c:split cli/keys.c:read_span cli/sites.c:read_option cli/values.c:read_value daemon/traces.c:read_ratio "
        "events/otlp.c:lt_otlp_read_fields events/otlp.c:read_field events/redis.c:parse plugin/quarantine.c:lt_quarantine_read "
        "plugin/service_manifest.c:parse_number plugin/service_manifest.c:parse_version",
    "what the kernel says of this process": "api/metrics_process.c:read_fields",
    "called by the program that embeds the library": "embed/error.c:lt_embed_read embed/setup.c:parse",
    "reads rows of the database, its text is a key or SQL":
        "api/calls.c:read_stored core/quota_store.c:lt_quota_take core/register_page.c:read_rows privacy/export.c:read_columns",
    "its text is an id or a name of ours": "core/registry.c:lt_registry_take_out events/consume.c:read_some",
    "hiredis's own reader; what it makes of the operator's Redis is fuzzed in events/entry.c": "events/redis.c:redisReaderFeed",
}


def reader(storage, name, parameters):
    parameters = " ".join(parameters.split())
    text = any(p not in NOT_TEXT for p in TEXT.findall(parameters))
    tree = not storage.startswith("static") and TREE.search(parameters)
    named = NAME.search(name) or not storage.startswith("static") and TAKES.search(name)
    return named and (text or tree)


def readers(text):
    found = {name for storage, name, parameters in DEFINITION.findall(text) if reader(storage, name, parameters)}
    return found | {call[:-1] for call in LIBRARIES.findall(text)} | set(VENDOR.findall(text))


def targets(text):
    """Those that the head comment names."""
    head = re.match(r"/\*.*?\*/", text, re.S)
    return re.findall(r"tests/fuzz/(fuzz_\w+)\.c", " ".join(TARGET.findall(head[0]))) if head else []


def main(root):
    wrong, named, seen = [], set(), 0
    reasons = {}
    for reason, places in NOT_OUTSIDE.items():
        for place in places.split():
            file, function = place.split(":")
            wrong += [f"{place} stands twice among the exceptions"] if (file, function) in reasons else []
            reasons[file, function] = reason
    used = set()
    for path in sorted((root / "src").rglob("*.c")):
        text, file = path.read_text(), str(path.relative_to(root / "src"))
        mine, found = targets(text), readers(text)
        seen += len(found)
        named |= set(mine)
        wrong += [f"src/{file}: tests/fuzz/{name}.c is not there" for name in mine if not (root / "tests/fuzz" / f"{name}.c").exists()]
        excused = {f for f in found if (file, f) in reasons}
        used |= {(file, f) for f in excused}
        if found - excused and not mine:
            wrong.append(f"src/{file} reads outside bytes ({', '.join(sorted(found - excused))}) and names no target: write \"Fuzzed by tests/fuzz/fuzz_X.c.\""
                         " into its head comment, or its functions with a reason into tests/unit/fuzz_list.py")
    wrong += [f"{file}:{function} is no reader (any more): its exception can go" for file, function in sorted(set(reasons) - used)]
    built = (root / "tests/fuzz/meson.build").read_text()
    for path in sorted((root / "tests/fuzz").glob("fuzz_*.c")):
        short = path.stem[5:]
        wrong += [f"tests/fuzz/{path.name} is named by no source file"] if path.stem not in named else []
        wrong += [f"tests/fuzz/{path.name} is not built by tests/fuzz/meson.build"] if f"  '{short}': " not in built else []
        corpus = root / "tests/fuzz/corpus" / short
        wrong += [f"tests/fuzz/corpus/{short} holds nothing to begin with"] if not corpus.is_dir() or not any(corpus.iterdir()) else []
    print("\n".join(wrong) or f"{seen} readers, {len(named)} targets, {len(reasons)} exceptions")
    return 1 if wrong or seen < 100 or len(named) < 50 else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
