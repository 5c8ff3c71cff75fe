import { describe, expect, it } from "vitest";
import { fileName } from "../src/client/question_calls.js";
import {
    addChoice, type Draft, faultsOf, htmlOf, isDirty, LIMITS, markRight, paragraphsOf, questionOf, removeChoice, setType, startDraft,
} from "../src/client/question_draft.js";
import {
    hasChoices, hasVersion, type Question, readKept, readQuestion, readSlot, sameQuestion, selectedOf, type Slot, TYPES, type Version, withVersion,
} from "../src/client/questions.js";
import { formulaParts, simpleHtml } from "../src/rich/html_text.js";
import { wishOf } from "../src/ui/question_wish.js";

/** Numbers that only the seed decides; a test that fails names it. */
function randomOf(seed: number) {
    const next = () => {
        seed = (seed * 1_664_525 + 1_013_904_223) >>> 0;
        return seed / 2 ** 32;
    };
    const below = (n: number) => Math.floor(next() * n);
    return { below, pick: <T>(list: readonly T[]): T => list[below(list.length)]!, chance: (p: number) => next() < p };
}
type Random = ReturnType<typeof randomOf>;

const SEED = Date.now() >>> 0;
/** Runs a property with many seeds; the one that broke it is in the error. */
function always(name: string, property: (random: Random) => void, times = 300): void {
    it(name, () => {
        for (let i = 0; i < times; i++) {
            const seed = (SEED + i * 7919) >>> 0;
            try {
                property(randomOf(seed));
            } catch (error) {
                throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
            }
        }
    });
}

const WORDS = ["water", "glass & tube", "<b>", "a < b", "\\(x^2\\)", "光", "🌱", "\u00a0", "&amp;", "$$", "\"q\"", "1.5", "-", "agua y luz", "\\[", "'"];
const words = (random: Random, max = 4) => Array.from({ length: 1 + random.below(max) }, () => random.pick(WORDS)).join(" ");

function question(random: Random): Question {
    const problem_type = random.pick(TYPES);
    const right = random.below(3);
    const choices = Array.from({ length: 3 }, (_, i) => ({ text: `${i} ${words(random)}`, is_correct: i === right, feedback: random.chance(0.5) ? words(random).trim() : "" }));
    return {
        display_name: `T ${words(random)}`.trim(),
        question_html: random.chance(0.5) ? htmlOf(`Q ${words(random)}\n\n${words(random)}`) : `<p>Why <em>${random.below(9)}</em>?</p>`,
        problem_type,
        choices: hasChoices(problem_type) ? choices.map((each) => ({ ...each, text: each.text.trim() })) : [],
        answer_value: hasChoices(problem_type) ? "" : problem_type === "numericalresponse" ? random.pick(["4", "-0.5", "+1e3"]) : `a ${words(random)}`.trim(),
        tolerance: problem_type === "numericalresponse" ? random.pick(["", "5%", "0.01"]) : "",
        explanation: random.chance(0.5) ? words(random).trim() : "",
        demand_hints: random.chance(0.5) ? [`h ${words(random)}`.trim()] : [],
    };
}

const version = (made: Question): Version => ({ question: made, raw: made });
const valid: Question = question({ ...randomOf(1), pick: (list) => list[0]!, chance: () => false });
const fields = (made: Question) => faultsOf(made).map((fault) => `${fault.field} ${fault.code}`);

