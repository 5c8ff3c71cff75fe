/*
 * Cookies of a request, and Django's token against forged requests. The reader is strict about the cookie that it is asked for (RFC 6265
 * §4.1.1 and §4.2.1): there must be one of that name, its value made of cookie octets, not quoted. Other cookies are passed over whatever
 * they hold, for browsers send along what any part of the platform has set, and some of that keeps to no rule.
 */
#pragma once
#include "base/error.h"
#include "io/http1.h"

/*
 * The value of a cookie, p NULL when there is none. LT_EINVALID_INPUT: there are two of that name, two Cookie fields (RFC 6265 §5.4
 * sends one), or its value has bytes that no value may have; the detail names the cookie and never tells the value.
 */
enum lt_code lt_cookie_get(const struct lt_http_head *head, const char *name, struct lt_str *ret, struct lt_error *err);

/*
 * Are these two the same secret, as Django compares X-CSRFToken with its cookie? Each is the secret itself (32 letters and digits), or
 * masked (64: a mask, then the secret moved along the alphabet by it). In constant time for texts of one length.
 */
bool lt_csrf_same(struct lt_str cookie, struct lt_str token);
