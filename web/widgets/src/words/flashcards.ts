/* What <lectern-flashcards> says. */
import type { Languages } from "./strings.js";

export interface FlashcardWords {
    name: string;
    count: (cards: number, due: number) => string;
    intro: string;
    caution: string;
    make: string;
    howMany: string;
    more: string;
    moreIntro: string;
    add: string;
    replace: string;
    replaceAsk: (cards: number) => string;
    replaceDo: string;
    keep: string;
    cancel: string;
    made: (cards: number) => string;
    notKept: string;
    download: string;
    file: string;
    front: string;
    back: string;
    left: (cards: number) => string;
    repeated: string;
    practised: string;
    show: string;
    keys: string;
    grades: Record<"again" | "hard" | "good" | "easy", string>;
    next: (when: string) => string;
    nextForgotten: (when: string) => string;
    nextAgain: string;
    gone: string;
    endTitle: string;
    endNothing: string;
    endCount: (cards: number, forgotten: number) => string;
    endNext: (when: string) => string;
    all: string;
    edit: string;
    editTitle: string;
    addOne: string;
    cardNumber: (number: number) => string;
    newCard: string;
    remove: string;
    restore: string;
    removed: string;
    save: string;
    saved: (cards: number) => string;
    saving: string;
    saveFailed: string;
    incomplete: string;
    showMore: (cards: number) => string;
    discardAsk: string;
    discardDo: string;
    discardKeep: string;
    changed: string;
    changedLoad: string;
    changedSave: string;
}

const english: FlashcardWords = {
    name: "Flash cards",
    count: (cards, due) => `${cards === 1 ? "1 card" : `${cards} cards`}, ${due} due`,
    intro: "Have cards made from this text, and repeat them until they stay.",
    caution: "Cards are made automatically and can be wrong. Check what matters, and edit what does not fit.",
    make: "Make cards",
    howMany: "How many cards",
    more: "More cards",
    moreIntro: "New cards from this text ask what yours do not ask yet.",
    add: "Add to my cards",
    replace: "Replace my cards",
    replaceAsk: (cards) =>
        `Replace ${cards === 1 ? "your card" : `all your ${cards} cards`} by new ones? The old ones are deleted, with the dates on which they come again.`,
    replaceDo: "Replace",
    keep: "Keep my cards",
    cancel: "Cancel",
    made: (cards) => (cards === 1 ? "1 new card." : `${cards} new cards.`),
    notKept: "Nothing is kept here: these cards are there until you leave the page.",
    download: "Download for Anki (CSV)",
    file: "flash-cards.csv",
    front: "Question",
    back: "Answer",
    left: (cards) => (cards === 1 ? "1 card to go" : `${cards} cards to go`),
    repeated: "once more",
    practised: "practice: when it comes again stays as it is",
    show: "Show answer",
    keys: "Space or Enter shows the answer, 1 to 4 say how it went.",
    grades: { again: "Again", hard: "Hard", good: "Good", easy: "Easy" },
    next: (when) => `Comes again ${when}.`,
    nextForgotten: (when) => `Comes once more at the end, then again ${when}.`,
    nextAgain: "Comes once more at the end.",
    gone: "That card is no longer there.",
    endTitle: "Done for now",
    endNothing: "No card is due now.",
    endCount: (cards, forgotten) =>
        `You went through ${cards === 1 ? "1 card" : `${cards} cards`}${forgotten ? `, ${forgotten} of them more than once` : ""}.`,
    endNext: (when) => `The next card comes ${when}.`,
    all: "Study all anyway",
    edit: "Edit cards",
    editTitle: "Edit cards",
    addOne: "Add a card",
    cardNumber: (number) => `Card ${number}`,
    newCard: "New card",
    remove: "Delete",
    restore: "Keep it",
    removed: "This card goes when you save.",
    save: "Save",
    saved: (cards) => (cards === 1 ? "Saved: 1 card." : `Saved: ${cards} cards.`),
    saving: "Saving…",
    saveFailed: "Not saved. What you wrote is still here.",
    incomplete: "A card needs both sides. Write them, or delete the card.",
    showMore: (cards) => `Show ${cards} more`,
    discardAsk: "You have changed cards and not saved them.",
    discardDo: "Discard changes",
    discardKeep: "Go on editing",
    changed: "These cards were changed elsewhere while you edited them, so they were not saved. What you wrote is still here.",
    changedLoad: "Discard mine and load the others",
    changedSave: "Save mine in their place",
};

