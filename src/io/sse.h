/*
 * Server-sent events (HTML Living Standard §9.2), reading and writing.
 *
 * lt_sse_log is the bounded record of one stream: a producer fiber appends events, any number of clients (on any loop thread) follow
 * it from any event id. A follower has no fiber: it is pumped by callbacks, so a stream costs one fiber, the producer's.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/shelf.h"
#include "base/uuid.h"
#include "io/http_server.h"

/* ---- reading ---- */
struct lt_sse_event {
    struct lt_str type; /* "" when the stream gave none */
    struct lt_str data; /* lines joined by LF */
    struct lt_str id;
};
struct lt_sse_parser {
    struct lt_buf line, data, type, id; /* bounded by max of init */
    bool cr;                            /* the last byte was CR */
    bool begun;                         /* the BOM was looked for */
    bool have_data;
    int64_t retry_ms;                   /* of the last `retry` field; -1: there was none */
};
void lt_sse_parser_init(struct lt_sse_parser *p, size_t max);
void lt_sse_parser_free(struct lt_sse_parser *p);
/*
 * Takes bytes from *in until an event is complete: returns 1 and fills *ret (valid until the next call), with *in moved behind it;
 * 0 when *in is used up; -1 when a line or event is longer than max. LF, CR and CRLF, comments, BOM, multi-line data; bytes may be
 * split anywhere.
 */
int lt_sse_feed(struct lt_sse_parser *p, struct lt_str *in, struct lt_sse_event *ret);

/* ---- writing ---- */
/* "event: T\nid: I\ndata: D\n\n"; D must hold no CR or LF (JSON never does). id 0: no id line. */
void lt_sse_write(struct lt_buf *out, const char *type, uint64_t id, struct lt_str data);

/* In the stream: "start", "delta", … A message is of a protocol of its own (MCP): see lt_sse_log_name(). */
enum lt_sse_type { LT_SSE_START, LT_SSE_DELTA, LT_SSE_STATUS, LT_SSE_TOOL, LT_SSE_APPROVAL, LT_SSE_DONE, LT_SSE_ERROR, LT_SSE_MESSAGE };

struct lt_sse_log;
enum {
    LT_SSE_LOG_MAX = 256 * 1024,      /* bytes of events that a log keeps */
    LT_SSE_LAG_MAX = 64 * 1024,       /* bytes that a client may be behind before its producer waits */
    LT_SSE_BEHIND_MAX = 128 * 1024,   /* bytes in front of a parked client's place that are kept too: they may not have reached it */
    LT_SSE_EVENT_MAX = 16 * 1024 * 1024,
};

/*
 * Made on the producer's loop; reference 1 is the producer's. Thread-safe as a whole.
 *
 * A client that is slow costs at most LT_SSE_LAG_MAX and what its socket holds: then the producer, and so its upstream, waits. While it
 * does, a client must take something (a piece of 16 KiB) every 10 s, or it is parked: cut off, to come back with the last id it has.
 * While nobody follows a log that was followed, nothing the last client may lack is forgotten: the log fills up to LT_SSE_LOG_MAX
 * (the last event excepted), then the producer waits until somebody follows again, or its cancel, 20 minutes at most.
 */
struct lt_sse_log *lt_sse_log_new(struct lt_loop *producer_loop);
struct lt_sse_log *lt_sse_log_ref(struct lt_sse_log *log);
void lt_sse_log_unref(struct lt_sse_log *log);
/* Called (on the producer's loop, outside fibers) whenever the number of followers becomes `followers` (0 = all left). */
void lt_sse_log_on_followers(struct lt_sse_log *log, void (*fn)(void *arg, int followers), void *arg);
/*
 * Producer's fiber: appends an event with the next id (1, 2, …) and moves the followers on. Waits for room as said above. The data must
 * hold no CR or LF. LT_OK, LT_ECANCELLED or LT_ETOO_LARGE (above LT_SSE_EVENT_MAX).
 */
enum lt_code lt_sse_log_append(struct lt_sse_log *log, enum lt_sse_type type, struct lt_str data);
/*
 * The same for what may be left out: LT_EAGAIN where it would have to wait, and nothing was added. The producer's loop, in or outside fibers.
 */
enum lt_code lt_sse_log_try(struct lt_sse_log *log, enum lt_sse_type type, struct lt_str data);
/*
 * Before anything is added to a log of messages: their ids are "NAME:1", "NAME:2", …, so that one that comes back says of which stream it is. Without
 * a name messages have no ids.
 */
void lt_sse_log_name(struct lt_sse_log *log, struct lt_uuid name);
/* Was it given a name? */
bool lt_sse_log_named(const struct lt_sse_log *log);
/* The last event; never waits. Followers end when they have sent everything. LT_OK or LT_ETOO_LARGE (then the log ends without it). */
enum lt_code lt_sse_log_finish(struct lt_sse_log *log, enum lt_sse_type type, struct lt_str data);
/* Who left cannot come back any more: nothing is kept for it, and the producer does not wait for it. Any thread. */
void lt_sse_log_no_return(struct lt_sse_log *log);
/*
 * A copy of a finished log in one piece on the shelf, with a reference for the caller: what is worth keeping of it, once its producer
 * and who follows it let go of the log itself. It can be followed like any other.
 */
struct lt_sse_log *lt_sse_log_keep(struct lt_sse_log *log, struct lt_shelf *shelf);
/* Bytes of memory that it holds now. */
size_t lt_sse_log_size(struct lt_sse_log *log);
/*
 * Follows the log on this request's connection from behind event id `after` (0 = from the start): begins a text/event-stream answer
 * and gives way until the log is finished and sent, or the client left (LT_ECANCELLED), or LT_ENOT_FOUND when what follows `after` fell
 * out of the log, or `after` never was (nothing sent then). A comment line every 15 s of silence. Request's fiber; if the caller itself
 * is the producer use lt_sse_log_attach instead.
 */
enum lt_code lt_sse_log_follow(struct lt_sse_log *log, struct lt_http_request *req, uint64_t after);
/*
 * The producer's own request: begins the answer and pumps it by callbacks while the fiber goes on to produce. The client's leaving
 * does not cancel the fiber; it only takes the follower away (see on_followers). After lt_sse_log_finish() call lt_sse_log_flush().
 */
enum lt_code lt_sse_log_attach(struct lt_sse_log *log, struct lt_http_request *req, uint64_t after);
/* Gives way until the attached follower of this request has sent everything or left, 60 s at most, then ends the answer. */
enum lt_code lt_sse_log_flush(struct lt_sse_log *log, struct lt_http_request *req);
