/* Clocks. Any thread. Deadlines are always absolute monotonic milliseconds. */
#pragma once
#include "base/str.h"

#define LT_NEVER UINT64_MAX

/* Wall clock, milliseconds since 1970-01-01 UTC. */
int64_t lt_now_ms(void);
/* Monotonic milliseconds and microseconds. */
uint64_t lt_mono_ms(void);
uint64_t lt_mono_us(void);
/* Tests only: from now on lt_now_ms() returns ms; 0 restores the real clock. */
void lt_clock_freeze(int64_t ms);
/* Tests only: from now on both clocks are so much later than they were. */
void lt_clock_advance(uint64_t ms);
/* RFC 3339 in UTC with milliseconds, "2026-11-21T03:04:05.678Z"; out holds 25 bytes. Years are kept within 0000 to 9999. */
void lt_time_format(int64_t ms, char out[25]);
/* RFC 3339 date-time, any offset, any length of fraction (cut) → milliseconds; false when it is not one. */
bool lt_time_parse(struct lt_str s, int64_t *ret_ms);
