/* The site of --demo: made once, found again at later starts. */
#pragma once
#include "cli/settings.h"
#include "store/store.h"

struct lt_demo {
    char admin_key[64], service_key[64];
    struct lt_str secret; /* of its issuer of tokens */
};

/*
 * Makes what is missing: site `demo` (with provider instance `extract`, policy, and workflows for the demo course), issuer, keys. Keys are taken from DIR/demo.json when they
 * are still good. Start-up, before the loops.
 */
enum lt_code lt_demo_prepare(struct lt_store *store, const struct lt_settings *settings, struct lt_demo *ret, struct lt_error *err);
/* Writes DIR/demo.json (0600) with the keys, tokens for a day and the address. */
enum lt_code lt_demo_write(const struct lt_settings *settings, const struct lt_demo *demo, const char *base_url, struct lt_error *err);
