/* Files to be saved (RFC 6266): the name that a browser proposes comes from somebody's text, so most of that text stays away from it. */
#include "api/request.h"

enum { ASCII_MAX = 60, NAME_MAX_ = 120 /* bytes */ };

static bool is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters and digits of ASCII, with single hyphens for what stands between them. */
static struct lt_str ascii_name(struct lt_arena *arena, struct lt_str name)
{
    char *out = lt_alloc(arena, ASCII_MAX + 1);
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < ASCII_MAX; i++) {
        if (is_plain((unsigned char)name.p[i]))
            out[n++] = name.p[i];
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    return (struct lt_str){out, n};
}

/* Other controls, and what changes the direction of the text or cannot be seen: a name must not look like one with another ending. */
static bool is_hidden(const unsigned char *p, size_t n)
{
    uint32_t c = n == 2 ? (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu) : n == 3 ? (p[0] & 0xFu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu) : 0x10000;
    return c < 0xA0 || c == 0xAD || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF0 && c <= 0xFFFF);
}

/* The same with letters of all scripts, as RFC 8187 writes them. */
static void put_name(struct lt_buf *out, struct lt_str name)
{
    bool gap = false, any = false;
    name.n = lt_utf8_whole(name.p, name.n < NAME_MAX_ ? name.n : NAME_MAX_);
    for (size_t i = 0, n; i < name.n; i += n) {
        const unsigned char *p = (const unsigned char *)name.p + i;
        n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
        if (n == 1 ? !is_plain(p[0]) : is_hidden(p, n)) {
            gap = true;
            continue;
        }
        if (gap && any)
            lt_buf_putc(out, '-');
        gap = false;
        any = true;
        for (size_t k = 0; k < n; k++)
            lt_buf_printf(out, n == 1 ? "%c" : "%%%02X", p[k]);
    }
}

void lt_reply_file(struct lt_request *r, const char *type, struct lt_str name, const char *otherwise, const char *extension, struct lt_str body)
{
    struct lt_buf value;
    struct lt_str plain = ascii_name(r->arena, name);
    lt_buf_init(&value, 1024);
    lt_buf_printf(&value, "attachment; filename=\"%.*s%s\"", LT_FMT(plain.n > 0 ? plain : lt_str(otherwise)), extension);
    size_t before = value.n;
    lt_buf_put_str(&value, LT_STR("; filename*=UTF-8''"));
    size_t from = value.n;
    put_name(&value, name);
    if (memchr(value.p + from, '%', value.n - from))
        lt_buf_put_str(&value, lt_str(extension));
    else
        value.n = before;
    struct lt_http_field disposition = {LT_STR("Content-Disposition"), lt_str_copy(r->arena, lt_buf_str(&value))};
    lt_buf_free(&value);
    lt_reply(r, 200, type, NULL, &disposition, 1, body);
}
