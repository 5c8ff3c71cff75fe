/* Sentences, words and stems by ICU and Snowball. See sentences.h. Fuzzed by tests/fuzz/fuzz_sentences.c. */
#include "text/sentences.h"

#include <libstemmer.h>
#include <stdio.h>
#include <stdlib.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

/*
 * Words so common that sharing them says nothing about what two sentences are about: articles, pronouns, prepositions,
 * conjunctions, auxiliaries, the plainest adverbs. They also tell the language, so the lists are of about equal length.
 */
static const char *const english_stop_words[] = {
    "a", "about", "after", "all", "also", "am", "an", "and", "another", "any", "are", "as", "at", "be", "because", "been",
    "before", "being", "between", "both", "but", "by", "can", "cannot", "could", "did", "do", "does", "doing", "don't",
    "each", "either", "else", "every", "few", "for", "from", "further", "get", "had", "has", "have", "having", "he", "her",
    "here", "hers", "him", "his", "how", "however", "i", "if", "in", "into", "is", "isn't", "it", "it's", "its", "itself",
    "just", "let", "like", "made", "make", "many", "may", "me", "might", "more", "most", "much", "must", "my", "neither",
    "no", "nor", "not", "now", "of", "off", "often", "on", "once", "one", "only", "or", "other", "others", "our", "out",
    "over", "own", "quite", "rather", "s", "same", "shall", "she", "should", "since", "so", "some", "still", "such", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "though", "through", "thus", "to",
    "too", "under", "until", "up", "upon", "us", "very", "was", "we", "were", "what", "when", "where", "whether", "which",
    "while", "who", "whom", "whose", "why", "will", "with", "within", "without", "would", "yet", "you", "your",
};
static const char *const spanish_stop_words[] = {
    "a", "al", "algo", "alguna", "algunas", "alguno", "algunos", "ante", "antes", "aquel", "aquella", "aquello", "así",
    "aun", "aunque", "aún", "bajo", "bien", "cada", "casi", "como", "con", "contra", "cual", "cuales", "cualquier",
    "cuando", "cuanto", "cuál", "cuándo", "cómo", "de", "del", "desde", "donde", "dos", "durante", "e", "el", "ella",
    "ellas", "ello", "ellos", "en", "entonces", "entre", "era", "eran", "es", "esa", "esas", "ese", "eso", "esos", "esta",
    "estaba", "estar", "estas", "este", "esto", "estos", "está", "están", "fue", "fueron", "ha", "haber", "había", "habían",
    "hace", "hacer", "hacia", "han", "hasta", "hay", "la", "las", "le", "les", "lo", "los", "luego", "me", "menos", "mi",
    "mientras", "mis", "mucha", "muchas", "mucho", "muchos", "muy", "más", "nada", "ni", "ninguna", "ninguno", "no", "nos",
    "nosotros", "o", "os", "otra", "otras", "otro", "otros", "para", "pero", "poco", "por", "porque", "puede", "pueden",
    "pues", "que", "quien", "quienes", "qué", "se", "sea", "sean", "según", "ser", "si", "sido", "siempre", "sin", "sino",
    "sobre", "solo", "son", "su", "sus", "sí", "sólo", "tal", "también", "tan", "tanto", "te", "tener", "tiene", "tienen",
    "toda", "todas", "todavía", "todo", "todos", "tu", "tus", "un", "una", "unas", "uno", "unos", "usted", "va", "vez", "y",
    "ya", "yo", "él",
};
static const char *const french_stop_words[] = {
    "a", "afin", "ai", "ainsi", "alors", "après", "as", "assez", "au", "aucun", "aucune", "aujourd", "aussi", "autre",
    "autres", "aux", "avait", "avant", "avec", "avoir", "beaucoup", "bien", "c", "car", "ce", "ceci", "cela", "celle",
    "celles", "celui", "ces", "cet", "cette", "ceux", "chacun", "chaque", "chez", "comme", "comment", "d", "dans", "de",
    "depuis", "des", "deux", "donc", "dont", "du", "elle", "elles", "en", "encore", "enfin", "entre", "es", "est", "et",
    "eu", "eux", "faire", "fait", "faut", "font", "fut", "il", "ils", "j", "je", "jusqu", "jusque", "l", "la", "le", "les",
    "leur", "leurs", "lors", "lorsque", "lui", "là", "ma", "mais", "me", "mes", "moi", "moins", "mon", "même", "mêmes", "n",
    "ne", "ni", "non", "nos", "notre", "nous", "on", "ont", "ou", "où", "par", "parce", "parfois", "pas", "pendant", "peu",
    "peut", "peuvent", "plus", "plusieurs", "pour", "pourquoi", "puis", "puisque", "qu", "quand", "que", "quel", "quelle",
    "quelles", "quelque", "quelques", "quels", "qui", "quoi", "s", "sa", "sans", "se", "sera", "ses", "si", "soit", "son",
    "sont", "sous", "souvent", "sur", "ta", "te", "tel", "telle", "tes", "toi", "ton", "toujours", "tous", "tout", "toute",
    "toutes", "très", "tu", "un", "une", "va", "vers", "voici", "voilà", "vos", "votre", "vous", "y", "à", "étaient",
    "était", "été", "être",
};
static const char *const german_stop_words[] = {
    "aber", "alle", "allem", "allen", "aller", "alles", "als", "also", "am", "an", "ander", "andere", "anderen", "anderer",
    "anderes", "auch", "auf", "aus", "bei", "beide", "beiden", "beim", "bereits", "bin", "bis", "bist", "da", "dabei",
    "dafür", "dagegen", "daher", "damit", "danach", "dann", "daran", "darauf", "daraus", "darf", "darum", "das", "dass",
    "dazu", "dein", "dem", "den", "denn", "der", "deren", "des", "deshalb", "dessen", "die", "dies", "diese", "diesem",
    "diesen", "dieser", "dieses", "doch", "dort", "du", "durch", "ebenso", "ein", "eine", "einem", "einen", "einer",
    "eines", "einige", "einmal", "er", "erst", "es", "etwa", "etwas", "euch", "für", "gar", "gegen", "genau", "gibt", "hat",
    "hatte", "hatten", "hier", "hin", "hinter", "ich", "ihm", "ihn", "ihnen", "ihr", "ihre", "ihrem", "ihren", "ihrer",
    "im", "immer", "in", "ins", "ist", "ja", "jede", "jedem", "jeden", "jeder", "jedes", "jedoch", "jene", "jener", "kann",
    "kein", "keine", "keinem", "keinen", "keiner", "können", "könnte", "man", "manche", "mehr", "mein", "meine", "meisten",
    "mit", "muss", "müssen", "nach", "nicht", "nichts", "noch", "nun", "nur", "ob", "oder", "ohne", "schon", "sehr", "sein",
    "seine", "seinem", "seinen", "seiner", "seit", "selbst", "sich", "sie", "sind", "so", "sogar", "solche", "soll",
    "sollen", "sollte", "sondern", "sonst", "sowie", "trotzdem", "um", "und", "uns", "unser", "unter", "viel", "viele",
    "vom", "von", "vor", "war", "waren", "warum", "was", "weder", "weil", "welche", "welcher", "wenn", "wer", "werden",
    "wie", "wieder", "will", "wir", "wird", "wo", "wohl", "worden", "wurde", "wurden", "während", "zu", "zum", "zur",
    "zwar", "zwischen", "über",
};

