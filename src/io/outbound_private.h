/* Private to outbound*.c: the proxy. */
#pragma once
#include "io/outbound.h"

struct lt_outbound_proxy {
    struct lt_url url;           /* its own; authority and path are not set */
    char authorization[1024];    /* "Basic …", or empty */
};
/* NULL when there is none. */
const struct lt_outbound_proxy *lt_outbound_proxy(void);
