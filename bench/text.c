/*
 * What reading and writing JSON, reading JSON5, checking against a schema and merging a patch cost, beside other libraries where they are
 * found. Leaves its inputs and what became of them in a directory, so that others can read the same. Prints one JSON object.
 */
#include <string.h>

#include "json_others.h"
#include "race.h"
#include "text/json_schema.h"
#include "text/merge_patch.h"
#include "text_inputs.h"

static int turns;
static const char *out_dir;

static void need(bool ok, const char *what, const struct lt_error *err)
{
    if (ok)
        return;
    fprintf(stderr, "text: %s%s%s\n", what, err ? ": " : "", err ? err->detail : "");
    exit(1);
}

static const struct lt_json *read_json(struct lt_arena *arena, struct lt_str text, int mode)
{
    const struct lt_json *v;
    struct lt_error err = {0};
    need(lt_json_parse(arena, text, mode, &v, &err) == LT_OK, "an input cannot be read", &err);
    return v;
}

static void leave(const char *name, const char *suffix, struct lt_str text)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s.%s", out_dir, name, suffix);
    FILE *f = fopen(path, "w");
    need(f && fwrite(text.p, 1, text.n, f) == text.n, "an input cannot be left for others", NULL);
    need(fclose(f) == 0, "an input cannot be left for others", NULL);
}

/* ---- the work ---- */

struct work {
    struct lt_str text;
    int mode;
    const struct lt_json *tree, *patch;
    const struct lt_schema *schema;
    struct lt_buf out;
    const struct lt_json_other *other;
    void *other_tree;
};

static size_t parse(void *ctx)
{
    const struct work *w = ctx;
    const struct lt_json *v;
    struct lt_arena *arena = lt_arena_new();
    need(lt_json_parse(arena, w->text, w->mode, &v, NULL) == LT_OK, "an input cannot be read", NULL);
    size_t n = lt_json_len(v) + lt_arena_used(arena);
    lt_arena_free(arena);
    return n;
}

static size_t write_out(void *ctx)
{
    struct work *w = ctx;
    lt_buf_reset(&w->out);
    lt_json_write(&w->out, w->tree);
    return w->out.n + (unsigned char)w->out.p[w->out.n / 2];
}

static size_t parse_other(void *ctx)
{
    const struct work *w = ctx;
    void *tree = w->other->parse(w->text);
    need(tree != NULL, "another library refuses an input", NULL);
    size_t n = (size_t)(uintptr_t)tree;
    w->other->free(tree);
    return n;
}

static size_t write_other(void *ctx)
{
    const struct work *w = ctx;
    return w->other->write(w->other_tree);
}

static size_t check(void *ctx)
{
    const struct work *w = ctx;
    struct lt_error err;
    need(lt_schema_check(w->schema, w->tree, &err) == LT_OK, "an input does not fit its schema", &err);
    return 1;
}

static size_t compile(void *ctx)
{
    const struct lt_schema *schema;
    struct lt_arena *arena = lt_arena_new();
    need(lt_schema_compile_text(arena, lt_text_request_schema, &schema, NULL) == LT_OK, "the schema is wrong", NULL);
    size_t n = lt_arena_used(arena);
    lt_arena_free(arena);
    return n;
}

static size_t merge(void *ctx)
{
    const struct work *w = ctx;
    struct lt_arena *arena = lt_arena_new();
    size_t n = lt_json_len(lt_merge_patch(arena, w->tree, w->patch)) + lt_arena_used(arena);
    lt_arena_free(arena);
    return n;
}

/* ---- lines ---- */

static struct lt_jw json; /* what is printed at the end */
static char **parts;      /* that were asked for; none: all */
static bool wanted;       /* the part that has begun */

static void begin_part(const char *name)
{
    wanted = !parts[0];
    for (char **part = parts; *part; part++)
        wanted = wanted || strcmp(*part, name) == 0;
    lt_jw_key(&json, name);
    lt_jw_arr(&json);
}

/* {"name", "title", "bytes", "us": {racer: µs}}; bytes 0: not a matter of size. */
static void put_line(const char *name, const char *title, size_t bytes, const struct lt_racer *racers, size_t n)
{
    lt_jw_obj(&json);
    lt_jw_kstrz(&json, "name", name);
    lt_jw_kstrz(&json, "title", title);
    lt_jw_kint(&json, "bytes", (int64_t)bytes);
    lt_jw_key(&json, "us");
    lt_jw_obj(&json);
    for (size_t i = 0; i < n; i++) {
        if (!racers[i].name)
            continue;
        lt_jw_key(&json, racers[i].name);
        lt_jw_double(&json, racers[i].median);
    }
    lt_jw_end(&json);
    lt_jw_end(&json);
}