/* Abbreviations that stand before capitals or numbers and that CLDR's lists lack or know in another spelling. */
static const char *const english_abbreviations[] = {"Dr", "Fig", "St", "Vol", "approx", "cf", "eq", "fig", "vol", "vs", NULL};
static const char *const spanish_abbreviations[] = {
    "Dr", "Dra", "EE", "Sr", "Sra", "Srta", "art", "cap", "fig", "núm", "pág", NULL,
};
static const char *const french_abbreviations[] = {
    "Dr", "MM", "Mgr", "St", "apr", "av", "chap", "cf", "fig", "no", "vol", "éd", NULL,
};
static const char *const german_abbreviations[] = {"Abb", "Abs", "Bd", "Dr", "Hl", "Nr", "Prof", "St", "bzw", "ca", "vgl", NULL};

/*
 * What a sentence begins with when it is not to be understood without the one before. Short and closed on purpose: words that
 * are articles as often as pronouns (French "le", Spanish "lo") are missing, German "sein" (his; to be) counts only as the first
 * word, and subjects that Spanish does not speak out cannot be seen.
 * Spelled as fold_word() leaves words: "ss" for "ß".
 */
static const char *const english_openers[] = {
    "also", "and", "as a result", "besides", "but", "by contrast", "consequently", "conversely", "finally", "for example",
    "for instance", "furthermore", "hence", "here", "however", "in addition", "in contrast", "in other words", "instead",
    "lastly", "likewise", "moreover", "nevertheless", "nonetheless", "nor", "on the other hand", "or", "otherwise", "similarly",
    "so", "still", "such", "that", "that's", "the former", "the latter", "the same", "then", "therefore", "those", "thus", "yet",
    NULL,
};
static const char *const english_pointers[] = {
    "he", "he's", "her", "him", "his", "it", "it's", "its", "she", "she's", "their", "them", "these", "they", "they're", "this",
    NULL,
};
static const char *const english_impersonal[] = {"those who", NULL};
static const char *const spanish_openers[] = {
    "a su vez", "además", "ahí", "al contrario", "allí", "aquí", "asimismo", "así", "aun así", "de ahí", "después", "e",
    "en cambio", "en consecuencia", "en otras palabras", "entonces", "es decir", "finalmente", "lo mismo", "luego",
    "no obstante", "o", "pero", "por consiguiente", "por ejemplo", "por el contrario", "por lo tanto", "por tanto",
    "por último", "pues", "sin embargo", "tal", "tales", "también", "tampoco", "y", NULL,
};
static const char *const spanish_pointers[] = {
    "aquel", "aquella", "aquellas", "aquello", "aquellos", "ella", "ellas", "ello", "ellos", "esa", "esas", "ese", "eso", "esos",
    "esta", "estas", "este", "esto", "estos", "su", "sus", "él", NULL,
};
static const char *const spanish_impersonal[] = {"aquel que", "aquella que", "aquellas que", "aquellos que", NULL};
static const char *const french_openers[] = {
    "ainsi", "alors", "au contraire", "aussi", "autrement dit", "c'est", "c'était", "car", "ce", "celle", "celles", "celui",
    "cependant", "ceux", "d'ailleurs", "d'où", "de là", "de même", "de plus", "donc", "en effet", "en outre", "en revanche",
    "enfin", "ensuite", "et", "ici", "là", "mais", "néanmoins", "or", "ou", "par ailleurs", "par conséquent",
    "par contre", "par exemple", "pourtant", "puis", "toutefois", NULL,
};
static const char *const french_pointers[] = {
    "ceci", "cela", "ces", "cet", "cette", "elle", "elles", "eux", "il", "ils", "leur", "leurs", "lorsqu'elle", "lorsqu'il",
    "lui", "qu'elle", "qu'elles", "qu'il", "qu'ils", "s'il", "s'ils", "sa", "ses", "son", "ça", NULL,
};
static const char *const french_impersonal[] = {
    "ce que", "ce qui", "celle qui", "celles qui", "celui qui", "ceux qui", "il existe", "il faut", "il s'agit", "il y", NULL,
};
static const char *const german_openers[] = {
    "aber", "allerdings", "also", "auch", "ausserdem", "beispielsweise", "dabei", "dadurch", "dafür", "dagegen", "daher",
    "damit", "danach", "dann", "daran", "darauf", "daraus", "darin", "darum", "das hat", "das heisst", "das ist", "das kann",
    "das war", "das wird", "davon", "dazu", "denn", "dennoch", "deshalb", "deswegen", "doch", "dort", "ebenso", "folglich",
    "hier", "jedoch", "jene", "jener", "oder", "schliesslich", "sein", "so", "solche", "somit", "sonst",
    "stattdessen", "trotzdem", "und", "zudem", "zum beispiel", NULL,
};
static const char *const german_pointers[] = {
    "dies", "diese", "diesem", "diesen", "dieser", "dieses", "er", "es", "ihm", "ihn", "ihnen", "ihr", "ihre", "ihrem", "ihren",
    "ihrer", "seine", "seinem", "seinen", "seiner", "sie", NULL,
};
static const char *const german_impersonal[] = {"es gab", "es gibt", "gab es", "gibt es", NULL};

