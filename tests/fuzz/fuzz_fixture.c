/* Fixtures: any bytes. Each element of the list is an object, a refusal or ignored; what is taken has the form that the importer relies on. */
#include <stdlib.h>

#include "workflows/fixture_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

static void check_object(const struct lt_fixture_object *o, size_t n)
{
    struct lt_uuid id;
    check(o->at >= 1 && o->at <= n && o->pk.n == 36 && lt_uuid_parse(o->pk, &id));
    if (o->kind == LT_FIXTURE_PROMPT)
        check(o->prompt.slug.p && o->prompt.body.p && o->prompt.id == 0);
    else if (o->kind == LT_FIXTURE_PROFILE)
        check(o->profile.slug.p && o->profile.base_filepath.p && o->profile.content_patch.p);
    else
        check(o->scope.profile.n == 36 && o->scope.scope.course_id.p && o->scope.scope.location_regex.p && o->scope.scope.ui_slot_selector_id.p &&
              (unsigned)o->scope.scope.service_variant < LT_SERVICE_VARIANTS);
}

/* Refusals come in the order of the list, several for one object perhaps. */
static size_t refused_objects(const struct lt_fixture_report *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->refused_n; i++) {
        check(r->refused[i].field.n > 0 && r->refused[i].reason.n > 0 && r->refused[i].at >= 1);
        n += i == 0 || r->refused[i].at != r->refused[i - 1].at;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* of its own, so that a byte too far is seen */
    if (!copy)
        abort();
    memcpy(copy, data, size);
    struct lt_arena *arena = lt_arena_new();
    struct lt_fixture fixture;
    struct lt_fixture_report report = {0};
    struct lt_error err = {0};
    const struct lt_json *list = NULL;
    enum lt_code rc = lt_fixture_read(arena, (struct lt_str){copy, size}, LT_FIXTURE_ALL, &fixture, &report, &err);
    if (rc == LT_OK) {
        check(lt_json_parse(arena, (struct lt_str){copy, size}, LT_JSON_STRICT, &list, NULL) == LT_OK);
        size_t ignored = 0, n = lt_json_len(list);
        for (size_t i = 0; i < fixture.n; i++)
            check_object(&fixture.objects[i], n);
        for (size_t i = 0; i < report.ignored_n; i++)
            ignored += report.ignored[i].count; /* fields, too */
        if (report.refused_total == report.refused_n)
            check(fixture.n + refused_objects(&report) <= n && fixture.n + refused_objects(&report) + ignored >= n);
    } else
        check((rc == LT_EINVALID_JSON || rc == LT_EINVALID_INPUT) && err.code == rc && err.detail[0] && fixture.n == 0);
    lt_arena_free(arena);
    free(copy);
    return 0;
}
