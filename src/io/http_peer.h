/* Asking another process of this installation. */
#pragma once
#include "io/http_client.h"

/*
 * lt_http_send() to an address that the other process has told by itself: the rules of io/outbound.h, which are for addresses that administrators of
 * sites set, are not for it, and its connection is used for nothing else.
 */
enum lt_code lt_http_send_peer(struct lt_loop *loop, const struct lt_http_call *call, struct lt_http_reply **ret, struct lt_error *err);