#define GUESSED(code, stemmer, language) \
    {code, stemmer, language##_stop_words, LT_COUNT(language##_stop_words), language##_abbreviations, language##_openers, \
     language##_pointers, language##_impersonal}
#define NAMED(code, stemmer) {code, stemmer, NULL, 0, none, none, none, none}
static const char *const none[] = {NULL};
static const struct lt_language languages[] = {
    GUESSED("en", "english", english),
    GUESSED("es", "spanish", spanish),
    GUESSED("fr", "french", french),
    GUESSED("de", "german", german),
    /* With these the weight of a word (rank.c) has to do what a list does above. */
    NAMED("ar", "arabic"), NAMED("ca", "catalan"), NAMED("da", "danish"), NAMED("el", "greek"), NAMED("eu", "basque"),
    NAMED("fi", "finnish"), NAMED("ga", "irish"), NAMED("hi", "hindi"), NAMED("hu", "hungarian"), NAMED("hy", "armenian"),
    NAMED("id", "indonesian"), NAMED("it", "italian"), NAMED("lt", "lithuanian"), NAMED("nb", "norwegian"),
    NAMED("ne", "nepali"), NAMED("nl", "dutch"), NAMED("no", "norwegian"), NAMED("pt", "portuguese"), NAMED("ro", "romanian"),
    NAMED("ru", "russian"), NAMED("sr", "serbian"), NAMED("sv", "swedish"), NAMED("ta", "tamil"), NAMED("tr", "turkish"),
};
enum { GUESSED_N = 4 };
static const struct lt_language unknown_language = {"", NULL, NULL, 0, none, none, none, none};

const struct lt_language *lt_language_find(struct lt_str tag)
{
    size_t n = 0;
    while (n < tag.n && tag.p[n] != '-' && tag.p[n] != '_')
        n++;
    for (size_t i = 0; i < LT_COUNT(languages); i++)
        if (lt_str_eq_ci((struct lt_str){tag.p, n}, lt_str(languages[i].code)))
            return &languages[i];
    return NULL;
}

static int compare_str(struct lt_str a, struct lt_str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_stop_word(const void *key, const void *element)
{
    return compare_str(*(const struct lt_str *)key, lt_str(*(const char *const *)element));
}

bool lt_language_is_stop_word(const struct lt_language *language, struct lt_str word)
{
    return word.n > 0 && language->stop_words_n > 0 &&
           bsearch(&word, language->stop_words, language->stop_words_n, sizeof(char *), compare_stop_word);
}

/* ---- words ---- */

/* A word is cut to this many UTF-16 units; longer "words" are addresses, keys or noise. */
enum { WORD_UNITS_MAX = 64 };

struct word {
    uint32_t at, end;     /* bytes in the text */
    struct lt_str folded; /* case-folded, whole: "l'eau" */
    struct lt_str form;   /* the part of it that is compared: "eau", later its stem; empty for what cannot carry meaning */
    uint32_t term;        /* id of its stem, or NO_TERM */
};
#define NO_TERM UINT32_MAX

struct parser {
    struct lt_arena *arena;
    struct lt_str text; /* our copy */
    const struct lt_language *language;
    struct word *words;
    size_t words_n;
    struct lt_document *document;
    size_t sentences_cap;
    size_t next_word;   /* the first word not yet given to a sentence */
    uint32_t block;
};

static enum lt_code icu_failed(struct lt_error *err, const char *what, UErrorCode status)
{
    return lt_fail(err, LT_EINTERNAL, "ICU: %s: %s", what, u_errorName(status));
}

/*
 * French, Italian and Catalan glue short words to the next one ("l'eau", "d'abord", "qu'il"), and Unicode's word rules keep them
 * together; what follows is the word. Never harmful in the others: "o'clock" becomes "clock", "I'm" becomes a single letter.
 */
static struct lt_str without_elision(struct lt_str form)
{
    const char *apostrophe = memchr(form.p, '\'', form.n);
    if (!apostrophe || apostrophe - form.p > 2)
        return form;
    size_t skip = (size_t)(apostrophe - form.p) + 1;
    return (struct lt_str){form.p + skip, form.n - skip};
}

/* NFKC with case folding, which also drops soft hyphens, and with the typographic apostrophe made plain. */
static struct lt_str fold_word(struct parser *p, const UNormalizer2 *folder, const char *bytes, size_t n)
{
    UChar raw[WORD_UNITS_MAX], folded[WORD_UNITS_MAX * 4];
    int32_t raw_n = 0, folded_n;
    for (int32_t i = 0; i < (int32_t)n && raw_n < WORD_UNITS_MAX - 1;) {
        UChar32 c;
        U8_NEXT_OR_FFFD(bytes, i, (int32_t)n, c);
        if (c == 0x2019 || c == 0x02BC)
            c = '\'';
        U16_APPEND_UNSAFE(raw, raw_n, c);
    }
    UErrorCode status = U_ZERO_ERROR;
    folded_n = unorm2_normalize(folder, raw, raw_n, folded, LT_COUNT(folded), &status);
    if (U_FAILURE(status)) /* a character that expands to more than four units each: as it was */
        memcpy(folded, raw, sizeof raw[0] * (size_t)(folded_n = raw_n));
    char out[LT_COUNT(folded) * 3 + 1];
    int32_t out_n = 0;
    status = U_ZERO_ERROR;
    u_strToUTF8WithSub(out, sizeof out, &out_n, folded, folded_n, 0xFFFD, NULL, &status);
    return lt_str_copy(p->arena, (struct lt_str){out, U_FAILURE(status) ? 0 : (size_t)out_n});
}

/* The form under which words are compared. A single letter of an alphabet gives the empty form; a single ideograph is a word. */
static struct lt_str form_of(struct lt_str folded, bool ideographic)
{
    struct lt_str form = without_elision(folded);
    int32_t first = 0;
    if (form.n > 0)
        U8_FWD_1(form.p, first, (int32_t)form.n);
    return ideographic || (size_t)first < form.n ? form : LT_STR_NULL;
}

/* One pass of ICU's word iterator over the text; numbers are words too. */
static enum lt_code find_words(struct parser *p, struct lt_error *err)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *folder = unorm2_getNFKCCasefoldInstance(&status);
    UText utext = UTEXT_INITIALIZER;
    utext_openUTF8(&utext, p->text.p, (int64_t)p->text.n, &status);
    UBreakIterator *breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &status);
    if (U_SUCCESS(status))
        ubrk_setUText(breaks, &utext, &status);
    if (U_FAILURE(status)) {
        ubrk_close(breaks);
        utext_close(&utext);
        return icu_failed(err, "word boundaries", status);
    }
    size_t cap = 0;
    int32_t at = ubrk_first(breaks);
    for (int32_t end; (end = ubrk_next(breaks)) != UBRK_DONE; at = end) {
        int32_t kind = ubrk_getRuleStatus(breaks);
        if (kind < UBRK_WORD_NUMBER) /* spaces and marks */
            continue;
        if (p->words_n == cap) {
            size_t larger = cap ? cap * 2 : 1024;
            struct word *words = LT_NEW_ARRAY(p->arena, struct word, larger);
            if (cap)
                memcpy(words, p->words, sizeof *words * cap);
            p->words = words;
            cap = larger;
        }
        struct lt_str folded = fold_word(p, folder, p->text.p + at, (size_t)(end - at));
        p->words[p->words_n++] = (struct word){
            .at = (uint32_t)at,
            .end = (uint32_t)end,
            .folded = folded,
            .form = form_of(folded, kind >= UBRK_WORD_KANA),
            .term = NO_TERM,
        };
    }
    ubrk_close(breaks);
    utext_close(&utext);
    return LT_OK;
}

