/* Reading operands and options that several commands have. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/text_file.h"

enum { VALUE_MAX = 1 << 20, PATH_DEPTH = 8 };

const struct lt_site *lt_cli_site(struct lt_cli *cli)
{
    struct lt_error err;
    const char *slug = lt_cli_option(cli, "site");
    const struct lt_site *site = slug ? lt_config_site(cli->config, lt_str(slug)) : cli->config->sites_n == 1 ? &cli->config->sites[0] : NULL;
    if (site)
        return site;
    if (slug)
        lt_fail(&err, LT_ENOT_FOUND, "there is no site '%s'; see 'lectern site list'", slug);
    else if (cli->config->sites_n == 0)
        lt_fail(&err, LT_ENOT_FOUND, "there is no site yet; 'lectern site add SLUG' makes one");
    else
        lt_fail(&err, LT_EMULTIPLE, "there are %zu sites; say which with --site", cli->config->sites_n);
    lt_cli_fail(cli, &err);
    return NULL;
}

bool lt_cli_number(struct lt_cli *cli, const char *name, int64_t min, int64_t max, int64_t otherwise, int64_t *ret)
{
    const char *text = lt_cli_option(cli, name);
    *ret = otherwise;
    if (!text || (lt_str_to_int64(lt_str(text), ret) && *ret >= min && *ret <= max))
        return true;
    lt_cli_usage(cli, "--%s must be a number from %lld to %lld, is '%s'", name, (long long)min, (long long)max, text);
    return false;
}

bool lt_cli_switch(struct lt_cli *cli, struct lt_str word, int *ret)
{
    if (lt_str_is(word, "on"))
        *ret = 1;
    else if (lt_str_is(word, "off"))
        *ret = 0;
    else if (lt_str_is(word, "default"))
        *ret = -1;
    else {
        lt_cli_usage(cli, "'%.*s' must be on, off or default", LT_FMT(word));
        return false;
    }
    return true;
}

bool lt_cli_time(struct lt_cli *cli, const char *name, int64_t *ret)
{
    const char *text = lt_cli_option(cli, name);
    *ret = 0;
    if (!text || (lt_time_parse(lt_str(text), ret) && *ret > 0))
        return true;
    lt_cli_usage(cli, "--%s must be a date and time (RFC 3339), as 2026-12-24T18:00:00Z", name);
    return false;
}

/* ---- KEY=VALUE ---- */

struct node { /* a tree that grows path by path, then is written as JSON */
    struct lt_str name, value; /* value: JSON text, for leaves */
    struct node *first, *next;
};

static struct node *child(struct lt_cli *cli, struct node *parent, struct lt_str name)
{
    struct node **at = &parent->first;
    while (*at && !lt_str_eq((*at)->name, name))
        at = &(*at)->next;
    if (!*at) {
        *at = LT_NEW(cli->arena, struct node);
        (*at)->name = name;
    }
    return *at;
}

static void write_node(struct lt_jw *w, const struct node *node)
{
    if (node->value.p) {
        lt_jw_raw(w, node->value);
        return;
    }
    lt_jw_obj(w);
    for (const struct node *c = node->first; c; c = c->next) {
        lt_jw_key_str(w, c->name);
        write_node(w, c);
    }
    lt_jw_end(w);
}

static struct lt_str quoted(struct lt_cli *cli, struct lt_str text)
{
    struct lt_buf b;
    struct lt_jw w;
    lt_buf_init(&b, 8 * VALUE_MAX);
    lt_jw_init(&w, &b);
    lt_jw_str(&w, text);
    struct lt_str json = lt_str_copy(cli->arena, lt_buf_str(&b));
    lt_buf_free(&b);
    return json;
}

