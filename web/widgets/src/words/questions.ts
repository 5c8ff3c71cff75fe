/* What <lectern-questions> says. */
import type { FaultCode } from "../client/question_draft.js";
import type { Format } from "../client/question_calls.js";
import type { QuestionType } from "../client/questions.js";
import { languageFor, type Languages } from "./strings.js";

export interface QuestionWords {
    title: string;
    intro: string;
    count: string;
    kinds: string;
    kindsHint: string;
    types: Record<QuestionType, string>;
    difficulty: string;
    levels: Record<"any" | "easy" | "medium" | "hard", string>;
    instruction: string;
    instructionHint: string;
    write: string;
    writeNew: string;
    replaceAsk: string;
    replaceDo: string;
    keepOld: string;
    made: (count: number) => string;
    list: string;
    question: (number: number) => string;
    include: string;
    right: string;
    wrong: string;
    answer: string;
    tolerance: string;
    explanation: string;
    hints: string;
    version: (number: number, of: number) => string;
    previous: string;
    next: string;
    edit: string;
    regenerate: string;
    regenerateHint: string;
    regenerateDo: string;
    cancel: string;
    name: string;
    text: string;
    textHint: string;
    htmlHint: string;
    type: string;
    choices: string;
    choice: (number: number) => string;
    isRight: (number: number) => string;
    feedback: (number: number) => string;
    remove: (number: number) => string;
    add: string;
    oneALine: string;
    keep: string;
    kept: string;
    discardAsk: string;
    discard: string;
    goOn: string;
    conflict: string;
    keepMine: string;
    showOther: string;
    replaced: string;
    showNew: string;
    faults: Record<FaultCode, string>;
    faulty: (count: number) => string;
    notTaken: string;
    take: string;
    chosen: (count: number, of: number) => string;
    openDrafts: string;
    format: string;
    formats: Record<Format, string>;
    download: string;
    downloaded: (file: string) => string;
    collection: string;
    library: string;
    libraryHint: string;
    save: string;
    saved: (count: number, name: string) => string;
    saveHint: string;
    broken: (numbers: string) => string;
    caution: string;
    nothingKept: string;
}