const spanish: FlashcardWords = {
    name: "Tarjetas de estudio",
    count: (cards, due) => `${cards === 1 ? "1 tarjeta" : `${cards} tarjetas`}, ${due} por repasar`,
    intro: "Haz tarjetas a partir de este texto y repásalas hasta que se te queden.",
    caution: "Las tarjetas se hacen automáticamente y pueden equivocarse. Comprueba lo importante y edita lo que no encaje.",
    make: "Hacer tarjetas",
    howMany: "Cuántas tarjetas",
    more: "Más tarjetas",
    moreIntro: "Las tarjetas nuevas de este texto preguntan lo que las tuyas aún no preguntan.",
    add: "Añadir a las mías",
    replace: "Sustituir las mías",
    replaceAsk: (cards) =>
        `¿Sustituir ${cards === 1 ? "tu tarjeta" : `tus ${cards} tarjetas`} por otras nuevas? Las antiguas se borran, con las fechas en que vuelven.`,
    replaceDo: "Sustituir",
    keep: "Conservar las mías",
    cancel: "Cancelar",
    made: (cards) => (cards === 1 ? "1 tarjeta nueva." : `${cards} tarjetas nuevas.`),
    notKept: "Aquí no se guarda nada: estas tarjetas duran hasta que salgas de la página.",
    download: "Descargar para Anki (CSV)",
    file: "tarjetas.csv",
    front: "Pregunta",
    back: "Respuesta",
    left: (cards) => (cards === 1 ? "Queda 1 tarjeta" : `Quedan ${cards} tarjetas`),
    repeated: "otra vez",
    practised: "práctica: no cambia cuándo vuelve",
    show: "Mostrar respuesta",
    keys: "Espacio o Intro muestran la respuesta; de 1 a 4 dices cómo ha ido.",
    grades: { again: "Otra vez", hard: "Difícil", good: "Bien", easy: "Fácil" },
    next: (when) => `Vuelve ${when}.`,
    nextForgotten: (when) => `Sale una vez más al final y vuelve ${when}.`,
    nextAgain: "Sale una vez más al final.",
    gone: "Esa tarjeta ya no está.",
    endTitle: "Listo por ahora",
    endNothing: "Ahora no hay tarjetas por repasar.",
    endCount: (cards, forgotten) =>
        `Has repasado ${cards === 1 ? "1 tarjeta" : `${cards} tarjetas`}${forgotten ? `, ${forgotten} de ellas más de una vez` : ""}.`,
    endNext: (when) => `La próxima tarjeta llega ${when}.`,
    all: "Estudiar todas igualmente",
    edit: "Editar tarjetas",
    editTitle: "Editar tarjetas",
    addOne: "Añadir una tarjeta",
    cardNumber: (number) => `Tarjeta ${number}`,
    newCard: "Tarjeta nueva",
    remove: "Borrar",
    restore: "Conservarla",
    removed: "Esta tarjeta desaparece al guardar.",
    save: "Guardar",
    saved: (cards) => (cards === 1 ? "Guardado: 1 tarjeta." : `Guardado: ${cards} tarjetas.`),
    saving: "Guardando…",
    saveFailed: "No se ha guardado. Lo que has escrito sigue aquí.",
    incomplete: "Una tarjeta necesita los dos lados. Escríbelos o borra la tarjeta.",
    showMore: (cards) => `Mostrar ${cards} más`,
    discardAsk: "Has cambiado tarjetas y no las has guardado.",
    discardDo: "Descartar los cambios",
    discardKeep: "Seguir editando",
    changed: "Estas tarjetas se cambiaron en otro sitio mientras las editabas, así que no se han guardado. Lo que has escrito sigue aquí.",
    changedLoad: "Descartar lo mío y cargar las otras",
    changedSave: "Guardar lo mío en su lugar",
};

export const FLASHCARD_WORDS: Languages<FlashcardWords> = { en: english, es: spanish };
