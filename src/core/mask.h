/*
 * Secrets of provider instances, taken out of text that is shown: what their settings schemas mark as writeOnly, as it stands, as JSON
 * writes it and as an address does. One fiber or thread.
 */
#pragma once
#include "core/site.h"

#define LT_MASKED "***"

struct lt_mask;

/* Of all instances of the site: a text for one may hold the key of another. In the arena, which the site must outlive. */
struct lt_mask *lt_mask_new(struct lt_arena *arena, const struct lt_site *site);
/* One more secret; "" is none. It must live as long as the mask. */
void lt_mask_add(struct lt_mask *mask, struct lt_str secret);
/*
 * The text with LT_MASKED in the place of each secret, cut behind at most `max` bytes of what is left (never within a character or a secret);
 * *ret_cut: something is missing. In the arena of the mask.
 */
struct lt_str lt_mask_text(const struct lt_mask *mask, struct lt_str text, size_t max, bool *ret_cut);
/* Is what a header field or a parameter of this name holds a secret, whatever it is? */
bool lt_mask_name(struct lt_str name);
