/* dlopen, the checks of the header, the table of host functions. */
#include "plugin/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "plugin/service.h"

enum { ANSWER_MAX = 16 << 20, PIECE_MAX = 1 << 20, ALLOC_MAX = 64 << 20, LOG_MAX = 4096, ENTRIES_MAX = 1024, ACTIVATE_MS = 5000, LEFT_MS = 250 };

struct lectern_call {
    const struct lt_library_call *call;
    struct lt_str answer;
    struct lt_error err;
    bool resumed;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

/* ---- codes ---- */

static const struct {
    int32_t border;
    enum lt_code code;
} codes[] = {
    {LECTERN_OK, LT_OK},                               {LECTERN_EINVALID, LT_EINVALID_INPUT},
    {LECTERN_ENOT_FOUND, LT_ENOT_FOUND},               {LECTERN_EPERMISSION, LT_EPERMISSION},
    {LECTERN_ETIMEOUT, LT_ETIMEOUT},                   {LECTERN_ECANCELLED, LT_ECANCELLED},
    {LECTERN_EUNSUPPORTED, LT_EUNSUPPORTED},           {LECTERN_EUNAVAILABLE, LT_EUPSTREAM_UNAVAILABLE},
    {LECTERN_EUNUSABLE, LT_EUPSTREAM_INVALID},         {LECTERN_ETOO_LARGE, LT_ETOO_LARGE},
    {LECTERN_EINTERNAL, LT_EINTERNAL},
};

enum lt_code lt_plugin_code(int32_t code)
{
    for (size_t i = 0; i < LT_COUNT(codes); i++)
        if (codes[i].border == code)
            return codes[i].code;
    return LT_EINTERNAL;
}

int32_t lt_plugin_code_of(enum lt_code code)
{
    for (size_t i = 0; i < LT_COUNT(codes); i++)
        if (codes[i].code == code)
            return codes[i].border;
    int status = lt_code_status(code);
    return status == 400 || status == 422 ? LECTERN_EINVALID : status == 403 ? LECTERN_EPERMISSION : LECTERN_EUNAVAILABLE;
}

/* ---- the host functions ---- */

static void host_log(struct lectern_call *c, int32_t level, const char *text, size_t n)
{
    static const enum lt_log_level levels[] = {LT_LOG_DEBUG, LT_LOG_INFO, LT_LOG_WARN, LT_LOG_ERROR};
    size_t cut = n > LOG_MAX ? lt_utf8_whole(text, LOG_MAX) : n;
    c->call->user->log(c->call->user->ctx, levels[level >= 0 && level <= 3 ? level : 3], (struct lt_str){text, cut});
}

static void *host_alloc(struct lectern_call *c, size_t n)
{
    return lt_arena_used(c->call->arena) + n > ALLOC_MAX || n > ALLOC_MAX ? NULL : lt_zalloc(c->call->arena, n);
}

static int32_t host_answer(struct lectern_call *c, const char *json, size_t n)
{
    const struct lt_json *tree;
    if (n > ANSWER_MAX)
        return LECTERN_ETOO_LARGE;
    struct lt_str copy = lt_str_copy(c->call->arena, (struct lt_str){json, n});
    if (lt_json_parse(c->call->arena, copy, LT_JSON_STRICT, &tree, NULL))
        return LECTERN_EINVALID;
    c->answer = lt_json_text(c->call->arena, tree); /* on one line */
    return LECTERN_OK;
}

static int32_t host_fail(struct lectern_call *c, int32_t code, const char *field, const char *detail)
{
    enum lt_code own = lt_plugin_code(code == LECTERN_OK ? LECTERN_EINTERNAL : code);
    lt_fail_field(&c->err, own, field ? field : "", "%s", detail ? detail : "");
    return code == LECTERN_OK ? LECTERN_EINTERNAL : code;
}

static int32_t host_json_get(struct lectern_call *c, const char *json, size_t n, const char *pointer, struct lectern_str *ret)
{
    const struct lt_json *tree, *v;
    struct lt_str text;
    static const int32_t types[] = {LECTERN_JSON_NULL,   LECTERN_JSON_BOOL,  LECTERN_JSON_NUMBER,
                                    LECTERN_JSON_STRING, LECTERN_JSON_ARRAY, LECTERN_JSON_OBJECT};
    if (ret)
        *ret = (struct lectern_str){"", 0};
    if (lt_json_parse(c->call->arena, (struct lt_str){json, n}, LT_JSON_STRICT, &tree, NULL) || !(v = lt_json_at_pointer(tree, pointer)))
        return LECTERN_JSON_ABSENT;
    text = lt_json_is(v, LT_JSON_STRING) ? lt_str_copy(c->call->arena, lt_json_str(v)) : lt_json_text(c->call->arena, v);
    if (ret)
        *ret = (struct lectern_str){text.p, text.n};
    return types[lt_json_type(v)];
}

static struct lectern_str host_json_quote(struct lectern_call *c, const char *text, size_t n)
{
    struct lt_buf out;
    struct lt_jw w;
    lt_buf_init(&out, n * 6 + 16);
    lt_jw_init(&w, &out);
    lt_jw_str(&w, (struct lt_str){text, n});
    struct lt_str copy = lt_str_copy(c->call->arena, lt_buf_str(&out));
    lt_buf_free(&out);
    return (struct lectern_str){copy.p, copy.n};
}

static bool left(const struct lectern_call *c)
{
    return c->call->user->left && c->call->user->left(c->call->user->ctx);
}

static uint64_t host_remaining_ms(struct lectern_call *c)
{
    uint64_t now = lt_mono_ms();
    return c->call->deadline_ms > now && !left(c) ? c->call->deadline_ms - now : 0;
}

/* Was it resumed? Looks for so long. */
static bool resumed_in(struct lectern_call *c, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&c->lock);
    int rc = 0;
    while (!c->resumed && rc == 0)
        rc = pthread_cond_timedwait(&c->wake, &c->lock, &until);
    bool resumed = c->resumed;
    c->resumed = false;
    pthread_mutex_unlock(&c->lock);
    return resumed;
}

