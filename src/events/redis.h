/*
 * Redis over the outbound rules: our own connection, hiredis for the protocol (RESP2). Neither hiredis's adapter for libevent nor a thread: its reader and
 * its formatter do no I/O, and lt_conn brings fibers, deadlines, checked addresses and TLS along, which Debian's hiredis 0.14 has not. Fiber.
 */
#pragma once
#include <hiredis/hiredis.h>

#include "core/outbox.h"

enum { LT_REDIS_REPLY_MAX = 16 << 20 /* bytes on the wire */ };

struct lt_redis;
struct lt_tls;

/* Connects to the destination's url (redis://HOST[:6379][/DB] or rediss://), authenticates and selects. */
enum lt_code lt_redis_open(const struct lt_event_destination *to, struct lt_tls *tls, uint64_t deadline_ms, struct lt_redis **ret, struct lt_error *err);
void lt_redis_close(struct lt_redis *redis); /* NULL allowed */
/* Sends a command without waiting for the answer. */
enum lt_code lt_redis_send(struct lt_redis *redis, const struct lt_str *argv, size_t n, struct lt_error *err);
/* The next answer, freed by the caller with freeReplyObject(). An answer that is an error is LT_EUPSTREAM_INVALID, and *ret is NULL then. */
enum lt_code lt_redis_read(struct lt_redis *redis, uint64_t deadline_ms, redisReply **ret, struct lt_error *err);
/* Both. */
enum lt_code lt_redis_ask(struct lt_redis *redis, const struct lt_str *argv, size_t n, uint64_t deadline_ms, redisReply **ret, struct lt_error *err);
