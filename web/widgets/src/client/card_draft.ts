/* Cards while they are edited: what was changed, what is missing, and what is saved when others have changed the stack meanwhile. Pure. */
import type { Card } from "./flashcards.js";

export interface Row {
    readonly id: string;
    /** The card as it was read; undefined: a new one. */
    readonly card: Card | undefined;
    readonly question: string;
    readonly answer: string;
    readonly removed: boolean;
}

export function rowsOf(cards: readonly Card[]): Row[] {
    return cards.map((card) => ({ id: card.id, card, question: card.question, answer: card.answer, removed: false }));
}

export function newRow(id: string): Row {
    return { id, card: undefined, question: "", answer: "", removed: false };
}

function isEmpty(row: Row): boolean {
    return !row.question.trim() && !row.answer.trim();
}

export function isChanged(rows: readonly Row[]): boolean {
    return rows.some((row) => {
        if (!row.card) return !row.removed && !isEmpty(row);
        return row.removed || row.question !== row.card.question || row.answer !== row.card.answer;
    });
}

/** Rows with one side; a new card with none is no card. */
export function incomplete(rows: readonly Row[]): Row[] {
    const half = (row: Row) => !row.question.trim() || !row.answer.trim();
    return rows.filter((row) => !row.removed && half(row) && (row.card !== undefined || !isEmpty(row)));
}

/** The stack as it is to be. A card keeps its times whatever is written on it; a new one is due at once. */
export function resultOf(rows: readonly Row[]): Card[] {
    return rows
        .filter((row) => !row.removed && !isEmpty(row))
        .map(({ id, card, question, answer }) => ({ nextReviewTime: 0, ...card, id, question: question.trim(), answer: answer.trim() }));
}

/** Whether the same is written on the same cards, whenever they come again. */
export function sameTexts(some: readonly Card[], others: readonly Card[]): boolean {
    const texts = (cards: readonly Card[]) => JSON.stringify(cards.map(({ id, question, answer }) => [id, question, answer]));
    return texts(some) === texts(others);
}

/**
 * What is to be saved in the place of `now`, when `mine` was made of `base`: where cards were only studied meanwhile, mine with their new times.
 * Undefined: cards were changed, so someone has to choose.
 */
export function rebase(mine: readonly Card[], base: readonly Card[], now: readonly Card[]): Card[] | undefined {
    return sameTexts(base, now) ? withTimesOf(mine, now) : undefined;
}

/** The texts of `mine` with the times that the same cards have in `now`. */
export function withTimesOf(mine: readonly Card[], now: readonly Card[]): Card[] {
    const current = new Map(now.map((card) => [card.id, card]));
    return mine.map((card) => ({ ...card, ...current.get(card.id), question: card.question, answer: card.answer }));
}