static int compare_form(const void *a, const void *b)
{
    return compare_str((*(struct word *const *)a)->form, (*(struct word *const *)b)->form);
}

/*
 * In running text two words of five or more are stop words of its own language. Below three in ten, or when two languages are
 * close (a text in a third, related one), it is safer to say "unknown" than to stem by wrong rules.
 */
static const struct lt_language *guess_language(struct word *const *sorted, size_t n)
{
    size_t hits[GUESSED_N] = {0}, best = 0;
    for (size_t at = 0, end; at < n; at = end) {
        for (end = at + 1; end < n && lt_str_eq(sorted[at]->form, sorted[end]->form);)
            end++;
        for (size_t l = 0; l < GUESSED_N; l++)
            if (lt_language_is_stop_word(&languages[l], sorted[at]->form))
                hits[l] += end - at;
    }
    size_t second = 0;
    for (size_t l = 1; l < GUESSED_N; l++)
        if (hits[l] > hits[best])
            best = l;
    for (size_t l = 0; l < GUESSED_N; l++)
        if (l != best && hits[l] > second)
            second = hits[l];
    bool sure = hits[best] * 10 >= n * 3 && hits[best] * 4 >= second * 5;
    return sure && n > 0 ? &languages[best] : NULL;
}

/*
 * Gives every word that carries meaning the id of its stem. Equal forms, then equal stems, are found by sorting and not by
 * hashing, so that no input can be made to collide.
 */
