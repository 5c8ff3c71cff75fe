#include "text_inputs.h"

#include <stdio.h>

enum { MIB = 1 << 20, CHAT_BYTES = 8 << 10, DEEP_LEVELS = 100 };

static unsigned draw(uint64_t *state, unsigned n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33) % n;
}

/* At least n bytes of prose in paragraphs of about 400 bytes. */
static struct lt_str prose(struct lt_arena *arena, const char *const *words, size_t words_n, size_t n, uint64_t *state)
{
    struct lt_buf b;
    lt_buf_init(&b, n + 1000);
    for (size_t paragraph = 0; b.n < n;) {
        lt_buf_put_str(&b, lt_str(words[draw(state, (unsigned)words_n)]));
        bool end = b.n - paragraph > 400;
        lt_buf_put_str(&b, end ? LT_STR(".\n\n") : LT_STR(" "));
        paragraph = end ? b.n : paragraph;
    }
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return text;
}

static const char *const english[] = {"the", "cell", "membrane", "is", "a", "of", "photosynthesis", "energy", "\"light\"", "into", "plants",
                                      "store", "sugar", "which", "and", "water", "chlorophyll", "absorbs", "carbon dioxide", "oxygen"};
static const char *const greek[] = {"η", "φωτοσύνθεση", "είναι", "μια", "διαδικασία", "που", "μετατρέπει", "το", "φως", "σε", "ενέργεια",
                                    "και", "«γλυκόζη»", "τα", "φυτά", "αποθηκεύουν", "νερό"};
#define ENGLISH english, LT_COUNT(english)
#define GREEK greek, LT_COUNT(greek)

static struct lt_str done(struct lt_arena *arena, struct lt_buf *b)
{
    struct lt_str text = lt_str_copy(arena, lt_buf_str(b));
    lt_buf_free(b);
    return text;
}

/* A chat request in OpenAI's form. */
static struct lt_str chat(struct lt_arena *arena, uint64_t *state)
{
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, MIB);
    lt_jw_init(&w, &b);
    lt_jw_obj(&w);
    lt_jw_kstrz(&w, "model", "gpt-4o-mini");
    lt_jw_kbool(&w, "stream", true);
    lt_jw_key(&w, "temperature");
    lt_jw_double(&w, 0.7);
    lt_jw_kint(&w, "max_completion_tokens", 1024);
    lt_jw_key(&w, "messages");
    lt_jw_arr(&w);
    for (int i = 0; b.n < CHAT_BYTES - 100; i++) {
        size_t left = CHAT_BYTES - 100 - b.n;
        lt_jw_obj(&w);
        lt_jw_kstrz(&w, "role", i == 0 ? "system" : i % 2 ? "user" : "assistant");
        lt_jw_kstr(&w, "content", prose(arena, ENGLISH, left < 900 ? left : 900, state));
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    lt_jw_end(&w);
    return done(arena, &b);
}

/* A course with the text of its units. */
static struct lt_str course(struct lt_arena *arena, const char *const *words, size_t words_n, uint64_t *state)
{
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 2 * MIB);
    lt_jw_init(&w, &b);
    lt_jw_obj(&w);
    lt_jw_kstrz(&w, "course_id", "course-v1:Org+Bio101+2026_T1");
    lt_jw_key(&w, "units");
    lt_jw_arr(&w);
    for (int i = 0; b.n < MIB; i++) {
        lt_jw_obj(&w);
        lt_jw_kstr(&w, "location_id", lt_printf(arena, "block-v1:Org+Bio101+2026_T1+type@vertical+block@%08x", draw(state, 1u << 31)));
        lt_jw_kint(&w, "position", i);
        lt_jw_kbool(&w, "graded", i % 3 == 0);
        lt_jw_kstr(&w, "text", prose(arena, words, words_n, 4000, state));
        lt_jw_end(&w);
    }
    lt_jw_end(&w);
    lt_jw_end(&w);
    return done(arena, &b);
}

/* Half of them whole. An embedding has such fractions. */
static struct lt_str numbers(struct lt_arena *arena, uint64_t *state)
{
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 2 * MIB);
    lt_jw_init(&w, &b);
    lt_jw_arr(&w);
    while (b.n < MIB) {
        lt_jw_int(&w, (int64_t)draw(state, 200000) - 100000);
        lt_jw_raw(&w, lt_printf(arena, "%s0.0%u", draw(state, 2) ? "-" : "", 1 + draw(state, 99999999)));
    }
    lt_jw_end(&w);
    return done(arena, &b);
}

