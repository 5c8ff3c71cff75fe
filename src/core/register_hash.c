/* The canonical form and the hashes of the chain. */
#include "core/register_hash.h"

#include "base/secret.h"

const char *lt_register_kind_name(int64_t kind)
{
    static const char *const names[LT_REGISTER_KINDS] = {"unknown", "begin", "end", "tools", "erased", "aged", "break"};
    return kind > 0 && kind < LT_REGISTER_KINDS ? names[kind] : names[0];
}

static void put_eight(struct lt_buf *out, uint64_t v)
{
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(v >> (56 - 8 * i));
    lt_buf_put(out, bytes, sizeof(bytes));
}

static void put_bytes(struct lt_buf *out, char type, struct lt_str s)
{
    lt_buf_putc(out, type);
    put_eight(out, s.n);
    lt_buf_put_str(out, s);
}

void lt_canon_text(struct lt_buf *out, struct lt_str text)
{
    put_bytes(out, 't', text);
}

void lt_canon_value(struct lt_buf *out, const struct lt_value *v)
{
    switch (v->type) {
    case LT_V_INT:
        lt_buf_putc(out, 'i');
        put_eight(out, (uint64_t)v->i);
        return;
    case LT_V_TEXT:
        put_bytes(out, 't', v->s);
        return;
    case LT_V_BLOB:
        put_bytes(out, 'b', v->s);
        return;
    case LT_V_DOUBLE: /* no column of the register is one: what a hand has put there is told from what was */
    case LT_V_NULL:
        lt_buf_putc(out, v->type == LT_V_NULL ? 'n' : 'd');
        return;
    }
}

void lt_canon_row(struct lt_buf *out, const char *table, const char *const *names, const struct lt_value *values, size_t n)
{
    lt_canon_text(out, lt_str(table));
    for (size_t i = 0; i < n; i++) {
        lt_canon_text(out, lt_str(names[i]));
        lt_canon_value(out, &values[i]);
    }
}

/* The domain keeps hashes of one purpose from being taken for those of another. */
static void begin(struct lt_buf *out, struct lt_str domain, size_t more)
{
    lt_buf_init(out, SIZE_MAX);
    lt_buf_reserve(out, more + 128);
    lt_canon_text(out, domain);
}

static void finish(struct lt_buf *out, uint8_t hash[LT_REGISTER_HASH])
{
    lt_sha256(out->p, out->n, hash);
    lt_buf_free(out);
}

void lt_register_meta_hash(struct lt_str rows, uint8_t out[LT_REGISTER_HASH])
{
    struct lt_buf text;
    begin(&text, LT_STR("lectern/register/meta/1"), rows.n);
    lt_buf_put_str(&text, rows);
    finish(&text, out);
}

void lt_register_content_hash(const uint8_t *salt, struct lt_str rows, uint8_t out[LT_REGISTER_HASH])
{
    const struct lt_value first = salt ? LT_BLOB(salt, LT_REGISTER_HASH) : LT_NULL;
    struct lt_buf text;
    begin(&text, LT_STR("lectern/register/content/1"), rows.n);
    lt_canon_value(&text, &first);
    lt_buf_put_str(&text, rows);
    finish(&text, out);
}

void lt_register_entry_hash(const struct lt_register_entry *e, const uint8_t previous[LT_REGISTER_HASH], uint8_t out[LT_REGISTER_HASH])
{
    const struct lt_value values[] = {
        LT_BLOB(previous, LT_REGISTER_HASH),
        LT_INT(e->site_id),
        LT_INT(e->seq),
        LT_INT(e->kind),
        e->has_call ? LT_BLOB(e->call_id.b, 16) : LT_NULL,
        lt_value_known_int(e->through),
        LT_BLOB(e->meta_hash, LT_REGISTER_HASH),
        LT_BLOB(e->content_hash, LT_REGISTER_HASH),
    };
    struct lt_buf text;
    begin(&text, LT_STR("lectern/register/entry/1"), 256);
    for (size_t i = 0; i < LT_COUNT(values); i++)
        lt_canon_value(&text, &values[i]);
    finish(&text, out);
}

int64_t lt_register_time(struct lt_uuid id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.b[i];
    return ms;
}
