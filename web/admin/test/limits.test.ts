import { expect, test } from "vitest";
import { limitSentence, type LimitForm } from "../src/pages/limit_words.js";
import { amountText, amountTyped } from "../src/ui/format.js";

test("amounts are millionths, typed and shown in the currency", () => {
    for (const [text, millionths] of [["25.00", 25_000_000], ["0.00", 0], ["0.000125", 125], ["12.50", 12_500_000], ["999999999.999999", 999_999_999_999_999]] as const) {
        expect(amountTyped(text)).toBe(millionths);
        expect(amountText(millionths)).toBe(text);
    }
    expect(amountTyped(" 7 ")).toBe(7_000_000);
    for (const wrong of ["", "12,50", "1,000", "-1", "1e3", "1.1234567", ".5", "5.", "$5", "1234567890"]) expect(amountTyped(wrong)).toBeNull();
    expect(amountText(undefined)).toBe("");
});

test("a limit in plain words", () => {
    const says: [LimitForm, string][] = [
        [{ subject: "user", subject_id: "", per_user: true, unit: "requests", amount: 50, window: "day" }, "At most 50 requests a day for each user."],
        [{ subject: "user", subject_id: "ann", unit: "requests", amount: 1, window: "sliding", window_s: 7200 }, "At most 1 request within any 2 hours for the user ann."],
        [{ subject: "provider", subject_id: "3", per_user: true, unit: "requests", amount: 10, window: "fixed", window_s: 3600 }, "At most 10 requests within one hour from the first use for each user of the provider openai."],
        [{ subject: "course", subject_id: "", unit: "tokens", amount: 2000, window: "month", action: "explain_text" }, "At most 2,000 tokens of Explain text a calendar month for each course."],
        [{ subject: "role", subject_id: "student", per_user: false, unit: "requests", amount: 5, window: "week" }, "At most 5 requests a week (from Monday) for all of the role student together."],
        [{ subject: "site", unit: "requests", amount: 0, window: "day" }, "Nothing at all for the whole site together."],
    ];
    for (const [limit, sentence] of says) expect(limitSentence(limit, limit.subject === "provider" ? "openai" : undefined)).toBe(sentence);
    expect(limitSentence({ subject: "site", unit: "cost", amount: 25_000_000, window: "month", currency: "EUR" })).toMatch(/25[.,]00.* a calendar month for the whole site together\.$/);
});