static int32_t host_suspend(struct lectern_call *c)
{
    if (c->call->user->suspend)
        return c->call->user->suspend(c->call->user->ctx);
    for (;;) {
        uint64_t now = lt_mono_ms(), ms = c->call->deadline_ms > now ? c->call->deadline_ms - now : 0;
        if (resumed_in(c, ms < LEFT_MS ? ms : LEFT_MS))
            return LECTERN_OK;
        if (ms == 0)
            return LECTERN_ETIMEOUT;
        if (left(c))
            return LECTERN_ECANCELLED;
    }
}

static void host_resume(struct lectern_call *c)
{
    if (c->call->user->resume) {
        c->call->user->resume(c->call->user->ctx);
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->resumed = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

static int32_t host_piece(struct lectern_call *c, const char *text, size_t n)
{
    const struct lt_library_user *user = c->call->user;
    if (!user->piece)
        return LECTERN_EUNSUPPORTED;
    if (n > PIECE_MAX)
        return LECTERN_ETOO_LARGE;
    return n > 0 ? user->piece(user->ctx, (struct lt_str){text, n}) : LECTERN_OK;
}

/* ---- questions ---- */

/* {"ask": WHAT, …}: begin_question(), the members, ask(), whose *ret is the answer. */
static void begin_question(struct lt_buf *out, struct lt_jw *w, const char *what)
{
    lt_buf_init(out, ANSWER_MAX);
    lt_jw_init(w, out);
    lt_jw_obj(w);
    lt_jw_kstrz(w, "ask", what);
}

static enum lt_code ask(struct lectern_call *c, struct lt_buf *out, struct lt_jw *w, const struct lt_json **ret)
{
    const struct lt_library_user *user = c->call->user;
    const struct lt_json *v = NULL;
    lt_jw_end(w);
    lt_buf_putc(out, '\n');
    enum lt_code rc = !user->ask    ? LT_EUNSUPPORTED
                      : out->failed ? LT_ETOO_LARGE
                                    : user->ask(user->ctx, c->call->arena, lt_buf_str(out), &v);
    lt_buf_free(out);
    *ret = lt_json_get(v, "answer");
    return rc;
}

static int32_t give_answer(struct lectern_call *c, enum lt_code rc, const struct lt_json *answer, struct lectern_str *ret)
{
    struct lt_str text = rc ? LT_STR("null") : lt_json_text(c->call->arena, answer);
    *ret = (struct lectern_str){text.p, text.n};
    return lt_plugin_code_of(rc);
}

/* {"ask": WHAT, MEMBER: NAME, "input"} */
static int32_t ask_by_name(struct lectern_call *c, const char *what, const char *member, const char *name, const char *input, size_t n,
                           struct lectern_str *ret)
{
    const struct lt_json *tree, *answer;
    struct lt_buf out;
    struct lt_jw w;
    *ret = (struct lectern_str){"", 0};
    if (lt_json_parse(c->call->arena, (struct lt_str){input, n}, LT_JSON_STRICT, &tree, NULL))
        return LECTERN_EINVALID;
    begin_question(&out, &w, what);
    lt_jw_kstrz(&w, member, name ? name : "");
    lt_jw_kjson(&w, "input", tree);
    enum lt_code rc = ask(c, &out, &w, &answer);
    return give_answer(c, rc, answer, ret);
}

static int32_t host_process_action(struct lectern_call *c, const char *action, const char *input, size_t n, struct lectern_str *ret)
{
    return ask_by_name(c, "process_action", "action", action, input, n, ret);
}

static int32_t host_step(struct lectern_call *c, const char *name, const char *input, size_t n, struct lectern_str *ret)
{
    return ask_by_name(c, "step", "name", name, input, n, ret);
}

static int32_t host_service_acquire(struct lectern_call *c, const char *service, struct lectern_lease *ret)
{
    const struct lt_json *answer;
    struct lt_buf out;
    struct lt_jw w;
    int64_t major = 0, minor = 0;
    begin_question(&out, &w, "service_acquire");
    lt_jw_kstrz(&w, "service", service ? service : "");
    enum lt_code rc = ask(c, &out, &w, &answer);
    if (ret->size < sizeof(*ret) || rc)
        return rc == LT_EOVERLOADED ? LECTERN_SERVICE_NOMEM : LECTERN_SERVICE_INVALID;
    struct lt_str status = lt_json_str(lt_json_get(answer, "status")), rest = lt_json_str(lt_json_get(answer, "version"));
    lt_str_to_int64(lt_str_cut(&rest, '.'), &major);
    lt_str_to_int64(rest, &minor);
    *ret = (struct lectern_lease){ret->size, (uint32_t)lt_json_int64_or(lt_json_get(answer, "lease"), 0), (uint32_t)major, (uint32_t)minor};
    for (int i = 0; i < LT_SERVICE_STATUS_COUNT; i++) /* the same numbers */
        if (lt_str_is(status, lt_service_status_name((enum lt_service_status)i)))
            return i;
    return LECTERN_SERVICE_INVALID;
}

static int32_t host_service_call(struct lectern_call *c, const struct lectern_lease *lease, const char *method, const char *arguments, size_t n,
                                 struct lectern_str *ret)
{
    const struct lt_json *tree, *answer;
    struct lt_buf out;
    struct lt_jw w;
    *ret = (struct lectern_str){"null", 4};
    if (lease->id == 0 || lt_json_parse(c->call->arena, (struct lt_str){arguments, n}, LT_JSON_STRICT, &tree, NULL))
        return LECTERN_EINVALID;
    begin_question(&out, &w, "service_call");
    lt_jw_kint(&w, "lease", lease->id);
    lt_jw_kstrz(&w, "method", method ? method : "");
    lt_jw_kjson(&w, "arguments", tree);
    enum lt_code rc = ask(c, &out, &w, &answer);
    return give_answer(c, rc, answer, ret);
}

static void host_service_release(struct lectern_call *c, struct lectern_lease *lease)
{
    const struct lt_json *answer;
    struct lt_buf out;
    struct lt_jw w;
    if (lease->id == 0)
        return;
    begin_question(&out, &w, "service_release");
    lt_jw_kint(&w, "lease", lease->id);
    ask(c, &out, &w, &answer);
    lease->id = 0;
}

static const struct lectern_host host = {
    .size = sizeof(struct lectern_host), .abi_major = LECTERN_ABI_MAJOR, .abi_minor = LECTERN_ABI_MINOR,
    .log = host_log, .alloc = host_alloc, .answer = host_answer, .fail = host_fail, .json_get = host_json_get, .json_quote = host_json_quote,
    .process_action = host_process_action, .remaining_ms = host_remaining_ms, .suspend = host_suspend, .resume = host_resume,
    .piece = host_piece, .step = host_step, .service_acquire = host_service_acquire, .service_call = host_service_call, .service_release = host_service_release};

static void call_init(struct lectern_call *c, const struct lt_library_call *call)
{
    pthread_condattr_t attr;
    *c = (struct lectern_call){.call = call, .answer = LT_STR("null")};
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, &attr);
    pthread_condattr_destroy(&attr);
}

static void call_end(struct lectern_call *c)
{
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->wake);
}

