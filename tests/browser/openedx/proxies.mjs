/*
 * Real web servers before the LMS, which send the AI prefix to Lectern by the very rules that the guide for operators gives
 * (integrations/openedx/README.md), so that what it recommends is known to stream, to know its host and to notice who leaves.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";

const GUIDE = readFileSync(new URL("../../../integrations/openedx/README.md", import.meta.url), "utf8");
const START_MS = 60_000;
const TRIES = 5; /* a port that was free may be taken by somebody else before the proxy listens */

function find(name) {
    return [...(process.env.PATH ?? "").split(":"), "/usr/sbin"].map((folder) => join(folder, name)).find(existsSync);
}

function rule(pattern, address, ours) {
    const found = pattern.exec(GUIDE);
    if (!found?.[1].includes(address)) throw new Error(`the guide has no rule with ${address}`);
    return found[1].replace(address, ours);
}

function nginx(folder, port, lms, lectern) {
    const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ");
    return `daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr warn; events {}
http {
    access_log off; ${temp}
    server {
        listen 127.0.0.1:${port};
        location / { proxy_pass ${lms}; proxy_set_header Host $http_host; }
        ${rule(/```nginx\n(.*?)```/s, "http://127.0.0.1:8080", lectern)}
    }
}`;
}

function caddy(folder, port, lms, lectern) {
    return `{
    admin off
    auto_https off
}
http://127.0.0.1:${port} {
    reverse_proxy ${lms}
    ${rule(/RULE = """(.*?)"""/s, "ADDRESS", lectern)}
}`;
}

/** name → where its program is (undefined: nowhere), what it is started with, how its configuration is made. */
export const PROXIES = {
    nginx: { program: find("nginx"), args: (file) => ["-c", file], make: nginx },
    Caddy: { program: process.env.CADDY ?? find("caddy"), args: (file) => ["run", "--adapter", "caddyfile", "--config", file], make: caddy },
};

function freePort() {
    return new Promise((resolve) => {
        const server = createServer().listen(0, "127.0.0.1", () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

function answers(port) {
    return new Promise((resolve) => {
        const socket = connect(port, "127.0.0.1");
        socket.on("connect", () => {
            socket.destroy();
            resolve(true);
        });
        socket.on("error", () => resolve(false));
    });
}

/** Starts one; {url, child}. Whoever calls ends the child. */
export async function startProxy(name, folder, lms, lectern) {
    await mkdir(folder);
    for (let left = TRIES - 1; ; left--) {
        const { child, url, errors } = await tryProxy(name, folder, await freePort(), lms, lectern);
        if (url) return { url, child };
        if (left === 0) throw new Error(`${name} did not start: ${errors}`);
    }
}

/** One try at a port; without `url` when the program ended. */
async function tryProxy(name, folder, port, lms, lectern) {
    const { program, args, make } = PROXIES[name];
    const file = join(folder, "config");
    await writeFile(file, make(folder, port, lms, lectern));
    const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    const child = spawn(program, args(file), { stdio: ["ignore", "ignore", "pipe"], env });
    let errors = "";
    child.stderr.on("data", (chunk) => (errors = (errors + chunk).slice(-10_000)));
    for (const end = Date.now() + START_MS; !(await answers(port)); await new Promise((resolve) => setTimeout(resolve, 50))) {
        if (child.exitCode !== null || child.signalCode !== null) return { errors };
        if (Date.now() > end) child.kill();
    }
    return { url: `http://127.0.0.1:${port}`, child };
}