describe("slots as the server keeps them", () => {
    always("a question is read as it was sent, whatever else stands in it", (random) => {
        const made = question(random);
        expect(readQuestion({ ...made, olx: { data: "x" }, other: 5 })).toEqual(made);
    });

    always("a slot is the same as kept and as answered", (random) => {
        const list = Array.from({ length: 1 + random.below(4) }, () => question(random));
        const selected = random.below(list.length);
        const kept = readSlot({ versions: list, selected });
        expect(kept).toEqual(readSlot({ history: list, selected, question: list[selected] }));
        expect(selectedOf(kept!).question).toEqual(list[selected]);
    });

    it.each([[undefined], [null], [5], [[]], [{}], [{ versions: [] }], [{ versions: [{ problem_type: "essay" }] }], [{ versions: "x" }]])("%j is no slot", (value) => {
        expect(readSlot(value)).toBeUndefined();
    });

    it.each([-1, 7, 0.5, "x", null])("of a selection %j that there is not, the newest version counts", (selected) => {
        expect(readSlot({ versions: [valid, valid], selected })?.selected).toBe(selected === null ? 0 : 1);
    });

    it("a slot that cannot be read keeps its number", () => {
        const kept = readKept({ question_slots: [{ versions: [valid] }, 5, { versions: [valid], left_out: true }], collection_name: "N", saved: null });
        expect(kept.slots.map((slot) => slot?.leftOut)).toEqual([false, undefined, true]);
        expect([kept.name, kept.saved]).toEqual(["N", undefined]);
        expect(readKept({ saved: { name: "N", library_id: "l", questions: 2 } }).saved).toEqual({ name: "N", libraryId: "l", count: 2 });
        expect(readKept(null)).toEqual({ slots: [], name: "", saved: undefined });
    });

    always("another version comes last, counts, and leaves the others as they are", (random) => {
        const slot: Slot = { versions: [version(question(random)), version(question(random))], selected: random.below(2), leftOut: random.chance(0.5) };
        const made = question(random);
        const after = withVersion(slot, made);
        expect(after.versions.slice(0, -1)).toEqual(slot.versions);
        expect([selectedOf(after).question, after.leftOut]).toEqual([made, slot.leftOut]);
        for (const each of after.versions) expect(hasVersion(after, each)).toBe(true);
        expect(hasVersion(slot, version({ ...made, display_name: "Another one" }))).toBe(false);
    });
});

describe("paragraphs and HTML", () => {
    always("what is typed comes back as it was typed", (random) => {
        const typed = Array.from({ length: 1 + random.below(3) }, () => Array.from({ length: 1 + random.below(2) }, () => `w ${words(random)} e`).join("\n")).join("\n\n");
        expect(paragraphsOf(htmlOf(typed))).toBe(typed);
    });

    always("HTML of paragraphs means the same after it was edited", (random) => {
        const html = htmlOf(`a ${words(random)} z\n\nb ${words(random)} z`);
        expect(htmlOf(paragraphsOf(html)!)).toBe(html);
    });

    it.each([
        ["<p>One</p>\n<p>Two &lt;3&gt; &#x41;</p>", "One\n\nTwo <3> A"],
        ["  Just text ", "Just text"],
        ["<P>One<br>two<BR/> three</P>", "One\ntwo\nthree"],
        ["<p>a\n   b</p>", "a b"],
        ["", ""],
        ["<p></p>", ""],
    ])("%j is %j", (html, text) => expect(paragraphsOf(html)).toBe(text));

    it.each(["<p>a <em>b</em></p>", "<p class=x>a</p>", "<div>a</div>", "<p>a</p> tail", "<p>&eacute;</p>", "lead <p>a</p>", "<p>&#xD800;</p>", "<ul><li>a</li></ul>", "<p><!-- x -->a</p>"])(
        "%j is more than paragraphs and stays HTML",
        (html) => expect(paragraphsOf(html)).toBeUndefined(),
    );
});

