/* Jobs: asking, finding, doing. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/secret.h"
#include "core/admin.h"
#include "core/charge.h"
#include "core/erased_user.h"
#include "core/gates.h"
#include "core/picture_file.h"
#include "core/policy.h"
#include "privacy/private.h"

enum { SCRUB_MS = 60000, LOOK_MS = 100, LOOKS = 20, USER_MAX = 255, ASKED_MAX = 300, CLOCKS_MS = 60000 /* by which clocks may differ */ };
#define EXPORT_MS (24 * 3600 * 1000L) /* longer than any export takes */

struct lt_privacy *lt_privacy_new(const struct lt_privacy_options *options)
{
    struct lt_privacy *p = calloc(1, sizeof(*p));
    if (!p)
        lt_out_of_memory(0);
    p->options = *options;
    lt_sole_init(&p->erasing, options->store, "erasures");
    lt_sole_init(&p->vendors, options->store, "vendor deletions");
    atomic_init(&p->wanted, true);
    return p;
}

void lt_privacy_free(struct lt_privacy *p)
{
    free(p);
}

void lt_privacy_user_hash(const struct lt_site *site, struct lt_str user_id, char ret[65])
{
    uint8_t digest[32];
    lt_hmac_key_sign(&site->user_key, user_id.p, user_id.n, digest);
    lt_hex(digest, sizeof(digest), ret);
}

/* ---- asking and finding ---- */

#define COLUMNS                                                                                                              \
    "SELECT j.id, j.site_id, j.uuid, j.kind, j.user_id, j.user_hash, j.pseudonym, j.asked_by, j.state, j.code, j.calls, j.records, j.created_at," \
    " j.completed_at, (SELECT COUNT(*) FROM privacy_vendor_deletion v WHERE v.job_id = j.id AND v.state = 'waiting'),"       \
    " (SELECT COUNT(*) FROM privacy_vendor_deletion v WHERE v.job_id = j.id AND v.state = 'deleted'),"                       \
    " (SELECT COUNT(*) FROM privacy_vendor_deletion v WHERE v.job_id = j.id AND v.state = 'failed') FROM privacy_job j"

static void fill(struct lt_arena *arena, struct lt_privacy_job *j, const struct lt_rows *r, size_t i)
{
    *j = (struct lt_privacy_job){.id = lt_rows_int(r, i, 0),
                                 .site_id = lt_rows_int(r, i, 1),
                                 .kind = lt_rows_str(r, i, 3),
                                 .user_id = lt_rows_str(r, i, 4),
                                 .user_hash = lt_rows_str(r, i, 5),
                                 .pseudonym = lt_rows_str(r, i, 6),
                                 .asked_by = lt_rows_str(r, i, 7),
                                 .state = lt_rows_str(r, i, 8),
                                 .code = lt_rows_str(r, i, 9),
                                 .calls = lt_rows_int(r, i, 10),
                                 .records = lt_rows_int(r, i, 11),
                                 .created_at = lt_rows_int(r, i, 12),
                                 .completed_at = lt_rows_int(r, i, 13),
                                 .vendor_waiting = lt_rows_int(r, i, 14),
                                 .vendor_deleted = lt_rows_int(r, i, 15),
                                 .vendor_failed = lt_rows_int(r, i, 16)};
    struct lt_str uuid = lt_rows_str(r, i, 2);
    memcpy(j->uuid, uuid.p, uuid.n < sizeof(j->uuid) ? uuid.n : sizeof(j->uuid) - 1);
}

