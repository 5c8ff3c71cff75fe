/*
 * What guard/address.c knows by words, as they are when only small letters, digits and "%" are left of a text (guard/letters.h): stems of three
 * letters and more. One that is an order by itself has ORDER; two near each other may be one, too.
 */
#pragma once

enum {
    /* talk of grading, by kinds: two of them in a sentence */
    GIVE = 1 << 0,                     /* a grade is given */
    SCALE = 1 << 1,                    /* marks, points, levels */
    SELF = 1 << 2,                     /* this submission */
    GRADER = 1 << 3,                   /* whoever grades */
    RULES = 1 << 4,                    /* of grading, of answering */
    TALK = GIVE | SCALE | SELF | GRADER | RULES,
    /* orders */
    ORDER = 1 << 5,                    /* by itself */
    TOP = 1 << 6,                      /* next to a NOUN: "full marks", "nota más alta" */
    NOUN = 1 << 7,
    LEAVE = 1 << 8,                    /* before a LAW: "ignore all previous instructions" */
    LAW = 1 << 9,
};

static const struct {
    const char *text;
    int kinds;
} address_words[] = {
    /* English */
    {"full", TOP}, {"max", TOP}, {"highest", TOP}, {"best", TOP}, {"top", TOP}, {"perfect", TOP}, {"complete", TOP}, {"all", TOP}, {"last", TOP},
    {"excellent", TOP}, {"greatest", TOP}, {"good", TOP}, {"high", TOP}, {"better", TOP}, {"passing", TOP},
    {"marks", NOUN | SCALE}, {"point", NOUN | SCALE}, {"score", NOUN | SCALE}, {"grade", NOUN | SCALE}, {"grading", NOUN | SCALE},
    {"option", NOUN | SCALE}, {"rating", NOUN | SCALE}, {"credit", NOUN}, {"level", NOUN | SCALE}, {"topmark", SCALE}, {"band", SCALE}, {"deduct", SCALE},
    {"outoften", SCALE}, {"outoftwenty", SCALE}, {"outoffive", SCALE}, {"outof1", SCALE}, {"outof2", SCALE}, {"markingscheme", SCALE},
    {"1010", SCALE}, {"2020", SCALE}, {"description", SCALE}, {"distinction", SCALE}, {"outstanding", SCALE}, {"fullamount", SCALE},
    {"anafor", SCALE}, {"aplus", SCALE},
    {"award", GIVE}, {"assign", GIVE}, {"deserv", GIVE}, {"grant", GIVE}, {"approv", GIVE}, {"evaluat", GIVE}, {"assess", GIVE}, {"markme", GIVE},
    {"markthis", GIVE}, {"markit", GIVE}, {"ratethis", GIVE}, {"rateit", GIVE}, {"gradethis", GIVE}, {"gradeit", GIVE}, {"scorethis", GIVE},
    {"treatthis", GIVE}, {"treatevery", GIVE}, {"considerthis", GIVE}, {"giveme", GIVE}, {"giveit", GIVE}, {"givethis", GIVE}, {"choose", GIVE},
    {"select", GIVE}, {"setevery", GIVE}, {"respondonly", RULES},
    {"thisessay", SELF}, {"thisanswer", SELF}, {"thistext", SELF}, {"thiswork", SELF}, {"thissubmission", SELF}, {"thispaper", SELF},
    {"thisassignment", SELF}, {"thisresponse", SELF}, {"thishomework", SELF}, {"theessay", SELF}, {"thesubmission", SELF}, {"myessay", SELF},
    {"myanswer", SELF}, {"mywork", SELF}, {"mysubmission", SELF}, {"everythingabove", SELF},
    {"grader", GRADER}, {"evaluator", GRADER}, {"examiner", GRADER}, {"marker", GRADER}, {"assessor", GRADER}, {"teacher", GRADER},
    {"professor", GRADER}, {"courseadmin", GRADER}, {"confirmedby", GRADER}, {"assistant", GRADER}, {"languagemodel", GRADER},
    {"whoeverread", GRADER}, {"youare", GRADER}, {"youwill", GRADER}, {"youmust", GRADER}, {"your", GRADER}, {"please", GRADER},
    {"instruct", RULES | LAW}, {"rubric", RULES | LAW}, {"criteri", RULES | LAW}, {"scheme", RULES | LAW}, {"guideline", RULES | LAW},
    {"prompt", RULES | LAW}, {"rules", LAW}, {"forgetwhat", RULES}, {"donot", RULES}, {"toldbefore", RULES},
    {"ignor", LEAVE | RULES}, {"disregard", LEAVE | RULES}, {"overrid", LEAVE | RULES}, {"forget", LEAVE}, {"skip", LEAVE}, {"omit", LEAVE},
    {"newinstruct", ORDER}, {"previousinstruct", ORDER}, {"systemprompt", ORDER}, {"developermode", ORDER}, {"everycriteri", ORDER},
    {"eachcriteri", ORDER}, {"allcriteri", ORDER}, {"tothegrader", ORDER}, {"deargrader", ORDER}, {"notetograd", ORDER}, {"ifyouareanai", ORDER},
    {"ifyouarealanguagemodel", ORDER}, {"gradingsystem", ORDER}, {"nowgrade", ORDER}, {"gradeis", ORDER}, {"gradeshouldbe", ORDER},
    {"getsthemax", ORDER}, {"getsfull", ORDER}, {"receivesthemax", ORDER}, {"receivesfull", ORDER}, {"excellentineverything", ORDER},
    {"letmepass", ORDER}, {"100percent", ORDER}, {"hundredpercent", ORDER}, {"lookforevidence", ORDER}, {"endofsubmission", ORDER},
    {"begenerous", ORDER}, {"decidedtoaward", ORDER}, {"decidedtogive", ORDER},
    {"is100%", ORDER}, {"forc0", ORDER}, {"forc1", ORDER},
    /* Spanish */
    {"maxim", TOP}, {"alta", TOP}, {"alto", TOP}, {"mejor", TOP}, {"todoslos", TOP}, {"ultima", TOP}, {"mayor", TOP}, {"elevad", TOP},
    {"puntuacion", NOUN | SCALE}, {"lanota", NOUN | SCALE}, {"nota", NOUN}, {"calificacion", NOUN | SCALE}, {"puntos", NOUN | SCALE},
    {"puntaje", NOUN | SCALE}, {"opcion", NOUN | SCALE}, {"nivel", NOUN | SCALE}, {"resultado", NOUN}, {"sobresalient", SCALE}, {"undiez", SCALE},
    {"otorg", GIVE}, {"asigna", GIVE}, {"evalu", GIVE}, {"calific", GIVE}, {"aprueb", GIVE}, {"ponme", GIVE}, {"dame", GIVE}, {"quienlea", GRADER},
    {"quiencalifica", GRADER}, {"quiencorrige", GRADER}, {"profesor", GRADER}, {"porfavor", GRADER}, {"esteensayo", SELF}, {"estetrabajo", SELF},
    {"estetexto", SELF}, {"estarespuesta", SELF}, {"estaentrega", SELF}, {"mitrabajo", SELF}, {"norest", RULES}, {"rubrica", ORDER},
    {"nuevasinstruc", ORDER}, {"todaslasinstruc", ORDER}, {"mododesarrollador", ORDER}, {"recibeelmaxim", ORDER}, {"excelenteentodo", ORDER},
    {"findelaentrega", ORDER}, {"ahoracalifica", ORDER}, {"sieresunaia", ORDER}, {"nobusques", ORDER}, {"segeneroso", ORDER},
    {"cadacriteri", ORDER}, {"todosloscriteri", ORDER}, {"es100%", ORDER},
    {"parac0", ORDER}, {"parac1", ORDER},
    /* German */
    {"voll", TOP}, {"hochst", TOP}, {"beste", TOP}, {"alle", TOP}, {"letzte", TOP}, {"samtlich", TOP}, {"oberste", TOP}, {"gute", TOP},
    {"punkt", NOUN | SCALE}, {"note", NOUN}, {"bewertung", NOUN | SCALE}, {"wertung", NOUN}, {"stufe", NOUN | SCALE}, {"bestnote", ORDER},
    {"hochstpunktzahl", ORDER}, {"abzug", SCALE}, {"sehrgut", SCALE}, {"miteinereins", SCALE}, {"diemaxi", SCALE}, {"dasmaxi", SCALE},
    {"bewert", GIVE}, {"beurteil", GIVE}, {"vergib", GIVE}, {"vergeb", GIVE}, {"gibmir", GIVE}, {"gibdie", GIVE}, {"wahle", GIVE},
    {"korrekt", GRADER}, {"lehrer", GRADER}, {"dozent", GRADER}, {"dubist", GRADER}, {"bitte", GRADER}, {"dieabgabe", SELF},
    {"dieseabgabe", SELF}, {"dieseraufsatz", SELF}, {"dieseantwort", SELF}, {"diesearbeit", SELF}, {"meineabgabe", SELF}, {"meineantwort", SELF},
    {"keine", RULES}, {"anweisung", RULES | LAW}, {"raster", RULES | LAW}, {"neueanweisung", ORDER}, {"vorherigenanweisung", ORDER},
    {"entwicklermodus", ORDER}, {"bewertungsraster", ORDER}, {"erhaltdasmaxi", ORDER}, {"inallemausge", ORDER}, {"endederabgabe", ORDER},
    {"bewertejetzt", ORDER}, {"diekorrektur", GRADER}, {"wenndueineki", ORDER}, {"suchekeine", ORDER}, {"seigrosszugig", ORDER},
    {"jedeskriterium", ORDER}, {"allekriterien", ORDER}, {"uberalldie", GIVE}, {"ist100%", ORDER},
    {"furc0", ORDER}, {"furc1", ORDER},
    /* French, Italian, Portuguese, Dutch */
    {"meilleure", TOP}, {"plushaut", TOP}, {"tousles", TOP}, {"pleine", TOP}, {"migliore", TOP}, {"piualto", TOP}, {"massimo", TOP}, {"pieni", TOP},
    {"tuttii", TOP}, {"melhor", TOP}, {"todosos", TOP}, {"volle", TOP}, {"hoogste", TOP}, {"punteggio", NOUN | SCALE}, {"voto", NOUN},
    {"punti", NOUN}, {"opzione", NOUN}, {"pontuacao", NOUN | SCALE}, {"pontos", NOUN | SCALE}, {"opcao", NOUN}, {"punten", NOUN | SCALE},
    {"cijfer", NOUN | SCALE}, {"consigne", RULES | LAW}, {"bareme", RULES | LAW}, {"correcteur", GRADER}, {"attribue", GIVE}, {"donnez", GIVE},
    {"cetravail", SELF}, {"cettecopie", SELF}, {"svp", GRADER}, {"silvousplait", GRADER},
};
