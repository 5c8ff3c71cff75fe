/* Our strings in, well-formed XML out. */
#include "text/xml_write.h"

#include <libxml/xmlwriter.h>
#include <unicode/utf8.h>

#include "base/buf.h"

/* ---- characters ---- */

/* What stands for c in XML: c, another character, or 0 = nothing. Negative: the bytes are not UTF-8. */
static UChar32 held_as(UChar32 c)
{
    if (c < 0)
        return 0xFFFD;
    if (c == '\f' || c == '\v')
        return ' ';
    bool has_no_form = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0xFFFE || c == 0xFFFF;
    return has_no_form ? 0 : c;
}

/* Index of the first byte from i on that cannot stay as it is; n when there is none. */
static size_t first_to_clean(struct lt_str s, size_t i)
{
    while (i < s.n) {
        size_t at = i;
        UChar32 c;
        U8_NEXT((const uint8_t *)s.p, i, s.n, c);
        if (c <= 0 || held_as(c) != c)
            return at;
    }
    return s.n;
}

struct lt_str lt_xml_clean(struct lt_arena *arena, struct lt_str s)
{
    size_t at = first_to_clean(s, 0);
    if (at == s.n)
        return s;
    char *out = lt_alloc(arena, at + 3 * (s.n - at) + 1); /* U+FFFD is three bytes */
    size_t n = 0, from = 0;
    while (from < s.n) {
        memcpy(out + n, s.p + from, at - from);
        n += at - from;
        if (at == s.n)
            break;
        UChar32 c;
        U8_NEXT((const uint8_t *)s.p, at, s.n, c);
        if ((c = held_as(c)) != 0)
            n += (size_t)lt_utf8_encode((uint32_t)c, out + n);
        from = at;
        at = first_to_clean(s, at);
    }
    out[n] = 0;
    return (struct lt_str){out, n};
}

/* ---- the writer ---- */

void lt_xml_begin(struct lt_xml *x, struct lt_arena *arena)
{
    *x = (struct lt_xml){.arena = arena, .buffer = xmlBufferCreate()};
    if (x->buffer) {
        xmlBufferSetAllocationScheme(x->buffer, XML_BUFFER_ALLOC_DOUBLEIT);
        x->writer = xmlNewTextWriterMemory(x->buffer, 0);
    }
    x->failed = !x->writer;
}

static void note(struct lt_xml *x, int written)
{
    x->failed = x->failed || written < 0;
}

/* The text as libxml2 takes it: clean, with a NUL behind it. */
static const xmlChar *given(struct lt_xml *x, struct lt_str s)
{
    return (const xmlChar *)lt_strz(x->arena, lt_xml_clean(x->arena, s));
}

void lt_xml_declaration(struct lt_xml *x)
{
    if (!x->failed)
        note(x, xmlTextWriterStartDocument(x->writer, "1.0", "UTF-8", NULL));
}

void lt_xml_open(struct lt_xml *x, const char *name)
{
    if (!x->failed)
        note(x, xmlTextWriterStartElement(x->writer, (const xmlChar *)name));
}

void lt_xml_attr(struct lt_xml *x, const char *name, struct lt_str value)
{
    if (!x->failed)
        note(x, xmlTextWriterWriteAttribute(x->writer, (const xmlChar *)name, given(x, value)));
}

void lt_xml_attrz(struct lt_xml *x, const char *name, const char *value)
{
    lt_xml_attr(x, name, lt_str(value));
}

/* (xmlTextWriterWriteString escapes nothing where no element is open.) */
void lt_xml_text(struct lt_xml *x, struct lt_str text)
{
    if (x->failed || text.n == 0)
        return;
    xmlChar *escaped = xmlEncodeSpecialChars(NULL, given(x, text));
    note(x, escaped ? xmlTextWriterWriteRaw(x->writer, escaped) : -1);
    xmlFree(escaped);
}

void lt_xml_raw(struct lt_xml *x, struct lt_str xml)
{
    if (!x->failed && xml.n > 0)
        note(x, xmlTextWriterWriteRawLen(x->writer, (const xmlChar *)xml.p, (int)xml.n));
}

void lt_xml_close(struct lt_xml *x)
{
    if (!x->failed)
        note(x, xmlTextWriterEndElement(x->writer));
}

void lt_xml_close_tag(struct lt_xml *x)
{
    if (!x->failed)
        note(x, xmlTextWriterFullEndElement(x->writer));
}

void lt_xml_element_attr(struct lt_xml *x, const char *name, const char *attr, const char *value, struct lt_str text)
{
    lt_xml_open(x, name);
    if (attr)
        lt_xml_attrz(x, attr, value);
    lt_xml_text(x, text);
    lt_xml_close(x);
}

void lt_xml_element(struct lt_xml *x, const char *name, struct lt_str text)
{
    lt_xml_element_attr(x, name, NULL, NULL, text);
}

enum lt_code lt_xml_end(struct lt_xml *x, struct lt_str *ret, struct lt_error *err)
{
    enum lt_code code = LT_OK;
    if (!x->failed)
        note(x, xmlTextWriterFlush(x->writer));
    size_t n = x->failed ? 0 : (size_t)xmlBufferLength(x->buffer);
    if (x->failed)
        code = lt_fail(err, LT_EINTERNAL, "XML cannot be written");
    else if (n > LT_XML_TEXT_MAX)
        code = lt_fail(err, LT_ETOO_LARGE, "the XML is longer than %d bytes", LT_XML_TEXT_MAX);
    else
        *ret = lt_str_copy(x->arena, (struct lt_str){(const char *)xmlBufferContent(x->buffer), n});
    if (x->writer)
        xmlFreeTextWriter(x->writer);
    if (x->buffer)
        xmlBufferFree(x->buffer);
    *x = (struct lt_xml){.failed = true};
    return code;
}
