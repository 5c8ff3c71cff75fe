/*
 * Prompt templates, profiles and scopes as one file: the fixture format of Django (dumpdata, loaddata) with the models of Open edX's AI
 * Extensions plugin, so that a site can be moved between that plugin and Lectern, in both directions, and between Lectern's sites.
 *
 *     [{"model": "openedx_ai_extensions.aiworkflowprofile", "pk": "UUID", "fields": {"slug": …}}, …]
 */
#pragma once
#include "workflows/profile.h"

enum lt_fixture_kind { LT_FIXTURE_PROMPT, LT_FIXTURE_PROFILE, LT_FIXTURE_SCOPE, LT_FIXTURE_KINDS };
#define LT_FIXTURE_ALL ((1u << LT_FIXTURE_KINDS) - 1)

enum {
    LT_FIXTURE_TEXT_MAX = 64 << 20, /* bytes of a file */
    LT_FIXTURE_OBJECTS_MAX = 200000,
    LT_FIXTURE_LISTED_MAX = 1000,   /* refusals and notes that a report lists; the others are counted */
    LT_FIXTURE_IGNORED_MAX = 100,   /* different models and fields that it names */
};

struct lt_fixture_refusal {
    size_t at;                 /* place in the file's list, from 1 */
    struct lt_str model, pk, field, reason; /* model and pk as the file has them, "" when it has none */
};
struct lt_fixture_ignored {
    struct lt_str name;        /* a model, or MODEL.FIELD */
    size_t count;
};
struct lt_fixture_report {     /* lies in the caller's arena */
    struct lt_fixture_refusal *refused;
    size_t refused_n, refused_total;
    struct lt_fixture_ignored ignored[LT_FIXTURE_IGNORED_MAX];
    size_t ignored_n;
    struct lt_str *notes;      /* what an operator should know of objects that are imported */
    size_t notes_n, notes_total;
    size_t added[LT_FIXTURE_KINDS], changed[LT_FIXTURE_KINDS], unchanged[LT_FIXTURE_KINDS];
    bool slot_matching_set;    /* the site matches slots as the plugin does from now on: slot_matching was not wildcard */
    bool written;              /* false: refused, a dry run, or there was nothing to do */
};

struct lt_fixture_options {
    unsigned kinds;            /* 1 << enum lt_fixture_kind, …; objects of the others count as ignored */
    bool dry_run;              /* check all, write nothing */
    bool allow_missing;        /* import profiles whose template, prompt or provider instance is not here: they are invalid until it is */
    bool map_templates;        /* take our own template for one of the plugin's that is not here */
    struct lt_str who;         /* for the history */
};

/*
 * One unit: all objects or none. An object whose UUID the site has is changed, a new one is added, an equal one left alone; what the file does
 * not name stays. With scopes the site's slot_matching becomes wildcard, which is how the plugin matches. specificity_index is computed. Config:
 * the one that the caller sees; when somebody changed it before the unit was written, LT_ECONFLICT. LT_EINVALID_JSON; LT_EINVALID_INPUT
 * when objects are refused: the report names all. Fiber, or outside loops.
 */
enum lt_code lt_fixture_import(struct lt_store *store, const struct lt_config *config, const struct lt_site *site, struct lt_str text,
                               const struct lt_fixture_options *options, struct lt_arena *arena, struct lt_fixture_report *ret,
                               struct lt_error *err);
/* {"written", "refused": [{"at", "model", "pk", "field", "reason"}], "refused_total", "prompts": {"added", "changed", "unchanged"}, "profiles",
 * "scopes", "ignored": [{"name", "count"}], "notes", "notes_total", "slot_matching_set"} */
void lt_fixture_report_write(struct lt_jw *w, const struct lt_fixture_report *report);

/*
 * The site's prompts (by slug), profiles (by slug) and scopes (by id), one object a line. Patches are written as they are stored, secrets
 * in them too. out fails when it is full.
 */
void lt_fixture_export(const struct lt_workflow_set *set, const struct lt_scope_set *scopes, int64_t site_id, unsigned kinds, struct lt_buf *out);