describe("a draft", () => {
    always("that nobody touched changes nothing", (random) => {
        const base = version(question(random));
        const draft = startDraft(base);
        expect(isDirty(draft)).toBe(false);
        expect(questionOf(draft)).toEqual(base.question);
    });

    always("never changes what it was made of", (random) => {
        const base = version(question(random));
        const before = JSON.stringify(base);
        const draft = startDraft(base);
        draft.question = markRight(addChoice(setType(draft.question, random.pick(TYPES))), 0, true);
        draft.text += " more";
        draft.hints += "\nmore";
        questionOf(draft);
        expect(JSON.stringify(base)).toBe(before);
        expect(isDirty(draft)).toBe(true);
    });

    always("of whatever steps: one right choice at most where only one may be, and nothing of another type is kept", (random) => {
        const draft: Draft = startDraft(version(question(random)));
        for (let i = 0; i < 12; i++) {
            const { choices } = draft.question;
            const at = random.below(Math.max(choices.length, 1));
            draft.question = random.pick([
                () => setType(draft.question, random.pick(TYPES)),
                () => addChoice(draft.question),
                () => removeChoice(draft.question, at),
                () => markRight(draft.question, at, random.chance(0.7)),
            ])();
        }
        const made = questionOf(draft);
        if (made.problem_type !== "choiceresponse") expect(made.choices.filter((choice) => choice.is_correct).length).toBeLessThanOrEqual(1);
        if (hasChoices(made.problem_type)) expect([made.answer_value, made.tolerance]).toEqual(["", ""]);
        else expect(made.choices).toEqual([]);
        expect(draft.question.choices.length).toBeLessThanOrEqual(LIMITS.choices);
    });

    it("what was typed for one kind comes back with it", () => {
        const there = setType(setType(valid, "stringresponse"), valid.problem_type);
        expect(there).toEqual(valid);
        expect(setType({ ...valid, choices: [] }, "choiceresponse").choices).toHaveLength(2);
    });

    it("is the same question whatever form it was kept in", () => {
        expect(sameQuestion({ ...valid, extra: 1 } as Question, valid)).toBe(true);
        expect(sameQuestion({ ...valid, display_name: "X" }, valid)).toBe(false);
    });
});

describe("what is wrong with a question", () => {
    always("nothing, of one that was written well", (random) => expect(fields(question(random))).toEqual([]));

    const two = [
        { text: "a", is_correct: true, feedback: "" },
        { text: "b", is_correct: false, feedback: "" },
    ];
    it.each<[Partial<Question>, string[]]>([
        [{ display_name: " " }, ["/display_name missing"]],
        [{ display_name: "光".repeat(256) }, ["/display_name tooLong"]],
        [{ display_name: "🌱".repeat(255) }, []],
        [{ question_html: "" }, ["/question_html missing"]],
        [{ choices: [] }, ["/choices twoAtLeast"]],
        [{ choices: [two[0]!, { ...two[0]!, is_correct: false }] }, ["/choices/1/text same"]],
        [{ choices: [two[0]!, { text: "  a\t", is_correct: false, feedback: "" }] }, ["/choices/1/text same"]],
        [{ choices: [two[0]!, { ...two[1]!, text: " " }] }, ["/choices/1/text missing"]],
        [{ choices: [two[0]!, { ...two[1]!, text: "x".repeat(4001) }] }, ["/choices/1/text tooLong"]],
        [{ choices: two.map((each) => ({ ...each, is_correct: false })) }, ["/choices noneRight"]],
        [{ choices: two.map((each) => ({ ...each, is_correct: true })) }, ["/choices moreRight"]],
        [{ choices: two.map((each) => ({ ...each, is_correct: true })), problem_type: "choiceresponse" }, []],
        [{ choices: Array.from({ length: 21 }, (_, i) => ({ text: `${i}`, is_correct: i === 0, feedback: "" })) }, ["/choices tooMany"]],
        [{ problem_type: "stringresponse" }, ["/answer_value missing"]],
        [{ problem_type: "stringresponse", answer_value: "x".repeat(501) }, ["/answer_value tooLong"]],
        [{ problem_type: "numericalresponse", answer_value: "four" }, ["/answer_value noNumber"]],
        [{ problem_type: "numericalresponse", answer_value: "1e999" }, ["/answer_value noNumber"]],
        [{ problem_type: "numericalresponse", answer_value: "1", tolerance: "some" }, ["/tolerance noTolerance"]],
        [{ problem_type: "numericalresponse", answer_value: "-1.5e-3", tolerance: "5%" }, []],
        [{ explanation: "x".repeat(20_001) }, ["/explanation tooLong"]],
        [{ demand_hints: Array.from({ length: 11 }, () => "h") }, ["/demand_hints tooMany"]],
    ])("%j", (change, faults) => expect(fields({ ...valid, choices: two, ...change })).toEqual(faults));
});