/* ---- functions by name ---- */

static const struct method {
    enum lt_kind kind;
    const char *name;
    size_t offset;
    bool optional;
} methods[] = {
    {LT_KIND_TOOL, "call", offsetof(struct lectern_tool, call), false},
    {LT_KIND_ACTION, "compile", offsetof(struct lectern_action, compile), false},
    {LT_KIND_ACTION, "finish", offsetof(struct lectern_action, finish), false},
    {LT_KIND_ACTION, "store", offsetof(struct lectern_action, store), true},
    {LT_KIND_PROVIDER, "call", offsetof(struct lectern_provider, call), false},
    {LT_KIND_SERVICE, "call", offsetof(struct lectern_service, call), false},
    {LT_KIND_ORCHESTRATOR, "run", offsetof(struct lectern_orchestrator, run), false},
    {LT_KIND_PROCESSOR, "process", offsetof(struct lectern_processor, process), false},
    {LT_KIND_CONNECTOR, "location_content", offsetof(struct lectern_connector, location_content), true},
    {LT_KIND_CONNECTOR, "course_info", offsetof(struct lectern_connector, course_info), true},
    {LT_KIND_CONNECTOR, "location_link", offsetof(struct lectern_connector, location_link), true},
};

/* NULL also when the plugin's struct ends before it. */
static lectern_fn function(const void *functions, const struct method *m)
{
    uint32_t size;
    lectern_fn fn = NULL;
    memcpy(&size, functions, sizeof(size));
    if (size >= m->offset + sizeof(fn))
        memcpy(&fn, (const char *)functions + m->offset, sizeof(fn));
    return fn;
}

