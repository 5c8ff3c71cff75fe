/* Showing settings without what is secret in them. API and CLI. */
#pragma once
#include "core/provider.h"

/*
 * Writes the instance's config as one JSON object, without the members that its settings schema marks "writeOnly", at any depth.
 * Where the schema is not known (an instance whose plugin is gone) the object is empty.
 */
void lt_config_without_secrets(struct lt_jw *w, const struct lt_provider_instance *instance);