static void one_line(const char *name, const char *title, size_t bytes, size_t (*run)(void *), struct work *w)
{
    struct lt_racer racer = {.name = "lectern", .run = run, .ctx = w};
    if (!wanted)
        return;
    lt_race(&racer, 1, turns);
    put_line(name, title, bytes, &racer, 1);
}

/* Written and read again, it is the same. Leaves both texts. */
static struct lt_str check_round(struct lt_arena *arena, const char *name, struct lt_str text, int mode, const struct lt_json **ret)
{
    *ret = read_json(arena, text, mode);
    struct lt_str written = lt_json_text(arena, *ret);
    need(lt_json_equal(*ret, read_json(arena, written, LT_JSON_STRICT)), "what was written is not what was read", NULL);
    leave(name, mode == LT_JSON_STRICT ? "json" : "json5", text);
    leave(name, "written.json", written);
    return written;
}

/* Lectern and the others, reading or writing. */
static void race_all(const struct lt_text_input *in, const struct lt_json *tree, bool reading)
{
    struct lt_racer racers[LT_RACE_MAX] = {0};
    struct work works[LT_RACE_MAX] = {{.text = in->text, .tree = tree}};
    size_t n = 1;
    lt_buf_init(&works[0].out, 64 << 20);
    racers[0] = (struct lt_racer){.name = "lectern", .run = reading ? parse : write_out, .ctx = &works[0]};
    for (const struct lt_json_other *other = lt_json_others; other->name; other++, n++) {
        works[n] = (struct work){.text = in->text, .other = other, .other_tree = other->parse(in->text)};
        need(works[n].other_tree != NULL, "another library refuses an input", NULL);
        racers[n] = (struct lt_racer){.name = other->name, .run = reading ? parse_other : write_other, .ctx = &works[n]};
    }
    lt_race(racers, n, turns);
    put_line(in->name, in->title, in->text.n, racers, n);
    for (size_t i = 1; i < n; i++)
        works[i].other->free(works[i].other_tree);
    lt_buf_free(&works[0].out);
}

static void json_lines(struct lt_arena *arena)
{
    struct lt_text_input in[LT_TEXT_INPUTS];
    const struct lt_json *trees[LT_TEXT_INPUTS];
    lt_text_inputs(arena, in);
    for (size_t i = 0; i < LT_TEXT_INPUTS; i++)
        check_round(arena, in[i].name, in[i].text, LT_JSON_STRICT, &trees[i]);
    begin_part("parse");
    for (size_t i = 0; i < LT_TEXT_INPUTS && wanted; i++)
        race_all(&in[i], NULL, true);
    lt_jw_end(&json);
    begin_part("write");
    for (size_t i = 0; i < LT_TEXT_INPUTS && wanted; i++)
        race_all(&in[i], trees[i], false);
    lt_jw_end(&json);
}

/* One text as JSON5, beside the same values as strict JSON, read strictly. */
static void json5_line(struct lt_arena *arena, const char *name, const char *title, struct lt_str text)
{
    const struct lt_json *tree;
    struct lt_str written = check_round(arena, name, text, LT_JSON_JSON5, &tree);
    if (!wanted)
        return;
    struct work works[2] = {{.text = text, .mode = LT_JSON_JSON5}, {.text = written}};
    struct lt_racer racers[2] = {{.name = "lectern", .run = parse, .ctx = &works[0]}, {.name = "as JSON", .run = parse, .ctx = &works[1]}};
    lt_race(racers, 2, turns);
    put_line(name, title, text.n, racers, 2);
}

static void json5_lines(struct lt_arena *arena, const struct lt_template_set *set)
{
    size_t n = lt_template_count(set);
    need(n > 0, "there are no templates", NULL);
    for (size_t i = 0; i < n; i++)
        need(lt_template_at(set, i)->json != NULL, "a template cannot be read", &lt_template_at(set, i)->err);
    struct lt_text_input in[LT_TEXT_INPUTS];
    lt_text_inputs(arena, in);
    begin_part("json5");
    json5_line(arena, "templates", "the templates, once each", lt_text_templates(arena, set, 1));
    json5_line(arena, "templates_1mib", "the templates, 1 MiB of them", lt_text_templates(arena, set, 1 << 20));
    json5_line(arena, "course_json5", "the course, which is strict JSON", in[1].text);
    json5_line(arena, "requests_json5", "the small objects, which are, too", in[5].text);
    lt_jw_end(&json);
}

