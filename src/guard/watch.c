/* One call: its input and its answer before the settings of the site; what was found goes to the register. */
#include "base/clock.h"
#include "guard/guard.h"

enum { VERDICTS_MAX = 64, JUDGED_MAX = 400000 /* bytes that moderate_text takes */ };

struct verdict {
    const char *guard, *mode, *verdict;
    struct lt_str rule, counts;
    enum lt_guard_stage stage;
    struct lt_uuid checked_by;
};

struct watch {
    struct lt_guard_watch head;
    const struct lt_site_guard *guard;
    const struct lt_guard_call *call;
    enum lt_pii_mode mode;
    struct verdict verdicts[VERDICTS_MAX];
    size_t verdicts_n;
    bool rules;              /* there are some for this call */
};

static struct lt_str profile_of(const struct lt_guard_call *call)
{
    return call->request->profile && call->request->profile->slug.p ? call->request->profile->slug : LT_STR("");
}

static bool judged(const struct watch *w, const struct lt_rule *rule, enum lt_guard_stage stage)
{
    return lt_rule_applies(rule, stage, w->call->request->action, profile_of(w->call));
}

struct lt_guard_watch *lt_watch_enter(const struct lt_guard *guard, const struct lt_guard_call *call)
{
    const struct lt_site_guard *g = (const struct lt_site_guard *)guard;
    const struct lt_call_request *q = call->request;
    struct watch *w = LT_NEW(q->arena, struct watch);
    bool of_another = !lt_uuid_is_null(q->checks);
    w->guard = g;
    w->call = call;
    w->mode = lt_pii_mode_of(g, q->action);
    for (size_t i = 0; i < g->rules_n && !of_another; i++) {
        bool output = judged(w, &g->rules[i], LT_GUARD_OUTPUT);
        w->rules |= output || judged(w, &g->rules[i], LT_GUARD_INPUT);
        w->head.holds |= output && g->rules[i].mode == LT_RULE_BLOCK;
    }
    bool replace = w->mode == LT_PII_REDACT || w->mode == LT_PII_BLOCK;
    w->head.talk = q->talk ? q->talk : replace ? lt_talk_new(guard, call->store, q->arena, q->caller) : NULL;
    w->head.restores = w->head.talk && !q->talk;
    return w->head.talk || w->rules || w->mode != LT_PII_OFF ? &w->head : NULL;
}

static struct verdict *note(struct watch *w, const struct verdict *v)
{
    if (w->verdicts_n == VERDICTS_MAX)
        return NULL;
    w->verdicts[w->verdicts_n] = *v;
    return &w->verdicts[w->verdicts_n++];
}

/* ---- personal data ---- */

static enum lt_code look_for_pii(struct watch *w, const struct lt_json *input, const struct lt_json **ret, struct lt_error *err)
{
    static const char *const modes[] = {"off", "annotate", "redact", "block"}, *const verdicts[] = {"found", "found", "replaced", "blocked"};
    struct lt_arena *arena = w->call->request->arena;
    struct lt_talk *talk = (struct lt_talk *)w->head.talk;
    uint32_t own[LT_PII_COUNT] = {0}, *found = own;
    if (talk) {
        memset(own, 0, sizeof(own));
        found = talk->found; /* of the run, in which what its user has sent was replaced before this call */
        *ret = lt_talk_veil(&talk->head, input);
        if (!*ret)
            return lt_fail(err, LT_ETOO_LARGE, "the input is too large to be looked through");
        lt_talk_learn(talk, *ret);
    } else if (w->mode == LT_PII_ANNOTATE) {
        const struct lt_site_guard *g = w->guard;
        struct lt_pii_options options = {g->kinds, g->kinds & 1u << LT_PII_NAME ? lt_pii_names_new(arena, w->call->request->caller->name) : NULL};
        lt_pii_count(&options, input, found);
    }
    struct lt_str words = lt_pii_words(arena, found);
    if (words.n == 0 || w->mode == LT_PII_OFF)
        return LT_OK;
    note(w, &(struct verdict){"pii", modes[w->mode], verdicts[w->mode], LT_STR(""), lt_pii_counts(arena, found), LT_GUARD_INPUT, {{0}}});
    if (w->mode == LT_PII_BLOCK)
        return lt_fail(err, LT_EINPUT_BLOCKED, "personal data are not sent to AI services from here: %.*s", LT_FMT(words));
    return LT_OK;
}

/* ---- rules ---- */

struct texts {
    struct lt_buf all;
};

