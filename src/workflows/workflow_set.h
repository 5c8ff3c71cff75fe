/*
 * Templates, profiles and prompts as one immutable, reference-counted set. It is a part of the configuration snapshot:
 * lt_workflows(config) gives it without a wait.
 */
#pragma once
#include "workflows/profile.h"

struct lt_workflow_source; /* where sets come from: template directories, and the last set, of which what has not changed is shared */

/* dirs is a list parted by ':'; copied. Once a process. */
struct lt_workflow_source *lt_workflow_source_new(const char *dirs);
void lt_workflow_source_free(struct lt_workflow_source *source);
/* From now on configurations have a workflow set, and profiles a say when a provider instance goes. Start-up. */
void lt_workflow_source_register(struct lt_workflow_source *source);
/* Does a template differ from the last set's? Looks at the files; on a worker when called on a fiber. */
bool lt_workflow_source_changed(struct lt_workflow_source *source);
/* Reads a set. One reference for the caller. Store errors. Fiber, or outside loops. */
enum lt_code lt_workflow_set_load(struct lt_workflow_source *source, struct lt_store *store, struct lt_workflow_set **ret, struct lt_error *err);
void lt_workflow_set_unref(struct lt_workflow_set *set); /* any thread; NULL allowed */

/* The snapshot's; NULL (which every function takes for an empty set) when nobody has registered a source. Borrowed. */
static inline const struct lt_workflow_set *lt_workflows(const struct lt_config *config)
{
    return config ? config->parts[LT_CONFIG_WORKFLOWS] : NULL;
}
/* NULL for a NULL set. */
const struct lt_template_set *lt_workflow_templates(const struct lt_workflow_set *set);