static void schema_lines(struct lt_arena *arena)
{
    struct work one = {0}, many = {0};
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 1 << 16);
    lt_jw_init(&w, &b);
    lt_text_request(&w, 0);
    one.text = lt_str_copy(arena, lt_buf_str(&b));
    lt_buf_free(&b);
    struct lt_text_input in[LT_TEXT_INPUTS];
    lt_text_inputs(arena, in);
    many.text = in[5].text;
    one.tree = read_json(arena, one.text, LT_JSON_STRICT);
    many.tree = read_json(arena, many.text, LT_JSON_STRICT);
    struct lt_str list = lt_printf(arena, "{\"type\":\"array\",\"items\":%s}", lt_text_request_schema);
    need(lt_schema_compile_text(arena, lt_text_request_schema, &one.schema, NULL) == LT_OK &&
             lt_schema_compile_text(arena, list.p, &many.schema, NULL) == LT_OK,
         "the schema is wrong", NULL);
    leave("request", "json", one.text);
    leave("request", "schema.json", lt_str(lt_text_request_schema));
    begin_part("schema");
    one_line("request", "one request", one.text.n, check, &one);
    one_line("requests", "1 MiB of them in an array", many.text.n, check, &many);
    one_line("compile", "compiling that schema", 0, compile, &one);
    lt_jw_end(&json);
}

static void merge_lines(struct lt_arena *arena, const struct lt_template_set *set)
{
    const struct lt_template *base = lt_template_at(set, 0);
    struct lt_str change = LT_STR("{\"processor_config\":{\"LLMProcessor\":{\"stream\":false,\"tools\":null}}}");
    const struct lt_json *small = read_json(arena, change, LT_JSON_STRICT);
    struct lt_text_input in[LT_TEXT_INPUTS];
    lt_text_inputs(arena, in);
    const struct lt_json *deep = read_json(arena, in[4].text, LT_JSON_STRICT), *chain = lt_json_at(deep, 0);
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 1 << 20);
    lt_jw_init(&w, &b);
    lt_jw_obj(&w);
    for (int i = 0; i < 1000; i++)
        lt_jw_kint(&w, lt_printf(arena, "member %d", i).p, i);
    lt_jw_end(&w);
    const struct lt_json *wide = read_json(arena, lt_str_copy(arena, lt_buf_str(&b)), LT_JSON_STRICT);
    lt_buf_free(&b);
    need(lt_json_equal(lt_merge_patch(arena, chain, chain), chain) && lt_json_equal(lt_merge_patch(arena, wide, wide), wide),
         "a merge with itself is not the same", NULL);
    begin_part("merge");
    one_line("template", "a template and a small patch", 0, merge, &(struct work){.tree = base->json, .patch = small});
    one_line("wide", "1,000 members, each replaced", 0, merge, &(struct work){.tree = wide, .patch = wide});
    one_line("deep", "100 levels, each patched", 0, merge, &(struct work){.tree = chain, .patch = chain});
    lt_jw_end(&json);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: text OUT_DIRECTORY TEMPLATES TURNS [parse|write|json5|schema|merge…]\n");
        return 2;
    }
    out_dir = argv[1];
    turns = lt_race_turns(argv[3]);
    parts = argv + 4;
    struct lt_buf out;
    lt_buf_init(&out, 1 << 20);
    lt_jw_init(&json, &out);
    struct lt_arena *arena = lt_arena_new();
    struct lt_template_set *set = lt_template_set_load((const char *const[]){argv[2]}, 1, NULL);
    lt_jw_obj(&json);
    lt_jw_kint(&json, "turns", turns);
    lt_jw_kint(&json, "turn_ms", LT_RACE_MS);
    lt_jw_kstrz(&json, "missing", lt_json_missing);
    json_lines(arena);
    json5_lines(arena, set);
    schema_lines(arena);
    merge_lines(arena, set);
    lt_jw_end(&json);
    printf("%.*s\n", LT_FMT(lt_buf_str(&out)));
    lt_template_set_unref(set);
    lt_arena_free(arena);
    lt_buf_free(&out);
    return 0;
}
