/*
 * HTML from outside (a model's question) made safe and well-formed, for files that other systems read. What may stay:
 *     b i em strong u sub sup code span br img[src alt] a[href]     p div pre blockquote ul ol li h3–h6 table thead tbody tr th td
 * with http(s) addresses, and for images data: addresses of png, jpeg, gif and webp. h1 and h2 become h3, section and its like div, kbd and its
 * like code. Everything else becomes the text in it; an image without an allowed address becomes its alt text. Where elements stand in each
 * other as XHTML does not allow, they are put right (an li around what stands bare in a list, and so on).
 * Formulas of MathJax, \( … \) and \[ … \], keep each character: "<" in them is no tag. (No end tag stands in a formula, and it has at most
 * 4,000 bytes.)
 */
#pragma once
#include "text/html_parse.h"

enum { LT_HTML_FRAGMENT_MAX = 256 << 10 }; /* of input, bytes */

/* QTI 2.1 has no u: em stands for it. */
enum lt_html_dialect { LT_HTML_XHTML, LT_HTML_QTI };

struct lt_html_fragment {
    struct lt_str blocks;    /* XHTML: a sequence of block elements; loose text stands in p */
    struct lt_str paragraph; /* the inside of the only p, when there is nothing else; else p == NULL */
};

/* The result lies in the arena; "" for a text in which nothing can be seen. Any thread. Errors: as html_parse.h, and LT_ETOO_LARGE. */
enum lt_code lt_html_fragment(struct lt_arena *arena, struct lt_str html, enum lt_html_dialect dialect, struct lt_html_fragment *ret,
                              struct lt_error *err);
