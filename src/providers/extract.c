/*
 * Provider `extract`: the embedded summariser, which needs no key and no network. It picks sentences of the text
 * (text/rank.h) and gives them back unchanged, in their order; it cannot write, translate or follow an instruction.
 */
#include "core/provider.h"
#include "io/worker.h"
#include "text/rank.h"

enum { WORDS_DEFAULT = 120, WORDS_MIN = 20, WORDS_MAX = 400 };

static const char settings_schema[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
    "\"max_words\":{\"type\":\"integer\",\"title\":\"Longest summary (words)\",\"minimum\":20,\"maximum\":400,\"default\":120},"
    "\"ratio\":{\"type\":\"number\",\"title\":\"Share of the text\",\"minimum\":0.05,\"maximum\":0.6,"
    "\"description\":\"A summary has at "
    "most this share of the text's words, and never more than max_words. Without it only max_words counts.\"}}}";

/* What the worker is given and gives back. The arena is handed over and back; nobody else uses it meanwhile. */
struct job {
    struct lt_arena *arena;
    struct lt_str text;
    const struct lt_language *fallback;
    uint32_t max_words;
    double ratio; /* 0: not set */
    const struct lt_document *document;
    uint32_t *chosen;
    size_t chosen_n;
    enum lt_code code;
    struct lt_error err;
};

static uint32_t budget(const struct job *job)
{
    if (job->ratio <= 0)
        return job->max_words;
    double words = 0;
    for (size_t i = 0; i < job->document->sentences_n; i++)
        words += job->document->sentences[i].words;
    words *= job->ratio;
    return words < job->max_words ? (uint32_t)words : job->max_words;
}

static void summarise(void *arg)
{
    struct job *job = arg;
    job->code = lt_document_parse(job->arena, job->text, job->fallback, &job->document, &job->err);
    if (job->code != LT_OK)
        return;
    job->chosen = LT_NEW_ARRAY(job->arena, uint32_t, job->document->sentences_n + 1);
    job->chosen_n = lt_rank_select(job->arena, job->document, budget(job), job->chosen);
}

/* Running text is joined by spaces; list items, rows and what stands beside them keep their own lines. */
static char separator(const struct lt_sentence *before, const struct lt_sentence *after)
{
    bool prose = before->kind == LT_SENTENCE_PROSE && after->kind == LT_SENTENCE_PROSE;
    return prose || before->block == after->block ? ' ' : '\n';
}

/* One piece per sentence, so that a reader sees the summary grow as with any other provider. */
static enum lt_code tell(struct lt_provider_run *run, const struct job *job, struct lt_error *err)
{
    for (size_t i = 0; i < job->chosen_n; i++) {
        const struct lt_sentence *s = &job->document->sentences[job->chosen[i]];
        char *piece = lt_alloc(job->arena, s->text.n + 1);
        size_t n = 0;
        if (i > 0)
            piece[n++] = separator(&job->document->sentences[job->chosen[i - 1]], s);
        memcpy(piece + n, s->text.p, s->text.n);
        enum lt_code code = run->on_text(run, (struct lt_str){piece, n + s->text.n}, err);
        if (code != LT_OK)
            return code;
    }
    run->result.finish_reason = LT_STR("stop");
    run->result.model = LT_STR("extract-1");
    run->result.response_id = LT_STR("");
    run->result.usage = (struct lt_usage)LT_USAGE_UNKNOWN;
    return LT_OK;
}

static const struct lt_language *fallback_language(const struct lt_provider_run *run)
{
    const struct lt_language *said = lt_language_find(lt_json_str(lt_json_get(run->input, "language")));
    return said ? said : lt_language_find(run->locale);
}

static enum lt_code check(const struct job *job, struct lt_error *err)
{
    if (job->code != LT_OK) {
        *err = job->err;
        return job->code;
    }
    if (job->document->sentences_n == 0)
        return lt_fail_field(err, LT_EINVALID_INPUT, "/input/text", "has no words to summarise");
    return LT_OK;
}

static enum lt_code call(struct lt_provider_run *run, struct lt_error *err)
{
    const struct lt_json *config = run->instance->config;
    struct job job = {
        .text = lt_json_str(lt_json_get(run->input, "text")),
        .fallback = fallback_language(run),
        .max_words = (uint32_t)lt_json_int64_or(lt_json_get(config, "max_words"), WORDS_DEFAULT),
        .ratio = lt_json_double_or(lt_json_get(config, "ratio"), 0),
    };
    if (job.max_words < WORDS_MIN || job.max_words > WORDS_MAX)
        return lt_fail_field(err, LT_ECONFIG, "/config/max_words", "must be between %d and %d", WORDS_MIN, WORDS_MAX);
    if (job.text.n > LT_DOCUMENT_MAX)
        return lt_fail_field(err, LT_ECONTEXT_WINDOW, "/input/text", "has %zu bytes, the embedded summariser takes at most %d",
                             job.text.n, LT_DOCUMENT_MAX);
    job.arena = lt_arena_new();
    enum lt_code code = lt_work(summarise, &job);
    if (code != LT_OK)
        lt_fail(err, code, "too many texts wait for a worker thread");
    else if (lt_fiber_self() && lt_fiber_cancelled())
        code = lt_fail(err, LT_ECANCELLED, "the caller left");
    else if (lt_mono_ms() > run->deadline_ms)
        code = lt_fail(err, LT_ETIMEOUT, "the summary was not ready in time");
    else if ((code = check(&job, err)) == LT_OK)
        code = tell(run, &job, err);
    lt_arena_free(job.arena);
    return code;
}

static bool configured(const struct lt_provider_instance *instance, char *why)
{
    return true;
}

static const char *const actions[] = {"summarise_text", NULL};

extern const struct lt_provider lt_provider_extract;
const struct lt_provider lt_provider_extract = {
    .name = "extract",
    .title = "Embedded summariser (picks sentences, does not write)",
    .description = "Summarises by selecting the most important sentences of the text and showing them unchanged, in their order. "
                   "It does not write new sentences, translate or follow instructions. Needs no key and no network; no text "
                   "leaves the server.",
    .settings_schema = settings_schema,
    .neutral = 0,
    .actions = actions,
    .configured = configured,
    .call = call,
};
