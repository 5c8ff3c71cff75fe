/* Finding a route. The table itself is lt_routes[] in request.h. */
#pragma once
#include "api/request.h"

/*
 * LT_OK: *ret and the decoded params (of the request's arena). LT_EMETHOD: the path is known, the method is not; *ret is a route of
 * that path. LT_ENOT_FOUND otherwise.
 */
enum lt_code lt_route_match(struct lt_arena *arena, struct lt_str method, struct lt_str path, const struct lt_route **ret,
                            struct lt_str params[LT_PARAMS_MAX]);
