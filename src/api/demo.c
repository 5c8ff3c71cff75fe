/*
 * The widgets, and the demo course: plain pages from share/demo with a token in them, of a learner or who else ?role= names. Only with --demo, only on
 * loopback, and only when the client asked for a loopback name (a page of another site must not reach it by a name of its own that points here).
 */
#include "base/secret.h"
#include "api/files.h"
#include "io/jwt.h"

enum { TOKEN_SECONDS = 3600 };

/* Strings become markup only by the two policies of the widgets' module: of Lit's templates, and of the sanitizer of answers. */
static const char page_policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
                                  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html lectern";

/* Who can look at the pages. The first one does where nobody says. */
static const struct role {
    const char *name, *title, *user, *lms_role;
} roles[] = {{"learner", "Learner", "demo-learner", "student"},
             {"teacher", "Teacher", "demo-teacher", "teacher"},
             {"author", "Author", "demo-author", "editingteacher"}};

struct pair {
    const char *name;
    struct lt_str value;
    bool html; /* put in as it is */
};

static bool loopback_name(struct lt_str host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < LT_COUNT(names); i++) {
        struct lt_str name = lt_str(names[i]);
        if (lt_str_starts(host, name) && (host.n == name.n || host.p[name.n] == ':'))
            return true;
    }
    return false;
}

static void put_escaped(struct lt_buf *b, struct lt_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&':
            lt_buf_put_str(b, LT_STR("&amp;"));
            break;
        case '<':
            lt_buf_put_str(b, LT_STR("&lt;"));
            break;
        case '>':
            lt_buf_put_str(b, LT_STR("&gt;"));
            break;
        case '"':
            lt_buf_put_str(b, LT_STR("&quot;"));
            break;
        case '\'':
            lt_buf_put_str(b, LT_STR("&#39;"));
            break;
        default:
            lt_buf_putc(b, s.p[i]);
        }
    }
}

/* Replaces {{name}} in one pass: what is put in is not searched again. Unknown names stay. */
static void fill(struct lt_buf *out, struct lt_str template, const struct pair *pairs, size_t n)
{
    while (template.n > 0) {
        const char *open = memmem(template.p, template.n, "{{", 2);
        const char *close = open ? memmem(open, template.n - (size_t)(open - template.p), "}}", 2) : NULL;
        if (!close) {
            lt_buf_put_str(out, template);
            return;
        }
        struct lt_str name = {open + 2, (size_t)(close - open - 2)};
        const struct pair *found = NULL;
        for (size_t i = 0; i < n; i++)
            if (lt_str_is(name, pairs[i].name))
                found = &pairs[i];
        size_t before = (size_t)(open - template.p), whole = (size_t)(close + 2 - template.p);
        lt_buf_put(out, template.p, found ? before : whole);
        if (found && found->html)
            lt_buf_put_str(out, found->value);
        else if (found)
            put_escaped(out, found->value);
        template = (struct lt_str){template.p + whole, template.n - whole};
    }
}

struct course {
    const char *directory;
    const struct lt_json *json;
    const struct lt_json *units;
    const struct role *role;
    struct lt_str query; /* of links, so that the role stays */
};

static struct lt_str member(const struct lt_json *object, const char *key)
{
    return lt_json_str_or(lt_json_get(object, key), LT_STR(""));
}

static enum lt_code read_role(struct lt_request *r, struct course *c, struct lt_error *err)
{
    struct lt_str name = lt_query(r, "role");
    c->role = &roles[0];
    c->query = LT_STR("");
    if (name.n == 0 || lt_str_is(name, roles[0].name))
        return LT_OK;
    for (size_t i = 1; i < LT_COUNT(roles); i++)
        if (lt_str_is(name, roles[i].name)) {
            c->role = &roles[i];
            c->query = lt_printf(r->arena, "?role=%s", roles[i].name);
            return LT_OK;
        }
    return lt_fail_field(err, LT_EINVALID_INPUT, "/role", "must be learner, teacher or author");
}

static enum lt_code read_course(struct lt_request *r, struct course *c, struct lt_error *err)
{
    struct lt_str text, etag;
    if (!loopback_name(r->http->head.host))
        return lt_fail(err, LT_EPERMISSION, "the demo answers only to loopback names such as 127.0.0.1");
    if (read_role(r, c, err))
        return err->code;
    if (!r->api->options.share_dir)
        return lt_fail(err, LT_ENOT_FOUND, "the directory with the demo course was not found at start; see --share");
    c->directory = lt_strz(r->arena, lt_printf(r->arena, "%s/demo", r->api->options.share_dir));
    if (lt_file_read(r, c->directory, LT_STR("course.json"), &text, &etag, err) || lt_json_parse(r->arena, text, LT_JSON_STRICT, &c->json, err))
        return lt_error_wrap(err, "course.json");
    c->units = lt_json_get(c->json, "units");
    return LT_OK;
}

