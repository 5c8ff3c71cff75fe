import { describe, expect, it } from "vitest";
import { type Choice, missing, mostPoints, pointsEarned, pointsPossible, type RubricCriterion } from "../src/client/points.js";

const RUBRIC: RubricCriterion[] = [
    { id: "claim", name: "Claim", options: [0, 2, 4].map((points) => ({ id: `o${points}`, name: "", points })) },
    { id: "constructor", name: "Evidence", options: [0, 3].map((points) => ({ id: `o${points}`, name: "", points })) },
    { id: "words", name: "Remarks", options: [] },
];

describe("points", () => {
    it.each<[Choice, number, string[]]>([
        [{}, 0, ["claim", "constructor"]],
        [{ claim: "o2" }, 2, ["constructor"]],
        [{ claim: "o4", constructor: "o3" } as unknown as Choice, 7, []],
        [{ claim: "o3", constructor: "o0", words: "o9", other: "o4" } as unknown as Choice, 0, ["claim"]],
    ])("%j is worth %i", (choice, earned, open) => {
        expect(pointsEarned(RUBRIC, choice)).toBe(earned);
        expect(missing(RUBRIC, choice).map((criterion) => criterion.id)).toEqual(open);
    });

    it("are of the rubric alone", () => expect(pointsPossible(RUBRIC)).toBe(7));

    const seed = 4711;
    it(`never more than the most, and each choice counts for itself (seed ${seed})`, () => {
        let state = seed;
        const below = (limit: number) => {
            state = (Math.imul(state, 1103515245) + 12345) >>> 0;
            return (state >>> 8) % limit;
        };
        for (let n = 0; n < 300; n++) {
            const rubric = Array.from({ length: 1 + below(6) }, (_, c) => ({
                id: `c${c}`,
                name: "",
                options: Array.from({ length: below(5) }, (_, o) => ({ id: `o${o}`, name: "", points: below(20) })),
            }));
            const choice: Choice = {};
            let sum = 0;
            for (const criterion of rubric) {
                const option = criterion.options[below(6)];
                if (option) choice[criterion.id] = option.id;
                sum += option?.points ?? 0;
                expect(option?.points ?? 0).toBeLessThanOrEqual(mostPoints(criterion));
            }
            expect(pointsEarned(rubric, choice), `seed ${seed}, case ${n}`).toBe(sum);
            expect(sum).toBeLessThanOrEqual(pointsPossible(rubric));
            expect(missing(rubric, choice).length).toBe(rubric.filter((each) => each.options.length > 0 && !choice[each.id]).length);
        }
    });
});