describe("formulas in texts", () => {
    always("are parts of the text, and none of it is lost", (random) => {
        const text = Array.from({ length: random.below(8) }, () => random.pick(["\\(x\\)", "\\[y\\]", "$$z$$", "\\(", "$", " and ", "<b>", "\\)", "$5"])).join("");
        expect(formulaParts(text).map((part) => part.source).join("")).toBe(text);
    });

    it("are what MathJax finds", () => {
        const found = formulaParts("a \\(x\\) costs $5 and $6 \\[ y \\] $$z$$").flatMap(({ math, display }) => (math === undefined ? [] : [[math, display]]));
        expect(found).toEqual([["x", false], ["y", true], ["z", true]]);
    });
});

describe("HTML of questions", () => {
    const image = (text: string) => `[${text}]`;

    always("has known tags alone, without attributes", (random) => {
        const parts = ["<p>", "</p>", "<b onclick=x>", "<img src=x onerror='y' alt=\"A leaf\">", "<script>z</script>", "<", ">", "\"", "<!-- c", "-->", "<svg/onload=1>", "text", "<style>", "<a href=javascript:1>"];
        const html = simpleHtml(Array.from({ length: random.below(12) }, () => random.pick(parts)).join(""), { image });
        expect(html.replace(/<\/?[a-z0-9]+>/gi, "")).not.toMatch(/</);
    });

    it.each([
        ["<p class=x>a <B>b</B></p>", "<p>a <B>b</B></p>"],
        ["1 < 2 and <unknown>3</unknown>", "1 &lt; 2 and 3"],
        ["<img alt='A leaf' src=https://e.example/x>", "[A leaf]"],
        ["<script>pwned()</script>after", "after"],
        ["<script>pwned()", ""],
        ["<!-- a --> b", " b"],
    ])("%j is %j", (html, simple) => expect(simpleHtml(html, { image })).toBe(simple));

    it("is read in a time that grows with its length alone", () => {
        for (const piece of ["<a", "<", "<!-", "<script", "<p ", "alt="]) simpleHtml(piece.repeat(100_000 / piece.length), { image });
    });
});

describe("what an author wants", () => {
    const form = (values: Record<string, string | string[]>) => ({ get: (name: string) => values[name] ?? null, getAll: (name: string) => [values[name] ?? []].flat() });

    it.each([
        [{ count: "7" }, { num_questions: 7 }],
        [{ count: "" }, { num_questions: 5 }],
        [{ count: "99" }, { num_questions: 20 }],
        [{ count: "3", level: "hard", instruction: " Causes. ", kind: ["choiceresponse"] }, { num_questions: 3, difficulty: "hard", extra_instructions: "Causes.", problem_types: ["choiceresponse"] }],
        [{ count: "3", level: "any", kind: [...TYPES] }, { num_questions: 3 }],
    ])("%j", (values, wish) => expect(wishOf(form(values as Record<string, string>))).toEqual(wish));
});

describe("names of files", () => {
    it.each([
        ["Tubes & water", "Tubes-water.xml"],
        ["../../etc/passwd", "etc-passwd.xml"],
        ["光合成", "光合成.xml"],
        ["…", "questions.xml"],
        ["x".repeat(200), `${"x".repeat(80)}.xml`],
    ])("%j: %j", (name, file) => expect(fileName(name, "moodle_xml")).toBe(file));
});