static struct lt_str collect(void *ctx, struct lt_str text)
{
    struct texts *t = ctx;
    if (t->all.n > 0)
        lt_buf_putc(&t->all, '\n');
    lt_buf_put_str(&t->all, text);
    return text;
}

static bool is_role(const struct lt_json *message, const char *role)
{
    return lt_str_is(lt_json_str(lt_json_get(message, "role")), role);
}

/*
 * Of a conversation what the user says now: the last of what they said, and all since the answer before it. What was said before that was judged
 * then, and instructions are the site's own. False: there is no conversation.
 */
static bool collect_said(struct lt_arena *arena, const struct lt_json *messages, struct texts *t)
{
    size_t end = lt_json_len(messages);
    while (end > 0 && !is_role(lt_json_at(messages, end - 1), "user"))
        end--;
    size_t from = end;
    while (from > 0 && !is_role(lt_json_at(messages, from - 1), "assistant"))
        from--;
    for (size_t i = from; i < end; i++)
        if (is_role(lt_json_at(messages, i), "user"))
            lt_walk_texts(arena, lt_json_get(lt_json_at(messages, i), "content"), collect, t);
    return end > 0;
}

static struct lt_str text_of(struct lt_arena *arena, const struct lt_json *input)
{
    struct texts t;
    lt_buf_init(&t.all, 16 << 20);
    if (!collect_said(arena, lt_json_get(input, "messages"), &t))
        lt_walk_texts(arena, input, collect, &t);
    struct lt_str text = lt_str_copy(arena, lt_buf_str(&t.all));
    lt_buf_free(&t.all);
    return text;
}

static bool counts(const struct lt_rule *rule, struct lt_str category)
{
    for (size_t i = 0; i < lt_json_len(rule->categories); i++)
        if (lt_str_eq(lt_json_str(lt_json_at(rule->categories, i)), category))
            return true;
    return lt_json_len(rule->categories) == 0;
}

static enum lt_rule_verdict read_moderation(struct lt_arena *arena, const struct lt_rule *rule, struct lt_str response, struct lt_str *ret_counts)
{
    const struct lt_json *answer = NULL;
    struct lt_str list = LT_STR("");
    if (lt_json_parse(arena, response, LT_JSON_STRICT, &answer, NULL))
        return LT_RULE_UNDECIDED;
    const struct lt_json *categories = lt_json_get(answer, "categories");
    for (size_t i = 0; i < lt_json_len(categories); i++) {
        struct lt_str name = lt_json_key_at(categories, i);
        if (lt_json_bool_or(lt_json_at(categories, i), false) && counts(rule, name))
            list = lt_printf(arena, "%.*s%s\"%.*s\":1", LT_FMT(list), list.n ? "," : "", LT_FMT(name));
    }
    *ret_counts = lt_printf(arena, "{%.*s}", LT_FMT(list));
    return list.n > 0 ? LT_RULE_HIT : LT_RULE_PASS;
}

/* A call of its own, with a row and a cost of its own; no rule looks at it. It is the site's, not the user's: no gate of the user's roles is asked. */
static enum lt_rule_verdict moderate(struct watch *w, const struct lt_rule *rule, struct lt_str text, struct verdict *v)
{
    const struct lt_call_request *of = w->call->request;
    struct lt_arena *arena = of->arena;
    struct lt_call_request *q = LT_NEW(arena, struct lt_call_request);
    struct lt_call_result *result = LT_NEW(arena, struct lt_call_result);
    struct lt_caller *site = LT_NEW(arena, struct lt_caller);
    struct lt_buf out;
    struct lt_jw jw;
    if (text.n == 0)
        return LT_RULE_PASS;
    if (text.n > JUDGED_MAX)
        return LT_RULE_UNDECIDED;
    *site = *of->caller;
    site->roles |= 1u << LT_ROLE_ADMIN;
    site->only_course = LT_STR("");
    *q = (struct lt_call_request){.arena = arena,
                                  .config = of->config,
                                  .caller = site,
                                  .place = of->place,
                                  .action = LT_STR("moderate_text"),
                                  .talk = of->talk ? of->talk : w->head.talk,
                                  .checks = w->call->id,
                                  .policy_by_lms = true};
    q->place.placement = LT_STR("");
    lt_buf_init(&out, 8 << 20);
    lt_jw_init(&jw, &out);
    lt_jw_obj(&jw);
    lt_jw_kstr(&jw, "text", text);
    lt_jw_end(&jw);
    enum lt_code rc = lt_json_parse(arena, lt_str_copy(arena, lt_buf_str(&out)), LT_JSON_STRICT, &q->input, NULL);
    lt_buf_free(&out);
    if (rc == LT_OK)
        rc = lt_process_action(w->call->manager, q, result);
    v->checked_by = result->id;
    return rc ? LT_RULE_UNDECIDED : read_moderation(arena, rule, result->response, &v->counts);
}

