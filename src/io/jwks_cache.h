/*
 * Issuers' key sets that are read from an address (jwks_uri), kept in memory for the whole process: one for each address, asked by
 * any loop. A set counts as fresh for 10 minutes. While its server is down it is used for an hour after it was got, never longer. A key
 * that a fresh set does not name is looked for once more, so that an issuer can change keys at any time; when that brings nothing new, the
 * next such look is put off (10 s, doubling to 60 s), as is the next try after a failure (1 s, doubling to 60 s). Where keys have no names,
 * a signature that none of them has made is such a look too, when the set is older than 5 s.
 * One fiber asks a server, the others wait for its answer.
 */
#pragma once
#include "io/fiber.h"
#include "io/jwks.h"
#include "io/tls.h"

struct lt_jwks_cache;

struct lt_jwks_cache_options {
    struct lt_tls *tls;   /* client context; NULL: no https */
    uint32_t fresh_ms;    /* 0 = 600,000 */
    uint32_t stale_ms;    /* 0 = 3,600,000, from when it was got */
    uint32_t wait_ms;     /* longest a caller waits; 0 = 6,000. A server has 5 s of it at most */
    uint32_t again_ms;    /* a younger set is not read once more for a signature; 0 = 5,000 */
    uint32_t fruitless_ms; /* the first pause after a look that brought nothing new; 0 = 10,000 */
};

struct lt_jwks_cache *lt_jwks_cache_new(const struct lt_jwks_cache_options *options);
/* When no fiber uses it any more. NULL allowed. */
void lt_jwks_cache_free(struct lt_jwks_cache *cache);
/*
 * The keys at an address, of which one fits alg and kid (p NULL: none is named) if the issuer has such a one. They live as long as
 * the arena. Where we may ask is the rule of io/outbound.h. Fiber of `loop`. LT_EOVERLOADED with retry_after_s when they cannot be had
 * now, whatever the reason (it is logged, with the host alone); LT_ECANCELLED.
 */
enum lt_code lt_jwks_cache_get(struct lt_jwks_cache *cache, struct lt_loop *loop, struct lt_arena *arena, struct lt_str url, const char *alg,
                               struct lt_str kid, const struct lt_jwks **ret, struct lt_error *err);
/*
 * The keys at the address as they are now, after none of `had`, which came from there into the arena, has made a token's signature. The
 * server is asked once for all who come, and not when the set is young or the last such look was in vain too lately. LT_ENOT_FOUND: there
 * are no others, or the token names the one it was tried with; LT_ECANCELLED. Fiber of `loop`.
 */
enum lt_code lt_jwks_cache_newer(struct lt_jwks_cache *cache, struct lt_loop *loop, struct lt_arena *arena, struct lt_str url, const char *alg,
                                 struct lt_str kid, const struct lt_jwks *had, const struct lt_jwks **ret, struct lt_error *err);
