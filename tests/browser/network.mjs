/*
 * A network between the browser and the server that can be made bad on purpose: slow, cut in mid-stream at any byte, or down.
 * It knows nothing of the API beyond the media type of event streams, so it serves the stand-in and the daemon alike.
 */
import { createServer, request as httpRequest } from "node:http";

/** Before every answer, in ms: shows tests that count on being faster than the network. */
const DELAY = Number(process.env.NETWORK_DELAY_MS || 0);

/** Which of the event streams an answer is, for the page's count of what it has read. */
export const STREAM = "x-stream-number";
let streamsBegun = 0;

export async function startNetwork(target) {
    const upstream = new URL(target);
    const network = {
        url: "",
        /** Every request that came through: { method, path, headers, status (0 until answered), ended (answered whole, or left) }. */
        log: [],
        /** Event streams: bytes per tick and length of a tick in ms; null = as fast as they come. */
        slow: null,
        /** Event streams go no further than that many bytes of body each, for as long as it is set: what a test does meanwhile may take its time. */
        hold: null,
        /** The next event streams are each cut after that many bytes of body. */
        cuts: [],
        /** Connections are dropped before anything is answered, and streams that have begun are broken. */
        down: false,
        /** Resolves when the page has read that many bytes of an event stream. Streams are known by their number, in the header STREAM. */
        read: async (stream, bytes) => undefined,
        calm() {
            network.log.length = 0;
            network.slow = null;
            network.hold = null;
            network.cuts = [];
            network.down = false;
        },
        close() {
            server.close();
            server.closeAllConnections();
        },
        count: (method, pattern) => network.log.filter((entry) => entry.method === method && pattern.test(entry.path)).length,
    };

    const server = createServer((incoming, outgoing) => {
        const entry = { method: incoming.method, path: incoming.url, headers: incoming.headers, status: 0, ended: false };
        network.log.push(entry);
        if (network.down) return incoming.socket.destroy();
        const onward = httpRequest({
            host: upstream.hostname,
            port: upstream.port,
            method: incoming.method,
            path: incoming.url,
            headers: incoming.headers, // with the Host that the browser asked, as a transparent line would
            agent: false,
        });
        incoming.pipe(onward);
        onward.on("error", () => outgoing.destroy());
        outgoing.on("close", () => {
            entry.ended = true;
            onward.destroy();
        });
        onward.on("response", async (response) => {
            if (DELAY) await pause(DELAY);
            entry.status = response.statusCode;
            const streams = /^text\/event-stream/.test(response.headers["content-type"] ?? "");
            if (streams) outgoing.setHeader(STREAM, ++streamsBegun);
            outgoing.writeHead(response.statusCode, response.headers);
            if (!streams) return response.pipe(outgoing);
            pass(response, outgoing, network.cuts.shift() ?? Infinity, network);
        });
    });

    server.keepAliveTimeout = 0; // else a call on a line that was idle for five seconds may meet its end
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    network.url = `http://127.0.0.1:${server.address().port}`;
    return network;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Passes a stream on, in small pieces when the network is slow, and breaks the connection after `budget` bytes. */
async function pass(from, to, budget, network) {
    to.flushHeaders();
    let sent = 0;
    try {
        for await (const chunk of from) {
            for (let at = 0; at < chunk.length; ) {
                while (sent >= (network.hold ?? Infinity) && !network.down && !to.destroyed) await pause(10);
                if (network.down || to.destroyed) return to.destroy();
                if (sent >= budget) return await cut(to, sent, network);
                const size = Math.min(network.slow?.bytes ?? chunk.length, chunk.length - at, budget - sent, (network.hold ?? Infinity) - sent);
                to.write(chunk.subarray(at, at + size));
                at += size;
                sent += size;
                if (network.slow) await pause(network.slow.ms);
            }
        }
        to.end();
    } catch {
        to.destroy();
    }
}

/** The browser drops what the page has not read when a connection breaks, and then the cut would come at another byte. */
async function cut(to, sent, network) {
    await network.read(to.getHeader(STREAM), sent);
    to.destroy();
}
