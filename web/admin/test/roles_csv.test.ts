import { describe, expect, it } from "vitest";
import { readRoles, splitLine } from "../src/pages/roles_csv.js";

describe("lines of roles", () => {
    it.each([
        ["a,b,c", ["a", "b", "c"]],
        ["a, b ,c ", ["a", "b", "c"]],
        ["a,,c", ["a", "", "c"]],
        ['"a,b","c""d", "e" ', ["a,b", 'c"d', "e"]],
        ["", [""]],
        [",", ["", ""]],
        ['"a', null],
        ['a"b,c', null],
        ['"a"b,c', null],
    ])("%s", (line, fields) => {
        const found = splitLine(line);
        expect(found?.map((field) => field.trim()) ?? null).toEqual(fields);
    });

    it("take names in the first line as the order", () => {
        expect(readRoles("\uFEFFrole,user_id\r\nteacher,ada\r\n").rows).toEqual([{ role: "teacher", user_id: "ada", course_id: "" }]);
        expect(readRoles("ada,c,teacher").rows).toEqual([{ role: "teacher", user_id: "ada", course_id: "c" }]);
    });

    it("know where each row stood, and say what is no row", () => {
        const read = readRoles('\nada,c,teacher\n\nx,y\n"z\ngrace,,manager\n');
        expect(read.lines).toEqual([2, 6]);
        expect(read.problems).toEqual(["Line 4: 2 fields, not 3.", "Line 5: a quotation mark is not closed."]);
        expect(readRoles("").rows).toEqual([]);
    });
});
