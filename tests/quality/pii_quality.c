/*
 * How well personal data are found: precision and recall by kind and by language over tests/quality/pii/items.json. A find is right when kind and text
 * are those of the label. The least that is acceptable stands in the table below and was set before anything was measured.
 *
 * Then how well the language of the same sentences is told. They are short, and made for another purpose: most are undecided, so only what is told
 * wrongly has a bound.
 */
#include <stdio.h>

#include "guard/language.h"
#include "guard/pii.h"
#include "text/json.h"

static const struct {
    double precision, recall;
} least[LT_PII_COUNT] = {
    [LT_PII_EMAIL] = {0.98, 0.98}, [LT_PII_PHONE] = {0.90, 0.80}, [LT_PII_CARD] = {0.98, 0.98}, [LT_PII_IBAN] = {0.98, 0.98},
    [LT_PII_ID] = {0.95, 0.90},    [LT_PII_IP] = {0.95, 0.95},    [LT_PII_NAME] = {0.95, 0.95},
};

struct score {
    const char *name;
    int right, wrong, missed;
};

static double share(int part, int rest)
{
    return part + rest ? (double)part / (part + rest) : 1;
}

static void print(const struct score *s)
{
    printf("%-12s %5d %5d %5d   %6.3f   %6.3f\n", s->name, s->right, s->wrong, s->missed, share(s->right, s->wrong), share(s->right, s->missed));
}

static struct score *of_language(struct score *list, struct lt_arena *arena, struct lt_str language)
{
    while (list->name && !lt_str_is(language, list->name))
        list++;
    if (!list->name)
        list->name = lt_strz(arena, language);
    return list;
}

enum { LABELS_MAX = 16 };

static void measure(struct lt_arena *arena, const struct lt_json *item, struct score *kinds, struct score *languages)
{
    struct lt_str text = lt_json_str(lt_json_get(item, "text"));
    struct lt_pii_options o = {LT_PII_ALL, lt_pii_names_new(arena, lt_json_str(lt_json_get(item, "name")))};
    const struct lt_json *labels = lt_json_get(item, "finds");
    struct score *language = of_language(languages, arena, lt_json_str(lt_json_get(item, "language")));
    bool met[LABELS_MAX] = {false};
    struct lt_pii_find f;
    for (size_t at = 0; lt_pii_next(&o, text, at, &f); at = f.at + f.n) {
        size_t k = 0, n = lt_json_len(labels);
        for (; k < n && k < LABELS_MAX; k++)
            if (!met[k] && lt_str_is(lt_json_str(lt_json_get(lt_json_at(labels, k), "kind")), lt_pii_name(f.kind)) &&
                lt_str_eq(lt_json_str(lt_json_get(lt_json_at(labels, k), "text")), (struct lt_str){text.p + f.at, f.n}))
                break;
        if (k < n)
            met[k] = true, kinds[f.kind].right++, language->right++;
        else
            kinds[f.kind].wrong++, language->wrong++, printf("wrong  %-12s '%.*s' in: %.*s\n", lt_pii_name(f.kind), (int)f.n, text.p + f.at, LT_FMT(text));
    }
    for (size_t k = 0; k < lt_json_len(labels) && k < LABELS_MAX; k++)
        for (int kind = 0; !met[k] && kind < LT_PII_COUNT; kind++)
            if (lt_str_is(lt_json_str(lt_json_get(lt_json_at(labels, k), "kind")), lt_pii_name(kind)))
                kinds[kind].missed++, language->missed++, printf("missed %-12s in: %.*s\n", lt_pii_name(kind), LT_FMT(text));
}

/* ---- languages ---- */

#define WRONG_MAX 0.02       /* of the sentences of a language */

struct told {
    int right, wrong, undecided;
};

static bool tell_languages(const struct lt_json *items, struct score *languages)
{
    bool ok = true;
    struct told all = {0};
    printf("\nlanguage     right wrong undecided  wrong of all  wrong of decided\n");
    for (const struct score *l = languages; l->name; l++) {
        struct told t = {0};
        for (size_t i = 0; i < lt_json_len(items); i++) {
            const struct lt_json *item = lt_json_at(items, i);
            struct lt_str text = lt_json_str(lt_json_get(item, "text"));
            if (!lt_str_is(lt_json_str(lt_json_get(item, "language")), l->name))
                continue;
            const char *is = lt_language_of(text);
            if (!is)
                t.undecided++;
            else if (lt_str_is(lt_str(is), l->name))
                t.right++;
            else
                t.wrong++, printf("wrong  %s for %s: %.*s\n", is, l->name, LT_FMT(text));
        }
        printf("%-12s %5d %5d %9d        %6.3f            %6.3f\n", l->name, t.right, t.wrong, t.undecided, share(t.wrong, t.right + t.undecided),
               t.right + t.wrong ? share(t.wrong, t.right) : 0);
        all = (struct told){all.right + t.right, all.wrong + t.wrong, all.undecided + t.undecided};
        ok &= share(t.wrong, t.right + t.undecided) <= WRONG_MAX;
    }
    printf("%-12s %5d %5d %9d        %6.3f            %6.3f\n", "all", all.right, all.wrong, all.undecided, share(all.wrong, all.right + all.undecided),
           all.right + all.wrong ? share(all.wrong, all.right) : 0);
    return ok;
}

enum { FILE_MAX = 16 << 20 };

static bool read_whole(struct lt_arena *arena, const char *path, struct lt_str *ret)
{
    FILE *file = fopen(path, "rb");
    char *p = lt_alloc(arena, FILE_MAX);
    *ret = (struct lt_str){p, file ? fread(p, 1, FILE_MAX, file) : 0};
    return file && fclose(file) == 0 && ret->n > 0 && ret->n < FILE_MAX;
}

int main(int argc, char **argv)
{
    struct lt_arena *arena = lt_arena_new();
    struct score kinds[LT_PII_COUNT] = {{0}}, languages[16] = {{0}};
    struct lt_error err;
    const struct lt_json *items = NULL;
    struct lt_str text;
    bool ok = true;
    if (argc != 2 || !read_whole(arena, argv[1], &text) || lt_json_parse(arena, text, LT_JSON_STRICT, &items, &err)) {
        fprintf(stderr, "usage: pii_quality items.json\n");
        return 2;
    }
    for (int i = 0; i < LT_PII_COUNT; i++)
        kinds[i].name = lt_pii_name(i);
    for (size_t i = 0; i < lt_json_len(items); i++)
        measure(arena, lt_json_at(items, i), kinds, languages);
    printf("%zu items\n\n             right wrong missed precision recall\n", lt_json_len(items));
    for (int i = 0; i < LT_PII_COUNT; i++) {
        print(&kinds[i]);
        ok &= share(kinds[i].right, kinds[i].wrong) >= least[i].precision && share(kinds[i].right, kinds[i].missed) >= least[i].recall;
    }
    printf("\n");
    for (struct score *l = languages; l->name; l++)
        print(l);
    ok &= tell_languages(items, languages);
    lt_arena_free(arena);
    return ok ? 0 : 1;
}
