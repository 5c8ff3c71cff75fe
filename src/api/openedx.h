/*
 * Private to the door /openedx-ai-extensions/v1/, which speaks as the Django application of that name does, so that its React UI works
 * unchanged: its own bodies, error codes and text streams, over the same workflows and gates as everything else.
 */
#pragma once
#include "api/request.h"
#include "workflows/run.h"

/* The error in the door's form: {"error": {"code", "message"}, "status": "error", "timestamp"}, with `detail` for 401 and 403. */
void lt_openedx_reply_error(struct lt_request *r, const struct lt_error *err, const char *call_id);
/* The door's name and status for what went wrong. */
const char *lt_openedx_code(enum lt_code code, int *ret_status);
/* "timestamp": now, which every body of the door has. */
void lt_openedx_timestamp(struct lt_jw *w);

/*
 * The query's `context`, JSON text with the members of lt_opaque_context_read(). A location without a course means that of its key; a
 * token for one course means that one. service_variant is the context's, -1 without: only lists of profiles heed it. LT_EINVALID_INPUT.
 */
enum lt_code lt_openedx_context(struct lt_request *r, struct lt_scope_context *ret, struct lt_error *err);
/* The profile that decides in the context for the server that asks; the caller gets the roles that he has there. LT_ENO_CONFIG. Fiber. */
enum lt_code lt_openedx_resolve(struct lt_request *r, struct lt_scope_context *context, const struct lt_scope **ret_scope,
                                const struct lt_profile **ret_profile, struct lt_error *err);
/* Staff of the course, or of the whole site. LT_EPERMISSION; course_id "": of the whole site. Fiber. */
enum lt_code lt_openedx_check_staff(struct lt_request *r, struct lt_str course_id, struct lt_error *err);

/* The placement of what the door asks: one switch turns it off. */
#define LT_OPENEDX_PLACEMENT "openedx_widget"

/*
 * An answer of text, piece by piece (openedx_text.c). on_text is the listener of a run; ctx is the struct. The head goes out with the
 * first piece; lt_openedx_text_end() ends what has begun, with the mark of an error when there was one.
 */
struct lt_openedx_text {
    struct lt_request *r;
    struct lt_buf buf; /* the piece as it is sent */
    size_t seen;       /* how many bytes of the mark's beginning the text ends with */
    bool begun;        /* the head is on its way: no other status can be said any more */
};
void lt_openedx_text_init(struct lt_openedx_text *t, struct lt_request *r);
enum lt_code lt_openedx_text_piece(void *ctx, struct lt_str piece);
void lt_openedx_text_end(struct lt_openedx_text *t, const struct lt_error *err);
/* Appends text to out as it may be shown: what looks like the mark of an error is made not to. seen is kept from piece to piece. */
void lt_openedx_text_guard(struct lt_buf *out, size_t *seen, struct lt_str text);
