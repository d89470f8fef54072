// A bad network in front of a good server: a TCP proxy that passes bytes on as they are until it is told to spoil them.
// It reads the heads of requests, so that a test can say which one it means and count what was asked; what it spoils is
// the connection below, so every engine sees what a phone sees: a FIN, a reset, silence.

import { once } from "node:events";
import { connect, createServer } from "node:net";

const headLimit = 65_536; // bytes of one request's head; more is not ours
const pieceApart = 5; // milliseconds between two pieces of what is split, so that they are two reads

export const streams = /\/(?:events|stream)(?:\?|$)/;

export class Proxy {
    #upstream;
    #server = null;
    #port = 0;
    /** @type {Set<Line>} */
    #lines = new Set();
    #replies = [];
    #drops = [];
    /** Every request whose head came: {at, method, path, line, headers}. */
    requests = [];
    /** While true nothing passes in either direction, and nobody is told. */
    hole = false;
    /** Milliseconds a round trip takes more, half of it each way. */
    rtt = 0;
    /** Bytes after which what the server says is cut into two packets. */
    splitAfter = null;

    /** @param {string} origin the server's */
    static async start(origin) {
        const proxy = new Proxy();
        proxy.#upstream = Number(new URL(origin).port);
        await proxy.accept();
        proxy.origin = `http://127.0.0.1:${proxy.#port}`;
        return proxy;
    }

    async stop() {
        await this.refuse();
    }

    // ---- what happens to connections ----

