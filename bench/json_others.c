/*
 * Each is asked for what Lectern's reader does anyway (strict JSON, each key once, valid UTF-8), as far as it can. json-c is not here: it
 * has functions of the same names as jansson.
 */
#include "json_others.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_JANSSON
#include <jansson.h>

static void *jansson_parse(struct lt_str text)
{
    return json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
}

static size_t jansson_write(void *tree)
{
    char *text = json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t n = text ? strlen(text) : 0;
    free(text);
    return n;
}

static void jansson_free(void *tree)
{
    json_decref(tree);
}
#endif

#ifdef HAVE_CJSON
#include <cJSON.h>

static void *cjson_parse(struct lt_str text)
{
    return cJSON_ParseWithLength(text.p, text.n);
}

static size_t cjson_write(void *tree)
{
    char *text = cJSON_PrintUnformatted(tree);
    size_t n = text ? strlen(text) : 0;
    cJSON_free(text);
    return n;
}

static void cjson_free(void *tree)
{
    cJSON_Delete(tree);
}
#endif

const struct lt_json_other lt_json_others[] = {
#ifdef HAVE_JANSSON
    {"jansson", jansson_parse, jansson_write, jansson_free},
#endif
#ifdef HAVE_CJSON
    {"cJSON", cjson_parse, cjson_write, cjson_free},
#endif
    {NULL, NULL, NULL, NULL},
};

const char lt_json_missing[] = ""
#ifndef HAVE_JANSSON
                               "libjansson-dev "
#endif
#ifndef HAVE_CJSON
                               "libcjson-dev "
#endif
    ;
