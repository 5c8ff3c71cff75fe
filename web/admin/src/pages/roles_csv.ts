/* Roles as lines of CSV (RFC 4180, one record a line): user, course, role. */

export interface RoleRow {
    user_id: string;
    course_id: string;
    role: string;
}

export interface ReadRoles {
    rows: RoleRow[];
    /** The line of each row, from 1. */
    lines: number[];
    problems: string[];
}

const MEMBERS = ["user_id", "course_id", "role"] as const;

/** The fields of one line; null when its quotes do not close. */
export function splitLine(line: string): string[] | null {
    const fields: string[] = [];
    let rest = line;
    for (;;) {
        const quoted = /^\s*"((?:[^"]|"")*)"\s*(,|$)/.exec(rest), plain = /^([^",]*)(,|$)/.exec(rest);
        const found = quoted ?? plain;
        if (!found) return null;
        fields.push(quoted ? found[1]!.replace(/""/g, '"') : found[1]!.trim());
        if (found[2] === "") return fields;
        rest = rest.slice(found[0].length);
    }
}

/** A first line of names says in which order they stand; without one it is user_id, course_id, role. */
export function readRoles(text: string): ReadRoles {
    const read: ReadRoles = { rows: [], lines: [], problems: [] };
    let order: readonly string[] = MEMBERS;
    let first = true;
    text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/).forEach((line, i) => {
        if (line.trim() === "") return;
        const fields = splitLine(line);
        if (first && fields?.includes("user_id") && fields.includes("role")) {
            order = fields;
            first = false;
            return;
        }
        first = false;
        const member = (name: string) => fields?.[order.indexOf(name)] ?? "";
        if (!fields) read.problems.push(`Line ${i + 1}: a quotation mark is not closed.`);
        else if (fields.length !== order.length) read.problems.push(`Line ${i + 1}: ${fields.length} fields, not ${order.length}.`);
        else {
            read.rows.push({ user_id: member("user_id"), course_id: member("course_id"), role: member("role") });
            read.lines.push(i + 1);
        }
    });
    return read;
}