    /** Ends them as a server does that stops (FIN). @param {RegExp} [which] those whose last request this is */
    cut(which) { for (const line of this.#busy(which)) line.client.end(), line.server?.destroy(); }

    /** Breaks them (RST). @param {RegExp} [which] */
    reset(which) { for (const line of this.#busy(which)) line.client.resetAndDestroy(), line.server?.destroy(); }

    /** From now on silence, for what is open and for what comes; `clear` ends it, and what was said meanwhile is lost. */
    blackHole() { this.hole = true; }

    /** Takes whatever was spoiled back, except refusing; lines that a hole swallowed something of stay dead. */
    clear() {
        this.hole = false;
        this.rtt = 0;
        this.splitAfter = null;
        this.#replies = [];
        this.#drops = [];
    }

    /** Half of this goes before each direction's bytes, in order. @param {number} milliseconds */
    delay(milliseconds) { this.rtt = milliseconds; }

    /** Cuts the server's words after each of these bytes. @param {number[]} bytes */
    split(bytes) { this.splitAfter = new Set(bytes); }

    /** Nobody listens any more: connecting is refused, what is open breaks. */
    async refuse() {
        if (!this.#server) return;
        const server = this.#server;
        this.#server = null;
        server.close();
        this.reset();
        await once(server, "close");
    }

    /** Listens again, on the port it had. */
    async accept() {
        if (this.#server) return;
        const server = createServer({ noDelay: true }, (client) => this.#take(client)).listen(this.#port, "127.0.0.1");
        await once(server, "listening");
        this.#port = server.address().port;
        this.#server = server;
    }

    // ---- what happens to requests ----

    /** The server hears it; its reply is lost, and the connection with it. @param {RegExp} which */
    dropNextReply(which) { this.#drops.push(which); }

    /**
     * Somebody on the way answers instead of the server, until `clear` or so many times.
     * @param {RegExp} which @param {number} status @param {{headers?: Record<string, string>, body?: string, times?: number, open?: boolean}} [how]
     *     `open`: the answer has no end
     */
    answer(which, status, { headers = {}, body = "", times = Infinity, open = false } = {}) {
        this.#replies.push({ which, status, headers, body, times, open });
    }

    /** Requests for this, in the order they came. @param {RegExp} which @param {number} [since] */
    asked(which, since = 0) { return this.requests.filter(({ path, at }) => at >= since && which.test(path)); }

    /** How many such requests are being answered at this moment. @param {RegExp} which */
    open(which) { return this.#busy(which).length; }

    /** How many times the server has said something, of what is being answered at this moment. @param {RegExp} which */
    told(which) { return this.#busy(which).reduce((sum, { told }) => sum + told, 0); }

    /** Says something in the midst of what the server says (in chunks). @param {RegExp} which @param {string} text */
    say(which, text) {
        const chunk = `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
        for (const line of this.#busy(which)) line.client.write(chunk);
    }

    // ---- inside ----

    #busy(which) { return [...this.#lines].filter(({ path }) => !which || (path && which.test(path))); }

    #take(client) {
        const line = new Line(client);
        this.#lines.add(line);
        client.on("data", (bytes) => this.#heard(line, bytes));
        client.on("error", () => {});
        client.on("close", () => {
            this.#lines.delete(line);
            line.server?.destroy();
        });
        // A client that ends its half has nothing more to ask: we are done with it, as the server would be.
        client.on("end", () => client.end());
    }

    #heard(line, bytes) {
        if (line.dead) return;
        line.said = Buffer.concat([line.said, bytes]);
        while (line.said.length > 0) {
            if (line.body > 0) {
                const part = line.said.subarray(0, line.body);
                line.body -= part.length;
                line.said = line.said.subarray(part.length);
                if (this.hole) line.dead = true;
                if (line.ours || line.dead) continue;
                this.#pass(line, line.toServer, part, (all) => line.server?.write(all));
                continue;
            }
            const end = line.said.indexOf("\r\n\r\n");
            if (end < 0) {
                if (line.said.length > headLimit) line.client.destroy();
                return;
            }
            const head = line.said.subarray(0, end + 4);
            line.said = line.said.subarray(end + 4);
            this.#asked(line, head);
        }
    }

    #asked(line, head) {
        const [first, ...rest] = head.toString("latin1").trimEnd().split("\r\n");
        const [method, path] = first.split(" ");
        const headers = Object.fromEntries(rest.map((one) => {
            const colon = one.indexOf(":");
            return [one.slice(0, colon).toLowerCase(), one.slice(colon + 1).trim()];
        }));
        line.path = path;
        line.told = 0;
        line.body = Number(headers["content-length"] ?? 0);
        this.requests.push({ at: Date.now(), method, path, line: first, headers });
        if (this.hole) return void (line.dead = true); // we heard it, nobody else will
        const drop = this.#drops.findIndex((which) => which.test(path));
        line.drop = drop >= 0;
        if (drop >= 0) this.#drops.splice(drop, 1);
        const reply = this.#replies.find(({ which, times }) => times > 0 && which.test(path));
        line.ours = Boolean(reply);
        if (reply) {
            reply.times--;
            return this.#pass(line, line.toClient, written(reply), (all) => {
                line.client.write(all);
                if (!reply.open) line.path = null; // answered: nothing is under way any more
            });
        }
        this.#connect(line);
        this.#pass(line, line.toServer, head, (all) => line.server?.write(all));
    }

    #connect(line) {
        if (line.server && !line.server.destroyed) return;
        const server = line.server = connect({ port: this.#upstream, host: "127.0.0.1", noDelay: true });
        server.on("error", () => line.client.resetAndDestroy());
        server.on("data", (bytes) => {
            if (line.drop) return void line.client.resetAndDestroy();
            if (this.hole) return void (line.dead = true);
            if (line.dead) return;
            line.told++;
            for (const piece of this.#pieces(bytes)) this.#pass(line, line.toClient, piece, (all) => line.client.write(all));
        });
        server.on("end", () => this.#pass(line, line.toClient, null, () => line.client.end()));
    }

    #pieces(bytes) {
        if (!this.splitAfter) return [bytes];
        const pieces = [];
        let from = 0;
        for (let at = 0; at < bytes.length; at++) {
            if (!this.splitAfter.has(bytes[at])) continue;
            pieces.push(bytes.subarray(from, at + 1));
            from = at + 1;
        }
        return from < bytes.length ? [...pieces, bytes.subarray(from)] : pieces;
    }

    /** In order, whatever each piece waits for: at once when nothing does. */
    #pass(line, queue, bytes, write) {
        const wait = this.rtt > 0 ? this.rtt / 2 : this.splitAfter ? pieceApart : 0;
        const due = Date.now() + wait;
        if (wait === 0 && queue.length === 0) return void write(bytes);
        queue.push({ due, apart: this.splitAfter ? pieceApart : 0, bytes, write });
        if (queue.length > 1) return;
        const next = () => {
            const { bytes, write, apart } = queue[0];
            if (line.client.destroyed) return void queue.splice(0);
            if (this.hole) line.dead = true;
            if (!line.dead) write(bytes);
            queue.shift();
            if (queue.length > 0) setTimeout(next, Math.max(apart, queue[0].due - Date.now()));
        };
        setTimeout(next, wait);
    }
}

/** One connection of a client and, once it asks for something of the server's, the one behind it. */
class Line {
    server = null;
    said = Buffer.alloc(0);
    body = 0; // bytes of the request's body still to come
    path = null;
    drop = false;
    ours = false;
    dead = false; // a hole has swallowed something: what follows would be nonsense
    told = 0; // pieces of the server's words that came for the request of this moment
    toServer = [];
    toClient = [];

    constructor(client) {
        this.client = client;
    }
}

function written({ status, headers, body, open }) {
    const all = { ...headers };
    if (!open && status !== 204) all["Content-Length"] = String(Buffer.byteLength(body));
    // Without a length and without chunks an answer ends with its connection.
    if (open) all.Connection = "close";
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    return Buffer.from(`HTTP/1.1 ${status} Proxy\r\n${lines}\r\n${body}`);
}