static const struct lectern_entry *find(const struct lectern_plugin *p, enum lt_kind kind, struct lt_str name)
{
    for (uint32_t i = 0; i < p->entries_n; i++)
        if (strcmp(p->entries[i]->kind, lt_kind_name(kind)) == 0 && lt_str_is(name, p->entries[i]->name))
            return p->entries[i];
    return NULL;
}

/* ---- opening ---- */

/* Nothing of it is read behind a field that is wrong. */
static enum lt_code check_header(const struct lectern_plugin *p, const struct lt_manifest *m, struct lt_error *err)
{
    if (p->magic != LECTERN_PLUGIN_MAGIC)
        return lt_fail(err, LT_ECONFIG, "magic is 0x%08x, must be 0x%08x", p->magic, LECTERN_PLUGIN_MAGIC);
    if (p->size < sizeof(*p))
        return lt_fail(err, LT_ECONFIG, "size of struct lectern_plugin is %u, must be %zu or more", p->size, sizeof(*p));
    if (p->abi_major != LECTERN_ABI_MAJOR || p->abi_minor > LECTERN_ABI_MINOR)
        return lt_fail(err, LT_ECONFIG, "abi is %u.%u; this program takes %d.0 to %d.%d", p->abi_major, p->abi_minor, LECTERN_ABI_MAJOR,
                       LECTERN_ABI_MAJOR, LECTERN_ABI_MINOR);
    if (!p->id || !lt_str_is(m->id, p->id))
        return lt_fail(err, LT_ECONFIG, "id is '%s' in the library, '%.*s' in the manifest", p->id ? p->id : "", LT_FMT(m->id));
    if (!p->version || !lt_str_is(m->version, p->version))
        return lt_fail(err, LT_ECONFIG, "version is '%s' in the library, '%.*s' in the manifest", p->version ? p->version : "", LT_FMT(m->version));
    if (!p->activate)
        return lt_fail(err, LT_ECONFIG, "activate is NULL");
    if (p->entries_n > ENTRIES_MAX)
        return lt_fail(err, LT_ECONFIG, "entries_n is %u, must be at most %d", p->entries_n, ENTRIES_MAX);
    return LT_OK;
}

static enum lt_code check_functions(const struct lectern_entry *e, enum lt_kind kind, struct lt_error *err)
{
    for (size_t i = 0; i < LT_COUNT(methods); i++)
        if (methods[i].kind == kind && !methods[i].optional && !function(e->functions, &methods[i]))
            return lt_fail(err, LT_ECONFIG, "%s '%s' has no function %s()", e->kind, e->name, methods[i].name);
    return LT_OK;
}

