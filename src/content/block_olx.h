/*
 * One block of Open edX as OLX text, as Studio's REST APIs give it (olx-export/v1, libraries/v2): <html …><![CDATA[…]]></html>, <problem …>…</problem>
 * or whatever a component writes. No I/O, no entity is expanded, no document type is taken. Any thread.
 */
#pragma once
#include "core/connector.h"

enum { LT_OLX_BLOCK_MAX = 2 << 20 /* bytes */ };

/*
 * Sets text, answers and showanswer of *ret (and its display_name and category when they are ""). What a problem's right answers and solution are
 * goes into `answers`, and never into `text`; hints go nowhere. LT_EINVALID_INPUT (no XML, or more than that), LT_ETOO_LARGE.
 */
enum lt_code lt_block_olx(struct lt_arena *arena, struct lt_str olx, struct lt_content_block *ret, struct lt_error *err);
