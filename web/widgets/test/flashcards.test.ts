import { describe, expect, it } from "vitest";
import { Api, type Fetch } from "../src/client/api.js";
import { incomplete, isChanged, newRow, rebase, resultOf, type Row, rowsOf, sameTexts, withTimesOf } from "../src/client/card_draft.js";
import { type Card, loadCards, readCards, reviewCard, saveCards } from "../src/client/flashcards.js";
import { begin, graded, GRADES, isDue, isRemembered, keyDeed, nextDue, refreshed, type Sitting, wait } from "../src/client/sitting.js";

const NOW = 1_750_000_000_000;
const DAY = 86_400_000;

function card(id: string, due = 0, more: Partial<Card> = {}): Card {
    return { id, question: `What is ${id}?`, answer: `It is ${id}.`, nextReviewTime: due, ...more };
}

const ids = (sitting: Sitting) => sitting.queue.map((item) => item.id);

/* ---- chance that can be had again ---- */

const SEED = Number((globalThis as { process?: { env: Record<string, string> } }).process?.env["SEED"] ?? Date.now() % 1e9);

function random(seed: number): (below: number) => number {
    return (below) => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
    };
}

const someCards = (chance: (below: number) => number) =>
    Array.from({ length: chance(12) }, (_, i) => card(`c${i}`, chance(2) ? NOW - chance(5) * DAY : NOW + 1 + chance(5) * DAY));

/* ---- a sitting ---- */

describe(`a sitting (SEED=${SEED})`, () => {
    it("has the cards that are due, longest first, and ends when each was remembered once", () => {
        const chance = random(SEED);
        for (let round = 0; round < 300; round++) {
            const cards = someCards(chance);
            const due = cards.filter((each) => isDue(each, NOW));
            let sitting = begin(cards, NOW);
            expect(ids(sitting).sort()).toEqual(due.map((each) => each.id).sort());
            const times = ids(sitting).map((id) => cards.find((each) => each.id === id)!.nextReviewTime);
            expect(times).toEqual([...times].sort((a, b) => a - b));
            const told: string[] = [];
            const forgotten = new Set<string>();
            for (let left = 1000; sitting.queue.length > 0 && left > 0; left--) {
                const item = sitting.queue[0]!;
                const remembered = chance(3) > 0;
                if (item.counts) told.push(item.id);
                if (item.counts && !remembered) forgotten.add(item.id);
                sitting = graded(sitting, remembered);
                if (!remembered) expect(sitting.queue.at(-1)).toEqual({ id: item.id, counts: false, again: true });
            }
            expect(sitting.queue).toEqual([]);
            expect(told.sort()).toEqual(due.map((each) => each.id).sort()); // each once, however often it came
            expect([sitting.graded, sitting.forgotten]).toEqual([due.length, forgotten.size]);
        }
    });

    it("with all cards tells the server of those that are due alone, and has them first", () => {
        const chance = random(SEED + 1);
        for (let round = 0; round < 300; round++) {
            const cards = someCards(chance);
            const { queue } = begin(cards, NOW, true);
            expect(queue.map((item) => item.id).sort()).toEqual(cards.map((each) => each.id).sort());
            for (const item of queue) expect(item.counts).toBe(isDue(cards.find((each) => each.id === item.id)!, NOW));
            const firstOther = queue.findIndex((item) => !item.counts);
            if (firstOther >= 0) expect(queue.slice(firstOther).some((item) => item.counts)).toBe(false);
        }
    });

    it("that was refreshed shows nothing that is gone, tells nothing that is not due, and doubles nothing", () => {
        const chance = random(SEED + 2);
        for (let round = 0; round < 300; round++) {
            const cards = someCards(chance);
            let sitting = begin(cards, NOW, chance(2) === 0);
            for (let i = chance(8); i > 0; i--) sitting = graded(sitting, chance(2) === 0);
            const before = sitting.known;
            const gradedElsewhere = cards.filter(() => chance(4) > 0).map((each) => (chance(3) ? each : { ...each, nextReviewTime: NOW + DAY }));
            const now = [...gradedElsewhere, card("fresh"), card("later", NOW + DAY)];
            const after = refreshed(sitting, now, NOW);
            for (const { id, counts } of after.queue) {
                expect(now.some((each) => each.id === id)).toBe(true);
                if (counts) expect(isDue(now.find((each) => each.id === id)!, NOW)).toBe(true);
            }
            expect(new Set(ids(after)).size).toBe(after.queue.length);
            const added = ids(after).filter((id) => !ids(sitting).includes(id));
            expect(added.every((id) => !before.has(id))).toBe(true);
            expect(ids(after)).toContain("fresh");
            expect(ids(after)).not.toContain("later");
            expect(refreshed(after, now, NOW).queue).toEqual(after.queue);
        }
    });

    it("nothing comes of grading when there is no card", () => {
        const empty = begin([], NOW);
        expect(graded(empty, false)).toBe(empty);
    });

    it("knows when the next card is due", () => {
        expect(nextDue([])).toBeUndefined();
        expect(nextDue([card("a", NOW + 2), card("b", NOW + 1)])).toBe(NOW + 1);
    });

    it.each([
        [0, 1, "minute"],
        [59 * 60_000, 59, "minute"],
        [60 * 60_000, 1, "hour"],
        [23 * 3_600_000, 23, "hour"],
        [DAY, 1, "day"],
        [DAY - 1, 1, "day"],
        [6 * DAY, 6, "day"],
        [90 * DAY, 3, "month"],
        [36_500 * DAY, 100, "year"],
    ])("%d ms are %d %s", (ms, value, unit) => expect(wait(ms)).toEqual({ value, unit }));
});