static void assign_terms(struct parser *p)
{
    struct word **sorted = LT_NEW_ARRAY(p->arena, struct word *, p->words_n + 1);
    size_t n = 0;
    for (size_t i = 0; i < p->words_n; i++)
        if (p->words[i].form.n > 0)
            sorted[n++] = &p->words[i];
    qsort(sorted, n, sizeof sorted[0], compare_form);
    const struct lt_language *guessed = guess_language(sorted, n);
    p->language = guessed ? guessed : p->language ? p->language : &unknown_language;
    struct sb_stemmer *stemmer = p->language->stemmer ? sb_stemmer_new(p->language->stemmer, NULL) : NULL;
    size_t kept = 0;
    for (size_t at = 0, end; at < n; at = end) {
        struct lt_str form = sorted[at]->form, stem = form;
        for (end = at + 1; end < n && lt_str_eq(form, sorted[end]->form);)
            end++;
        if (lt_language_is_stop_word(p->language, form))
            continue;
        const sb_symbol *symbols = stemmer ? sb_stemmer_stem(stemmer, (const sb_symbol *)form.p, (int)form.n) : NULL;
        if (symbols && sb_stemmer_length(stemmer) > 0)
            stem = lt_str_copy(p->arena, (struct lt_str){(const char *)symbols, (size_t)sb_stemmer_length(stemmer)});
        for (size_t i = at; i < end; i++) {
            sorted[i]->form = stem;
            sorted[kept++] = sorted[i];
        }
    }
    sb_stemmer_delete(stemmer);
    qsort(sorted, kept, sizeof sorted[0], compare_form);
    uint32_t id = 0;
    for (size_t i = 0; i < kept; i++) {
        id += i > 0 && !lt_str_eq(sorted[i - 1]->form, sorted[i]->form);
        sorted[i]->term = id;
    }
    p->document->vocabulary_n = kept > 0 ? id + 1 : 0;
}

/* ---- lines and blocks ---- */

enum line_kind { LINE_BLANK, LINE_TEXT, LINE_ITEM, LINE_ROW, LINE_MARKED_HEADING };