const english: QuestionWords = {
    title: "Questions",
    intro: "Questions about this text, for you to check, change and take along.",
    count: "How many",
    kinds: "Kinds of questions",
    kindsHint: "None chosen: whatever suits the text.",
    types: {
        multiplechoiceresponse: "One of several",
        optionresponse: "One from a list that opens",
        choiceresponse: "Any number of several",
        numericalresponse: "A number",
        stringresponse: "A word or phrase",
    },
    difficulty: "Level",
    levels: { any: "Any", easy: "Easy", medium: "Medium", hard: "Hard" },
    instruction: "What else matters",
    instructionHint: "For example: stress causes, not names.",
    write: "Write questions",
    writeNew: "Write new questions",
    replaceAsk: "Write new questions? They take the place of the ones that are here.",
    replaceDo: "Write new ones",
    keepOld: "Keep these",
    made: (count) => (count === 1 ? "1 question is here." : `${count} questions are here.`),
    list: "Questions in the making",
    question: (number) => `Question ${number}`,
    include: "Take along",
    right: "Right",
    wrong: "Wrong",
    answer: "Right answer",
    tolerance: "Tolerance",
    explanation: "Explanation",
    hints: "Hints",
    version: (number, of) => `Version ${number} of ${of}`,
    previous: "Previous version",
    next: "Next version",
    edit: "Edit",
    regenerate: "Another version",
    regenerateHint: "What should be different?",
    regenerateDo: "Write it",
    cancel: "Cancel",
    name: "Title",
    text: "Question text",
    textHint: "A blank line begins a new paragraph; formulas stand between \\( and \\).",
    htmlHint: "This text has markup, so it is edited as HTML; formulas stand between \\( and \\).",
    type: "Kind",
    choices: "Choices",
    choice: (number) => `Choice ${number}`,
    isRight: (number) => `Choice ${number} is right`,
    feedback: (number) => `Feedback on choice ${number}`,
    remove: (number) => `Remove choice ${number}`,
    add: "Add a choice",
    oneALine: "One a line.",
    keep: "Keep this version",
    kept: "It is kept as another version.",
    discardAsk: "Discard your changes to this question?",
    discard: "Discard",
    goOn: "Go on editing",
    conflict: "This question was changed in another tab or on another device meanwhile. Nothing was overwritten, and your changes are still here.",
    keepMine: "Keep mine as the newest version",
    showOther: "Discard mine and show the other",
    replaced: "The questions were replaced in another tab or on another device. What you see is no longer what is kept; your changes are still here to be copied or downloaded.",
    showNew: "Discard mine and show the new ones",
    faults: {
        missing: "This is missing.",
        tooLong: "This is too long.",
        twoAtLeast: "There must be two choices at least.",
        tooMany: "These are too many.",
        noneRight: "Mark the right choice.",
        moreRight: "Only one choice may be right.",
        same: "This says the same as another choice.",
        noNumber: "This is not a number.",
        noTolerance: "Write a number or a percentage, such as 0.1 or 5%.",
    },
    faulty: (count) => (count === 1 ? "1 field needs a look." : `${count} fields need a look.`),
    notTaken: "The server did not take this question. Please check it.",
    take: "Take along",
    chosen: (count, of) => `${count} of ${of} questions`,
    openDrafts: "What you are editing goes along only once you have kept it.",
    format: "Format",
    formats: { olx: "Open edX library (OLX)", moodle_xml: "Moodle XML", qti: "QTI 2.1 package" },
    download: "Download",
    downloaded: (file) => `${file} is being downloaded.`,
    collection: "Name",
    library: "Library key (optional)",
    libraryHint: "As Studio names it, such as lib:Org:plants.",
    save: "Save collection",
    saved: (count, name) => (count === 1 ? `1 question is saved as “${name}”.` : `${count} questions are saved as “${name}”.`),
    saveHint: "A saved collection stays on the server, under its library key; what Studio and Moodle import is the downloaded file.",
    broken: (numbers) => `No format can hold these as they are; edit them or leave them out: ${numbers}.`,
    caution: "Made automatically. Check each question and its answer before learners see it.",
    nothingKept: "This site keeps no questions: download them before you leave this page.",
};