describe("keys", () => {
    it.each([" ", "Enter"])("%j shows the answer, and is no grade", (key) => {
        expect(keyDeed({ key }, false)).toBe("show");
        expect(keyDeed({ key }, true)).toBeUndefined();
    });

    it.each(["1", "2", "3", "4"])("%j grades what was answered, and nothing before", (key) => {
        expect(keyDeed({ key }, true)).toBe(GRADES[Number(key) - 1]);
        expect(keyDeed({ key }, false)).toBeUndefined();
    });

    it.each(["0", "5", "a", "11", "Tab", "Escape", "ArrowDown"])("%j does nothing", (key) => {
        expect([keyDeed({ key }, false), keyDeed({ key }, true)]).toEqual([undefined, undefined]);
    });

    it.each(["ctrlKey", "altKey", "metaKey", "isComposing", "repeat"])("nothing with %s", (name) => {
        expect([keyDeed({ key: " ", [name]: true }, false), keyDeed({ key: "3", [name]: true }, true)]).toEqual([undefined, undefined]);
    });

    it("the grades are qualities as SM-2 counts them, only the first is forgotten", () => {
        expect(GRADES.map((grade) => [grade.quality, isRemembered(grade)])).toEqual([[1, false], [3, true], [4, true], [5, true]]);
    });
});

/* ---- editing ---- */

const write = (rows: Row[], id: string, change: Partial<Row>) => rows.map((row) => (row.id === id ? { ...row, ...change } : row));

