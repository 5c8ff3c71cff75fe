import { describe, expect, it } from "vitest";
import { permissionsCsv, type Row } from "../src/pages/permissions_csv.js";

const row = (permission: string, ...cells: [role: string, allowed: boolean, by: "default" | "site"][]): Row => ({
    permission,
    roles: cells.map(([role, allowed, by]) => ({ role, allowed, by, of: permission })),
});

describe("the matrix as CSV", () => {
    it("has a line for each permission, a column for each role, and who was set by the site", () => {
        const rows = [
            row("view_register", ["student", false, "default"], ["admin", true, "default"]),
            row("action:x@chat", ["student", true, "site"], ["admin", false, "site"]),
        ];
        expect(permissionsCsv(rows)).toBe(
            "permission,student,admin,set_by_site\r\nview_register,no,yes,\r\naction:x@chat,yes,no,student admin\r\n",
        );
    });

    it.each([
        ["a,b", '"a,b"'],
        ['a"b', '"a""b"'],
        ["a\nb", '"a\nb"'],
        ["=1+1", "'=1+1"],
        ["plain", "plain"],
    ])("keeps %j whole", (name, shown) => {
        expect(permissionsCsv([row(name, ["student", true, "default"])])).toBe(`permission,student,set_by_site\r\n${shown},yes,\r\n`);
    });

    it("is only its names where nothing is shown", () => expect(permissionsCsv([])).toBe("permission,set_by_site\r\n"));
});
