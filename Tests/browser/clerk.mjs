// A Clerk instance on loopback, as far as a browser and a server see one: keys, clerk-js, a sign-in page, sessions and
// their short tokens. What it serves as clerk-js is ours and small, with the few verbs the app uses; it talks to its host
// as the real one does, by requests with credentials from another origin.

import { createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

const kid = "ins_browser";
const people = { user_layla: "Layla Nasser", user_omar: "Omar Said" };

export class FakeClerk {
    #keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
    #http;
    /** session id → person */
    #sessions = new Map();
    /** The site it serves; set once that is known. */
    site = "";
    /** Seconds a token lives. */
    lifetime = 2;
    /** Tokens given out. */
    issued = [];
    /** Every address it was asked for, each with the page that asked. */
    asked = [];
    /** Its script comes after this. */
    scriptMayCome = Promise.resolve();
    /** While true it answers nothing but errors. */
    isDown = false;

    static async start() {
        const clerk = new FakeClerk();
        clerk.#http = createServer((request, response) => clerk.#answer(request, response));
        clerk.#http.listen(0, "127.0.0.1");
        await once(clerk.#http, "listening");
        clerk.origin = `http://127.0.0.1:${clerk.#http.address().port}`;
        return clerk;
    }

    async stop() {
        this.#http.closeAllConnections();
        this.#http.close();
        await once(this.#http, "close");
    }

    /** Nobody is signed in any more. */
    forget() {
        this.#sessions.clear();
    }

    /** What a server at this origin must be told. */
    settings(site) {
        this.site = site;
        return {
            CURAWAY_IDENTITY: "clerk",
            CURAWAY_CLERK_PUBLISHABLE_KEY: `pk_test_${Buffer.from("clerk.example.org$").toString("base64")}`,
            CURAWAY_CLERK_FRONTEND_API: this.origin,
            CURAWAY_CLERK_AUTHORIZED_PARTIES: site,
        };
    }

    /** A token of a person, as their own session would get it. */
    token(person, lifetime = 600) {
        return this.#sign(person, `sess_${person}`, lifetime);
    }

    #sign(sub, sid, lifetime) {
        const now = Math.floor(Date.now() / 1000);
        const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
        const claims = {
            v: 2, iss: this.origin, sub, sid, azp: this.site, sts: "active", jti: randomUUID(), name: people[sub],
            iat: now, nbf: now - 10, exp: now + lifetime, fva: [1, -1],
        };
        const signed = `${encode({ alg: "RS256", typ: "JWT", kid })}.${encode(claims)}`;
        return `${signed}.${createSign("RSA-SHA256").update(signed).sign(this.#keys.privateKey, "base64url")}`;
    }

    #session(request) {
        const id = /(?:^|;\s*)__client=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
        return this.#sessions.has(id) ? id : null;
    }

    #answer(request, response) {
        const url = new URL(request.url, this.origin);
        this.asked.push(`${request.url} ${request.headers.referer ?? ""}`);
        const say = (status, body, headers = {}) => {
            response.writeHead(status, {
                "Access-Control-Allow-Origin": this.site,
                "Access-Control-Allow-Credentials": "true",
                "Cache-Control": "no-store",
                ...headers,
            });
            response.end(typeof body === "string" ? body : JSON.stringify(body));
        };
        if (this.isDown) return say(503, "");
        const script = { "Content-Type": "text/javascript" };
        switch (`${request.method} ${url.pathname}`) {
            case "GET /.well-known/jwks.json": {
                const key = this.#keys.publicKey.export({ format: "jwk" });
                return say(200, { keys: [{ ...key, kid, use: "sig", alg: "RS256" }] });
            }
            case "GET /npm/@clerk/clerk-js@5/dist/clerk.headless.browser.js":
                return void this.scriptMayCome.then(() => say(200, `(${clerkJs})(${JSON.stringify(this.origin)});`, script));
            case "GET /npm/@clerk/clerk-js@5/dist/piece.js":
                return say(200, "globalThis.clerkPiece = true;", script);
            case "GET /v1/client":
                return say(200, { session: this.#session(request) });
            case "POST /v1/tokens": {
                const id = this.#session(request);
                if (!id || request.headers.origin !== this.site) return say(401, {});
                const jwt = this.#sign(this.#sessions.get(id), id, this.lifetime);
                this.issued.push(jwt);
                return say(200, { jwt, lifetime: this.lifetime });
            }
            case "POST /v1/end":
                this.#sessions.delete(this.#session(request));
                return say(200, {});
            case "GET /favicon.ico":
                return say(200, "", { "Content-Type": "image/x-icon" });
            case "GET /sign-in": {
                const back = encodeURIComponent(url.searchParams.get("redirect_url"));
                const links = Object.entries(people).map(([id, name]) =>
                    `<p><a id="${id}" href="/sign-in/as/${id}?redirect_url=${back}">${name}</a>`).join("");
                return say(200, `<!doctype html><title>Clerk</title>${links}`, { "Content-Type": "text/html" });
            }
        }
        const person = /^\/sign-in\/as\/(\w+)$/.exec(url.pathname)?.[1];
        const back = url.searchParams.get("redirect_url") ?? "";
        if (!Object.hasOwn(people, person ?? "") || new URL(back).origin !== this.site) return say(404, "");
        const id = `sess_${randomUUID()}`;
        this.#sessions.set(id, person);
        return say(302, "", { Location: back, "Set-Cookie": `__client=${id}; Path=/; HttpOnly; SameSite=Lax` });
    }
}

/** Runs in the page, at the other end of a script element. */
function clerkJs(host) {
    const key = document.querySelector("script[data-clerk-publishable-key]").dataset.clerkPublishableKey;
    const ask = async (method, path) => {
        const response = await fetch(host + path, { method, credentials: "include" });
        if (!response.ok) throw new Error(`Clerk: ${response.status}`);
        return response.json();
    };
    const listeners = new Set();
    let kept = null;
    const session = {
        async getToken({ skipCache = false } = {}) {
            if (!skipCache && kept && Date.now() < kept.until) return kept.jwt;
            const { jwt, lifetime } = await ask("POST", "/v1/tokens");
            kept = { jwt, until: Date.now() + lifetime * 1000 - 500 };
            return jwt;
        },
    };
    globalThis.Clerk = {
        publishableKey: key,
        session: undefined,
        async load() {
            // As the real one does: a piece of itself by a script element of its own.
            const piece = document.createElement("script");
            piece.src = `${host}/npm/@clerk/clerk-js@5/dist/piece.js`;
            document.head.append(piece);
            this.session = (await ask("GET", "/v1/client")).session ? session : null;
        },
        addListener: (listener) => listeners.add(listener),
        redirectToSignIn({ signInFallbackRedirectUrl: back }) {
            location.href = `${host}/sign-in?redirect_url=${encodeURIComponent(back)}`;
        },
        async signOut({ redirectUrl }) {
            await ask("POST", "/v1/end");
            this.session = null;
            for (const listener of listeners) listener({ session: null });
            location.href = redirectUrl;
        },
        // For the test: what a stale cache would give, and a session that ends in another tab.
        spoil: (jwt) => { kept = { jwt, until: Date.now() + 60_000 }; },
        vanish() {
            this.session = null;
            for (const listener of listeners) listener({ session: null });
        },
    };
}
