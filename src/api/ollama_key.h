/*
 * Keys at the Ollama door. Ollama has no keys of its own, so its clients have no one place for them: a bearer token as everywhere; the
 * password of HTTP Basic (RFC 7617), where the user name says nothing; or the first segment of the path, /ollama/KEY/api/…, for clients
 * that can be told an address and nothing else. A key in a path would get into logs: it is cut out of the request before anything else
 * looks at it.
 */
#pragma once
#include "base/arena.h"
#include "base/error.h"

/* Does the path belong to the door, whether or not anything is there? */
bool lt_ollama_is_path(struct lt_str path);

/*
 * "/ollama/KEY/api/tags" → "/ollama/api/tags" and KEY, decoded (as it stands when it is not percent-encoded UTF-8). Whatever stands there
 * instead of "api" is taken for a key, known or not. False, and nothing changed, when there is none or the path is not the door's. Any thread.
 */
bool lt_ollama_cut_key(struct lt_arena *arena, struct lt_str *path, struct lt_str *ret_key);

/*
 * The password of Basic credentials, the text behind "Basic ". LT_EUNAUTHENTICATED: not base64 (RFC 4648 §4, padded), no colon, an empty
 * password, not UTF-8 or control characters in it. The detail never holds any of it. Any thread.
 */
enum lt_code lt_basic_password(struct lt_arena *arena, struct lt_str credentials, struct lt_str *ret, struct lt_error *err);
