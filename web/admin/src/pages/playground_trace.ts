/* How a call was made: when what happened, who was asked, and what exactly was sent. */
import { html, nothing, svg, type TemplateResult } from "lit";
import { bytes, count, duration, money, NONE, words } from "../ui/format.js";
import { badge, facts } from "../ui/parts.js";
import { figuresOf, type Figures, type Trace, type TraceAttempt, type TraceCall, type TraceRequest } from "./playground_run.js";

/* ---- times ---- */

export interface Step {
    title: string;
    from: number;
    to: number;
}

/** Milliseconds as a figure of a table: short ones with a digit behind the point. */
const ms = (value: number) => (value < 100 ? `${value.toFixed(1)} ms` : duration(value));

function requestSteps({ timings: t }: TraceRequest, name: string): Step[] {
    const steps: Step[] = [];
    const add = (title: string, from: number | null, to: number | null) => {
        if (from !== null && to !== null) steps.push({ title: `${name}: ${title}`, from, to });
    };
    if (!t.connection_reused) add("connect", t.began_ms, t.connected_ms);
    add("send", t.connection_reused ? t.began_ms : t.connected_ms, t.sent_ms);
    add("wait for the first byte", t.sent_ms, t.first_byte_ms);
    add("answer", t.first_byte_ms, t.last_byte_ms);
    if (t.first_byte_ms === null) add("no answer", t.sent_ms ?? t.connected_ms ?? t.began_ms, t.last_byte_ms);
    return steps;
}

/** What a call did one after another; steps that it did not come to are left out. */
export function stepsOf(call: TraceCall): Step[] {
    const { timings: t } = call;
    const steps: Step[] = [];
    if (t.gates_ms !== null) steps.push({ title: "Gates", from: 0, to: t.gates_ms });
    if (t.gates_ms !== null && t.begin_queued_ms !== null) steps.push({ title: "Begin record handed over", from: t.gates_ms, to: t.begin_queued_ms });
    for (const attempt of call.attempts) {
        const { name } = attempt.provider;
        if (attempt.requests.length === 0) steps.push({ title: name, from: attempt.began_ms, to: attempt.began_ms + (attempt.duration_ms ?? 0) });
        steps.push(...attempt.requests.flatMap((request) => requestSteps(request, name)));
    }
    if (t.first_text_ms !== null && t.begin_awaited_ms !== null)
        steps.push({ title: "First text waits for the begin record", from: t.first_text_ms, to: t.begin_awaited_ms });
    if (t.asked_ms !== null && t.recorded_ms !== null) steps.push({ title: "End record", from: t.asked_ms, to: t.recorded_ms });
    return steps;
}

function timesView(call: TraceCall): TemplateResult {
    const steps = stepsOf(call), end = Math.max(call.timings.recorded_ms ?? 0, ...steps.map(({ to }) => to), 0.001);
    const at = (value: number) => (100 * value) / end;
    return html`<div class="sideways" role="region" aria-label="Times" tabindex="0"><table class="times">
        <thead><tr><th scope="col">Step</th><th scope="col" class="end">After</th><th scope="col" class="end">Took</th><th scope="col"
            class="bars"><span class="hidden">As a bar</span></th></tr></thead>
        <tbody>${steps.map(({ title, from, to }) => html`<tr><td>${title}</td><td class="end">${ms(from)}</td><td class="end">${ms(to - from)}</td>
            <td class="bars"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">${
                svg`<rect x=${at(from)} y="0" width=${Math.max(at(to - from), 0.6)} height="8"></rect>`
            }</svg></td></tr>`)}</tbody>
    </table></div>`;
}

/* ---- attempts ---- */

function tokens(into: unknown, out: unknown): string {
    return typeof into !== "number" && typeof out !== "number" ? NONE : `${count(into)}, ${count(out)}`;
}