/* What the verdict of a rule means. True: the call ends here. */
static bool stops(struct watch *w, const struct lt_rule *rule, enum lt_rule_verdict is, struct verdict *v)
{
    bool bad = is == LT_RULE_HIT || (is == LT_RULE_UNDECIDED && !rule->open), blocks = rule->mode == LT_RULE_BLOCK;
    if (is == LT_RULE_PASS && lt_uuid_is_null(v->checked_by))
        return false;
    v->verdict = is == LT_RULE_PASS ? "passed" : !bad ? "undecided" : blocks ? "blocked" : "would_block";
    if (is == LT_RULE_UNDECIDED)
        v->counts = LT_STR("{\"undecided\":1}");
    note(w, v);
    return bad && blocks;
}

static enum lt_code refuse(const struct lt_rule *rule, struct lt_error *err)
{
    enum lt_code code = rule->stage == LT_GUARD_INPUT ? LT_EINPUT_BLOCKED : LT_EANSWER_BLOCKED;
    return lt_fail(err, code, "%.*s", LT_FMT(rule->text.n > 0 ? rule->text : lt_str(lt_code_text(code))));
}

/* All rules are asked, also those behind one that blocks: the report is to be whole. What asks a model comes last, and only when the rest lets pass. */
static enum lt_code judge(struct watch *w, enum lt_guard_stage stage, struct lt_str text, struct lt_error *err)
{
    const struct lt_rule *blocking = NULL;
    for (int asks = 0; asks <= 1; asks++)
        for (size_t i = 0; i < w->guard->rules_n; i++) {
            const struct lt_rule *rule = &w->guard->rules[i];
            bool model = rule->type == LT_RULE_MODERATION;
            if (model != asks || (model && blocking) || !judged(w, rule, stage))
                continue;
            struct verdict v = {.guard = lt_rule_type_name(rule->type),
                                .mode = rule->mode == LT_RULE_BLOCK ? "block" : "dry_run",
                                .rule = rule->name,
                                .counts = LT_STR("{}"),
                                .stage = stage};
            enum lt_rule_verdict is = model ? moderate(w, rule, text, &v) : lt_rule_judge(rule, text);
            if (stops(w, rule, is, &v) && !blocking)
                blocking = rule;
            if (lt_fiber_cancelled())
                return lt_fail(err, LT_ECANCELLED, "the caller left");
        }
    return blocking ? refuse(blocking, err) : LT_OK;
}

enum lt_code lt_watch_input(struct lt_guard_watch *watch, const struct lt_json *input, const struct lt_json **ret, struct lt_error *err)
{
    struct watch *w = (struct watch *)watch;
    *ret = input;
    if (look_for_pii(w, input, ret, err))
        return err->code;
    return w->rules ? judge(w, LT_GUARD_INPUT, text_of(w->call->request->arena, *ret), err) : LT_OK;
}

enum lt_code lt_watch_output(struct lt_guard_watch *watch, struct lt_str answer, struct lt_error *err)
{
    struct watch *w = (struct watch *)watch;
    return w->rules ? judge(w, LT_GUARD_OUTPUT, answer, err) : LT_OK;
}

/* ---- the register ---- */

void lt_watch_record(struct lt_guard_watch *watch, struct lt_tx *tx)
{
    const struct watch *w = (const struct watch *)watch;
    for (size_t i = 0; i < w->verdicts_n; i++) {
        const struct verdict *v = &w->verdicts[i];
        LT_TX(tx,
              "INSERT INTO guard_verdict (call_id, n, site_id, action, guard, rule, stage, mode, verdict, counts, checked_by, created_at)"
              " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
              LT_BLOB(w->call->id.b, 16), LT_INT(i + 1), LT_INT(w->guard->site_id), LT_TEXT(w->call->request->action), LT_TEXTZ(v->guard),
              LT_TEXT(v->rule), LT_TEXTZ(v->stage == LT_GUARD_INPUT ? "input" : "output"), LT_TEXTZ(v->mode), LT_TEXTZ(v->verdict), LT_TEXT(v->counts),
              lt_uuid_is_null(v->checked_by) ? LT_NULL : LT_BLOB(v->checked_by.b, 16), LT_INT(lt_now_ms()));
    }
}
