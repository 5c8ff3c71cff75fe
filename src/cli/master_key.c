/* lectern master-key. */
#include "cli/cli.h"
#include "core/admin.h"
#include "core/register_head.h"
#include "core/sealed_rows.h"

/* Secrets, and texts of users. */
static enum lt_code look(struct lt_cli *cli, const struct lt_keyring *ring, struct lt_secrets_view *ret, struct lt_error *err)
{
    enum lt_code rc = lt_secrets_look(cli->store, ring, ret, err);
    return rc ? rc : lt_sealed_rows_look(cli->store, ring, ret, err);
}

/* A daemon that runs reads the new key before the texts of users are gone through, so that few come to be sealed with the old one meanwhile. */
static enum lt_code reseal(struct lt_cli *cli, const struct lt_keyring *ring, size_t *resealed, size_t *lost, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    lt_admin_touch(tx);
    if (lt_store_write(cli->store, tx, err) || lt_secrets_reseal(cli->store, ring, resealed, lost, err))
        return err->code;
    return lt_sealed_rows_reseal(cli->store, ring, resealed, lost, err);
}

int lt_cmd_master_key_show(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_keyring *ring;
    struct lt_secrets_view view;
    bool ours;
    if (lt_secrets_ring(cli->store, false, &ring, &err))
        return lt_cli_fail(cli, &err);
    enum lt_code rc = look(cli, ring, &view, &err);
    struct lt_jw *w = &cli->w;
    lt_jw_obj(w);
    lt_jw_kstrz(w, "file", lt_store_master_key_file(cli->store, &ours));
    lt_jw_key(w, "keys");
    lt_jw_arr(w);
    for (size_t i = 0; i < lt_keyring_count(ring); i++) {
        lt_jw_obj(w);
        lt_jw_kstrz(w, "id", lt_keyring_id(ring, i));
        lt_jw_kbool(w, "seals", i == 0);
        lt_jw_kint(w, "secrets", (int64_t)view.by_key[i]);
        lt_jw_end(w);
    }
    lt_jw_end(w);
    lt_jw_kint(w, "not_sealed", (int64_t)view.plain);
    lt_jw_kint(w, "lost", (int64_t)view.lost);
    lt_jw_end(w);
    lt_keyring_free(ring);
    return rc ? lt_cli_fail(cli, &err) : lt_cli_print(cli, NULL);
}

/* --reseal: the new key is in the file already (a file that we may not write: a credential). */
int lt_cmd_master_key_rotate(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_keyring *ring;
    bool ours;
    size_t resealed = 0, lost = 0;
    const char *path = lt_store_master_key_file(cli->store, &ours);
    if (lt_secrets_ring(cli->store, true, &ring, &err))
        return lt_cli_fail(cli, &err);
    lt_keyring_free(ring);
    if ((!lt_cli_option(cli, "reseal") && lt_keyring_add(path, &err)) || lt_secrets_ring(cli->store, false, &ring, &err))
        return lt_cli_fail(cli, &err);
    enum lt_code rc = reseal(cli, ring, &resealed, &lost, &err);
    if (!rc)
        rc = lt_register_sign_again(cli->store, lt_printf(cli->arena, "%s/register.head", cli->settings.data).p, ring, &err);
    const char *id = lt_strz(cli->arena, lt_str(lt_keyring_id(ring, 0)));
    lt_keyring_free(ring);
    if (rc)
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, "key", id, "%zu secrets are sealed with key %s now%s. Earlier keys still open: 'lectern master-key forget' drops them.",
                       resealed, id, lost ? "; some could not be opened, see 'lectern master-key show'" : "");
}

int lt_cmd_master_key_forget(struct lt_cli *cli)
{
    struct lt_error err;
    struct lt_keyring *ring;
    struct lt_secrets_view view;
    bool ours;
    if (lt_secrets_ring(cli->store, false, &ring, &err))
        return lt_cli_fail(cli, &err);
    enum lt_code rc = look(cli, ring, &view, &err);
    for (size_t i = 1; rc == LT_OK && i < lt_keyring_count(ring); i++)
        if (view.by_key[i] > 0)
            rc = lt_fail(&err, LT_ECONFLICT, "%zu secrets are still sealed with key %s; run 'lectern master-key rotate --reseal' first",
                         view.by_key[i], lt_keyring_id(ring, i));
    lt_keyring_free(ring);
    if (rc || lt_keyring_forget_old(lt_store_master_key_file(cli->store, &ours), &err))
        return lt_cli_fail(cli, &err);
    return lt_cli_done(cli, NULL, NULL, "Only the key that seals is left.");
}
