/*
 * Plots over time, drawn by uPlot, which comes when the first one is shown. The same figures stand in a table below, for who cannot see a drawing
 * or wants to copy them.
 */
import { html, type TemplateResult } from "lit";
import type uPlot from "uplot";
import { compact, count, lazy, when } from "./format.js";
import { LightElement } from "./page.js";

export interface Line {
    title: string;
    values: readonly (number | null)[];
    /** A figure of this line as people read it. */
    show: (value: number) => string;
}

export interface ChartOf {
    title: string;
    /** Seconds since 1970, rising. */
    times: readonly number[];
    lines: readonly Line[];
    kind?: "lines" | "bars";
    /** The axis reaches at least so high, so that a little does not look like much. 1 when not given. */
    atLeast?: number;
}

const HEIGHT = 180;
/** Told apart without colour by their dashes. */
const DASHES = [[], [8, 4], [2, 3], [12, 4, 2, 4], [5, 5]];

/** A figure between two that are missing is no line: it needs a point to be seen. */
const alone =
    (values: Line["values"]) => values.some((value, i) => value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null);

const minute = lazy(() => new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" }));
const day = lazy(() => new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }));

const second = lazy(() => new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" }));
/** Steps between the marks of what is counted: there is no half a call. */
const WHOLE = Array.from({ length: 13 }, (_, i) => [1, 2, 5].map((step) => step * 10 ** i)).flat();

/** The time of day where the marks are less than a day apart, with the day where it begins; seconds where it takes them to tell marks apart. */
function timeLabels(seconds: readonly number[]): string[] {
    const apart = seconds.length < 2 ? 0 : seconds[1]! - seconds[0]!, near = apart < 86400, hour = apart > 0 && apart < 60 ? second : minute;
    return seconds.map((at, i) => {
        const date = new Date(at * 1000), before = i > 0 ? day().format(new Date(seconds[i - 1]! * 1000)) : "";
        return near && day().format(date) === before ? hour().format(date) : day().format(date);
    });
}

export class ConsoleChart extends LightElement {
    static override properties = { of: { attribute: false } };
    declare of: ChartOf;
    private plot: uPlot | undefined;
    private sizes: ResizeObserver | undefined;
    private readonly dark = matchMedia("(prefers-color-scheme: dark)");
    private readonly redraw = () => void this.draw();

    override connectedCallback(): void {
        super.connectedCallback();
        this.dark.addEventListener("change", this.redraw);
        this.sizes = new ResizeObserver(() => this.plot?.setSize({ width: this.width(), height: HEIGHT }));
        this.sizes.observe(this);
    }

    override disconnectedCallback(): void {
        super.disconnectedCallback();
        this.dark.removeEventListener("change", this.redraw);
        this.sizes?.disconnect();
        this.plot?.destroy();
        this.plot = undefined;
    }

    protected override updated(): void {
        void this.draw();
    }

    private width(): number {
        return Math.max(200, this.querySelector<HTMLElement>(".plot")?.clientWidth ?? 0);
    }

    /** A custom property as the canvas understands it: what light-dark() comes to here. */
    private colour(place: HTMLElement, name: string): string {
        place.style.color = `var(${name})`;
        const colour = getComputedStyle(place).color;
        place.style.color = "";
        return colour;
    }

    private async draw(): Promise<void> {
        const { default: Plot } = await import("./plot.js");
        const place = this.querySelector<HTMLElement>(".plot");
        if (!place || !this.isConnected) return;
        this.plot?.destroy();
        const colour = (name: string) => this.colour(place, name);
        const { times, lines, kind = "lines", atLeast = 1 } = this.of;
        const [first] = lines, whole = first?.show === compact || first?.show === count;
        const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
        this.plot = new Plot(
            {
                width: this.width(),
                height: HEIGHT,
                legend: { show: false },
                cursor: { show: false },
                scales: {
                    x: { range: (_plot, from, to) => (to > from ? [from, to] : [from - 1, from + 1]) },
                    y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, atLeast)] },
                },
                axes: [
                    { ...axis, space: 90, values: (_plot, seconds) => timeLabels(seconds), ...(times.length === 1 && { splits: () => [...times] }) },
                    { ...axis, size: 64, ...(whole && { incrs: WHOLE }), values: (_plot, values) => values.map((value) => first?.show(value) ?? String(value)) },
                ],
                series: [
                    {},
                    ...lines.map((line, i) => {
                        const stroke = colour(`--series-${(i % 5) + 1}`);
                        const dash = DASHES[i % DASHES.length] ?? [];
                        return {
                            label: line.title,
                            stroke,
                            dash,
                            width: kind === "bars" ? 0 : 2,
                            points: { show: alone(line.values) },
                            ...(kind === "bars" && { fill: stroke, paths: Plot.paths.bars!({ size: [0.7, 60] }) }),
                        };
                    }),
                ],
            },
            [times as number[], ...lines.map((line) => line.values as (number | null)[])],
            place,
        );
    }

    protected override render(): TemplateResult {
        const { title, times, lines } = this.of;
        return html`<figure class="chart">
            <figcaption>${title}${
                lines.length > 1
                    ? html`<ul
                        class="key">${
                            lines.map((line, i) => html`<li class="series-${(i % 5) + 1}"><svg viewBox="0 0 24 4" aria-hidden="true"><line x1="0"
                                y1="2" x2="24" y2="2" stroke-dasharray=${(DASHES[i % DASHES.length] ?? []).join(" ")} /></svg>${line.title}</li>`)
                        }</ul>`
                    : ""
            }</figcaption>
            <div class="plot" aria-hidden="true"></div>
            <details><summary>${title}: figures</summary><div class="scroll" tabindex="0" role="region" aria-label="${title}: figures"><table>
                <thead><tr><th scope="col">Time</th>${lines.map((line) => html`<th scope="col">${line.title}</th>`)}</tr></thead>
                <tbody>${times.map((time, i) => html`<tr><th scope="row">${when(new Date(time * 1000).toISOString())}</th>${lines.map((line) => {
                    const value = line.values[i];
                    return html`<td>${typeof value === "number" ? line.show(value) : "–"}</td>`;
                })}</tr>`)}</tbody>
            </table></div></details>
        </figure>`;
    }
}

customElements.define("console-chart", ConsoleChart);
