/* The example plugin: tools that compute, that ask an action and that do wrong on command, an action, an orchestrator and a processor. C99. */
#define _POSIX_C_SOURCE 200809L /* pause() */
#include <lectern/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct lectern_host *host;

/* ---- answers ---- */

/* {"KEY": "TEXT"} and so on, by pairs, NULL ends them. */
static int32_t answer_object(struct lectern_call *call, const char *const *keys, const struct lectern_str *texts, size_t n)
{
    size_t room = 3, at = 0, i;
    struct lectern_str quoted[4];
    char *out;
    for (i = 0; i < n; i++) {
        quoted[i] = host->json_quote(call, texts[i].p, texts[i].n);
        room += strlen(keys[i]) + quoted[i].n + 4;
    }
    out = host->alloc(call, room);
    if (!out)
        return host->fail(call, LECTERN_ETOO_LARGE, "", "no memory is left for this call");
    out[at++] = '{';
    for (i = 0; i < n; i++) {
        at += (size_t)snprintf(out + at, room - at, "%s\"%s\":", i ? "," : "", keys[i]);
        memcpy(out + at, quoted[i].p, quoted[i].n);
        at += quoted[i].n;
    }
    out[at++] = '}';
    return host->answer(call, out, at);
}

/* ---- tools ---- */

static int32_t count_words(void *state, struct lectern_call *call, struct lectern_str request)
{
    struct lectern_str text;
    unsigned long n = 0;
    size_t i;
    int inside = 0;
    char out[40];
    (void)state;
    host->json_get(call, request.p, request.n, "/arguments/text", &text);
    for (i = 0; i < text.n; i++) {
        int letter = !strchr(" \t\r\n", text.p[i]) || text.p[i] == '\0';
        n += letter && !inside;
        inside = letter;
    }
    return host->answer(call, out, (size_t)snprintf(out, sizeof(out), "%lu", n));
}

static int32_t ask_summary(void *state, struct lectern_call *call, struct lectern_str request)
{
    struct lectern_str arguments, response, text;
    int32_t rc;
    (void)state;
    host->json_get(call, request.p, request.n, "/arguments", &arguments);
    rc = host->process_action(call, "summarise_text", arguments.p, arguments.n, &response);
    if (rc != LECTERN_OK)
        return host->fail(call, rc, "", "the summary was not to be had");
    host->json_get(call, response.p, response.n, "/generated_content", &text);
    text = host->json_quote(call, text.p, text.n);
    return host->answer(call, text.p, text.n);
}

static int32_t fault(void *state, struct lectern_call *call, struct lectern_str request)
{
    struct lectern_str how;
    (void)state;
    host->json_get(call, request.p, request.n, "/arguments/how", &how);
    if (how.n == 5 && memcmp(how.p, "crash", 5) == 0)
        abort();
    while (how.n == 4 && memcmp(how.p, "hang", 4) == 0)
        pause();
    if (how.n == 8 && host->answer(call, "{nonsense", 9) != LECTERN_OK)
        return host->fail(call, LECTERN_EUNUSABLE, "", "nonsense was not taken");
    return host->fail(call, LECTERN_EINVALID, "/how", "fails on command");
}

/* ---- the action ---- */

static int32_t compile(void *state, struct lectern_call *call, struct lectern_str request)
{
    struct lectern_str text, instruction;
    size_t room;
    char *out;
    int n;
    (void)state;
    host->json_get(call, request.p, request.n, "/input/text", &text);
    host->json_get(call, request.p, request.n, "/instruction", &instruction);
    text = host->json_quote(call, text.p, text.n);
    instruction = host->json_quote(call, instruction.p, instruction.n);
    room = text.n + instruction.n + 200;
    out = host->alloc(call, room);
    if (!out)
        return host->fail(call, LECTERN_ETOO_LARGE, "/text", "is too long");
    n = snprintf(out, room, "{\"messages\":[{\"role\":\"system\",\"content\":%.*s},{\"role\":\"user\",\"content\":%.*s}],\"max_tokens\":50}",
                 (int)instruction.n, instruction.p, (int)text.n, text.p);
    return host->answer(call, out, (size_t)n);
}

/* The first line. */
static struct lectern_str title_of(struct lectern_call *call, struct lectern_str request)
{
    struct lectern_str text;
    const char *end;
    host->json_get(call, request.p, request.n, "/result/text", &text);
    end = memchr(text.p, '\n', text.n);
    if (end)
        text.n = (size_t)(end - text.p);
    return text;
}

static int32_t finish(void *state, struct lectern_call *call, struct lectern_str request)
{
    static const char *const keys[] = {"title"};
    struct lectern_str title = title_of(call, request);
    (void)state;
    if (title.n == 0)
        return host->fail(call, LECTERN_EUNUSABLE, "", "the model has given no title");
    return answer_object(call, keys, &title, 1);
}

static int32_t store(void *state, struct lectern_call *call, struct lectern_str request)
{
    static const char *const keys[] = {"text", "title"};
    struct lectern_str values[2];
    (void)state;
    host->json_get(call, request.p, request.n, "/input/text", &values[0]);
    values[1] = title_of(call, request);
    return answer_object(call, keys, values, 2);
}

