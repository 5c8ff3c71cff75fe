/* Prices. */
#include "core/price.h"

enum { PER = 1000000 /* tokens that a price is for */ };

/* 0: it is another one's. */
static int nearness(const struct lt_price *p, struct lt_str instance, struct lt_str plugin, struct lt_str model)
{
    int provider = p->provider.n == 0 ? 1 : lt_str_eq(p->provider, plugin) ? 2 : 0;
    provider = p->provider.n > 0 && lt_str_eq(p->provider, instance) ? 3 : provider;
    int of_model = p->model.n == 0 ? 1 : lt_str_eq(p->model, model) ? 2 : 0;
    return provider && of_model ? of_model * 4 + provider : 0;
}

const struct lt_price *lt_price_find(const struct lt_price *list, size_t n, struct lt_str instance, struct lt_str plugin, struct lt_str model,
                                     int64_t at)
{
    const struct lt_price *best = NULL;
    int best_nearness = 0;
    for (size_t i = 0; i < n; i++) {
        const struct lt_price *p = &list[i];
        int near = at >= p->valid_from && (p->valid_to == 0 || at < p->valid_to) ? nearness(p, instance, plugin, model) : 0;
        if (near > best_nearness || (near > 0 && near == best_nearness && p->valid_from > best->valid_from)) {
            best = p;
            best_nearness = near;
        }
    }
    return best;
}

bool lt_price_by_tokens(const struct lt_price *p)
{
    return p->input || p->cached_input || p->output;
}

int64_t lt_price_cost(const struct lt_price *p, const struct lt_usage *u, int64_t images)
{
    bool tokens = lt_price_by_tokens(p);
    if (tokens && u->prompt_tokens < 0)
        return -1;
    int64_t cached = u->cached_tokens < 0 ? 0 : u->cached_tokens < u->prompt_tokens ? u->cached_tokens : u->prompt_tokens;
    int64_t completion = u->completion_tokens < 0 ? 0 : u->completion_tokens; /* of an embedding there is none */
    __int128 sum = !tokens ? 0 : (__int128)(u->prompt_tokens - cached) * p->input + (__int128)cached * p->cached_input + (__int128)completion * p->output;
    sum = (sum + PER - 1) / PER + p->request + (__int128)images * p->image;
    return sum > INT64_MAX / 2 ? -1 : (int64_t)sum;
}