describe("a draft", () => {
    const cards = [card("a", NOW + DAY, { interval: 1440, easeFactor: 2.36, repetitions: 2, lastReviewedAt: NOW }), card("b")];

    it("that nobody touched is what was read", () => {
        expect(isChanged(rowsOf(cards))).toBe(false);
        expect(resultOf(rowsOf(cards))).toEqual(cards);
    });

    it("keeps the times of a card whose text changes, and begins a new one at once", () => {
        const rows = [{ ...newRow("n"), question: " Q ", answer: "A\n" }, ...write(rowsOf(cards), "a", { question: "Else?" })];
        expect(isChanged(rows)).toBe(true);
        expect(resultOf(rows)).toEqual([{ id: "n", question: "Q", answer: "A", nextReviewTime: 0 }, { ...cards[0], question: "Else?" }, cards[1]]);
    });

    it("without a card that was deleted; an empty new one is none", () => {
        const rows = [newRow("n"), ...write(rowsOf(cards), "a", { removed: true })];
        expect(resultOf(rows)).toEqual([cards[1]]);
        expect([isChanged([newRow("n"), ...rowsOf(cards)]), incomplete(rows)]).toEqual([false, []]);
    });

    it.each([
        ["a", { question: " " }],
        ["b", { answer: "" }],
        ["b", { question: "", answer: "" }],
    ])("is incomplete where %s has %j", (id, change) => {
        expect(incomplete(write(rowsOf(cards), id, change)).map((row) => row.id)).toEqual([id]);
        expect(incomplete(write(rowsOf(cards), id, { ...change, removed: true }))).toEqual([]);
    });

    it("with one side of a new card is incomplete", () => {
        expect(incomplete([{ ...newRow("n"), question: "Q" }]).length).toBe(1);
    });

    it("takes the new times of cards that were only studied, and leaves it to people when texts were changed", () => {
        const mine = resultOf(write(rowsOf(cards), "a", { question: "Else?" }));
        const studied = [cards[0]!, { ...cards[1]!, nextReviewTime: NOW + 6 * DAY, repetitions: 1 }];
        expect(rebase(mine, cards, studied)).toEqual([{ ...cards[0], question: "Else?" }, studied[1]]);
        for (const now of [[cards[0]!], [cards[1]!, cards[0]!], [...cards, card("c")], [cards[0]!, { ...cards[1]!, answer: "x" }]])
            expect(rebase(mine, cards, now)).toBeUndefined();
        expect(withTimesOf(mine, [studied[1]!])).toEqual([mine[0], studied[1]]);
    });

    it(`saves no text but its own, whatever was studied meanwhile (SEED=${SEED})`, () => {
        const chance = random(SEED + 3);
        for (let round = 0; round < 300; round++) {
            const base = someCards(chance);
            const mine = resultOf(rowsOf(base).map((row) => ({ ...row, answer: chance(2) ? row.answer : `new ${round}`, removed: chance(5) === 0 })));
            const now = base.map((each) => ({ ...each, nextReviewTime: chance(1e6) }));
            const saved = rebase(mine, base, now)!;
            expect(sameTexts(saved, mine)).toBe(true);
            for (const each of saved) expect(each.nextReviewTime).toBe(now.find((other) => other.id === each.id)!.nextReviewTime);
        }
    });
});

/* ---- the calls ---- */

describe("calls", () => {
    const asked: { path: string; body: unknown; headers: Record<string, string> }[] = [];
    const server = (answer: unknown): Api => {
        asked.length = 0;
        const fetcher: Fetch = (path, init) => {
            asked.push({ path, body: JSON.parse(String(init!.body)), headers: init!.headers as Record<string, string> });
            return Promise.resolve(new Response(JSON.stringify(answer), { headers: { "Content-Type": "application/json" } }));
        };
        return new Api("", () => "t", fetcher);
    };
    const call = { context: { course_id: "c" } };

    it("read the cards with their version and session", async () => {
        const set = await loadCards(server({ session_id: "s", response: { cards: [card("a"), 5, { id: 1 }], version: "v" } }), call);
        expect(set).toEqual({ cards: [card("a")], version: "v", session: "s" });
        expect(asked[0]!.body).toEqual({ ...call, action: "get_current_session_response", user_input: { with_version: true }, stream: false });
    });

    it.each([null, undefined, {}, "x", [null], [[]], [{ id: "", question: "q", answer: "a" }]])("no cards in %j", (value) => {
        expect(readCards(value)).toEqual([]);
    });

    it("a review goes under its key", async () => {
        const api = server({ response: { response: card("a", NOW), interval_days: 6 } });
        expect(await reviewCard(api, call, "a", 4, "key")).toEqual({ card: card("a", NOW), days: 6 });
        expect(asked[0]!.headers["Idempotency-Key"]).toBe("key");
        expect(asked[0]!.body).toMatchObject({ action: "review", user_input: { card_id: "a", quality: 4 } });
    });

    it.each([
        ["saved", true],
        ["not_kept", false],
    ])("saving that is answered %s", async (status, kept) => {
        expect(await saveCards(server({ response: { status } }), call, [card("a")], "v")).toBe(kept);
        expect(asked[0]!.body).toMatchObject({ action: "save", user_input: { cards: [card("a")], version: "v" } });
    });
});
