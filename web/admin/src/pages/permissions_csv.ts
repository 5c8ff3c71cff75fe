/* The matrix of permissions as CSV (RFC 4180): a line for each permission, a column for each role, and last the roles for which the site says so. */

export interface Cell {
    role: string;
    allowed: boolean;
    by: "default" | "site";
    /** The name that decided. */
    of: string;
}

export interface Row {
    permission: string;
    roles: Cell[];
}

/** What a table program would calculate is kept as text, as the server's CSV does it. */
function field(text: string): string {
    const safe = /^ *[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export function permissionsCsv(rows: readonly Row[]): string {
    const roles = rows[0]?.roles.map(({ role }) => role) ?? [];
    const lines = rows.map(({ permission, roles: cells }) => [
        permission,
        ...roles.map((role) => (cells.find((cell) => cell.role === role)?.allowed ? "yes" : "no")),
        cells.filter(({ by }) => by === "site").map(({ role }) => role).join(" "),
    ]);
    return [["permission", ...roles, "set_by_site"], ...lines].map((line) => line.map(field).join(",") + "\r\n").join("");
}
