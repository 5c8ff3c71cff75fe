/* Reading limits and prices with the configuration; private to core. */
#pragma once
#include "core/site.h"

/* Fills limits and prices of config's sites. As lt_config_load(). */
enum lt_code lt_limits_load(struct lt_store *store, struct lt_config *config, struct lt_error *err);