/* ---- the orchestrator: fetches the content of the place, has it summarised, and gives the summary as text ---- */

static int32_t summarise(struct lectern_call *call, struct lectern_str content, struct lectern_str *ret)
{
    static const char before[] = "{\"text\":", after[] = "}";
    struct lectern_str response;
    size_t room = content.n + sizeof(before) + sizeof(after);
    char *input = host->alloc(call, room);
    int n, rc;
    if (!input)
        return host->fail(call, LECTERN_ETOO_LARGE, "", "the content is too long");
    n = snprintf(input, room, "%s%.*s%s", before, (int)content.n, content.p, after); /* it is a JSON string already */
    rc = host->process_action(call, "summarise_text", input, (size_t)n, &response);
    if (rc != LECTERN_OK)
        return host->fail(call, rc, "", "the summary was not to be had");
    host->json_get(call, response.p, response.n, "/generated_content", ret);
    return LECTERN_OK;
}

static int32_t place_summary(void *state, struct lectern_call *call, struct lectern_str request)
{
    static const char progress[] = "{\"message\":\"Summing up.\",\"fraction\":0.2}";
    static const char *const keys[] = {"response", "status"};
    struct lectern_str content, nothing, values[2] = {{"", 0}, {"completed", 9}};
    int32_t rc;
    (void)state;
    (void)request;
    rc = host->step(call, "content", "null", 4, &content);
    host->step(call, "progress", progress, sizeof(progress) - 1, &nothing);
    if (rc == LECTERN_OK)
        rc = summarise(call, content, &values[0]);
    if (rc == LECTERN_OK)
        rc = host->piece(call, values[0].p, values[0].n);
    return rc == LECTERN_OK ? answer_object(call, keys, values, 2) : rc;
}

/* ---- the processor: no digit of the content reaches a model ---- */

static int32_t mask_digits(void *state, struct lectern_call *call, struct lectern_str request)
{
    struct lectern_str text, with;
    char *out;
    size_t i;
    (void)state;
    host->json_get(call, request.p, request.n, "/text", &text);
    if (host->json_get(call, request.p, request.n, "/settings/with", &with) != LECTERN_JSON_STRING)
        with.p = "#";
    out = host->alloc(call, text.n + 1);
    if (!out)
        return host->fail(call, LECTERN_ETOO_LARGE, "/text", "is too long");
    for (i = 0; i < text.n; i++)
        out[i] = text.p[i] >= '0' && text.p[i] <= '9' ? with.p[0] : text.p[i];
    text = host->json_quote(call, out, text.n);
    return host->answer(call, text.p, text.n);
}

/* ---- the plugin ---- */

static int32_t activate(const struct lectern_host *lectern, struct lectern_call *call, void **ret_state)
{
    static const char hello[] = "the example is there";
    host = lectern;
    *ret_state = NULL;
    if (host->size < offsetof(struct lectern_host, step) + sizeof(host->step))
        return LECTERN_EUNSUPPORTED; /* a host of ABI 1.0 */
    host->log(call, LECTERN_LOG_DEBUG, hello, sizeof(hello) - 1);
    return LECTERN_OK;
}

static const struct lectern_tool count_words_tool = {sizeof(struct lectern_tool), 0, count_words};
static const struct lectern_tool ask_summary_tool = {sizeof(struct lectern_tool), 0, ask_summary};
static const struct lectern_tool fault_tool = {sizeof(struct lectern_tool), 0, fault};
static const struct lectern_action suggest_title = {sizeof(struct lectern_action), 0, compile, finish, store};
static const struct lectern_orchestrator place_summary_run = {sizeof(struct lectern_orchestrator), 0, place_summary};
static const struct lectern_processor mask_digits_process = {sizeof(struct lectern_processor), 0, mask_digits};

static const struct lectern_entry entry_list[] = {
    {sizeof(struct lectern_entry), 0, "tool", "count_words", &count_words_tool},
    {sizeof(struct lectern_entry), 0, "tool", "ask_summary", &ask_summary_tool},
    {sizeof(struct lectern_entry), 0, "tool", "example_fault", &fault_tool},
    {sizeof(struct lectern_entry), 0, "action", "suggest_title", &suggest_title},
    {sizeof(struct lectern_entry), 0, "orchestrator", "placesummary", &place_summary_run},
    {sizeof(struct lectern_entry), 0, "processor", "maskdigits", &mask_digits_process},
};
static const struct lectern_entry *const entries[] = {&entry_list[0], &entry_list[1], &entry_list[2], &entry_list[3], &entry_list[4], &entry_list[5]};

LECTERN_EXPORT const struct lectern_plugin lectern_plugin_v1 = {LECTERN_PLUGIN_MAGIC, sizeof(struct lectern_plugin),
                                                                LECTERN_ABI_MAJOR,    LECTERN_ABI_MINOR,
                                                                6,                    "example",
                                                                "1.0.0",              entries,
                                                                activate,             NULL};
