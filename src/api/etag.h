/* ETags of configuration, and changes that are made only while the one that the client has is still right (RFC 9110 §8.8.3, §13.1). */
#pragma once
#include "api/request.h"

/* Is etag ("\"…\"") one of the field's list? "*" fits any; weak: a weak tag (W/) of the list counts as well. What cannot be read fits nothing. */
bool lt_etag_listed(struct lt_str list, struct lt_str etag, bool weak);
/*
 * The tag of an answer about configuration: of lt_request.etag_of, else of its body. {NULL, 0} for all other routes and statuses. Made with
 * the site's secret: what is not shown, and is in etag_of, cannot be guessed from it.
 */
struct lt_str lt_etag(struct lt_request *r, int status, struct lt_str body);
/* Has the client what it asks for? For answers with that tag. */
bool lt_etag_client_has(struct lt_request *r, struct lt_str etag);

/* Is it a change that is to be made under a condition? */
bool lt_etag_conditional(struct lt_request *r);
/* Runs the handler if If-Match is met; whatever else changes meanwhile, by whomever: checked and changed is one. Answers 412 otherwise. */
void lt_etag_change(struct lt_request *r);
/* Is this refusal only that other configuration was changed at the same time? Then nothing is answered: lt_etag_change() tries again. */
bool lt_etag_again(struct lt_request *r, const struct lt_error *err);