const spanish: QuestionWords = {
    title: "Preguntas",
    intro: "Preguntas sobre este texto, para que las revises, las cambies y te las lleves.",
    count: "Cuántas",
    kinds: "Tipos de preguntas",
    kindsHint: "Si no eliges ninguno: lo que convenga al texto.",
    types: {
        multiplechoiceresponse: "Una de varias",
        optionresponse: "Una de una lista desplegable",
        choiceresponse: "Varias de varias",
        numericalresponse: "Un número",
        stringresponse: "Una palabra o frase",
    },
    difficulty: "Nivel",
    levels: { any: "Cualquiera", easy: "Fácil", medium: "Medio", hard: "Difícil" },
    instruction: "Qué más importa",
    instructionHint: "Por ejemplo: insistir en las causas, no en los nombres.",
    write: "Escribir preguntas",
    writeNew: "Escribir otras preguntas",
    replaceAsk: "¿Escribir otras preguntas? Ocuparán el lugar de las que hay aquí.",
    replaceDo: "Escribir otras",
    keepOld: "Conservar estas",
    made: (count) => (count === 1 ? "Hay 1 pregunta." : `Hay ${count} preguntas.`),
    list: "Preguntas en preparación",
    question: (number) => `Pregunta ${number}`,
    include: "Incluir",
    right: "Correcta",
    wrong: "Incorrecta",
    answer: "Respuesta correcta",
    tolerance: "Tolerancia",
    explanation: "Explicación",
    hints: "Pistas",
    version: (number, of) => `Versión ${number} de ${of}`,
    previous: "Versión anterior",
    next: "Versión siguiente",
    edit: "Editar",
    regenerate: "Otra versión",
    regenerateHint: "¿Qué debería ser distinto?",
    regenerateDo: "Escribirla",
    cancel: "Cancelar",
    name: "Título",
    text: "Texto de la pregunta",
    textHint: "Una línea en blanco empieza otro párrafo; las fórmulas van entre \\( y \\).",
    htmlHint: "Este texto tiene marcas, así que se edita como HTML; las fórmulas van entre \\( y \\).",
    type: "Tipo",
    choices: "Opciones",
    choice: (number) => `Opción ${number}`,
    isRight: (number) => `La opción ${number} es correcta`,
    feedback: (number) => `Comentario a la opción ${number}`,
    remove: (number) => `Quitar la opción ${number}`,
    add: "Añadir una opción",
    oneALine: "Una por línea.",
    keep: "Guardar esta versión",
    kept: "Se ha guardado como otra versión.",
    discardAsk: "¿Descartar tus cambios en esta pregunta?",
    discard: "Descartar",
    goOn: "Seguir editando",
    conflict: "Entretanto esta pregunta ha cambiado en otra pestaña o en otro dispositivo. No se ha sobrescrito nada y tus cambios siguen aquí.",
    keepMine: "Guardar la mía como la versión más nueva",
    showOther: "Descartar la mía y mostrar la otra",
    replaced:
        "Las preguntas se han sustituido en otra pestaña o en otro dispositivo. Lo que ves ya no es lo guardado; tus cambios siguen aquí para copiarlos o descargarlos.",
    showNew: "Descartar las mías y mostrar las nuevas",
    faults: {
        missing: "Esto falta.",
        tooLong: "Esto es demasiado largo.",
        twoAtLeast: "Tiene que haber al menos dos opciones.",
        tooMany: "Son demasiadas.",
        noneRight: "Marca la opción correcta.",
        moreRight: "Solo puede haber una opción correcta.",
        same: "Dice lo mismo que otra opción.",
        noNumber: "Esto no es un número.",
        noTolerance: "Escribe un número o un porcentaje, como 0.1 o 5%.",
    },
    faulty: (count) => (count === 1 ? "Hay que revisar 1 campo." : `Hay que revisar ${count} campos.`),
    notTaken: "El servidor no ha aceptado esta pregunta. Revísala, por favor.",
    take: "Llevártelas",
    chosen: (count, of) => `${count} de ${of} preguntas`,
    openDrafts: "Lo que estás editando solo se incluye cuando lo has guardado.",
    format: "Formato",
    formats: { olx: "Biblioteca de Open edX (OLX)", moodle_xml: "XML de Moodle", qti: "Paquete QTI 2.1" },
    download: "Descargar",
    downloaded: (file) => `Se está descargando ${file}.`,
    collection: "Nombre",
    library: "Clave de la biblioteca (opcional)",
    libraryHint: "Como la llama Studio, por ejemplo lib:Org:plants.",
    save: "Guardar la colección",
    saved: (count, name) => (count === 1 ? `Se ha guardado 1 pregunta como «${name}».` : `Se han guardado ${count} preguntas como «${name}».`),
    saveHint: "La colección guardada queda en el servidor, con la clave de su biblioteca; lo que importan Studio y Moodle es el archivo descargado.",
    broken: (numbers) => `Ningún formato puede contener estas tal como están; edítalas o déjalas fuera: ${numbers}.`,
    caution: "Hecho automáticamente. Revisa cada pregunta y su respuesta antes de que la vea el alumnado.",
    nothingKept: "Este sitio no guarda preguntas: descárgalas antes de salir de esta página.",
};

export const QUESTION_WORDS: Languages<QuestionWords> = { en: english, es: spanish };

export function questionWords(tag: string): QuestionWords {
    return QUESTION_WORDS[languageFor(tag)];
}