static enum lt_code check_entries(const struct lectern_plugin *p, const struct lt_manifest *m, struct lt_error *err)
{
    size_t declared = 0;
    for (size_t k = 0; k < lt_manifest_kinds_n; k++) {
        enum lt_kind kind = lt_manifest_kinds[k].kind;
        const struct lt_json *list = kind == LT_KIND_PLACEMENT ? NULL : lt_manifest_provides(m, kind); /* that is data alone */
        for (size_t i = 0; i < lt_json_len(list); i++, declared++) {
            struct lt_str name = lt_json_str(lt_json_get(lt_json_at(list, i), "name"));
            const struct lectern_entry *e = find(p, kind, name);
            if (!e || !e->functions)
                return lt_fail(err, LT_ECONFIG, "%s '%.*s' is in the manifest, and not in the library", lt_kind_name(kind), LT_FMT(name));
            if (check_functions(e, kind, err))
                return err->code;
        }
    }
    if (declared != p->entries_n)
        return lt_fail(err, LT_ECONFIG, "the library has %u entries, the manifest %zu", p->entries_n, declared);
    return LT_OK;
}

enum lt_code lt_library_open(const char *path, const struct lt_manifest *m, struct lt_library *ret, struct lt_error *err)
{
    const char *absolute = strchr(path, '/') ? path : NULL; /* else dlopen() looks elsewhere */
    char beside[4096];
    snprintf(beside, sizeof(beside), "./%s", path);
    *ret = (struct lt_library){0};
    void *handle = dlopen(absolute ? absolute : beside, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle)
        return lt_fail(err, LT_ECONFIG, "%s", dlerror());
    ret->plugin = dlsym(handle, LECTERN_PLUGIN_SYMBOL);
    if (!ret->plugin)
        return lt_fail(err, LT_ECONFIG, "%s: it does not export " LECTERN_PLUGIN_SYMBOL, path);
    if (check_header(ret->plugin, m, err) || check_entries(ret->plugin, m, err))
        return lt_error_wrap(err, "%s", path);
    return LT_OK;
}

/* ---- calling ---- */

enum lt_code lt_library_activate(struct lt_library *l, const struct lt_library_user *user, struct lt_error *err)
{
    struct lectern_call c;
    struct lt_library_call call = {.arena = lt_arena_new(), .deadline_ms = lt_mono_ms() + ACTIVATE_MS, .user = user};
    call_init(&c, &call);
    int32_t rc = l->plugin->activate(&host, &c, &l->state);
    if (rc && !c.err.code)
        lt_fail(&c.err, lt_plugin_code(rc), "activate() returned %d", rc);
    call_end(&c);
    lt_arena_free(call.arena);
    if (!rc)
        return LT_OK;
    *err = c.err;
    return lt_error_wrap(err, "%s", l->plugin->id);
}

void lt_library_deactivate(struct lt_library *l)
{
    if (l->plugin && l->plugin->deactivate)
        l->plugin->deactivate(l->state);
}

enum lt_code lt_library_call(const struct lt_library *l, const struct lt_library_call *call, struct lt_str *ret, struct lt_error *err)
{
    struct lectern_call c;
    const struct lectern_entry *e = find(l->plugin, call->kind, call->name);
    lectern_fn fn = NULL;
    for (size_t i = 0; e && i < LT_COUNT(methods); i++)
        if (methods[i].kind == call->kind && lt_str_is(call->method, methods[i].name))
            fn = function(e->functions, &methods[i]);
    if (!fn)
        return lt_fail(err, LT_EUNSUPPORTED, "the plugin has no %s '%.*s' with %.*s()", lt_kind_name(call->kind), LT_FMT(call->name),
                       LT_FMT(call->method));
    call_init(&c, call);
    int32_t rc = fn(l->state, &c, (struct lectern_str){call->request.p, call->request.n});
    call_end(&c);
    *ret = c.answer;
    if (rc == LECTERN_OK)
        return LT_OK;
    if (!c.err.code)
        lt_fail(&c.err, lt_plugin_code(rc), "%.*s() returned %d", LT_FMT(call->method), rc);
    *err = c.err;
    return err->code;
}
