/* Shared by mcp_hub.c, mcp_session.c, mcp_http.c and mcp_stdio.c only: one connection with a server. Its loop's thread only. */
#pragma once
#include <pthread.h>
#include <sys/types.h>

#include "base/clock.h"
#include "core/mask.h"
#include "io/loop.h"
#include "io/fiber.h"
#include "tools/mcp_hub.h"

enum {
    MCP_ASIDE_MS = 2000,      /* for what nobody waits for: replies to the server, cancellations */
    MCP_REQUESTS_MAX = 64,    /* of the server's that are answered while one of ours is under way */
    MCP_BATCH_MAX = 100,      /* messages in an array (revision 2025-03-26) */
    MCP_BACKOFF_MS = 1000,    /* after a first failure of a process; doubled with each */
    MCP_BACKOFF_MAX_MS = 60000,
    MCP_GRAVES = 256,         /* processes that are ending */
};

/* One fiber at a time. */
struct mcp_gate {
    bool held;
    struct mcp_gate_waiter *first;
};
struct mcp_gate_waiter {
    struct mcp_gate_waiter *next;
    struct lt_fiber *fiber;
};
enum lt_code mcp_gate_enter(struct mcp_gate *gate, uint64_t deadline_ms); /* LT_OK, LT_ETIMEOUT, LT_ECANCELLED */
void mcp_gate_leave(struct mcp_gate *gate);

struct lt_mcp_hub {
    struct lt_arena *arena;
    struct lt_config_part_type type;
    struct lt_mcp_commands commands;
    const char *program;
    struct lt_tls *tls;
    pthread_mutex_t lock;     /* of what follows */
    struct mcp_home *homes;
    pid_t graves[MCP_GRAVES]; /* of processes whose end is near; 0: free */
};

/* A loop's connections. */
struct mcp_home {
    struct mcp_home *next;
    struct lt_mcp_hub *hub;
    struct lt_loop *loop;
    struct mcp_session *sessions;
    int processes;            /* whose fibers have not ended yet */
    struct lt_fiber *keeper;  /* ends what is not needed; NULL: there is nothing */
    bool ending;
};

struct mcp_session {
    struct mcp_session *next; /* of the home */
    struct mcp_home *home;
    struct lt_arena *arena;
    struct lt_mcp_server server; /* as it was when the session was made, without what the snapshot keeps */
    struct lt_str label;
    struct lt_str *secrets;   /* of the server */
    size_t secrets_n;
    int users;                /* fibers that ask */
    uint64_t used_at;
    bool up;                  /* the handshake is done */
    struct mcp_gate starting;
    int64_t next_id;
    struct lt_arena *hello_arena;
    struct lt_mcp_hello hello;
    struct lt_mcp_list *list; /* NULL: not asked for yet */
    uint64_t listed_at;
    bool list_changed;        /* the server has said so */
    int failures;             /* in a row; of a process */
    uint64_t not_before;
    char http_id[257];        /* Mcp-Session-Id; "": none */
    struct mcp_process *process;
    int reading;              /* its reader is within the session */
};

/* What comes of one request of ours. */
struct mcp_exchange {
    struct mcp_session *session;
    struct lt_arena *arena;
    int64_t id;               /* 0: a notification or a reply, which has no answer */
    struct lt_str body;
    uint64_t deadline_ms;
    bool found;
    struct lt_rpc answer;     /* when found */
    int server_requests;
};

/*
 * Takes a message, or an array of them, that the server has sent: answers its requests by `send`, heeds its notifications, and is *found when it is the
 * answer to `id`. Text that is no message at all is LT_EUPSTREAM_INVALID. Points into `text`, which lives as long as the arena.
 */
typedef void (*mcp_send)(struct mcp_session *s, struct lt_str body);
enum lt_code mcp_take(struct mcp_session *s, struct lt_arena *arena, struct lt_str text, int64_t id,
                      int *requests, mcp_send send, struct lt_rpc *ret, bool *found, struct lt_error *err);

/* ---- mcp_http.c ---- */
/* LT_EAGAIN: the server knows the session no more; nothing was done. */
enum lt_code mcp_http_exchange(struct mcp_exchange *x, struct lt_error *err);
/* Tells the server that the session ends; never fails. */
void mcp_http_end(struct mcp_session *s);

/* ---- mcp_stdio.c ---- */
enum lt_code mcp_stdio_start(struct mcp_session *s, uint64_t deadline_ms, struct lt_error *err);
enum lt_code mcp_stdio_exchange(struct mcp_exchange *x, struct lt_error *err);
void mcp_stdio_end(struct mcp_session *s); /* returns before the process has ended */
void mcp_reap(struct lt_mcp_hub *hub);     /* what has ended */

/* ---- mcp_session.c ---- */
/* The session for the server, made when there is none. Counts one user. */
struct mcp_session *mcp_session_get(struct mcp_home *home, const struct lt_mcp_server *server);
void mcp_session_put(struct mcp_session *s);
/* With the handshake done. */
enum lt_code mcp_session_up(struct mcp_session *s, uint64_t deadline_ms, struct lt_error *err);
/* As lt_mcp_ask(), with a session that is up; LT_EAGAIN as above. */
enum lt_code mcp_session_ask(struct mcp_session *s, struct lt_arena *arena, const char *method, struct lt_str params,
                             uint64_t deadline_ms, const struct lt_json **ret, struct lt_str *ret_said, struct lt_error *err);
/* As lt_mcp_masked(). */
struct lt_str mcp_session_masked(const struct mcp_session *s, struct lt_arena *arena, struct lt_str text);
/* Ends and frees it; nobody may use it. */
void mcp_session_end(struct mcp_session *s);
