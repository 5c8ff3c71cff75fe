/*
 * Pictures that were made: files below the data directory, a row of image_file for each, links to them, and the words of answers about them.
 *
 *   file  DIR/XX/CALL-N: the call's id and 1 to LT_IMAGES_MADE_MAX; XX are the last two digits of the id
 *   row   comes with the unit of the call's end. What has no row was left by a process that died, and goes at the next start. A row whose delete_at
 *         has come goes after its file: so an erasure, retention or a site that keeps no content only sets that time
 *   link  /v1/files/CALL-N?site=SLUG&expires=SECONDS&signature=…: whoever has it sees the picture until then, and nobody else does
 */
#pragma once
#include "core/site.h"
#include "store/store.h"
#include "base/uuid.h"
#include "core/neutral.h"

struct lt_jw;
struct lt_manager;

/* Where this process keeps them; NULL: nowhere. */
const char *lt_manager_files_dir(const struct lt_manager *manager);

struct lt_picture_name {
    struct lt_uuid call_id;
    int n;
};
enum { LT_PICTURE_ID = 36 + 1 + 1 /* characters */ };
/* In the arena. */
struct lt_str lt_picture_id(struct lt_arena *arena, struct lt_picture_name name);
bool lt_picture_id_parse(struct lt_str id, struct lt_picture_name *ret);

/* ---- files: blocking, on a worker or at start ---- */

/* Durable when it returns, whole or not at all. LT_EIO. */
enum lt_code lt_picture_file_put(const char *dir, struct lt_picture_name name, struct lt_str bytes, struct lt_error *err);
/* No error when there is none. LT_EIO. */
enum lt_code lt_picture_file_remove(const char *dir, struct lt_picture_name name, struct lt_error *err);
/*
 * Start-up, when no call runs: removes files of calls that began at or after that time (ms) and have no row, and what was not written to its
 * end. *ret_n of them.
 */
enum lt_code lt_picture_files_sweep(struct lt_store *store, const char *dir, int64_t since, size_t *ret_n, struct lt_error *err);

/* ---- rows ---- */

/* delete_at: ms, 0: as long as the call's content. with_content: else what the pictures show is not written. */
void lt_picture_record(struct lt_tx *tx, int64_t site_id, struct lt_uuid call_id, const struct lt_picture *pictures, size_t n, int64_t delete_at,
                       bool with_content);
/* Files `from` + 1 to `to` of the call may lie there and are no pictures of it: rows that let them be removed. */
void lt_picture_record_left(struct lt_tx *tx, int64_t site_id, struct lt_uuid call_id, size_t from, size_t to);
/* Those of the call $1 are to go: the file and then the row; nobody sees them any more. */
#define LT_PICTURE_FORGET "UPDATE image_file SET alt = '', sha256 = '', delete_at = 1 WHERE call_id = $1"
/* Removes those whose time has come; *ret_more: there are others. LT_EIO: one of them is still there. Fiber, or outside loops. */
enum lt_code lt_picture_remove_due(struct lt_store *store, const char *dir, int64_t now, bool *ret_more, struct lt_error *err);

struct lt_picture_bytes {
    struct lt_str media_type, bytes;
    char sha256[65];
};
/*
 * A picture of the site by its id, in the arena; its hash is compared. Fiber. LT_ENOT_FOUND: there is none, or no longer; LT_EINTERNAL: the file is not
 * there, or not
 * what was written.
 */
enum lt_code lt_picture_read(struct lt_store *store, struct lt_arena *arena, const char *dir, int64_t site_id, struct lt_str id,
                             struct lt_picture_bytes *ret, struct lt_error *err);

/* ---- links ---- */

/* How long a new one holds, in ms: as the site sets it; an hour at most where no content is kept, for then the picture goes with it. */
static inline int64_t lt_picture_link_ms(const struct lt_site *site)
{
    return (site->store_content || site->image_link_s < 3600 ? site->image_link_s : 3600) * 1000;
}
/* Path and query, in the arena. expires_at: ms, counted in whole seconds. */
struct lt_str lt_picture_link(struct lt_arena *arena, const struct lt_site *site, struct lt_str id, int64_t expires_at);
/* Takes the same time whatever the signature is. *ret_expires_at: ms. LT_ENOT_FOUND: it was not given out,
 * or by another site: whether there is such a picture is not told; LT_EPERMISSION: it is over. */
enum lt_code lt_picture_link_check(const struct lt_site *site, struct lt_str id, struct lt_str expires, struct lt_str signature, int64_t now,
                                   int64_t *ret_expires_at, struct lt_error *err);

/* ---- words ---- */

/* {"draft_file", "revised_prompt", "source_url"} of the first one, and "images" when there are more. */
void lt_picture_write_response(struct lt_jw *w, const struct lt_picture *pictures, size_t n);
/* What the register keeps of them, as JSON text in the arena: all but links. */
struct lt_str lt_picture_kept(struct lt_arena *arena, const struct lt_picture *pictures, size_t n);
/* The response again, of what was kept, with links that hold from now on; "" when that is not what was kept. */
struct lt_str lt_picture_response_again(struct lt_arena *arena, const struct lt_site *site, struct lt_str kept, int64_t now);
