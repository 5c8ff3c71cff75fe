/*
 * A model behind the daemon that says what a test wants, when it wants: an AI service that speaks OpenAI's chat completions.
 *
 *     model.answer = "text"                              in pieces of a few characters
 *     model.answer = async function* (body) { … }        yields pieces; {tool: name, arguments} asks for a tool
 *     model.models = ["m"]                               names that it lists
 *     model.refuse = { status: 503, headers, body }      instead, until it is null again
 */
import { createServer } from "node:http";

const PIECE = 7;

function* pieces(text, size = PIECE) {
    const characters = [...text];
    for (let at = 0; at < characters.length; at += size) yield characters.slice(at, at + size).join("");
}

export async function startModel() {
    const model = { url: "", answer: "Yes.", refuse: null, requests: [], models: ["m"], calm, close };

    function calm() {
        model.answer = "Yes.";
        model.refuse = null;
        model.models = ["m"];
        model.requests.length = 0;
    }

    const server = createServer(async (incoming, outgoing) => {
        let text = "";
        for await (const chunk of incoming) text += chunk;
        const body = text ? JSON.parse(text) : {};
        const record = { body, left: false, ended: false };
        model.requests.push(record);
        outgoing.on("close", () => (record.left = !record.ended));
        if (model.refuse) {
            outgoing.writeHead(model.refuse.status, { "Content-Type": "application/json", ...model.refuse.headers });
            return outgoing.end(JSON.stringify(model.refuse.body ?? { error: { message: "gpu-17 is on fire", type: "server_error" } }));
        }
        if (incoming.method === "GET") {
            outgoing.writeHead(200, { "Content-Type": "application/json" });
            return outgoing.end(JSON.stringify({ object: "list", data: model.models.map((id) => ({ id, object: "model" })) }));
        }
        const answer = typeof model.answer === "string" ? pieces(model.answer) : model.answer(body, record);
        if (!body.stream) return writeWhole(outgoing, answer, record);
        await write(outgoing, answer, record);
    });

    async function write(outgoing, answer, record) {
        const chunk = (delta, finish_reason = null) =>
            outgoing.write(
                `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: record.body.model ?? "m", choices: [{ index: 0, delta, finish_reason }] })}\n\n`,
            );
        outgoing.writeHead(200, { "Content-Type": "text/event-stream" });
        chunk({ role: "assistant", content: "" });
        let reason = "stop";
        for await (const piece of answer) {
            if (outgoing.destroyed) return;
            if (typeof piece === "string") chunk({ content: piece });
            else {
                reason = "tool_calls";
                const call = { name: piece.tool, arguments: JSON.stringify(piece.arguments ?? {}) };
                chunk({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: call }] });
            }
        }
        chunk({}, reason);
        outgoing.write("data: [DONE]\n\n");
        record.ended = true;
        outgoing.end();
    }

    /** What is not asked for as a stream: text alone. */
    async function writeWhole(outgoing, answer, record) {
        let content = "";
        for await (const piece of answer) content += piece;
        if (outgoing.destroyed) return;
        record.ended = true;
        outgoing.writeHead(200, { "Content-Type": "application/json" });
        const message = { role: "assistant", content };
        outgoing.end(JSON.stringify({ id: "c", object: "chat.completion", created: 1, model: record.body.model ?? "m", choices: [{ index: 0, message, finish_reason: "stop" }] }));
    }

    function close() {
        server.close();
        server.closeAllConnections();
    }

    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    model.url = `http://127.0.0.1:${server.address().port}`;
    return model;
}

/** Something that a test lets happen: `await gate.opened` waits until gate.open(). */
export function makeGate() {
    const gate = {};
    gate.opened = new Promise((resolve) => (gate.open = resolve));
    return gate;
}
