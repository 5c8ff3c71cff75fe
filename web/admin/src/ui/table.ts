/* Rows that are all there already, looking as the lists do: on a narrow screen each is a card, so roles say what a display of table would no more. */
import { html, type TemplateResult } from "lit";

export interface TableColumn<Row> {
    title: string;
    cell: (row: Row) => unknown;
    /** Figures stand at the end. */
    end?: boolean;
}

export function tableView<Row>(title: string, columns: readonly TableColumn<Row>[], rows: readonly Row[], empty: unknown = "None."): TemplateResult {
    if (rows.length === 0) return html`<div class="empty">${empty}</div>`;
    return html`<div class="rows" role="table" aria-label=${title}>
        <div role="rowgroup" class="head"><div role="row">${
            columns.map((column) => html`<div role="columnheader" class=${column.end ? "end" : ""}>${column.title}</div>`)
        }</div></div>
        <div role="rowgroup">${rows.map((row) => html`<div role="row">${columns.map(
            (column) => html`<div role="cell" class=${column.end ? "end" : ""} data-title=${column.title}><div>${column.cell(row)}</div></div>`,
        )}</div>`)}</div>
    </div>`;
}
