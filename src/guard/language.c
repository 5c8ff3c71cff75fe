/* Languages by letters and common words. */
#include "guard/language.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

enum { WORDS_MIN = 8, LETTERS_MIN = 12, WORD_MAX = 24 };

/* The commonest words of each, between blanks; none that is as common in another of the list counts for much, as it counts for both. */
static const struct {
    const char *language, *words;
} latin[] = {
    {"en", " the of and to in is that it was for on are as with his they be at this have from or had by not but what all were when we there can an your "
           "which their said if do will each about how up out them then she many some so these would other into has more her two like him see could no "
           "make than been its who now people my did you does i me our why should because "},
    {"de", " der die und in den von zu das mit sich des auf ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am "
           "sind noch wie einem einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde sei ich du wir ihr mir mich dich was warum kann "
           "ihre ihren diese dieser dieses wenn kein keine schon sehr habe gibt muss "},
    {"es", " de la que el en y los del se las por un para con no una su al lo como mas pero sus le ya o este porque esta entre cuando muy sin sobre "
           "tambien me hasta hay donde quien desde todo nos durante todos uno les ni contra otros ese eso ante ellos e esto mi antes algunos yo es son "
           "puede ser fue era tiene cada qué cómo está más él también así "},
    {"fr", " de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont la ou avec son aux cette ont ses mais comme on "
           "tout nous sa fait ete aussi leur bien peut ces y je tu vous elle ils mon ma pourquoi quand être c'est d'une été où très même sans entre deux "},
    {"pl", " w i z na do nie się jest to że o jak po za od przez co dla tym ale czy ich być był jego tylko które który która oraz już może są ze aby "
           "jej lub gdy go tak ma bardzo jako te być mnie mi ja ty my przy bez pod nad więc kiedy gdzie dlaczego jeśli "},
    {"pt", " de a o que e do da em um para com nao uma os no se na por mais as dos como mas ao ele das seu sua ou quando muito nos ja eu tambem so pelo pela "
           "ate isso ela entre depois sem mesmo aos seus quem nas me esse eles voce essa num nem suas meu minha não são está você também já até é "
           "isto há ser foi tem à porque "},
    {"it", " di e il la che in un a per del una con non sono da della le si come al dei nel piu i lo gli alla ma anche se o ha suo delle questo questa ci "
           "dal molto era essere stato loro tra perche nella su quando tutto cui io mi tu lui lei noi è più perché così può degli sulla dalla "},
    {"nl", " de het een van en in is dat op te zijn met voor niet die aan er om ook als dan maar bij of uit nog naar heeft worden wordt was over door ze hij "
           "deze meer kan tot ik je wij u hun dit wat waar geen werd al zo moet veel waarom omdat "},
    {"sv", " och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan när år under också efter eller nu sin där "
           "mot ska skulle kommer ut får finns vara hade alla andra mycket än här du varför eftersom "},
};

static const struct {
    const char *language;
    UScriptCode script;
} scripts[] = {{"el", USCRIPT_GREEK}, {"ar", USCRIPT_ARABIC}, {"he", USCRIPT_HEBREW}, {"ko", USCRIPT_HANGUL}, {"ja", USCRIPT_HIRAGANA},
               {"ja", USCRIPT_KATAKANA}, {"zh", USCRIPT_HAN}, {"hi", USCRIPT_DEVANAGARI}, {"th", USCRIPT_THAI}, {"ru", USCRIPT_CYRILLIC}};

bool lt_language_known(struct lt_str language)
{
    for (size_t i = 0; i < LT_COUNT(latin); i++)
        if (lt_str_is(language, latin[i].language))
            return true;
    for (size_t i = 0; i < LT_COUNT(scripts); i++)
        if (lt_str_is(language, scripts[i].language))
            return true;
    return lt_str_is(language, "uk");
}

struct counted {
    size_t words, letters, latin_letters, hits[LT_COUNT(latin)], script[LT_COUNT(scripts)], ukrainian;
};

static void count_word(struct counted *c, const char *word, size_t n)
{
    char between[WORD_MAX + 3];
    c->words++;
    between[0] = ' ';
    memcpy(between + 1, word, n);
    between[n + 1] = ' ';
    between[n + 2] = '\0';
    for (size_t i = 0; i < LT_COUNT(latin); i++)
        c->hits[i] += strstr(latin[i].words, between) != NULL;
}

static void count(struct counted *c, struct lt_str text)
{
    char word[WORD_MAX];
    size_t n = 0;
    bool fits = true;
    int32_t length = text.n < (1 << 20) ? (int32_t)text.n : 1 << 20;
    for (int32_t i = 0; i < length;) {
        UChar32 point;
        U8_NEXT(text.p, i, length, point);
        if (point > 0 && (u_isalpha(point) || (point == '\'' && n > 0))) {
            UErrorCode status = U_ZERO_ERROR;
            UScriptCode script = uscript_getScript(point, &status);
            char utf8[4];
            int bytes = lt_utf8_encode((uint32_t)u_tolower(point), utf8);
            c->letters += point != '\'';
            c->latin_letters += script == USCRIPT_LATIN;
            c->ukrainian += (point & ~0x50) == 0x404 || (point & ~0x50) == 0x406 || (point & ~0x50) == 0x407; /* letters that Russian has not */
            for (size_t k = 0; k < LT_COUNT(scripts); k++)
                c->script[k] += script == scripts[k].script;
            fits = fits && n + (size_t)bytes <= WORD_MAX;
            if (fits)
                memcpy(word + n, utf8, (size_t)bytes);
            n += fits ? (size_t)bytes : 0;
        } else if (n > 0) {
            count_word(c, word, n);
            n = 0;
            fits = true;
        }
    }
    if (n > 0)
        count_word(c, word, n);
}

static const char *by_script(const struct counted *c)
{
    size_t best = 0;
    if (c->script[4] + c->script[5] > 0 && c->script[4] + c->script[5] + c->script[6] > c->letters / 2)
        return "ja"; /* kana among Han */
    for (size_t i = 1; i < LT_COUNT(scripts); i++)
        if (c->script[i] > c->script[best])
            best = i;
    if (c->script[best] <= c->letters / 2)
        return NULL;
    bool ukrainian = lt_str_is(lt_str(scripts[best].language), "ru") && c->ukrainian * 50 > c->letters;
    return ukrainian ? "uk" : scripts[best].language;
}

/* One word in five is among the commonest, and a fifth more than of any other language. */
static const char *by_words(const struct counted *c)
{
    size_t best = 0, second = 0;
    for (size_t i = 1; i < LT_COUNT(latin); i++)
        if (c->hits[i] > c->hits[best])
            best = i;
    for (size_t i = 0; i < LT_COUNT(latin); i++)
        if (i != best && c->hits[i] > second)
            second = c->hits[i];
    bool sure = c->words >= WORDS_MIN && c->hits[best] * 5 >= c->words && c->hits[best] * 5 >= second * 6 && c->hits[best] > second;
    return sure ? latin[best].language : NULL;
}

const char *lt_language_of(struct lt_str text)
{
    struct counted c = {0};
    count(&c, text);
    if (c.letters < LETTERS_MIN)
        return NULL;
    return c.latin_letters > c.letters / 2 ? by_words(&c) : by_script(&c);
}
