/* http:// and https:// addresses taken apart (RFC 3986, as narrow as our own use of them). No I/O. Any thread. */
#pragma once
#include "base/arena.h"
#include "base/error.h"

struct lt_url {
    bool https;
    int port;                 /* the scheme's when none is given */
    char host[256];           /* lower case; IPv6 in brackets */
    struct lt_str authority;  /* as given: host, perhaps a port */
    struct lt_str path;       /* with the query; may lack the first '/', may be empty */
};

/*
 * Visible ASCII, with a host; userinfo and fragment are refused. ret points into `text`. LT_EINVALID_INPUT, whose text never holds the
 * address itself: its query may hold a key.
 */
enum lt_code lt_url_parse(struct lt_str text, struct lt_url *ret, struct lt_error *err);
/* One segment of a path or one value of a query: all but RFC 3986's unreserved characters as %XX, and dots that would go up the path. */
struct lt_str lt_url_escape(struct lt_arena *arena, struct lt_str s);
