/*
 * The signed ends of chains: heads (the last entry) and anchors (the last one that was removed by age), and the file that has the heads outside of
 * the database. Blocking: on a thread of its own, or outside loops.
 */
#pragma once
#include "base/seal.h"
#include "core/register_hash.h"

#define LT_REGISTER_HEAD "register head"     /* purposes of signatures */
#define LT_REGISTER_ANCHOR "register anchor"
#define LT_REGISTER_FILE "register file"

struct lt_register_head {
    int64_t site_id, seq, calls, at;
    uint8_t hash[LT_REGISTER_HASH], mac[LT_MAC_SIZE];
    char key_id[LT_KEY_ID_SIZE];
    int64_t version; /* of a row; not signed */
};

/* With the ring's first key. */
void lt_register_sign(const struct lt_keyring *ring, const char *purpose, struct lt_register_head *head);
/* *ret_known (may be NULL): the key is there. ring NULL: nothing is right. */
bool lt_register_signed(const struct lt_keyring *ring, const char *purpose, const struct lt_register_head *head, bool *ret_known);

/* A head of a row whose first columns are site_id, seq, calls, hash, at, key_id, mac, version. */
void lt_register_read_head(const struct lt_rows *rows, size_t i, struct lt_register_head *ret);
/* Rows of register_head or register_anchor, of one site or (site_id < 0) of all, by site. LT_ESTORE. */
enum lt_code lt_register_heads(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_register_head **ret, size_t *ret_n,
                               struct lt_error *err);
enum lt_code lt_register_anchors(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_register_head **ret, size_t *ret_n,
                                 struct lt_error *err);

enum lt_register_file { LT_REGISTER_FILE_THERE, LT_REGISTER_FILE_MISSING, LT_REGISTER_FILE_WRONG };
/* What DATA/register.head holds, by site. `wrong`: it cannot be read, or its signature is not right (*why). */
enum lt_register_file lt_register_file_read(const char *path, struct lt_arena *arena, const struct lt_keyring *ring, struct lt_register_head **ret,
                                            size_t *ret_n, struct lt_error *why);
/* Whole or not at all, durable when it returns. LT_EIO. */
enum lt_code lt_register_file_write(const char *path, const struct lt_keyring *ring, const struct lt_register_head *heads, size_t n,
                                    struct lt_error *err);
/* Signs with the ring's first key what was signed rightly with another, in the database and in the file: before a key is forgotten. LT_ESTORE,
   LT_EIO. */
enum lt_code lt_register_sign_again(struct lt_store *store, const char *head_file, const struct lt_keyring *ring, struct lt_error *err);
