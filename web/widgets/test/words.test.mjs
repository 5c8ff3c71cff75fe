import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { canRetry, errorText, unavailable } from "../src/words/errors.js";
import { LANGUAGES, stringsFor } from "../src/words/strings.js";

const SOURCES = fileURLToPath(new URL("../src", import.meta.url));
const ERROR_TABLE = readFileSync(new URL("../../../src/base/error.h", import.meta.url), "utf8");

/** Every path to a word: "chat.send", "errors.busy". */
function paths(value, at = "") {
    if (typeof value !== "object" || value === null) return [at];
    return Object.entries(value).flatMap(([key, inner]) => paths(inner, at ? `${at}.${key}` : key));
}

function words(value) {
    if (typeof value === "string") return [value];
    if (typeof value === "function") return ["X", 1, 7].map(value);
    return Object.values(value).flatMap(words);
}

function sources(folder) {
    return readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.name !== "words" || !entry.isDirectory())
        .map((entry) => (entry.isDirectory() ? sources(join(folder, entry.name)) : readFileSync(join(folder, entry.name), "utf8")))
        .join("\n");
}

/** Of the words of all, and of each element that has its own. */
const TABLES = Object.entries(import.meta.glob("../src/words/*.ts", { eager: true })).flatMap(([file, module]) =>
    Object.entries(module).flatMap(([name, value]) => (value?.en && value?.es ? [[`${file.split("/").at(-1)} ${name}`, value]] : [])),
);

it("the words of all are among them", () => expect(TABLES.map(([, table]) => table)).toContain(LANGUAGES));

describe.each(TABLES)("words of %s", (_, table) => {
    const english = paths(table.en);

    it("are in the same languages as all others", () => expect(Object.keys(table)).toEqual(Object.keys(LANGUAGES)));

    it.each(Object.keys(table))("%s has exactly the keys of English", (tag) => {
        expect(paths(table[tag]).sort()).toEqual([...english].sort());
    });

    it.each(Object.keys(table))("%s says something for each key", (tag) => {
        for (const text of words(table[tag])) expect(text.trim()).not.toBe("");
    });

    it("every key is used, and what is looked up by a code has the codes", () => {
        const code = sources(SOURCES);
        const byCode = ["actions", "errors", "unavailable", "toolNames", "reasons", "grades", "types", "levels", "faults", "formats", "options"];
        const unused = english.filter((path) => {
            const keys = path.split(".");
            const known = keys.findIndex((key) => byCode.includes(key));
            const looked = known >= 0 ? keys[known] : keys.at(-1);
            return !new RegExp(`\\.${looked}\\b`).test(code);
        });
        expect(unused).toEqual([]);
    });

    it("Spanish is not English", () => {
        const same = words(table.es).filter((text) => words(table.en).includes(text) && text.length > 12);
        expect(same).toEqual([]);
    });
});

describe("a language tag", () => {
    it.each([
        ["es", "es"],
        ["es-MX", "es"],
        ["EN-gb", "en"],
        ["de", "en"],
        ["constructor", "en"],
        ["", "en"],
    ])("%j speaks %s", (tag, language) => {
        expect(stringsFor(tag).language).toBe(language);
    });
});

describe("codes of the server's error table", () => {
    const codes = [...ERROR_TABLE.matchAll(/X\(E\w+, "(\w+)"/g)].map((match) => match[1]);
    /* Faults of ours or of whoever set the site up: "something went wrong" is all that can be said of them. */
    const unexpected = [
        ...["invalid_json", "invalid_input", "bad_http", "method_not_allowed", "multiple_found", "conflict", "uri_too_long", "unsupported_media_type"],
        ...["head_too_large", "precondition_failed", "idempotency_key_reused", "answer_not_kept", "invalid_configuration", "again", "internal_error"],
        ...["policy_not_accepted", "cancelled"] /* never shown: the policy is asked for, and what was stopped says so */,
    ];

    it("are there", () => expect(codes.length).toBeGreaterThan(40));

    it.each(codes)("%s has a sentence", (code) => {
        expect(errorText(code) === "unexpected").toBe(unexpected.includes(code));
    });

    it("what is not there for learners here does not ask them to try again", () => {
        for (const code of ["course_disabled", "permission_denied", "no_config", "body_too_large"]) expect(canRetry(errorText(code))).toBe(false);
        for (const code of ["rate_limited", "upstream_timeout", "something_new"]) expect(canRetry(errorText(code))).toBe(true);
    });

    it("reasons for staff", () => {
        expect([unavailable("course_disabled"), unavailable("no_provider"), unavailable("something_new")]).toEqual(["course", "provider", "other"]);
    });
});
