/*
 * One line for each request, to a file of its own: what was asked by the template of its route, never by its path or query, which may name users and
 * hold keys. No address of the client, no header. Private to src/api and the daemon.
 */
#pragma once
#include "api/api.h"
#include "io/line_file.h"

enum lt_access_format { LT_ACCESS_JSON, LT_ACCESS_COMBINED };
struct lt_access_log {
    struct lt_line_file *file;
    enum lt_access_format format;
    bool users;               /* a keyed hash stands for the user; else nothing does */
};

struct lt_request;
/* Takes down, in the request's arena, what the line says of it. At the end of the handler. */
void lt_access_note(struct lt_request *r);
