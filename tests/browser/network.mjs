/*
 * A network between the browser and the server that can be made bad on purpose: slow, cut in mid-stream at any byte, or down.
 * It knows nothing of the API beyond the media type of event streams, so it serves the stand-in and the daemon alike.
 */
import { createServer, request as httpRequest } from "node:http";

export async function startNetwork(target) {
    const upstream = new URL(target);
    const network = {
        url: "",
        /** Every request that came through: { method, path, headers, status }. */
        log: [],
        /** Event streams: bytes per tick and length of a tick in ms; null = as fast as they come. */
        slow: null,
        /** The next event streams are each cut after that many bytes of body. */
        cuts: [],
        /** Connections are dropped before anything is answered. */
        down: false,
        calm() {
            network.log.length = 0;
            network.slow = null;
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
        const entry = { method: incoming.method, path: incoming.url, headers: incoming.headers, status: 0 };
        network.log.push(entry);
        if (network.down) return incoming.socket.destroy();
        const onward = httpRequest({
            host: upstream.hostname,
            port: upstream.port,
            method: incoming.method,
            path: incoming.url,
            headers: { ...incoming.headers, host: upstream.host },
            agent: false,
        });
        incoming.pipe(onward);
        onward.on("error", () => outgoing.destroy());
        outgoing.on("close", () => onward.destroy());
        onward.on("response", (response) => {
            entry.status = response.statusCode;
            outgoing.writeHead(response.statusCode, response.headers);
            if (!/^text\/event-stream/.test(response.headers["content-type"] ?? "")) return response.pipe(outgoing);
            pass(response, outgoing, network.cuts.shift() ?? Infinity, network);
        });
    });

    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    network.url = `http://127.0.0.1:${server.address().port}`;
    return network;
}

/** Passes a stream on, in small pieces when the network is slow, and breaks the connection after `budget` bytes. */
async function pass(from, to, budget, network) {
    to.flushHeaders();
    let left = budget;
    try {
        for await (const chunk of from) {
            for (let at = 0; at < chunk.length; ) {
                const size = Math.min(network.slow?.bytes ?? chunk.length, chunk.length - at, left);
                if (size <= 0) return await cut(to);
                to.write(chunk.subarray(at, at + size));
                at += size;
                left -= size;
                if (network.slow) await new Promise((resolve) => setTimeout(resolve, network.slow.ms));
            }
        }
        to.end();
    } catch {
        to.destroy();
    }
}

/** What was written must have left before the connection breaks, or the cut would come at another byte. */
async function cut(to) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    to.destroy();
}