/* Chains of objects in one another, three members each. */
static struct lt_str deep(struct lt_arena *arena)
{
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 2 * MIB);
    lt_jw_init(&w, &b);
    lt_jw_arr(&w);
    for (int n = 0; b.n < MIB; n++) {
        for (int i = 0; i < DEEP_LEVELS; i++) {
            lt_jw_obj(&w);
            lt_jw_kint(&w, "level", i);
            lt_jw_kstr(&w, "name", lt_printf(arena, "node %d", n));
            lt_jw_key(&w, "child");
        }
        lt_jw_bool(&w, false);
        for (int i = 0; i < DEEP_LEVELS; i++)
            lt_jw_end(&w);
    }
    lt_jw_end(&w);
    return done(arena, &b);
}

/* Many objects of a few short members: a list of requests. */
static struct lt_str requests(struct lt_arena *arena)
{
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 2 * MIB);
    lt_jw_init(&w, &b);
    lt_jw_arr(&w);
    for (int i = 0; b.n < MIB; i++)
        lt_text_request(&w, i);
    lt_jw_end(&w);
    return done(arena, &b);
}

void lt_text_inputs(struct lt_arena *arena, struct lt_text_input ret[LT_TEXT_INPUTS])
{
    uint64_t state = 7;
    ret[0] = (struct lt_text_input){"chat", "chat request, 8 KiB", chat(arena, &state)};
    ret[1] = (struct lt_text_input){"course", "course, 1 MiB of long strings", course(arena, ENGLISH, &state)};
    ret[2] = (struct lt_text_input){"greek", "the same in Greek", course(arena, GREEK, &state)};
    ret[3] = (struct lt_text_input){"numbers", "1 MiB of small numbers", numbers(arena, &state)};
    ret[4] = (struct lt_text_input){"deep", "1 MiB of deep objects", deep(arena)};
    ret[5] = (struct lt_text_input){"requests", "1 MiB of small objects", requests(arena)};
}

struct lt_str lt_text_templates(struct lt_arena *arena, const struct lt_template_set *set, size_t bytes)
{
    struct lt_buf b;
    size_t n = lt_template_count(set);
    lt_buf_init(&b, bytes + LT_TEMPLATE_FILE_MAX);
    lt_buf_putc(&b, '[');
    for (size_t i = 0; n > 0 && (i < n || b.n < bytes); i++) {
        lt_buf_put_str(&b, lt_template_at(set, i % n)->text);
        lt_buf_put_str(&b, LT_STR(",\n"));
    }
    lt_buf_putc(&b, ']');
    return done(arena, &b);
}

void lt_text_request(struct lt_jw *w, int i)
{
    static const char *const actions[] = {"generate_text", "summarise_text", "explain_text", "translate_text"};
    lt_jw_obj(w);
    lt_jw_kstrz(w, "action", actions[i % 4]);
    lt_jw_key(w, "context");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "course_id", "course-v1:Org+Bio101+2026_T1");
    lt_jw_kstrz(w, "location_id", "block-v1:Org+Bio101+2026_T1+type@vertical+block@0123456789abcdef");
    lt_jw_kstrz(w, "placement", "editor");
    lt_jw_end(w);
    lt_jw_key(w, "input");
    lt_jw_obj(w);
    lt_jw_kstrz(w, "prompt", "Why do leaves turn yellow in autumn, and where does the chlorophyll go?");
    lt_jw_kint(w, "length", 100 + i % 900);
    lt_jw_end(w);
    lt_jw_key(w, "tags");
    lt_jw_arr(w);
    lt_jw_strz(w, "biology");
    lt_jw_strz(w, "plants");
    lt_jw_end(w);
    lt_jw_kbool(w, "stream", i % 2 == 0);
    lt_jw_end(w);
}

const char lt_text_request_schema[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"urn:request\",\"type\":\"object\","
    "\"required\":[\"action\",\"context\",\"input\"],"
    "\"additionalProperties\":false,\"properties\":{"
    "\"action\":{\"type\":\"string\",\"pattern\":\"^[a-z]+_[a-z]+$\",\"maxLength\":64},"
    "\"context\":{\"type\":\"object\",\"required\":[\"course_id\"],\"additionalProperties\":false,\"properties\":{"
    "\"course_id\":{\"$ref\":\"#/$defs/id\"},\"location_id\":{\"$ref\":\"#/$defs/id\"},"
    "\"placement\":{\"enum\":[\"course_assist\",\"editor\",\"chat\",\"grading_panel\",\"author_tools\"]},"
    "\"ui_slot\":{\"$ref\":\"#/$defs/id\"}}},"
    "\"input\":{\"type\":\"object\",\"required\":[\"prompt\"],\"additionalProperties\":false,\"properties\":{"
    "\"prompt\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":400000},"
    "\"length\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100000},"
    "\"instance\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}}},"
    "\"tags\":{\"type\":\"array\",\"maxItems\":20,\"uniqueItems\":true,\"items\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":50}},"
    "\"stream\":{\"type\":\"boolean\"}},"
    "\"$defs\":{\"id\":{\"type\":\"string\",\"maxLength\":255}}}";
