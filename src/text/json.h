/*
 * JSON: one reader, one writer. The tree lies in an arena, is immutable after parsing, and its layout is private to text/json*.c.
 * Strings carry lengths (a NUL inside is data). Numbers keep int64, double and their original text.
 * Refused with line, column and what was expected: duplicate keys, bad UTF-8, lone surrogates, `01`, trailing commas, bytes after
 * the end, nesting above the limit. RFC 8259, I-JSON (RFC 7493) where it is stricter.
 * JSON5 (spec.json5.org, 1.0.0) is read as a whole, with the limits that its section 8 leaves to readers: each key once, numbers below
 * 1.8e308, no lone surrogates.
 * Any thread; a tree may be read by many threads at once.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct lt_json; /* one value; NULL stands for "absent" everywhere below */

enum lt_json_type { LT_JSON_NULL, LT_JSON_BOOL, LT_JSON_NUMBER, LT_JSON_STRING, LT_JSON_ARRAY, LT_JSON_OBJECT };

/*
 * Infinity and NaN of JSON5 have no form in JSON: a tree that holds them answers lt_json_double_or() with them and is written with null in
 * their place. Where null would mean something else (settings, patches), LT_JSON_JSON5_FINITE refuses them with their place.
 */
enum { LT_JSON_STRICT, LT_JSON_JSON5, LT_JSON_JSON5_FINITE };
enum { LT_JSON_DEPTH = 128 }; /* deepest nesting accepted */
/* Longest text accepted, bytes. A number has at most 1,000 characters and is below 1.8e308. */
enum { LT_JSON_TEXT_MAX = 256 << 20 };

/*
 * Parses the whole of `text`. The tree points into `text` where no escape had to be decoded, so `text` must live as long as the
 * arena. Errors: LT_EINVALID_JSON with "line L, column C: expected …"; both count from 1, columns in code points.
 */
enum lt_code lt_json_parse(struct lt_arena *arena, struct lt_str text, int mode, const struct lt_json **ret, struct lt_error *err);

/* Reading. All take NULL (absent) and answer with the default. */
enum lt_json_type lt_json_type(const struct lt_json *v); /* NULL → LT_JSON_NULL */
const char *lt_json_type_name(const struct lt_json *v);  /* "string", "integer", "number", …; "absent" for NULL */
static inline bool lt_json_is(const struct lt_json *v, enum lt_json_type t)
{
    return v && lt_json_type(v) == t;
}
/* Member by key; NULL when absent or when v is not an object. Hashed: O(1). */
const struct lt_json *lt_json_get_str(const struct lt_json *v, struct lt_str key);
static inline const struct lt_json *lt_json_get(const struct lt_json *v, const char *key) /* inline: the length of a literal is known */
{
    return lt_json_get_str(v, lt_str(key));
}
/* RFC 6901 pointer ("/a/0/b"); NULL when there is nothing there. */
const struct lt_json *lt_json_at_pointer(const struct lt_json *v, const char *pointer);
/* Elements of an array or members of an object. */
size_t lt_json_len(const struct lt_json *v);
const struct lt_json *lt_json_at(const struct lt_json *v, size_t i);              /* element, or member value */
struct lt_str lt_json_key_at(const struct lt_json *v, size_t i);                  /* member name */
struct lt_str lt_json_str(const struct lt_json *v);                               /* {NULL,0} unless a string */
struct lt_str lt_json_str_or(const struct lt_json *v, struct lt_str otherwise);
bool lt_json_bool_or(const struct lt_json *v, bool otherwise);
bool lt_json_int64(const struct lt_json *v, int64_t *ret); /* true when a number without fraction that fits (1.0 and 1e2 count) */
int64_t lt_json_int64_or(const struct lt_json *v, int64_t otherwise);
double lt_json_double_or(const struct lt_json *v, double otherwise);
/* As written; a hexadecimal number that no int64 holds in decimal. */
struct lt_str lt_json_number_text(const struct lt_json *v);
/* Deep equality: numbers by value, objects without order. */
bool lt_json_equal(const struct lt_json *a, const struct lt_json *b);
/* Byte offset of the value's first byte in the parsed text. */
size_t lt_json_offset(const struct lt_json *v);

/* Serialises a tree, compact, keys in their order. */
void lt_json_write(struct lt_buf *out, const struct lt_json *v);
struct lt_str lt_json_text(struct lt_arena *arena, const struct lt_json *v);

/*
 * Writing: a small state machine that places commas. Misuse (a value without key in an object) asserts.
 *     struct lt_jw w; lt_jw_init(&w, &buf); lt_jw_obj(&w); lt_jw_key(&w, "id"); lt_jw_str(&w, id); lt_jw_end(&w);
 */
struct lt_jw {
    struct lt_buf *out;
    uint32_t depth;
    bool comma;              /* a value was written at this level */
    bool key;                /* a key waits for its value */
    uint8_t stack[LT_JSON_DEPTH / 8]; /* bit = 1: object, 0: array */
};
void lt_jw_init(struct lt_jw *w, struct lt_buf *out);
void lt_jw_obj(struct lt_jw *w);
void lt_jw_arr(struct lt_jw *w);
void lt_jw_end(struct lt_jw *w); /* closes the innermost object or array */
void lt_jw_key(struct lt_jw *w, const char *key);
void lt_jw_key_str(struct lt_jw *w, struct lt_str key);
void lt_jw_str(struct lt_jw *w, struct lt_str s); /* each byte that is not UTF-8 is written as U+FFFD */
void lt_jw_strz(struct lt_jw *w, const char *z);
void lt_jw_int(struct lt_jw *w, int64_t v);
void lt_jw_double(struct lt_jw *w, double v); /* shortest form that reads back the same; NaN and infinities become null */
void lt_jw_bool(struct lt_jw *w, bool v);
void lt_jw_null(struct lt_jw *w);
void lt_jw_json(struct lt_jw *w, const struct lt_json *v); /* NULL writes null */
void lt_jw_raw(struct lt_jw *w, struct lt_str json);       /* text that is a JSON value already */
/* key and value in one */
void lt_jw_kstr(struct lt_jw *w, const char *key, struct lt_str s);
void lt_jw_kstr_or_null(struct lt_jw *w, const char *key, struct lt_str s); /* s.p NULL writes null; "" is "" */
void lt_jw_kstr_nonempty(struct lt_jw *w, const char *key, struct lt_str s); /* "" writes null too */
void lt_jw_kstrz(struct lt_jw *w, const char *key, const char *z);
void lt_jw_kint(struct lt_jw *w, const char *key, int64_t v);
void lt_jw_kcount(struct lt_jw *w, const char *key, int64_t n); /* below 0 (unknown) writes null */
void lt_jw_ktime(struct lt_jw *w, const char *key, int64_t ms); /* since 1970, as RFC 3339 in UTC; 0 writes null */
void lt_jw_kbool(struct lt_jw *w, const char *key, bool v);
void lt_jw_kjson(struct lt_jw *w, const char *key, const struct lt_json *v);
/* The bytes of s as the inside of a JSON string, without the quotes. */
void lt_json_escape(struct lt_buf *out, struct lt_str s);