function attemptsView(trace: Trace): TemplateResult {
    const attempts = trace.calls.flatMap((call) => call.attempts);
    return html`<div class="sideways" role="region" aria-label="Attempts" tabindex="0"><table>
        <thead><tr><th scope="col">Provider</th><th scope="col">Model</th><th scope="col">Came to</th><th scope="col" class="end">Took</th><th
            scope="col" class="end">Tokens in, out</th><th scope="col" class="end">Cost</th></tr></thead>
        <tbody>${attempts.map((a) => html`<tr><td>${a.provider.name}</td><td>${a.model || "–"}</td>
            <td>${
                a.success ? badge("ok", "Answered") : badge("error", words(a.code ?? "Not ended"))
            }${a.detail ? html`<div class="small">${a.detail}</div>` : nothing}</td>
            <td class="end">${duration(a.duration_ms)}</td><td class="end">${tokens(a.usage?.["prompt_tokens"], a.usage?.["completion_tokens"])}</td>
            <td class="end">${money(a.usage?.["cost"], String(a.usage?.["currency"] ?? "USD"))}</td></tr>`)}</tbody>
    </table></div>`;
}

/* ---- what was compiled ---- */

const pretty = (value: unknown) => JSON.stringify(value, null, 2);

/** A body as one reads it; what was cut is no JSON any more. */
function bodyText({ body }: TraceRequest): string {
    try {
        return pretty(JSON.parse(body));
    } catch {
        return body;
    }
}

function box(title: string, text: string): TemplateResult {
    return html`<pre class="scroll" tabindex="0" aria-label=${title}>${text}</pre>`;
}

function requestView(request: TraceRequest): TemplateResult {
    const head = [`${request.method} ${request.url}`, ...request.fields.map(({ name, value }) => `${name}: ${value}`)].join("\n");
    return html`<h4>Sent to the service${request.status === null ? ", no answer" : `, answered ${request.status}`}</h4>
        ${box("Head of the request", head)}
        ${request.body ? box("Body of the request", bodyText(request)) : nothing}
        ${request.body_cut ? html`<p class="small">Cut: the body has ${bytes(request.body_bytes)} in all.</p>` : nothing}`;
}

function neutralView({ neutral, native, settings }: TraceAttempt): TemplateResult {
    if (native) return html`<h4>Served by the provider itself</h4>${box("Input of the action", pretty(native.input))}`;
    const { messages = [], ...others } = neutral ?? { kind: "completion" };
    return html`<h4>Messages</h4>
        ${messages.map(({ role, content, ...more }) =>
            html`<div class="message"><span class="badge">${role}</span>${box(`Message of ${role}`, content)}
            ${Object.keys(more).length ? box("More of the message", pretty(more)) : nothing}</div>`)}
        <h4>Settings of the call</h4>${box("Settings of the call", pretty(others))}
        ${settings
            ? html`<h4>Settings of the action at this provider</h4>${box("Settings of the action at this provider", pretty(settings))}`
            : nothing}`;
}

function attemptView(attempt: TraceAttempt): TemplateResult {
    return html`<h3>${attempt.provider.name} <span class="muted">(${attempt.provider.plugin})</span></h3>
        ${neutralView(attempt)}
        ${attempt.requests.map(requestView)}
        ${attempt.requests_n > attempt.requests.length
            ? html`<p class="small">${attempt.requests_n - attempt.requests.length} more requests are not shown.</p>`
            : nothing}`;
}

/* ---- all of it ---- */

export function figuresView(figures: Figures): TemplateResult {
    return facts([
        ["Provider", figures.provider || "–"],
        ["Model", figures.model || "–"],
        ["All in all", figures.total_ms === null ? "–" : ms(figures.total_ms)],
        ["First text after", figures.first_ms === null ? "–" : ms(figures.first_ms)],
        ["Tokens in, out", tokens(figures.prompt_tokens, figures.completion_tokens)],
        ["Cost", money(figures.cost, figures.currency)],
    ]);
}

export function traceView(trace: Trace): TemplateResult {
    if (trace.left_out) return html`<p>How the call was made is too long to be shown.</p>`;
    const several = trace.calls.length > 1;
    const each = (view: (call: TraceCall) => unknown) =>
        trace.calls.map((call, i) => html`${several ? html`<h3>Call ${i + 1}: ${words(call.action)}</h3>` : nothing}${view(call)}`);
    return html`${figuresView(figuresOf(trace))}
        <details open><summary>Attempts</summary>${attemptsView(trace)}</details>
        <details><summary>Times</summary>${each(timesView)}</details>
        <details class="compiled"><summary>Compiled request</summary><p class="small muted">Keys and other secrets are masked:
            ***</p>${each((call) => call.attempts.map(attemptView))}</details>
        ${trace.profile ? html`<details><summary>Effective configuration of
            ${trace.profile.slug}</summary>${box("Effective configuration", pretty(trace.profile.effective_config))}</details>` : nothing}`;
}
