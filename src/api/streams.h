/*
 * The streams of this process by call id, so that GET …/{id}/stream finds them from any loop thread: while they run and for a minute
 * after. A table in shards, each with its lock; any thread.
 */
#pragma once
#include "base/uuid.h"
#include "io/sse.h"

struct lt_streams;

enum { LT_STREAM_KEPT_MS = 60000, LT_STREAMS_ENDED_MAX = 64 * 1024 * 1024 /* bytes of ended streams kept */ };

/* kept_ms: how long ended streams are kept; 0 = LT_STREAM_KEPT_MS. */
struct lt_streams *lt_streams_new(uint32_t kept_ms);
void lt_streams_free(struct lt_streams *streams);
/* Takes a reference of its own to the log. user_id is copied. */
void lt_streams_add(struct lt_streams *streams, struct lt_uuid id, int64_t site_id, struct lt_str user_id, struct lt_sse_log *log);
/* The stream has ended, its log is finished. A compact copy is kept a minute more, or less when there are many; who follows the log
 * itself goes on. To be called by one thread, once. */
void lt_streams_ended(struct lt_streams *streams, struct lt_uuid id);
/*
 * A reference to the log of the call, NULL when it is not here or is of another site. *ret_owner: made by user_id; *ret_running: has
 * not ended.
 */
struct lt_sse_log *lt_streams_find(struct lt_streams *streams, struct lt_uuid id, int64_t site_id, struct lt_str user_id, bool *ret_owner,
                                   bool *ret_running);
/* From now on nobody can come back to a stream: a call whose client left goes on to its end without waiting for it. */
void lt_streams_no_return(struct lt_streams *streams);
/* Drops what has ended of a user. */
void lt_streams_forget(struct lt_streams *streams, int64_t site_id, struct lt_str user_id);
/* Drops what ended longer ago than streams are kept. */
void lt_streams_sweep(struct lt_streams *streams);
/* Streams that run. */
int lt_streams_running(struct lt_streams *streams);
/* Those of one site. */
size_t lt_streams_running_of(struct lt_streams *streams, int64_t site_id);