struct line {
    size_t at, end;  /* without white space at its ends */
    size_t body;     /* where the text begins after an item's or heading's marker */
    enum line_kind kind;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of "- ", "* ", "+ ", "• ", "– ", "12. ", "3) ", "b) " and the spaces behind; 0 when s begins with no such marker. */
static size_t item_marker(struct lt_str s)
{
    static const char *const bullets[] = {"-", "*", "+", "•", "‣", "◦", "▪", "–", "—", "·"};
    size_t n = 0;
    for (size_t i = 0; i < LT_COUNT(bullets) && n == 0; i++)
        if (lt_str_starts(s, lt_str(bullets[i])))
            n = strlen(bullets[i]);
    if (n == 0) {
        while (n < s.n && n < 3 && is_digit(s.p[n]))
            n++;
        if (n == 0 && s.n > 1 && s.p[1] == ')' && ((s.p[0] | 32) >= 'a' && (s.p[0] | 32) <= 'z'))
            n = 1;
        if (n == 0 || n >= s.n || (s.p[n] != '.' && s.p[n] != ')'))
            return 0;
        n++;
    }
    size_t spaces = n;
    while (spaces < s.n && is_space(s.p[spaces]))
        spaces++;
    return spaces > n && spaces < s.n ? spaces : 0;
}

static struct line read_line(struct lt_str text, size_t at, size_t *ret_next)
{
    const char *newline = memchr(text.p + at, '\n', text.n - at);
    size_t end = newline ? (size_t)(newline - text.p) : text.n;
    *ret_next = newline ? end + 1 : end;
    while (at < end && is_space(text.p[at]))
        at++;
    while (end > at && is_space(text.p[end - 1]))
        end--;
    struct line line = {.at = at, .end = end, .body = at, .kind = LINE_TEXT};
    struct lt_str s = {text.p + at, end - at};
    size_t marker = item_marker(s), hashes = 0;
    while (hashes < s.n && s.p[hashes] == '#')
        hashes++;
    if (s.n == 0) {
        line.kind = LINE_BLANK;
    } else if (memchr(s.p, '\t', s.n) || s.p[0] == '|' || memmem(s.p, s.n, " | ", 3)) { /* cells by tabs or bars */
        line.kind = LINE_ROW;
    } else if (hashes > 0 && hashes < s.n && s.p[hashes] == ' ') {
        line.kind = LINE_MARKED_HEADING;
        line.body = at + hashes + 1;
    } else if (marker > 0) {
        line.kind = LINE_ITEM;
        line.body = at + marker;
    }
    return line;
}

static UChar32 last_letter(struct lt_str s, bool skip_closing)
{
    int32_t i = (int32_t)s.n;
    UChar32 c = 0;
    while (i > 0) {
        U8_PREV_OR_FFFD(s.p, 0, i, c);
        int category = u_charType(c);
        bool closing = category == U_END_PUNCTUATION || category == U_FINAL_PUNCTUATION || category == U_INITIAL_PUNCTUATION ||
                       c == '"' || c == '\'' || u_isUWhiteSpace(c);
        if (!skip_closing || !closing)
            return c;
    }
    return c;
}

/* Full stop, question mark, exclamation mark, ellipsis of any script, also before a closing quote or bracket. */
static bool has_end_mark(struct lt_str s)
{
    UChar32 c = last_letter(s, true);
    return u_hasBinaryProperty(c, UCHAR_S_TERM) || c == 0x2026;
}

static bool has_colon_or_comma(struct lt_str s)
{
    UChar32 c = last_letter(s, false);
    return c == ':' || c == ';' || c == ',' || c == 0xFF1A;
}

/* Does the paragraph go on in the next line? Only in hard-wrapped text, after a line of some length that ends without a mark. */
static bool goes_on(struct lt_str text, const struct line *line, const struct line *next)
{
    enum { WRAPPED_MIN = 40 }; /* bytes; narrower columns are not used for prose */
    bool text_follows = (line->kind == LINE_TEXT || line->kind == LINE_ITEM) && next->kind == LINE_TEXT;
    struct lt_str s = {text.p + line->at, line->end - line->at};
    return text_follows && s.n >= WRAPPED_MIN && !has_end_mark(s);
}

/* A text with one line longer than an editor's window keeps each paragraph on a line of its own. */
static bool is_hard_wrapped(struct lt_str text)
{
    enum { WINDOW_MAX = 130 };
    for (size_t at = 0; at < text.n;) {
        const char *newline = memchr(text.p + at, '\n', text.n - at);
        size_t end = newline ? (size_t)(newline - text.p) : text.n;
        if (end - at > WINDOW_MAX)
            return false;
        at = end + 1;
    }
    return true;
}

struct block {
    size_t at, body, end;
    enum lt_sentence_kind kind;
};

/*
 * A heading: a short line by itself, without a mark at its end. In a poem, a list without markers or captions many lines look so;
 * more than two in a row are no headings (undo_runs).
 */
static bool looks_like_heading(struct lt_str line)
{
    enum { HEADING_SPACES_MAX = 11 };
    size_t spaces = 0;
    for (size_t i = 0; i < line.n; i++)
        spaces += line.p[i] == ' ';
    return spaces <= HEADING_SPACES_MAX && !has_end_mark(line) && !has_colon_or_comma(line);
}

static void undo_runs(struct block *blocks, size_t n)
{
    for (size_t at = 0, end; at < n; at = end) {
        for (end = at; end < n && blocks[end].kind == LT_SENTENCE_HEADING && blocks[end].body == blocks[end].at;)
            end++;
        for (size_t i = at; i < end && end - at > 2; i++)
            blocks[i].kind = LT_SENTENCE_PROSE;
        end += end == at;
    }
}

/* Cuts the text into blocks; the line ends inside a block become spaces in our copy, else ICU would end a sentence there. */
static struct block *find_blocks(struct parser *p, char *bytes, size_t *ret_n)
{
    size_t lines = 1;
    for (size_t i = 0; i < p->text.n; i++)
        lines += bytes[i] == '\n';
    struct block *blocks = LT_NEW_ARRAY(p->arena, struct block, lines);
    bool wrapped = is_hard_wrapped(p->text);
    size_t n = 0;
    for (size_t at = 0; at < p->text.n;) {
        struct line line = read_line(p->text, at, &at);
        static const enum lt_sentence_kind kinds[] = {
            [LINE_TEXT] = LT_SENTENCE_PROSE, [LINE_ITEM] = LT_SENTENCE_ITEM,
            [LINE_ROW] = LT_SENTENCE_ROW, [LINE_MARKED_HEADING] = LT_SENTENCE_HEADING,
        };
        if (line.kind == LINE_BLANK)
            continue;
        struct block block = {line.at, line.body, line.end, kinds[line.kind]};
        while (wrapped && at < p->text.n) {
            size_t after;
            struct line next = read_line(p->text, at, &after);
            if (!goes_on(p->text, &line, &next))
                break;
            for (size_t i = line.end; i < next.at; i++)
                bytes[i] = ' ';
            block.end = next.end;
            line = next;
            at = after;
        }
        if (block.kind == LT_SENTENCE_PROSE && looks_like_heading((struct lt_str){p->text.p + block.at, block.end - block.at}))
            block.kind = LT_SENTENCE_HEADING;
        blocks[n++] = block;
    }
    undo_runs(blocks, n);
    *ret_n = n;
    return blocks;
}

/* ---- sentences ---- */

static struct lt_sentence *new_sentence(struct parser *p)
{
    struct lt_document *d = p->document;
    if (d->sentences_n == p->sentences_cap) {
        size_t larger = p->sentences_cap ? p->sentences_cap * 2 : 128;
        struct lt_sentence *sentences = LT_NEW_ARRAY(p->arena, struct lt_sentence, larger);
        if (d->sentences_n)
            memcpy(sentences, d->sentences, sizeof *sentences * d->sentences_n);
        d->sentences = sentences;
        p->sentences_cap = larger;
    }
    return &d->sentences[d->sentences_n++];
}

/* Do the words begin with one of the phrases? Returns how many words that one has, 0 for no. */
static size_t begin_with(const struct word *words, size_t n, const char *const *phrases)
{
    for (; *phrases; phrases++) {
        const char *rest = *phrases;
        size_t i = 0;
        for (; *rest && i < n; i++) {
            struct lt_str word = {rest, strcspn(rest, " ")};
            if (!lt_str_eq(words[i].folded, word))
                break;
            rest += word.n + (rest[word.n] == ' ');
        }
        if (!*rest)
            return i;
    }
    return 0;
}

/*
 * Does a sentence of these words lean on the one before? The first four words are looked at for pronouns: there is hardly room
 * before the fourth for what it could point to, and "For five years he" is still found.
 */
static bool leans(const struct lt_language *language, const struct word *words, size_t n)
{
    enum { WINDOW = 4 };
    for (size_t i = 0, impersonal; i < n && i < WINDOW; i += impersonal ? impersonal : 1) {
        impersonal = begin_with(words + i, n - i, language->impersonal);
        if (impersonal)
            continue;
        if ((i == 0 && begin_with(words, n, language->openers)) || begin_with(words + i, n - i, language->pointers))
            return true;
    }
    return false;
}

static void add_piece(struct parser *p, size_t at, size_t end, size_t words_n, enum lt_sentence_kind kind)
{
    while (at < end && is_space(p->text.p[at]))
        at++;
    while (end > at && is_space(p->text.p[end - 1]))
        end--;
    struct lt_sentence *s = new_sentence(p);
    *s = (struct lt_sentence){
        .text = {p->text.p + at, end - at},
        .words = (uint32_t)words_n,
        .block = p->block,
        .terms_at = (uint32_t)p->document->terms_n,
        .kind = kind,
    };
    UChar32 mark = last_letter(s->text, true);
    s->whole = mark != '?' && mark != 0xFF1F && mark != 0x061F && mark != 0x037E && !has_colon_or_comma(s->text);
    for (size_t i = 0; i < words_n; i++, p->next_word++)
        if (p->words[p->next_word].term != NO_TERM)
            p->document->terms[p->document->terms_n++] = p->words[p->next_word].term;
    s->terms_n = (uint32_t)p->document->terms_n - s->terms_at;
}

/*
 * Adds text[at … end) as a sentence if it has words, in pieces of equal length if it has too many of them. A word that crosses
 * the end (possible only where ICU's two iterators disagree) belongs to no sentence.
 */
static void add_sentence(struct parser *p, size_t at, size_t end, enum lt_sentence_kind kind)
{
    while (p->next_word < p->words_n && p->words[p->next_word].at < at)
        p->next_word++;
    size_t n = 0;
    while (p->next_word + n < p->words_n && p->words[p->next_word + n].end <= end)
        n++;
    if (n == 0)
        return;
    size_t pieces = (n + LT_SENTENCE_WORDS_MAX - 1) / LT_SENTENCE_WORDS_MAX;
    bool leaning = leans(p->language, p->words + p->next_word, n);
    for (size_t i = 0; i < pieces; i++) {
        size_t words_n = n * (i + 1) / pieces - n * i / pieces;
        size_t piece_end = i + 1 < pieces ? p->words[p->next_word + words_n].at : end;
        add_piece(p, at, piece_end, words_n, kind);
        p->document->sentences[p->document->sentences_n - 1].leans = i == 0 && leaning;
        at = piece_end;
    }
}

/* Does a stop word follow? Then a sentence begins there: "… vitamin C. It …", "… Artikel 23. Das …". */
static bool stop_word_follows(const struct parser *p, size_t at)
{
    size_t low = p->next_word, high = p->words_n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->words[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->words_n && p->words[low].term == NO_TERM && p->words[low].form.n > 0;
}

static bool is_abbreviation(const struct lt_language *language, struct lt_str token)
{
    for (const char *const *a = language->abbreviations; *a; a++)
        if (lt_str_is(token, *a))
            return true;
    return false;
}

/* "J" or "B" as in "J. S. Bach", "z. B."; an ideograph is a word. */
static bool is_initial(struct lt_str token)
{
    int32_t i = 0;
    UChar32 c;
    U8_NEXT_OR_FFFD(token.p, i, (int32_t)token.n, c);
    return i == (int32_t)token.n && u_isalpha(c) && u_getIntPropertyValue(c, UCHAR_LINE_BREAK) != U_LB_IDEOGRAPHIC;
}

/*
 * Full stops that ICU takes for the end of a sentence and that are none: abbreviations of ours, initials, and German ordinals
 * ("am 3. Oktober", numbers of one or two digits), the latter two unless a stop word follows.
 */
static bool stop_is_no_end(const struct parser *p, size_t at, size_t end)
{
    size_t next = end;
    while (end > at && is_space(p->text.p[end - 1]))
        end--;
    if (end == at || p->text.p[end - 1] != '.')
        return false;
    size_t begin = --end;
    while (begin > at && !is_space(p->text.p[begin - 1]) && p->text.p[begin - 1] != '(')
        begin--;
    struct lt_str token = {p->text.p + begin, end - begin};
    if (token.n == 0)
        return false;
    if (is_abbreviation(p->language, token))
        return true;
    bool number = token.n <= 2 && is_digit(token.p[0]) && is_digit(token.p[token.n - 1]);
    bool ordinal = number && lt_str_is(lt_str(p->language->code), "de");
    return (ordinal || is_initial(token)) && !stop_word_follows(p, next);
}

static void split_block(struct parser *p, UBreakIterator *breaks, const struct block *block, UErrorCode *status)
{
    UText utext = UTEXT_INITIALIZER;
    utext_openUTF8(&utext, p->text.p + block->body, (int64_t)(block->end - block->body), status);
    ubrk_setUText(breaks, &utext, status);
    if (U_SUCCESS(*status)) {
        size_t from = block->at;
        ubrk_first(breaks);
        for (int32_t b; (b = ubrk_next(breaks)) != UBRK_DONE;) {
            size_t to = block->body + (size_t)b;
            if (to < block->end && stop_is_no_end(p, from, to))
                continue;
            add_sentence(p, from, to, block->kind);
            from = to;
        }
    }
    utext_close(&utext);
    p->block++;
}

/*
 * ICU's sentence iterator for the language; "ss=standard" asks it not to stop behind CLDR's abbreviations ("Dr.", "etc."), which
 * it has for a few languages only.
 */
static enum lt_code find_sentences(struct parser *p, const struct block *blocks, size_t blocks_n, struct lt_error *err)
{
    UErrorCode status = U_ZERO_ERROR;
    char locale[32];
    snprintf(locale, sizeof locale, "%s@ss=standard", *p->language->code ? p->language->code : "en");
    UBreakIterator *breaks = ubrk_open(UBRK_SENTENCE, locale, NULL, 0, &status);
    for (size_t i = 0; i < blocks_n && U_SUCCESS(status); i++)
        split_block(p, breaks, &blocks[i], &status);
    ubrk_close(breaks);
    return U_FAILURE(status) ? icu_failed(err, "sentence boundaries", status) : LT_OK;
}

enum lt_code lt_document_parse(struct lt_arena *arena, struct lt_str text, const struct lt_language *fallback,
                               const struct lt_document **ret, struct lt_error *err)
{
    if (text.n > LT_DOCUMENT_MAX)
        return lt_fail(err, LT_ECONTEXT_WINDOW, "the text has %zu bytes, at most %d are taken", text.n, LT_DOCUMENT_MAX);
    char *bytes = lt_strz(arena, text);
    struct parser p = {
        .arena = arena,
        .text = {bytes, text.n},
        .language = fallback,
        .document = LT_NEW(arena, struct lt_document),
    };
    p.document->text = p.text;
    size_t blocks_n;
    struct block *blocks = find_blocks(&p, bytes, &blocks_n);
    enum lt_code code = find_words(&p, err);
    if (code != LT_OK)
        return code;
    assign_terms(&p);
    p.document->language = p.language;
    p.document->terms = LT_NEW_ARRAY(arena, uint32_t, p.words_n + 1);
    code = find_sentences(&p, blocks, blocks_n, err);
    *ret = p.document;
    return code;
}

/* ---- search terms ---- */

/* Latin marks above and below letters; those of other scripts are letters' own. */
static bool is_accent(UChar32 c)
{
    return c >= 0x0300 && c <= 0x036F;
}

/* Letters and digits of a stem, taken apart from their accents. "" when nothing is left. */
static struct lt_str clean_term(struct lt_arena *arena, const UNormalizer2 *decomposer, struct lt_str stem)
{
    UChar raw[LT_TERM_MAX], parts[LT_TERM_MAX * 4];
    int32_t raw_n = 0, parts_n, i = 0;
    UErrorCode status = U_ZERO_ERROR;
    char out[LT_TERM_MAX];
    size_t n = 0;
    u_strFromUTF8WithSub(raw, LT_COUNT(raw), &raw_n, stem.p, (int32_t)stem.n, 0xFFFD, NULL, &status);
    if (U_FAILURE(status))
        return LT_STR("");
    parts_n = unorm2_normalize(decomposer, raw, raw_n, parts, LT_COUNT(parts), &status);
    while (U_SUCCESS(status) && i < parts_n && n + 4 <= sizeof(out)) {
        UChar32 c;
        U16_NEXT(parts, i, parts_n, c);
        if (!is_accent(c) && (u_isalnum(c) || (U_GET_GC_MASK(c) & U_GC_M_MASK)))
            n += (size_t)lt_utf8_encode((uint32_t)c, out + n);
    }
    return lt_str_copy(arena, (struct lt_str){out, n});
}

static struct lt_str stem_of(struct sb_stemmer *stemmer, struct lt_str form)
{
    const sb_symbol *symbols = stemmer ? sb_stemmer_stem(stemmer, (const sb_symbol *)form.p, (int)form.n) : NULL;
    int n = symbols ? sb_stemmer_length(stemmer) : 0;
    return n > 0 ? (struct lt_str){(const char *)symbols, (size_t)n} : form;
}

static const struct lt_language *language_of(const struct parser *p)
{
    struct word **sorted = LT_NEW_ARRAY(p->arena, struct word *, p->words_n + 1);
    size_t n = 0;
    for (size_t i = 0; i < p->words_n; i++)
        if (p->words[i].form.n > 0)
            sorted[n++] = &p->words[i];
    qsort(sorted, n, sizeof sorted[0], compare_form);
    return guess_language(sorted, n);
}

enum lt_code lt_text_terms(struct lt_arena *arena, struct lt_str text, const struct lt_language *language, struct lt_str **ret, size_t *ret_n,
                           struct lt_error *err)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *decomposer = unorm2_getNFDInstance(&status);
    struct parser p = {.arena = arena, .text = {lt_strz(arena, text), text.n}};
    *ret_n = 0;
    if (U_FAILURE(status))
        return icu_failed(err, "normalising", status);
    if (find_words(&p, err))
        return err->code;
    const struct lt_language *guessed = language_of(&p), *both[2] = {language ? language : guessed, language ? guessed : NULL};
    struct sb_stemmer *stemmers[2] = {NULL, NULL};
    if (both[0] == both[1])
        both[1] = NULL;
    for (int l = 0; l < 2; l++)
        if (both[l] && both[l]->stemmer)
            stemmers[l] = sb_stemmer_new(both[l]->stemmer, NULL);
    *ret = LT_NEW_ARRAY(arena, struct lt_str, p.words_n * 2 + 1);
    for (size_t i = 0; i < p.words_n; i++) {
        struct lt_str form = without_elision(p.words[i].folded), first = LT_STR("");
        for (int l = 0; l < 2; l++) {
            bool stop = (both[0] && lt_language_is_stop_word(both[0], form)) || (both[1] && lt_language_is_stop_word(both[1], form));
            if (stop || form.n == 0 || (l == 1 && !both[1]))
                continue;
            struct lt_str term = clean_term(arena, decomposer, stem_of(stemmers[l], form));
            if (term.n > 0 && !lt_str_eq(term, first))
                (*ret)[(*ret_n)++] = first = term;
        }
    }
    for (int l = 0; l < 2; l++)
        sb_stemmer_delete(stemmers[l]);
    return LT_OK;
}
