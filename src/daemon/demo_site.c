/* Making the demo site. */
#include "daemon/demo_site.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/text_file.h"
#include "content/demo_import.h"
#include "core/admin.h"
#include "io/jwt.h"
#include "workflows/workflow_set.h"

#define COURSE "course-v1:Lectern+Demo+2026"

enum { FILE_MAX = 64 * 1024, TOKEN_SECONDS = 86400, SECRET_BYTES = 32 };

static const char policy_version[] = "1";
static const char policy_text[] =
    "These tools use artificial intelligence to help you study.\n\n"
    "What happens to your text: when you press a button such as \"Summarise\", the text of the page or what you typed is sent to an AI "
    "service that this site has chosen. In this demo it stays on this computer.\n\n"
    "What is kept: who asked for what, when, in which course, and the answer. Teachers see what is said of work that you hand in, and "
    "no other answers; the people who run this site can see them, to find faults and misuse.\n\n"
    "What to keep in mind: answers can be wrong or leave out something important. Check what matters against the course itself, and do "
    "not type in anything private.\n\n"
    "You can take back your consent at any time; the tools are then switched off for you until you accept again.";

static struct lt_site *demo_site(const struct lt_config *config)
{
    return lt_config_site(config, LT_STR("demo"));
}

static const struct lt_jwt_issuer *demo_issuer(const struct lt_config *config)
{
    return lt_config_issuer(config, LT_STR("lectern-demo"), LT_STR("demo"));
}

static enum lt_code add_site(struct lt_store *store, struct lt_error *err)
{
    struct lt_str site = LT_STR("demo");
    if (lt_admin_site_add(store, site, LT_STR("Lectern demo"), err) ||
        lt_admin_policy_set(store, site, LT_STR(policy_version), LT_STR(policy_text), err))
        return err->code;
    int64_t id;
    return lt_admin_provider_add(store, site, LT_STR("extract"), LT_STR("extract"), true, NULL, NULL, &id, err);
}

static enum lt_code add_issuer(struct lt_store *store, struct lt_error *err)
{
    uint8_t random[SECRET_BYTES];
    char secret[2 * SECRET_BYTES + 1];
    lt_random(random, sizeof(random));
    lt_hex(random, sizeof(random), secret);
    struct lt_issuer_form form = {.iss = LT_STR("lectern-demo"), .aud = LT_STR("demo"), .secret = lt_str(secret)};
    enum lt_code rc = lt_admin_issuer_set(store, LT_STR("demo"), &form, err);
    lt_wipe(secret, sizeof(secret));
    return rc;
}

/* A key of demo.json that the site still takes in this role; false when there is none. */
static bool old_key(const struct lt_config *config, const struct lt_json *old, const char *member, enum lt_key_role role, char ret[64])
{
    struct lt_str text = lt_json_str(lt_json_get(old, member));
    uint8_t hash[32];
    if (text.n == 0 || text.n >= 64)
        return false;
    lt_sha256(text.p, text.n, hash);
    const struct lt_site_key *key = lt_config_key(config, hash);
    if (!key || key->site != demo_site(config) || key->role != role || key->expires_at)
        return false;
    snprintf(ret, 64, "%.*s", LT_FMT(text));
    return true;
}

static enum lt_code find_keys(struct lt_store *store, const struct lt_settings *s, const struct lt_config *config, struct lt_demo *ret,
                              struct lt_error *err)
{
    struct lt_str text, site = LT_STR("demo");
    const struct lt_json *old = NULL;
    const char *path = lt_printf(s->arena, "%s/demo.json", s->data).p;
    if (!lt_text_file(s->arena, path, FILE_MAX, &text, NULL))
        lt_json_parse(s->arena, text, LT_JSON_STRICT, &old, NULL);
    if (!old_key(config, old, "admin_key", LT_KEY_SITE_ADMIN, ret->admin_key) &&
        lt_admin_key_add(store, site, LT_KEY_SITE_ADMIN, LT_STR("demo admin"), true, 0, ret->admin_key, err))
        return err->code;
    if (!old_key(config, old, "service_key", LT_KEY_SERVICE, ret->service_key) &&
        lt_admin_key_add(store, site, LT_KEY_SERVICE, LT_STR("demo service"), false, 0, ret->service_key, err))
        return err->code;
    return LT_OK;
}

/* ---- workflows of the demo course ---- */

static const struct {
    const char *slug, *base, *slot, *patch;
} workflows[] = {{"demo-mock-stream", "mock/mock_streaming.json5", "mock-stream", "{}"},
                 {"demo-summary", "base/summary.json5", "summary", "{}"},
                 {"demo-chat", "base/chat.json5", "chat", "{}"},
                 {"demo-cards", "base/flash_cards.json5", "cards", "{}"},
                 {"demo-questions", "base/question_builder.json5", "author-questions", "{}"},
                 {"demo-grading", "base/grading.json5", "grading", "{\"processor_config\": {\"GradingProcessor\": {\"mode\": \"advisory\"}}}"}};

