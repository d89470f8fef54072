// A Curaway server of its own for one suite: the debug build, a fresh data folder, demonstration data, the guide at a
// pace a test can watch. And a client of its own, so that a test can ask the server what is true.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stopProcess, until } from "./webdriver.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const keptOutput = 16_384; // characters of the server's own words shown when something goes wrong

/** The environment without a developer's own settings: they must not reach the server under test. */
export const environment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CURAWAY_")));

/** The program under test. */
export const binary = () => process.env.CURAWAY_BINARY ?? join(root, ".build/debug/curaway");

export async function freePort() {
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address();
    probe.close();
    await once(probe, "close");
    return port;
}

/**
 * The app as it is in the repository, and before its first script one that watches (watch.js). Served as a file of the
 * same origin, because the page's policy lets nothing else in, and because then it is the same in every engine.
 * @param {string} folder @param {number} hurry @param {Function[]} first functions to run in the page before the app
 */
async function watchedApp(folder, hurry, first) {
    await cp(join(root, "Frontend"), folder, { recursive: true });
    const watch = await readFile(new URL("watch.js", import.meta.url), "utf8");
    const own = first.map((body) => `(${body})();\n`).join("");
    await writeFile(join(folder, "js/watch.js"), watch.replace("hurry = 1;", `hurry = ${hurry};`) + own);
    const page = join(folder, "index.html"), html = await readFile(page, "utf8");
    const tag = '<script src="{{assets}}/js/watch.js"></script>';
    await writeFile(page, html.replace(/<title>.*<\/title>/, (title) => `${title}\n${tag}`));
}

export class Server {
    #child;
    #data;
    #output = "";

    /**
     * `pace`: milliseconds between the words of the guide; `settings(origin)`: variables beyond those of the demonstration;
     * `hurry`: how many times as fast the page's time goes; `first`: functions that run in the page before the app does.
     */
    static async start({
        pace = 60,
        settings = null,
        hurry = 1,
        first = [],
    } = {}) {
        const server = new Server();
        const port = await freePort();
        server.origin = `http://127.0.0.1:${port}`;
        server.#data = await mkdtemp(join(tmpdir(), "curaway-browser-"));
        const app = join(server.#data, "app");
        await watchedApp(app, hurry, first);
        const args = ["serve", "--port", port, "--data", server.#data, "--frontend", app];
        if (!settings) args.push("--demo");
        server.#child = spawn(binary(), args.map(String), {
            cwd: server.#data,
            // Each test opens its own cases, and three engines run them all as the same two patients.
            env: { ...environment(), CURAWAY_CASES_PER_PATIENT: "10000", CURAWAY_GUIDE_PACE_MS: String(pace), ...settings?.(server.origin) },
            stdio: ["ignore", "pipe", "pipe"],
        });
        let failure;
        server.#child.on("error", (error) => (failure = error));
        server.#child.on("exit", (code, signal) => (failure = new Error(`the server ended: ${code ?? signal}`)));
        for (const stream of [server.#child.stdout, server.#child.stderr]) {
            stream.on("data", (chunk) => (server.#output = (server.#output + chunk).slice(-keptOutput)));
        }
        try {
            await until("the server's /health", async () => failure || (await fetch(`${server.origin}/health`)).ok);
            if (failure) throw failure;
        } catch (error) {
            await server.stop();
            throw new Error(`${error.message}\n${server.#output}`);
        }
        return server;
    }

    /** One that somebody else starts and stops. */
    static at(origin) {
        const server = new Server();
        server.origin = origin;
        return server;
    }

    async stop() {
        if (this.#child.pid !== undefined) await stopProcess(this.#child);
        await rm(this.#data, { recursive: true, force: true });
    }

    /** JSON in, JSON out; anything but success is an error that says what the server said. */
    async #request(method, path, token, body) {
        const response = await fetch(this.origin + path, {
            method,
            headers: {
                ...(token ? { Authorization: `Bearer ${token}` } : {}),
                ...(body ? { "Content-Type": "application/json" } : {}),
            },
            body: body && JSON.stringify(body),
        });
        const text = await response.text();
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
        return JSON.parse(text);
    }

    /** Somebody of the demonstration cast, with what the tests want to know of their cases. */
    async person(name) {
        return this.as((await this.#request("POST", "/dev/sign-in", null, { person: name })).token);
    }

    /** Whoever has this token. */
    as(token) {
        return {
            cases: async () => (await this.#request("GET", "/api/v1/cases", token)).cases,
            newCase: (fields = {}) => this.#request("POST", "/api/v1/cases", token, fields),
            snapshot: (id) => this.#request("GET", `/api/v1/cases/${id}`, token),
            /** Every message there is, in order. */
            history: async (id) => {
                let { messages, more } = await this.#request("GET", `/api/v1/cases/${id}`, token);
                while (more) {
                    const page = await this.#request("GET", `/api/v1/cases/${id}/messages?before=${messages[0].sequence}&limit=200`, token);
                    messages = [...page.messages, ...messages];
                    more = page.more;
                }
                return messages;
            },
            /** The answer itself, headers and all. */
            raw: (path) => fetch(this.origin + path, { headers: { Authorization: `Bearer ${token}` } }),
            /** Asks, and comes back with the answer. */
            say: (id, message) =>
                this.#request("POST", `/api/v1/cases/${id}/chat`, token, { message, client_message_id: randomUUID() }),
            accept: (id) => this.#request("POST", `/api/v1/cases/${id}/accept`, token),
            stop: (id, reply) => this.#request("POST", `/api/v1/cases/${id}/replies/${reply}/stop`, token),
            retry: (id, reply) => this.#request("POST", `/api/v1/cases/${id}/replies/${reply}/retry`, token),
        };
    }
}
