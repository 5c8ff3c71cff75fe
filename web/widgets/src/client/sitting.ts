/*
 * A sitting: the cards that are gone through at one time. The server says when a card comes again; a sitting says which one is next now, and
 * has what was forgotten come once more at its end, without the server being told a second time. Pure.
 */
import type { Card } from "./flashcards.js";

export interface Item {
    readonly id: string;
    /** Whether the server is told how well it was remembered: once, and only of cards that are due. */
    readonly counts: boolean;
    /** It was forgotten in this sitting. */
    readonly again: boolean;
}

export interface Sitting {
    /** The first one is shown. */
    readonly queue: readonly Item[];
    /** Cards that were graded for the first time, and how many of them were forgotten. */
    readonly graded: number;
    readonly forgotten: number;
    /** Ids of all that came or will come. */
    readonly known: ReadonlySet<string>;
}

export interface Grade {
    readonly name: "again" | "hard" | "good" | "easy";
    /** As SM-2 counts: below 3 is forgotten. */
    readonly quality: number;
}

/** In the order of their keys, 1 to 4. */
export const GRADES: readonly Grade[] = [
    { name: "again", quality: 1 },
    { name: "hard", quality: 3 },
    { name: "good", quality: 4 },
    { name: "easy", quality: 5 },
];

export function isRemembered(grade: Grade): boolean {
    return grade.quality >= 3;
}

export function isDue(card: Card, now: number): boolean {
    return card.nextReviewTime <= now;
}

/** The time from which the next card is due, undefined without cards. */
export function nextDue(cards: readonly Card[]): number | undefined {
    return cards.length > 0 ? cards.reduce((least, card) => Math.min(least, card.nextReviewTime), Infinity) : undefined;
}

function byTime(cards: readonly Card[]): Card[] {
    return [...cards].sort((a, b) => a.nextReviewTime - b.nextReviewTime);
}

/** The cards that are due, longest first. `all`: behind them the others, which are gone through without their times being changed. */
export function begin(cards: readonly Card[], now: number, all = false): Sitting {
    const ordered = byTime(cards).filter((card) => all || isDue(card, now));
    const queue = ordered.map((card) => ({ id: card.id, counts: isDue(card, now), again: false }));
    return { queue, graded: 0, forgotten: 0, known: new Set(queue.map((item) => item.id)) };
}

/** After the first card was graded. */
export function graded(sitting: Sitting, remembered: boolean): Sitting {
    const [item, ...rest] = sitting.queue;
    if (!item) return sitting;
    const first = item.again ? 0 : 1;
    return {
        ...sitting,
        queue: remembered ? rest : [...rest, { id: item.id, counts: false, again: true }],
        graded: sitting.graded + first,
        forgotten: sitting.forgotten + (remembered ? 0 : first),
    };
}

/** The cards have changed elsewhere: what is gone, or was graded there, does not come any more; what has become due comes at the end. */
export function refreshed(sitting: Sitting, cards: readonly Card[], now: number): Sitting {
    const there = new Map(cards.map((card) => [card.id, card]));
    const stays = ({ id, counts }: Item) => there.has(id) && (!counts || isDue(there.get(id)!, now));
    const fresh = byTime(cards).filter((card) => isDue(card, now) && !sitting.known.has(card.id));
    const more = fresh.map((card) => ({ id: card.id, counts: true, again: false }));
    return {
        ...sitting,
        queue: [...sitting.queue.filter(stays), ...more],
        known: new Set([...sitting.known, ...more.map((item) => item.id)]),
    };
}

export interface Key {
    readonly key: string;
    readonly ctrlKey?: boolean;
    readonly altKey?: boolean;
    readonly metaKey?: boolean;
    readonly isComposing?: boolean;
    /** It is held down. */
    readonly repeat?: boolean;
}

/** What a key does to the card that is shown. */
export function keyDeed(event: Key, answerShown: boolean): "show" | Grade | undefined {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat) return undefined;
    if (!answerShown) return event.key === " " || event.key === "Enter" ? "show" : undefined;
    return /^[1-4]$/.test(event.key) ? GRADES[Number(event.key) - 1] : undefined;
}

const MINUTE = 60_000;
const UNITS: readonly [Intl.RelativeTimeFormatUnit, number, number][] = [
    ["minute", 1, 60],
    ["hour", 60, 24],
    ["day", 24 * 60, 60],
    ["month", 30.44 * 24 * 60, 24],
    ["year", 365.25 * 24 * 60, Infinity],
];

/** A time from now on in the largest unit that says enough: never less than a minute. */
export function wait(ms: number): { value: number; unit: Intl.RelativeTimeFormatUnit } {
    const minutes = Math.max(1, Math.ceil(ms / MINUTE));
    for (const [unit, size, below] of UNITS) {
        const value = Math.round(minutes / size);
        if (value < below) return { value, unit };
    }
    return { value: Math.round(minutes / UNITS.at(-1)![1]), unit: "year" };
}
