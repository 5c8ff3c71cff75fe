/*
 * Being signed in to the console: an administrator's key is given once, then a cookie stands for it, so that the key lies nowhere in the browser.
 * The cookie counts at /v1/ alone, only for requests of the console's own pages, and only while the key does.
 */
#pragma once
#include "api/request.h"

enum {
    LT_CONSOLE_HOURS = 12,        /* how long a sign-in lasts at most */
    LT_CONSOLE_SESSIONS_MAX = 20, /* of one key; the oldest go */
    LT_CONSOLE_TOKEN = 32,        /* random bytes */
};

struct lt_console {
    uint8_t hash[32];             /* of the token: its row */
    int64_t expires_at;           /* ms */
    struct lt_str csrf_token;     /* made of the token, so that it is stored nowhere */
};

/* Does the request have the cookie, and does it count at this address? */
bool lt_console_asked(struct lt_request *r);
/*
 * The cookie → r->console and r->caller, as by its key; what changes something must bring the session's X-CSRF-Token. LT_EUNAUTHENTICATED;
 * LT_EPERMISSION (the request may be forged; the caller may be known by then); LT_ESTORE and the like. Fiber.
 */
enum lt_code lt_console_check(struct lt_request *r, struct lt_error *err);
/* r->console as the object that the console's pages get. */
void lt_console_write(struct lt_request *r, struct lt_jw *w);

/* ---- rows (console_store.c) ---- */
/* Adds one for the key; expired ones go, and the key's oldest. Durable when it returns. */
enum lt_code lt_console_add(struct lt_store *store, const struct lt_site_key *key, const struct lt_console *session, struct lt_error *err);
/* The one with session->hash: its end, and the hash of its key. LT_ENOT_FOUND: never was, has ended, or the key was revoked. */
enum lt_code lt_console_find(struct lt_store *store, struct lt_arena *arena, struct lt_console *session, uint8_t ret_key[32], struct lt_error *err);
enum lt_code lt_console_remove(struct lt_store *store, const struct lt_console *session, struct lt_error *err);