/* A link to a unit; attribute: more of the <a>, or "". */
static void put_link(struct lt_buf *b, const struct course *c, const struct lt_json *unit, const char *attribute)
{
    lt_buf_printf(b, "<a %shref=\"/demo/units/", attribute);
    put_escaped(b, member(unit, "id"));
    put_escaped(b, c->query);
    lt_buf_put_str(b, LT_STR("\" lang=\""));
    put_escaped(b, member(unit, "language"));
    lt_buf_put_str(b, LT_STR("\">"));
    put_escaped(b, member(unit, "title"));
    lt_buf_put_str(b, LT_STR("</a>"));
}

static struct lt_str link_of(struct lt_request *r, const struct course *c, const struct lt_json *unit, const char *attribute)
{
    struct lt_buf b;
    lt_buf_init(&b, 16 * 1024);
    if (unit)
        put_link(&b, c, unit, attribute);
    struct lt_str link = lt_str_copy(r->arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return link;
}

static struct lt_str navigation(struct lt_request *r, const struct course *c, const struct lt_json *current)
{
    struct lt_buf b;
    lt_buf_init(&b, LT_BODY_SMALL);
    for (size_t i = 0; i < lt_json_len(c->units); i++) {
        const struct lt_json *unit = lt_json_at(c->units, i);
        lt_buf_put_str(&b, LT_STR("<li data-subject=\""));
        put_escaped(&b, member(unit, "subject"));
        lt_buf_put_str(&b, LT_STR("\">"));
        put_link(&b, c, unit, unit == current ? "aria-current=\"page\" " : "");
        lt_buf_put_str(&b, LT_STR("</li>\n"));
    }
    struct lt_str list = lt_str_copy(r->arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return list;
}

/* The switch of roles: links to the page where it stands. */
static struct lt_str role_links(struct lt_request *r, const struct course *c)
{
    struct lt_buf b;
    lt_buf_init(&b, LT_BODY_SMALL);
    lt_buf_put_str(&b, LT_STR("<nav class=\"roles\" aria-label=\"View as\"><span aria-hidden=\"true\">View as</span>"));
    for (size_t i = 0; i < LT_COUNT(roles); i++)
        lt_buf_printf(&b, "\n<a href=\"?role=%s\"%s>%s</a>", roles[i].name, &roles[i] == c->role ? " aria-current=\"true\"" : "", roles[i].title);
    lt_buf_put_str(&b, LT_STR("</nav>"));
    struct lt_str links = lt_str_copy(r->arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return links;
}

/* What the role has below a unit. */
static enum lt_code role_tools(struct lt_request *r, const struct course *c, const struct lt_json *unit, struct lt_str *ret, struct lt_error *err)
{
    struct lt_str template, etag;
    struct lt_buf b;
    struct pair pairs[] = {{"unit_id", member(unit, "id")}, {"course_id", member(c->json, "id")}};
    if (lt_file_read(r, c->directory, lt_printf(r->arena, "roles/%s.html", c->role->name), &template, &etag, err))
        return err->code;
    lt_buf_init(&b, LT_FILE_MAX);
    fill(&b, template, pairs, LT_COUNT(pairs));
    *ret = lt_str_copy(r->arena, lt_buf_str(&b));
    enum lt_code rc = b.failed ? lt_fail(err, LT_EINTERNAL, "the fragment is larger than %d bytes", LT_FILE_MAX) : LT_OK;
    lt_buf_free(&b);
    return rc;
}

static enum lt_code answer_page(struct lt_request *r, const struct course *c, const char *file, const struct pair *pairs, size_t n, struct lt_error *err)
{
    struct lt_str template, etag;
    struct lt_buf b;
    if (lt_file_read(r, c->directory, lt_str(file), &template, &etag, err))
        return err->code;
    lt_buf_init(&b, LT_FILE_MAX);
    fill(&b, template, pairs, n);
    struct lt_http_field extra[] = {{LT_STR("Content-Security-Policy"), lt_str(page_policy)}};
    if (!b.failed)
        lt_reply(r, 200, "text/html; charset=utf-8", NULL, extra, LT_COUNT(extra), lt_buf_str(&b));
    enum lt_code rc = b.failed ? lt_fail(err, LT_EINTERNAL, "the page is larger than %d bytes", LT_FILE_MAX) : LT_OK;
    lt_buf_free(&b);
    return rc;
}

static enum lt_code index_page(struct lt_request *r, struct lt_error *err)
{
    struct course c;
    if (read_course(r, &c, err))
        return err->code;
    struct pair pairs[] = {{"course_title", member(c.json, "title")}, {"course_id", member(c.json, "id")}, {"nav", navigation(r, &c, NULL), true},
                           {"roles", role_links(r, &c), true},           {"query", c.query}};
    return answer_page(r, &c, "index.html", pairs, LT_COUNT(pairs), err);
}

/* One hour, made for this page view. */
static enum lt_code role_token(struct lt_request *r, const struct role *role, struct lt_str *ret, struct lt_error *err)
{
    const struct lt_jwt_issuer *issuer = lt_config_issuer(r->config, LT_STR("lectern-demo"), LT_STR("demo"));
    if (!issuer)
        return lt_fail(err, LT_ENOT_FOUND, "the demo site's issuer of tokens is gone");
    struct lt_jwt_key key = {.alg = issuer->alg, .secret = issuer->secret};
    long long now = lt_now_ms() / 1000;
    struct lt_str claims = lt_printf(r->arena,
                                     "{\"iss\":\"lectern-demo\",\"aud\":\"demo\",\"sub\":\"%s\",\"roles\":[\"%s\"],"
                                     "\"iat\":%lld,\"exp\":%lld}",
                                     role->user, role->lms_role, now, now + TOKEN_SECONDS);
    return lt_jwt_sign(r->arena, claims, &key, ret, err);
}

/* The module's address with its hash, as manifest.json tells it; without one that which does not change. */
static struct lt_str widget_address(struct lt_request *r)
{
    struct lt_str text, etag, name = LT_STR("lectern-widgets.js");
    const struct lt_json *manifest;
    struct lt_error err;
    if (!lt_file_read(r, lt_widgets_directory(r), LT_STR("manifest.json"), &text, &etag, &err) &&
        !lt_json_parse(r->arena, text, LT_JSON_STRICT, &manifest, &err))
        name = lt_json_str_or(lt_json_get(manifest, "lectern-widgets.js"), name);
    return lt_printf(r->arena, "/widgets/%.*s", LT_FMT(name));
}

static enum lt_code unit_page(struct lt_request *r, struct lt_error *err)
{
    struct course c;
    struct lt_str body, etag, token, tools;
    if (read_course(r, &c, err))
        return err->code;
    size_t n = lt_json_len(c.units), i = 0;
    while (i < n && !lt_str_eq(member(lt_json_at(c.units, i), "id"), r->params[0]))
        i++;
    if (i == n)
        return lt_fail(err, LT_ENOT_FOUND, "the demo course has no unit '%.*s'", LT_FMT(r->params[0]));
    const struct lt_json *unit = lt_json_at(c.units, i);
    if (lt_file_read(r, c.directory, member(unit, "file"), &body, &etag, err) || role_token(r, c.role, &token, err) ||
        role_tools(r, &c, unit, &tools, err))
        return err->code;
    struct pair pairs[] = {{"title", member(unit, "title")},
                           {"lang", member(unit, "language")},
                           {"course_title", member(c.json, "title")},
                           {"nav", navigation(r, &c, unit), true},
                           {"body", body, true},
                           {"token", token},
                           {"tools", tools, true},
                           {"roles", role_links(r, &c), true},
                           {"query", c.query},
                           {"unit_id", member(unit, "id")},
                           {"course_id", member(c.json, "id")},
                           {"prev", link_of(r, &c, i > 0 ? lt_json_at(c.units, i - 1) : NULL, "rel=\"prev\" "), true},
                           {"next", link_of(r, &c, i + 1 < n ? lt_json_at(c.units, i + 1) : NULL, "rel=\"next\" "), true},
                           {"widget", widget_address(r)}};
    return answer_page(r, &c, "page.html", pairs, LT_COUNT(pairs), err);
}

void lt_get_demo_index(struct lt_request *r)
{
    struct lt_error err;
    if (index_page(r, &err))
        lt_reply_problem(r, &err, NULL);
}

void lt_get_demo_unit(struct lt_request *r)
{
    struct lt_error err;
    if (unit_page(r, &err))
        lt_reply_problem(r, &err, NULL);
}

void lt_get_demo_static(struct lt_request *r)
{
    const char *share = r->api->options.share_dir;
    lt_file_reply(r, share ? lt_strz(r->arena, lt_printf(r->arena, "%s/demo", share)) : NULL, r->params[0], NULL);
}

void lt_get_widget(struct lt_request *r)
{
    lt_file_reply_built(r, lt_widgets_directory(r), r->params[0]);
}
