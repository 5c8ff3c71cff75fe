/*
 * Secrets of the configuration at rest. What a settings schema marks as writeOnly, and the secrets of token issuers and content sources, are stored
 * sealed (base/seal.h) and opened only into a snapshot in memory. Fiber, or outside loops.
 */
#pragma once
#include "base/seal.h"
#include "store/store.h"
#include "text/json.h"

/*
 * The store's key ring, read anew each time so that a rotation is seen; the caller frees it. The default file is made when it is
 * missing and `make` is set. LT_ECONFIG when it cannot be read.
 */
enum lt_code lt_secrets_ring(struct lt_store *store, bool make, struct lt_keyring **ret, struct lt_error *err);

/* Where a secret lies: what it is sealed to. */
struct lt_str lt_secret_place_issuer(struct lt_arena *arena, int64_t site_id, struct lt_str iss, struct lt_str aud);
struct lt_str lt_secret_place_source(struct lt_arena *arena, int64_t site_id, struct lt_str name);

/* Is there a sealed secret in the config? */
bool lt_config_is_sealed(const char *schema, const struct lt_json *config);
/* The config of a provider instance as JSON text with its secrets sealed; those that are sealed already stay as they are. */
struct lt_str lt_config_seal(const struct lt_keyring *ring, struct lt_arena *arena, const char *schema, int64_t site_id, const struct lt_json *config);
/*
 * The reverse: *ret is the config with its secrets in clear, wiped with the arena. A secret that cannot be opened is left out and *err
 * (LT_ECONFIG) says why; *ret is usable all the same. Plain values are taken as they are.
 */
enum lt_code lt_config_unseal(const struct lt_keyring *ring, struct lt_arena *arena, const char *schema, int64_t site_id,
                              const struct lt_json *config, const struct lt_json **ret, struct lt_error *err);

/*
 * A table of folders above core whose configs hold secrets. select gives id, site_id, config of all rows; update sets config to $1 where id is $2 and
 * config is still $3. At start; borrowed for ever. At most LT_SEALED_TABLES_MAX.
 */
enum { LT_SEALED_TABLES_MAX = 4 };
struct lt_sealed_table {
    const char *select, *update;
    const char *schema;
};
void lt_sealed_table_add(const struct lt_sealed_table *table);

/* How many secrets are stored, and how they are sealed. */
struct lt_secrets_view {
    size_t plain, lost;                  /* not sealed; sealed with a key that is not on the ring */
    size_t by_key[LT_KEYRING_MAX];       /* in the order of the ring */
};
/* Adds one stored text. */
void lt_secrets_count(struct lt_secrets_view *view, const struct lt_keyring *ring, struct lt_str text);
enum lt_code lt_secrets_look(struct lt_store *store, const struct lt_keyring *ring, struct lt_secrets_view *ret, struct lt_error *err);
/*
 * Seals with the ring's first key whatever is not. One unit: all or nothing. A secret that cannot be opened stays as it is and is
 * counted in *ret_lost.
 */
enum lt_code lt_secrets_reseal(struct lt_store *store, const struct lt_keyring *ring, size_t *ret_resealed, size_t *ret_lost, struct lt_error *err);