static bool read_value(struct lt_cli *cli, struct lt_str text, struct lt_str *ret)
{
    struct lt_error err;
    const struct lt_json *v;
    if (text.n > 0 && text.p[0] == '@') {
        struct lt_str file;
        if (lt_text_file(cli->arena, text.p + 1, VALUE_MAX, &file, &err)) {
            lt_cli_fail(cli, &err);
            return false;
        }
        *ret = quoted(cli, lt_str_trim(file));
    } else {
        *ret = lt_json_parse(cli->arena, text, LT_JSON_STRICT, &v, NULL) ? quoted(cli, text) : text;
    }
    return true;
}

const struct lt_json *lt_cli_json_or_pairs(struct lt_cli *cli, const char *name, size_t first)
{
    struct lt_error err;
    const struct lt_json *v;
    const char *text = lt_cli_option(cli, name);
    if (!text)
        return lt_cli_pairs(cli, first);
    if (cli->operands_n > first) {
        lt_cli_usage(cli, "give --%s or KEY=VALUE, not both", name);
        return NULL;
    }
    if (lt_json_parse(cli->arena, lt_str(text), LT_JSON_STRICT, &v, &err)) {
        lt_error_wrap(&err, "--%s", name);
        lt_cli_fail(cli, &err);
        return NULL;
    }
    if (!lt_json_is(v, LT_JSON_OBJECT)) {
        lt_cli_usage(cli, "--%s must be a JSON object, as '{\"name\": \"value\"}'", name);
        return NULL;
    }
    return v;
}

const struct lt_json *lt_cli_pairs(struct lt_cli *cli, size_t first)
{
    struct node root = {0};
    for (size_t i = first; i < cli->operands_n; i++) {
        struct lt_str value = cli->operands[i], path = lt_str_cut(&value, '=');
        struct node *node = &root;
        if (path.n == cli->operands[i].n || path.n == 0) {
            lt_cli_usage(cli, "'%.*s' must be KEY=VALUE", LT_FMT(cli->operands[i]));
            return NULL;
        }
        for (int depth = 0; path.n > 0 && depth < PATH_DEPTH; depth++)
            node = child(cli, node, lt_str_cut(&path, '.'));
        if (!read_value(cli, value, &node->value))
            return NULL;
    }
    struct lt_buf b;
    struct lt_jw w;
    struct lt_error err;
    const struct lt_json *v = NULL;
    lt_buf_init(&b, 16 * VALUE_MAX);
    lt_jw_init(&w, &b);
    write_node(&w, &root);
    struct lt_str text = lt_str_copy(cli->arena, lt_buf_str(&b));
    lt_buf_free(&b);
    if (lt_json_parse(cli->arena, text, LT_JSON_STRICT, &v, &err)) {
        lt_cli_fail(cli, &err);
        return NULL;
    }
    return v;
}

const struct lt_json *lt_cli_with(struct lt_cli *cli, const struct lt_json *form, const char *key, struct lt_str value)
{
    struct lt_buf text;
    struct lt_jw w;
    struct lt_error err;
    const struct lt_json *all = NULL;
    if (lt_json_get(form, key)) {
        lt_cli_usage(cli, "%s is given twice", key);
        return NULL;
    }
    lt_buf_init(&text, 16 * VALUE_MAX);
    lt_jw_init(&w, &text);
    lt_jw_obj(&w);
    lt_jw_kstr(&w, key, value);
    for (size_t i = 0; i < lt_json_len(form); i++) {
        lt_jw_key_str(&w, lt_json_key_at(form, i));
        lt_jw_json(&w, lt_json_at(form, i));
    }
    lt_jw_end(&w);
    if (lt_json_parse(cli->arena, lt_str_copy(cli->arena, lt_buf_str(&text)), LT_JSON_STRICT, &all, &err))
        lt_cli_fail(cli, &err);
    lt_buf_free(&text);
    return all;
}

const struct lt_json *lt_cli_named_form(struct lt_cli *cli, const char *option, const char *key)
{
    const struct lt_json *form = lt_cli_json_or_pairs(cli, option, 1);
    return form ? lt_cli_with(cli, form, key, cli->operands[0]) : NULL;
}
