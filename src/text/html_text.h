/*
 * The text of an HTML document or fragment, as a model gets it: each line of each text node on a line of its own, trimmed, empty ones left out;
 * then, behind an empty line, what is embedded, in the order of the document:
 *     [Embedded image: alt="…", src="…"]        [Embedded iframe: title="…", src="…"]     [Embedded content: tag=embed, src="…"]
 *     [Embedded PDF: title="…", file="…"]       [Embedded object: title="…", type="…", file="…"]
 *     [Embedded video: title="…", sources="…, …"]   [Embedded audio: …]                   [Embedded XBlock: type="…", id="…"]
 * An XBlock is a div with data-type or data-block-id. Script, style and comments are left out, and so is what stands in for an object where it
 * cannot be shown. What has no address is not described. A value is at most 500 bytes, on one line, without double quotes; of a data: address
 * only the kind is told.
 */
#pragma once
#include "text/html_parse.h"

enum { LT_HTML_TEXT_MAX = 8 << 20 }; /* of output, bytes */

/* Bounds and threads: html_parse.h. Errors: its own, and LT_ETOO_LARGE for the output. */
enum lt_code lt_html_text(struct lt_arena *arena, struct lt_str html, struct lt_str *ret, struct lt_error *err);