static enum lt_code add_workflow(struct lt_store *store, const struct lt_config *config, struct lt_arena *arena, size_t i, struct lt_error *err)
{
    const struct lt_json *profile, *scope;
    int64_t id;
    struct lt_str as_profile = lt_printf(arena, "{\"slug\": \"%s\", \"base_filepath\": \"%s\", \"content_patch\": %s}", workflows[i].slug,
                                         workflows[i].base, workflows[i].patch);
    struct lt_str as_scope = lt_printf(arena,
                                       "{\"profile_id\": \"%s\", \"course_id\": \"" COURSE "\", \"ui_slot_selector_id\": \"%s\"}",
                                       workflows[i].slug, workflows[i].slot);
    struct lt_problems problems = {.arena = arena};
    if (lt_json_parse(arena, as_profile, LT_JSON_STRICT, &profile, err) || lt_json_parse(arena, as_scope, LT_JSON_STRICT, &scope, err) ||
        lt_profile_add(store, lt_workflows(config), LT_STR("demo"), profile, LT_STR("demo"), &problems, err))
        return err->code;
    return lt_scope_add(store, LT_STR("demo"), scope, &id, err);
}

/* A demo without them (no templates were found) still has its actions. */
static void add_workflows(struct lt_store *store, const struct lt_config *config, struct lt_arena *arena)
{
    struct lt_error err;
    for (size_t i = 0; i < LT_COUNT(workflows); i++)
        if (add_workflow(store, config, arena, i, &err))
            lt_log(LT_LOG_WARN, "demo.no_workflow", LT_S("profile", workflows[i].slug), LT_S("why", err.detail));
}

/* A demo without it (share/ was not found) cannot be searched. */
static void add_course(struct lt_store *store, const struct lt_config *config)
{
    struct lt_error err;
    if (lt_demo_import(store, demo_site(config), LT_STR(COURSE), &err))
        lt_log(LT_LOG_WARN, "demo.no_search", LT_S("why", err.detail));
}

static enum lt_code prepare(struct lt_store *store, const struct lt_settings *s, struct lt_config **config, struct lt_demo *ret,
                            struct lt_error *err)
{
    if (lt_config_load(store, config, err))
        return err->code;
    bool new = !demo_site(*config);
    if ((new && add_site(store, err)) || (!demo_issuer(*config) && add_issuer(store, err)))
        return err->code;
    if (new)
        add_workflows(store, *config, s->arena);
    lt_config_unref(*config);
    *config = NULL;
    if (lt_config_load(store, config, err) || find_keys(store, s, *config, ret, err))
        return err->code;
    add_course(store, *config);
    ret->secret = lt_str_copy(s->arena, demo_issuer(*config)->secret);
    return LT_OK;
}

enum lt_code lt_demo_prepare(struct lt_store *store, const struct lt_settings *s, struct lt_demo *ret, struct lt_error *err)
{
    struct lt_config *config = NULL;
    *ret = (struct lt_demo){0};
    enum lt_code rc = prepare(store, s, &config, ret, err);
    lt_config_unref(config);
    return rc ? lt_error_wrap(err, "demo site") : LT_OK;
}

/* ---- demo.json ---- */

static enum lt_code token(const struct lt_settings *s, const struct lt_demo *demo, const char *user, const char *role, struct lt_str *ret,
                          struct lt_error *err)
{
    struct lt_jwt_key key = {"HS256", demo->secret};
    long long now = lt_now_ms() / 1000;
    struct lt_str claims = lt_printf(s->arena,
                                     "{\"iss\":\"lectern-demo\",\"aud\":\"demo\",\"sub\":\"%s\",\"roles\":[\"%s\"],\"iat\":%lld,\"exp\":%lld}", user,
                                     role, now, now + TOKEN_SECONDS);
    return lt_jwt_sign(s->arena, claims, &key, ret, err);
}

enum lt_code lt_demo_write(const struct lt_settings *s, const struct lt_demo *demo, const char *base_url, struct lt_error *err)
{
    struct lt_str learner, teacher;
    struct lt_buf b;
    struct lt_jw w;
    if (token(s, demo, "demo-learner", "student", &learner, err) || token(s, demo, "demo-teacher", "editingteacher", &teacher, err))
        return err->code;
    lt_buf_init(&b, FILE_MAX);
    lt_jw_init(&w, &b);
    lt_jw_obj(&w);
    lt_jw_kstrz(&w, "base_url", base_url);
    lt_jw_kstrz(&w, "admin_key", demo->admin_key);
    lt_jw_kstrz(&w, "service_key", demo->service_key);
    lt_jw_kstr(&w, "learner_token", learner);
    lt_jw_kstr(&w, "teacher_token", teacher);
    lt_jw_end(&w);
    lt_buf_putc(&b, '\n');
    enum lt_code rc = lt_file_put(lt_printf(s->arena, "%s/demo.json", s->data).p, lt_buf_str(&b), false, err);
    lt_buf_free(&b);
    return rc;
}
