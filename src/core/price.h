/*
 * What models cost: integers throughout, in millionths of the site's currency. A model without a price costs nobody knows what, which is not
 * the same as nothing.
 */
#pragma once
#include "core/neutral.h"

struct lt_arena;

enum { LT_PRICES_MAX = 2000 /* of a site */ };
#define LT_PRICE_MAX INT64_C(1000000000000)

struct lt_price {
    int64_t id;
    struct lt_str provider;    /* name of an instance or a plugin; "" = any */
    struct lt_str model;       /* "" = any */
    int64_t input, cached_input, output; /* for a million tokens */
    int64_t request;           /* for each try */
    int64_t image;             /* for each picture that is made */
    int64_t valid_from, valid_to; /* ms; valid_to 0: no end */
};

/*
 * The price of a model at an instance at that time: the nearest name goes first (instance, plugin, any; of the model before any), then the
 * latest valid_from. NULL: none is known. Any thread.
 */
const struct lt_price *lt_price_find(const struct lt_price *list, size_t n, struct lt_str instance, struct lt_str plugin, struct lt_str model,
                                     int64_t at);
/* Is there a price of tokens in it? Without, what it costs is known whatever the vendor says of tokens. */
bool lt_price_by_tokens(const struct lt_price *price);
/* Rounded up; images: pictures that were made. -1: the usage is not known, or the sum is beyond all measure. */
int64_t lt_price_cost(const struct lt_price *price, const struct lt_usage *usage, int64_t images);
