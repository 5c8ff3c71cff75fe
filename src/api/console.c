/* /admin: the console's pages. One built page for every address below it, which has the session in it: so that it begins without a call. */
#include "api/console.h"
#include "api/files.h"

#define MARKER "<!--session-->"

/* As the widgets: strings become markup only by the policies of Lit's templates and of the sanitizer of answers. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html lectern";

static const char not_built[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
    "<title>Lectern: the console is not built</title></head><body><h1>The console is not built</h1>\n"
    "<p>Its files are not where this program looks for them. In the source tree, build them with Node 18 or newer, then load this page again:</p>\n"
    "<pre>cd web\nnpm ci\nnpm run build</pre>\n"
    "<p>An installed Lectern looks for them in <code>share/lectern/widgets/admin</code>. Everything that the console does, the command "
    "<code>lectern</code> and the API do too.</p></body></html>\n";

static const char *console_directory(struct lt_request *r)
{
    const char *widgets = lt_widgets_directory(r);
    return widgets ? lt_strz(r->arena, lt_printf(r->arena, "%s/admin", widgets)) : NULL;
}

/* JSON that stands in a page: nothing in it can end the element, and it is a script's literal too. */
static void put_json(struct lt_buf *b, struct lt_str json)
{
    for (size_t i = 0; i < json.n; i++) {
        bool separator = json.n - i >= 3 && memcmp(json.p + i, "\xE2\x80", 2) == 0 && ((unsigned char)json.p[i + 2] & 0xFE) == 0xA8;
        if (json.p[i] == '<')
            lt_buf_put_str(b, LT_STR("\\u003c"));
        else if (separator)
            lt_buf_printf(b, "\\u20%02x", (unsigned char)json.p[i + 2] - 0x80);
        else
            lt_buf_putc(b, json.p[i]);
        i += separator ? 2 : 0;
    }
}

/* The session's object, or null: a cookie that does not count is none. */
static struct lt_str session_json(struct lt_request *r)
{
    struct lt_error err;
    struct lt_json_reply j;
    if (lt_console_check(r, &err))
        return LT_STR("null");
    lt_console_write(r, lt_json_begin(&j));
    struct lt_str json = lt_str_copy(r->arena, lt_buf_str(&j.buf));
    bool failed = j.buf.failed;
    lt_buf_free(&j.buf);
    return failed ? LT_STR("null") : json;
}

static enum lt_code answer_page(struct lt_request *r, struct lt_str page, struct lt_error *err)
{
    const struct lt_http_field policy = {LT_STR("Content-Security-Policy"), lt_str(page_policy)};
    const char *at = memmem(page.p, page.n, MARKER, sizeof(MARKER) - 1);
    struct lt_buf b;
    if (!at)
        return lt_fail(err, LT_EINTERNAL, "the console's index.html has no place for the session (" MARKER ")");
    lt_buf_init(&b, LT_FILE_MAX);
    lt_buf_put(&b, page.p, (size_t)(at - page.p));
    put_json(&b, session_json(r));
    lt_buf_put(&b, at + sizeof(MARKER) - 1, page.n - (size_t)(at - page.p) - (sizeof(MARKER) - 1));
    if (!b.failed)
        lt_reply(r, 200, "text/html; charset=utf-8", NULL, &policy, 1, lt_buf_str(&b));
    enum lt_code rc = b.failed ? lt_fail(err, LT_EINTERNAL, "the page is larger than %d bytes", LT_FILE_MAX) : LT_OK;
    lt_buf_free(&b);
    return rc;
}

/* For people a page; for programs a problem, as everywhere. */
static void answer_not_built(struct lt_request *r)
{
    struct lt_error err;
    struct lt_str accept = lt_http_field(&r->http->head, "Accept", NULL);
    if (accept.n > 0 && memmem(accept.p, accept.n, "text/html", 9)) {
        lt_reply(r, 404, "text/html; charset=utf-8", NULL, NULL, 0, lt_str(not_built));
        return;
    }
    lt_fail(&err, LT_ENOT_FOUND, "the console is not built: run 'npm ci && npm run build' in web/");
    lt_reply_problem(r, &err, NULL);
}

void lt_get_console_page(struct lt_request *r)
{
    struct lt_error err;
    struct lt_str page, etag;
    enum lt_code rc = lt_file_read(r, console_directory(r), LT_STR("index.html"), &page, &etag, &err);
    if (rc == LT_ENOT_FOUND)
        answer_not_built(r);
    else if (rc || answer_page(r, page, &err))
        lt_reply_problem(r, &err, NULL);
}

void lt_get_console_static(struct lt_request *r)
{
    lt_file_reply_built(r, console_directory(r), r->params[0]);
}
