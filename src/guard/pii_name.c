/* The caller's own name, as the token or the LMS says it. */
#include "guard/pii_private.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

enum { POINTS_MAX = 128, PARTS_MAX = 12, PART_LETTERS = 3, PART_LETTERS_DENSE = 2 };

struct part {
    uint32_t *points;        /* folded */
    size_t n;
    bool capital;            /* counts only where it is written with a capital letter */
};

struct lt_pii_names {
    struct part parts[PARTS_MAX];
    size_t n;
    uint64_t first;          /* bits: first letters, by their lowest six */
};

/* What a letter is without case and accents; 0: a mark that stands on the letter before. */
static uint32_t fold(uint32_t point)
{
    static const struct {
        uint32_t from, to;
    } rows[] = {{0x142, 'l'}, {0xF8, 'o'}, {0x111, 'd'}, {0x131, 'i'}, {0xF0, 'd'}, {0x2019, '\''}, {0x2010, '-'}, {0x2011, '-'}, {0xA0, ' '}};
    if (point < 0x80)
        return point >= 'A' && point <= 'Z' ? point + 32 : point;
    if (u_charType((UChar32)point) == U_NON_SPACING_MARK)
        return 0;
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *nfd = unorm2_getNFDInstance(&status);
    for (int i = 0; i < 4 && U_SUCCESS(status); i++) { /* a letter with two accents takes two steps */
        UChar parts[8];
        int32_t n = unorm2_getRawDecomposition(nfd, (UChar32)point, parts, LT_COUNT(parts), &status);
        if (n <= 0 || U_FAILURE(status))
            break;
        UChar32 base;
        int32_t k = 0;
        U16_NEXT(parts, k, n, base);
        point = (uint32_t)base;
    }
    point = (uint32_t)u_foldCase((UChar32)point, U_FOLD_CASE_DEFAULT);
    for (size_t i = 0; i < LT_COUNT(rows); i++)
        if (point == rows[i].from)
            return rows[i].to;
    return point;
}

static bool blank(uint32_t point)
{
    return point == ' ' || point == '-' || point == '\t';
}

/* Not an own name by themselves. */
static bool particle(struct lt_str word)
{
    static const char *const words[] = {"and", "bin", "ibn", "ben", "abu", "das", "del", "della", "dem", "den", "der", "des", "dos", "las", "los", "les",
                                        "san", "the", "van", "vom", "von", "zum", "zur", "ter", "ten", "mrs", "prof", "herr", "frau", "jun", "sen"};
    for (size_t i = 0; i < LT_COUNT(words); i++)
        if (lt_str_eq_ci(word, lt_str(words[i])))
            return true;
    return false;
}

static bool has_case(uint32_t point)
{
    return u_toupper((UChar32)point) != (UChar32)point || u_tolower((UChar32)point) != (UChar32)point;
}

static void add(struct lt_pii_names *names, struct lt_arena *arena, struct lt_str text, bool whole)
{
    struct part part = {.points = LT_NEW_ARRAY(arena, uint32_t, POINTS_MAX)};
    bool cased = true;
    if (names->n == PARTS_MAX)
        return;
    for (size_t i = 0, n; i < text.n && part.n < POINTS_MAX; i += n) {
        uint32_t point = lt_pii_point(text, i, &n), is = fold(point);
        cased = part.n > 0 ? cased : has_case(point);
        if (is)
            part.points[part.n++] = blank(is) ? ' ' : is;
    }
    part.capital = !whole && cased;
    if (part.n < (size_t)(cased ? PART_LETTERS : PART_LETTERS_DENSE) || (!whole && particle(text)))
        return;
    for (size_t i = 0; i < names->n; i++)
        if (names->parts[i].n == part.n && memcmp(names->parts[i].points, part.points, part.n * sizeof(*part.points)) == 0)
            return;
    names->first |= UINT64_C(1) << (part.points[0] & 63);
    names->parts[names->n++] = part;
}

struct lt_pii_names *lt_pii_names_new(struct lt_arena *arena, struct lt_str name)
{
    struct lt_pii_names *names = LT_NEW(arena, struct lt_pii_names);
    name = lt_str_trim(name);
    if (name.n > 255 || !lt_utf8_valid(name.p, name.n))
        return NULL;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == '"' || name.p[i] == '\\')
            return NULL;
    if (memchr(name.p ? name.p : "", ' ', name.n))
        add(names, arena, name, true); /* first: the longest is looked for first */
    for (struct lt_str rest = name; rest.n > 0;) {
        struct lt_str word = lt_str_trim(lt_str_cut(&rest, ' '));
        bool double_name = word.n > 0 && memchr(word.p, '-', word.n);
        add(names, arena, word, false);
        while (double_name && word.n > 0)
            add(names, arena, lt_str_cut(&word, '-'), false);
    }
    return names->n > 0 ? names : NULL;
}

static size_t match(const struct part *part, struct lt_str text, size_t at)
{
    size_t i = at, k = 0, n, first;
    uint32_t begin = lt_pii_point(text, at, &first);
    if (part->capital && u_tolower((UChar32)begin) == (UChar32)begin)
        return 0;
    while (i < text.n) {
        uint32_t is = fold(lt_pii_point(text, i, &n));
        if (is != 0) {
            if (k == part->n || (blank(is) ? ' ' : is) != part->points[k])
                break;
            k++;
        }
        i += n;
    }
    return k == part->n && lt_pii_ends(text, i) ? i - at : 0;
}

size_t lt_pii_person(const struct lt_pii_names *names, struct lt_str text, size_t at)
{
    size_t n;
    uint32_t point = lt_pii_point(text, at, &n);
    if (!(names->first >> (fold(point) & 63) & 1))
        return 0;
    for (size_t i = 0; i < names->n; i++) {
        size_t found = match(&names->parts[i], text, at);
        if (found > 0)
            return found;
    }
    return 0;
}
