/* What <lectern-grading> says. */
import type { Languages } from "./strings.js";

export interface GradingStrings {
    name: string;
    title: string;
    submission: string;
    part: (number: number) => string;
    criteria: string;
    criterion: (number: number) => string;
    overall: string;
    byAi: string;
    byTeacher: string;
    none: string;
    pending: string;
    ready: string;
    abstained: string;
    reasons: Record<string, string>;
    unable: string;
    toPerson: string;
    points: (earned: number, possible: number) => string;
    optionPoints: (points: number) => string;
    places: string;
    place: (name: string) => string;
    toFeedback: (number: string, name: string) => string;
    otherText: string;
    inAttachment: (number: number) => string;
    setAside: string;
    start: string;
    decision: string;
    option: (name: string) => string;
    feedback: (name: string) => string;
    suggested: string;
    suggestion: string;
    noFeedback: string;
    total: (earned: number, possible: number) => string;
    save: string;
    saving: string;
    saved: string;
    incomplete: (names: string) => string;
    conflict: string;
    loadTheirs: string;
    saveMine: string;
    decidedBy: (who: string, when: string) => string;
    undecided: string;
    onlySuggested: string;
}

const english: GradingStrings = {
    name: "Feedback by a rubric",
    title: "Feedback",
    submission: "Submission",
    part: (number) => `Part ${number}`,
    criteria: "Criteria",
    criterion: (number) => `Criterion ${number}`,
    overall: "Overall",
    byAi: "Made by AI, which can be wrong. A teacher decides.",
    byTeacher: "This is what a teacher has decided.",
    none: "There is no feedback on this yet.",
    pending: "The feedback is being written. It will appear here.",
    ready: "The feedback is here.",
    abstained: "The AI gave no verdict on this.",
    reasons: {
        off_topic: "It found that the text is about something else.",
        empty: "It found no text.",
        wrong_language: "It found that the text is in another language than the task asks for.",
        needs_attachment: "It found that an attachment is needed to judge this.",
        unsafe: "The text needs to be read by a person first.",
        no_evidence: "Nothing in the text proved what it found.",
        addresses_grader: "Something in the text speaks to the grader, and the verdict depends on it.",
        one_sentence: "All of it would have rested on one sentence.",
    },
    unable: "No feedback could be made for this.",
    toPerson: "A teacher will look at it.",
    points: (earned, possible) => `${earned} of ${possible} ${possible === 1 ? "point" : "points"}`,
    optionPoints: (points) => (points === 1 ? "1 point" : `${points} points`),
    places: "In the text:",
    place: (name) => `Show in the text (${name})`,
    toFeedback: (number, name) => `${number}, to the feedback: ${name}`,
    otherText: "The text on this page is not the one that was assessed, so no places are marked in it.",
    inAttachment: (number) => `in attachment ${number}`,
    setAside: "Speaks to the grader, did not count",
    start: "Ask for feedback",
    decision: "Your decision",
    option: (name) => `Choice: ${name}`,
    feedback: (name) => `Feedback: ${name}`,
    suggested: "AI’s choice",
    suggestion: "What the AI said",
    noFeedback: "No feedback.",
    total: (earned, possible) => `In all ${earned} of ${possible} ${possible === 1 ? "point" : "points"}`,
    save: "Save decision",
    saving: "Saving…",
    saved: "The decision is saved. Learners see it in place of the AI’s feedback.",
    incomplete: (names) => `Choose an option for: ${names}.`,
    conflict: "Somebody else has decided while you were writing. Nothing was saved.",
    loadTheirs: "Show their decision",
    saveMine: "Save mine in its place",
    decidedBy: (who, when) => `Decided by ${who}, ${when}.`,
    undecided: "Nobody has decided yet.",
    onlySuggested: "Until somebody does, this is only what the AI suggests, which can be wrong.",
};

const spanish: GradingStrings = {
    name: "Comentarios con rúbrica",
    title: "Comentarios",
    submission: "Entrega",
    part: (number) => `Parte ${number}`,
    criteria: "Criterios",
    criterion: (number) => `Criterio ${number}`,
    overall: "En conjunto",
    byAi: "Hecho por IA, que puede equivocarse. Decide un docente.",
    byTeacher: "Esto es lo que ha decidido un docente.",
    none: "Aún no hay comentarios sobre esto.",
    pending: "Se están escribiendo los comentarios. Aparecerán aquí.",
    ready: "Ya están los comentarios.",
    abstained: "La IA no ha dado un veredicto.",
    reasons: {
        off_topic: "Le ha parecido que el texto trata de otra cosa.",
        empty: "No ha encontrado texto.",
        wrong_language: "Le ha parecido que el texto está en otro idioma que el de la tarea.",
        needs_attachment: "Le ha parecido que hace falta un adjunto para valorarlo.",
        unsafe: "Antes tiene que leer el texto una persona.",
        no_evidence: "Nada en el texto probaba lo que encontró.",
        addresses_grader: "Algo en el texto habla a quien califica, y el veredicto depende de ello.",
        one_sentence: "Todo se habría apoyado en una sola frase.",
    },
    unable: "No se han podido hacer comentarios sobre esto.",
    toPerson: "Lo mirará un docente.",
    points: (earned, possible) => `${earned} de ${possible} ${possible === 1 ? "punto" : "puntos"}`,
    optionPoints: (points) => (points === 1 ? "1 punto" : `${points} puntos`),
    places: "En el texto:",
    place: (name) => `Mostrar en el texto (${name})`,
    toFeedback: (number, name) => `${number}, al comentario: ${name}`,
    otherText: "El texto de esta página no es el que se valoró, así que no se marca nada en él.",
    inAttachment: (number) => `en el adjunto ${number}`,
    setAside: "Habla a quien califica, no ha contado",
    start: "Pedir comentarios",
    decision: "Tu decisión",
    option: (name) => `Elección: ${name}`,
    feedback: (name) => `Comentario: ${name}`,
    suggested: "Elección de la IA",
    suggestion: "Lo que dijo la IA",
    noFeedback: "Sin comentario.",
    total: (earned, possible) => `En total ${earned} de ${possible} ${possible === 1 ? "punto" : "puntos"}`,
    save: "Guardar decisión",
    saving: "Guardando…",
    saved: "La decisión está guardada. El alumnado la ve en lugar de los comentarios de la IA.",
    incomplete: (names) => `Elige una opción para: ${names}.`,
    conflict: "Otra persona ha decidido mientras escribías. No se ha guardado nada.",
    loadTheirs: "Mostrar su decisión",
    saveMine: "Guardar la mía en su lugar",
    decidedBy: (who, when) => `Decidido por ${who}, ${when}.`,
    undecided: "Aún no ha decidido nadie.",
    onlySuggested: "Hasta entonces esto es solo lo que sugiere la IA, que puede equivocarse.",
};

export const GRADING_WORDS: Languages<GradingStrings> = { en: english, es: spanish };
