/*
 * A stand-in for an Open edX platform, as far as its AI widget sees it: pages, cookies with a signed token in two parts, the public keys at
 * /auth/jwks.json, CSRF tokens at /csrf/api/v1/token, and a reverse proxy that puts /openedx-ai-extensions/ under its own host as Caddy does.
 */
import { createSign, generateKeyPairSync, randomBytes, randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { pipeline } from "node:stream";

const DOOR = "/openedx-ai-extensions/";
const AUDIENCE = "openedx";
const KID = "openedx";
const ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const CSRF_LENGTH = 32;
const TOKEN_S = 3600;
const PAGES = {
    "/": ["page.html", "text/html; charset=utf-8"],
    "/page.mjs": ["page.mjs", "text/javascript"],
    "/client.mjs": ["client.mjs", "text/javascript"],
};

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const randomSecret = () => Array.from({ length: CSRF_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");

/** Django's masked form of a CSRF secret: another text each time, 64 characters. */
export function maskCsrf(secret) {
    const mask = randomSecret();
    const place = (text, i) => ALPHABET.indexOf(text[i]);
    return mask + [...secret].map((_, i) => ALPHABET[(place(secret, i) + place(mask, i)) % ALPHABET.length]).join("");
}

/** Who signs: an RSA key, and tokens as the platform makes them for its cookies. */
export function makeIssuer(iss) {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const { n, e } = publicKey.export({ format: "jwk" });
    return {
        iss,
        aud: AUDIENCE,
        jwks: { keys: [{ kid: KID, kty: "RSA", e, n }] },
        /** A token for a user; claims are added to, or take the place of, those that the platform sends. */
        token(user, claims = {}) {
            const now = Math.floor(Date.now() / 1000);
            const payload = {
                aud: AUDIENCE,
                exp: now + TOKEN_S,
                grant_type: "password",
                iat: now,
                iss,
                preferred_username: user,
                scopes: ["user_id", "email", "profile"],
                version: "1.2.0",
                sub: `anonymous-${user}`,
                filters: ["user:me"],
                is_restricted: false,
                email_verified: true,
                user_id: 7,
                email: `${user}@example.org`,
                name: user,
                family_name: "",
                given_name: "",
                administrator: false,
                superuser: false,
                ...claims,
            };
            const signed = `${base64({ alg: "RS512", kid: KID })}.${base64(payload)}`;
            return `${signed}.${createSign("RSA-SHA512").update(signed).sign(privateKey, "base64url")}`;
        },
    };
}

/**
 * A server of the platform: {url, port, close()}. It has the pages, and what is set of these: `issuer` and `user` sign visitors in; the AI
 * prefix is proxied to `door`, and `log` has what came so, newest last; `instead` answers such a request itself when it returns true
 * (entry of the log, response).
 */
export async function startLms({ user } = {}) {
    const lms = { user, issuer: null, door: null, csrf: randomSecret(), log: [], instead: null };
    const server = createServer((incoming, outgoing) => {
        serve(lms, incoming, outgoing).catch(() => outgoing.destroy());
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    lms.port = server.address().port;
    lms.url = `http://127.0.0.1:${lms.port}`;
    lms.close = () => {
        server.close();
        server.closeAllConnections();
    };
    return lms;
}

async function serve(lms, incoming, outgoing) {
    const path = new URL(incoming.url, lms.url).pathname;
    if (path.startsWith(DOOR) && lms.door) return passOn(lms, incoming, outgoing);
    if (path === "/auth/jwks.json" && lms.issuer) return json(outgoing, lms.issuer.jwks);
    if (path === "/csrf/api/v1/token") return json(outgoing, { csrfToken: maskCsrf(lms.csrf) });
    if (!PAGES[path]) {
        outgoing.writeHead(404).end();
        return;
    }
    const [file, type] = PAGES[path];
    outgoing.writeHead(200, {
        "Content-Type": type,
        "Cache-Control": "no-store",
        ...(path === "/" && lms.issuer && { "Set-Cookie": cookies(lms) }),
    });
    outgoing.end(await readFile(new URL(file, import.meta.url)));
}

function json(outgoing, body) {
    outgoing.writeHead(200, { "Content-Type": "application/json" });
    outgoing.end(JSON.stringify(body));
}

/** The signature where scripts cannot read it, the rest where they can. */
function cookies(lms) {
    const [header, payload, signature] = lms.issuer.token(lms.user).split(".");
    return [
        `edx-jwt-cookie-header-payload=${header}.${payload}; Path=/; SameSite=Lax`,
        `edx-jwt-cookie-signature=${signature}; Path=/; HttpOnly; SameSite=Lax`,
        `csrftoken=${lms.csrf}; Path=/; SameSite=Lax`,
        `sessionid=1|${randomBytes(12).toString("base64")}|"quoted"; Path=/; HttpOnly; SameSite=Lax`,
    ];
}

/** Piece by piece, both ways; who leaves on one side is gone on the other. */
async function passOn(lms, incoming, outgoing) {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const entry = { method: incoming.method, url: new URL(incoming.url, lms.url), headers: incoming.headers, body: body.toString(), status: null };
    lms.log.push(entry);
    if (lms.instead?.(entry, outgoing)) return;
    const { hostname, port } = new URL(lms.door);
    const onward = request({
        hostname,
        port,
        method: incoming.method,
        path: incoming.url,
        agent: false,
        headers: { ...incoming.headers, "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-host": incoming.headers.host },
    });
    outgoing.on("close", () => onward.destroy());
    onward.on("error", () => outgoing.destroy());
    onward.on("response", (response) => {
        entry.status = response.statusCode;
        outgoing.writeHead(response.statusCode, response.headers);
        outgoing.flushHeaders();
        pipeline(response, outgoing, () => undefined);
    });
    onward.end(body);
}
