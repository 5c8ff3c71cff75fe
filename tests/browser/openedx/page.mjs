/*
 * The widget of page.html: a button, an answer area, an error beside it. The page's own query says where the API is and which place
 * this is: ?base=&course=&location=&slot=&action=. <html data-ready> tells that profile/ has been answered.
 */
import { makeClient } from "./client.mjs";

const POLL_MS = 50; /* the real one takes seconds */
const query = new URLSearchParams(location.search);
const at = (id) => document.getElementById(id);
const client = makeClient({
    base: query.get("base") ?? "",
    context: { courseId: query.get("course"), locationId: query.get("location"), uiSlotSelectorId: query.get("slot") },
    pollMs: POLL_MS,
});

function show(id, text) {
    at(id).textContent = text;
}

async function start() {
    try {
        const profile = await client.profile();
        if (!profile) return;
        const config = profile.uiComponents?.request?.config ?? {};
        show("ask", config.buttonText ?? "Ask");
        show("message", config.customMessage ?? "");
        at("assistant").dataset.component = profile.uiComponents?.response?.component ?? "";
        at("assistant").hidden = false;
    } catch (error) {
        document.documentElement.dataset.error = error.code ?? error.name;
    } finally {
        document.documentElement.dataset.ready = "yes";
    }
}

async function ask() {
    for (const id of ["answer", "problem"]) show(id, "");
    show("state", "Working…");
    at("ask").disabled = true;
    delete at("problem").dataset.code;
    try {
        const { json, text } = await client.run(query.get("action") ?? "run", at("question").value || undefined, {
            onText: (_, whole) => show("answer", whole),
            onStatus: (message) => show("state", message),
        });
        if (json) show("answer", typeof json.response === "string" ? json.response : JSON.stringify(json));
        else show("answer", text);
        show("state", "Done.");
    } catch (error) {
        show("problem", error.message);
        at("problem").dataset.code = error.code ?? error.name;
        show("state", "");
    } finally {
        at("ask").disabled = false;
    }
}

at("ask").addEventListener("click", ask);
await start();
