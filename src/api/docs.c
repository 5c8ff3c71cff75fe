/* /docs: the documentation as pages (script/docs-site). */
#include "api/files.h"

static const char page_policy[] = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static void answer(struct lt_request *r, struct lt_str path)
{
    const struct lt_http_field policy = {LT_STR("Content-Security-Policy"), lt_str(page_policy)};
    struct lt_error err;
    struct lt_str text, etag;
    if (lt_file_read(r, r->api->options.docs_dir, path, &text, &etag, &err))
        lt_reply_problem(r, &err, NULL);
    else if (lt_str_ends(path, LT_STR(".html")))
        lt_reply(r, 200, "text/html; charset=utf-8", "no-cache", &policy, 1, text);
    else
        lt_file_reply(r, r->api->options.docs_dir, path, NULL);
}

void lt_get_docs(struct lt_request *r)
{
    answer(r, LT_STR("index.html"));
}

void lt_get_docs_page(struct lt_request *r)
{
    answer(r, r->params[0]);
}