enum lt_code lt_privacy_job_find(struct lt_store *store, struct lt_arena *arena, int64_t site_id, struct lt_str uuid, struct lt_privacy_job *ret,
                                 struct lt_error *err)
{
    struct lt_rows r;
    if (LT_QUERY(store, arena, &r, err, COLUMNS " WHERE j.site_id = $1 AND j.uuid = $2", LT_INT(site_id), lt_value_text(uuid)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ENOT_FOUND, "there is no such export or erasure");
    fill(arena, ret, &r, 0);
    return LT_OK;
}

/* The rule of the doors, so that whoever can ask can be erased. */
enum lt_code lt_privacy_check_user(struct lt_str user_id, struct lt_error *err)
{
    bool ok = user_id.n > 0 && user_id.n <= USER_MAX;
    for (size_t i = 0; ok && i < user_id.n; i++)
        ok = (unsigned char)user_id.p[i] >= 0x20 && user_id.p[i] != 0x7f;
    return ok ? LT_OK : lt_fail_field(err, LT_EINVALID_INPUT, "/user_id", "must be 1 to %d bytes without control characters", USER_MAX);
}

void lt_privacy_job_add(struct lt_tx *tx, const struct lt_site *site, const char *kind, struct lt_str user_id, struct lt_str asked_by,
                        char uuid[37])
{
    char hash[65], pseudonym[24] = "erased-";
    uint8_t random[4];
    bool erase = strcmp(kind, "erase") == 0;
    lt_random(random, sizeof(random));
    lt_hex(random, sizeof(random), pseudonym + strlen(pseudonym));
    lt_privacy_user_hash(site, user_id, hash);
    lt_uuid_format(lt_uuid_new(), uuid);
    if (asked_by.n > ASKED_MAX)
        asked_by.n = lt_utf8_whole(asked_by.p, ASKED_MAX);
    LT_TX(tx,
          "INSERT INTO privacy_job (uuid, site_id, kind, user_id, user_hash, pseudonym, asked_by, state, created_at)"
          " SELECT $1, $2, $3, $4, $5, $6, $7, 'running', $8 FROM meta WHERE name = 'generation'"
          " AND NOT EXISTS (SELECT 1 FROM privacy_job WHERE site_id = $2 AND user_id = $4 AND user_id <> '')",
          LT_TEXTZ(uuid), LT_INT(site->id), LT_TEXTZ(kind), LT_TEXT(erase ? user_id : LT_STR("")), LT_TEXTZ(hash),
          LT_TEXTZ(erase ? pseudonym : ""), lt_value_text(asked_by), LT_INT(lt_now_ms()));
}

enum lt_code lt_privacy_ask(struct lt_store *store, struct lt_arena *arena, const struct lt_site *site, struct lt_str user_id, struct lt_str asked_by,
                            struct lt_privacy_job *ret, struct lt_error *err)
{
    struct lt_rows r;
    char uuid[37];
    if (lt_privacy_check_user(user_id, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    lt_privacy_job_add(tx, site, "erase", user_id, asked_by, uuid);
    if (lt_store_write(store, tx, err) ||
        LT_QUERY(store, arena, &r, err, COLUMNS " WHERE j.site_id = $1 AND (j.uuid = $2 OR j.user_id = $3) ORDER BY j.id DESC LIMIT 1",
                 LT_INT(site->id), LT_TEXT(lt_str(uuid)), LT_TEXT(user_id)))
        return err->code;
    if (r.rows == 0)
        return lt_fail(err, LT_ECONFLICT, "another erasure of this user has just ended");
    fill(arena, ret, &r, 0);
    return LT_OK;
}

void lt_privacy_job_write(struct lt_jw *w, const struct lt_privacy_job *j)
{
    lt_jw_obj(w);
    lt_jw_kstrz(w, "id", j->uuid);
    lt_jw_kstr(w, "kind", j->kind);
    lt_jw_kstr(w, "state", j->state);
    lt_jw_kstr_nonempty(w, "code", j->code);
    lt_jw_kstr_nonempty(w, "pseudonym", j->pseudonym);
    lt_jw_kstr(w, "user_hash", j->user_hash);
    lt_jw_kstr(w, "asked_by", j->asked_by);
    lt_jw_kint(w, "calls", j->calls);
    lt_jw_kint(w, "records", j->records);
    lt_jw_key(w, "vendors");
    lt_jw_obj(w);
    lt_jw_kint(w, "waiting", j->vendor_waiting);
    lt_jw_kint(w, "deleted", j->vendor_deleted);
    lt_jw_kint(w, "failed", j->vendor_failed);
    lt_jw_end(w);
    lt_jw_ktime(w, "created_at", j->created_at);
    lt_jw_ktime(w, "completed_at", j->completed_at);
    lt_jw_end(w);
}

/* ---- doing ---- */

/* All of the user is deleted: the row names them no more. */
static enum lt_code rows_are_gone(struct lt_privacy *p, const struct lt_privacy_job *j, struct lt_error *err)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE privacy_job SET user_id = '', state = 'scrubbing', code = '' WHERE id = $1", LT_INT(j->id));
    lt_tx_expect(tx, 1);
    lt_admin_touch(tx); /* other processes forget what they know of acceptances */
    if (lt_store_write(p->options.store, tx, err))
        return err->code;
    lt_policy_forget();
    if (p->options.forget)
        p->options.forget(p->options.ctx, j->site_id, j->user_id);
    return LT_OK;
}

/* Files of pictures go after what the rows say; those of a call are few. */
static enum lt_code pictures_are_gone(struct lt_privacy *p, struct lt_error *err)
{
    enum lt_code rc = LT_OK;
    for (bool more = p->options.files_dir != NULL; more && !rc;)
        rc = lt_picture_remove_due(p->options.store, p->options.files_dir, lt_now_ms(), &more, err);
    return rc;
}

static enum lt_code files_are_clean(struct lt_privacy *p, const struct lt_privacy_job *j, struct lt_error *err)
{
    if (pictures_are_gone(p, err) || lt_store_scrub(p->options.store, SCRUB_MS, err))
        return err->code;
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE privacy_job SET state = 'done', code = '', completed_at = $1 WHERE id = $2", LT_INT(lt_now_ms()), LT_INT(j->id));
    lt_tx_expect(tx, 1);
    return lt_store_write(p->options.store, tx, err);
}

/* Who comes again has what is left of their limits, and no more. */
static enum lt_code still_counts(struct lt_privacy *p, const struct lt_privacy_words *words, struct lt_error *err)
{
    if (!p->options.manager)
        return LT_OK;
    return lt_charge_erased(p->options.store, lt_manager_ledger(p->options.manager), words->site_id, words->counter_key, err);
}

static enum lt_code erase(struct lt_privacy *p, const struct lt_privacy_job *j, struct lt_error *err)
{
    char key[LT_ERASED_KEY + 1] = {LT_ERASED_MARK}; /* as lt_erased_key() makes it: the hash is of the same kind */
    memcpy(key + 1, j->user_hash.p, j->user_hash.n < LT_ERASED_KEY ? j->user_hash.n : LT_ERASED_KEY - 1);
    struct lt_privacy_words words = {
        .site_id = j->site_id, .job_id = j->id, .user_id = j->user_id, .pseudonym = j->pseudonym, .counter_key = lt_str(key)};
    if (lt_str_is(j->state, "running") && (lt_privacy_erase_rows(p, &words, err) || still_counts(p, &words, err) || rows_are_gone(p, j, err)))
        return err->code;
    return files_are_clean(p, j, err);
}

static void note_failure(struct lt_privacy *p, const struct lt_privacy_job *j, const struct lt_error *why)
{
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx, "UPDATE privacy_job SET code = $1 WHERE id = $2 AND completed_at = 0", LT_TEXTZ(lt_code_name(why->code)), LT_INT(j->id));
    lt_store_post(p->options.store, tx);
    lt_log_error("privacy.erase", why);
}

static enum lt_code run(struct lt_privacy *p, const struct lt_privacy_job *j, struct lt_error *err)
{
    enum lt_code rc = erase(p, j, err);
    if (rc == LT_OK)
        lt_log(LT_LOG_INFO, "privacy.erased", LT_SS("pseudonym", j->pseudonym), LT_S("job", j->uuid));
    else if (rc != LT_ECANCELLED)
        note_failure(p, j, err);
    return rc;
}

static enum lt_code work(struct lt_privacy *p, struct lt_error *err)
{
    struct lt_error own;
    enum lt_code rc = LT_OK;
    int64_t after = 0;
    for (bool more = true; more && rc != LT_ECANCELLED;) {
        struct lt_arena *arena = lt_arena_new();
        struct lt_rows r;
        enum lt_code found = LT_QUERY(p->options.store, arena, &r, &own,
                                      COLUMNS " WHERE j.completed_at = 0 AND j.kind = 'erase' AND j.id > $1 ORDER BY j.id LIMIT 1", LT_INT(after));
        more = found == LT_OK && r.rows > 0;
        if (more) {
            struct lt_privacy_job job;
            fill(arena, &job, &r, 0);
            after = job.id;
            found = run(p, &job, &own);
        }
        if (found && (rc == LT_OK || found == LT_ECANCELLED)) {
            *err = own;
            rc = found;
        }
        lt_arena_free(arena);
    }
    return rc;
}

enum lt_code lt_privacy_work(struct lt_privacy *p, struct lt_error *err)
{
    if (atomic_flag_test_and_set(&p->working))
        return LT_OK; /* somebody else is at it */
    enum lt_code rc = work(p, err);
    atomic_flag_clear(&p->working);
    return rc;
}

void lt_privacy_hurry(struct lt_privacy *p)
{
    atomic_store(&p->wanted, true);
}

/* Exports that a killed process was at: what no other that lives can be at. */
static void end_exports(struct lt_privacy *p)
{
    int64_t now = lt_now_ms();
    struct lt_tx *tx = lt_tx_new();
    LT_TX(tx,
          "UPDATE privacy_job SET state = 'failed', code = 'interrupted', completed_at = $1 WHERE kind = 'export' AND completed_at = 0 AND (created_at < $2"
          " OR NOT EXISTS (SELECT 1 FROM process o WHERE o.dead_at = 0 AND o.id <> $3 AND o.started_at <= privacy_job.created_at + $4))",
          LT_INT(now), LT_INT(now - EXPORT_MS), LT_INT(lt_store_process(p->options.store)), LT_INT(CLOCKS_MS));
    lt_store_post(p->options.store, tx);
}

enum lt_code lt_privacy_still(const struct lt_privacy *p, struct lt_sole *lease, struct lt_error *err)
{
    bool held = true;
    if (p->leased && lt_sole_take(lease, &held, err))
        return err->code;
    return held ? LT_OK : lt_fail(err, LT_ECANCELLED, "another process has the lease '%s'", lease->name);
}

void lt_privacy_worker(void *privacy)
{
    struct lt_privacy *p = privacy;
    struct lt_error err;
    lt_fiber_set_name("erasures");
    end_exports(p);
    p->leased = true;
    for (unsigned looks = 0; lt_fiber_sleep(LOOK_MS) != LT_ECANCELLED; looks++)
        if ((atomic_exchange(&p->wanted, false) || looks % LOOKS == 0) && lt_privacy_still(p, &p->erasing, &err) == LT_OK)
            lt_privacy_work(p, &err); /* its errors are noted; it is done again */
    lt_sole_give_back(&p->erasing);
}
