// The stream's life, with a clock that only moves when told to.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CaseStream } from "../js/wire/stream.js";
import { ManualClock } from "./clock.js";

/** One attempt as the server sees it. */
class Attempt {
    /** @type {ReadableStreamDefaultController<Uint8Array> | null} */
    #controller = null;
    /** @param {string | null} cursor @param {AbortSignal} signal */
    constructor(cursor, signal) {
        this.cursor = cursor;
        this.signal = signal;
        /** @type {(response: Response) => void} */
        this.answer = () => {};
        /** @type {(error: Error) => void} */
        this.refuse = () => {};
        /** @type {Promise<Response>} */
        this.response = new Promise((resolve, reject) => {
            this.answer = resolve;
            this.refuse = reject;
        });
    }

    accept() {
        const body = new ReadableStream({ start: (controller) => void (this.#controller = controller) });
        this.answer(new Response(body, { headers: { "Content-Type": "text/event-stream" } }));
        return settle();
    }

    /** @param {string} text */
    say(text) {
        this.#controller?.enqueue(new TextEncoder().encode(text));
        return settle();
    }

    close() {
        this.#controller?.close();
        return settle();
    }

    /** @param {number} status @param {Record<string, string>} [headers] */
    status(status, headers = {}) {
        this.answer(new Response(status === 204 ? null : "{}", { status, headers }));
        return settle();
    }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

function line() {
    const clock = new ManualClock();
    /** @type {Attempt[]} */
    const attempts = [];
    /** @type {string[]} */
    const heard = [];
    /** @type {string[]} */
    const ends = [];
    const stream = new CaseStream({
        open: (cursor, signal) => {
            const attempt = new Attempt(cursor, signal);
            attempts.push(attempt);
            return attempt.response;
        },
        onEvent: (event) => heard.push(event.type === "reply.delta" ? event.text : event.type),
        onLive: () => {},
        onInvalidCursor: () => ends.push("invalid"),
        onEnd: (why) => ends.push(why),
        clock,
        random: () => 0.5,
    });
    const last = () => /** @type {Attempt} */ (attempts.at(-1));
    return { clock, attempts, heard, ends, stream, last };
}

/** @param {number} n */
const delta = (n) =>
    `id: e-${n}\nevent: reply.delta\ndata: {"type":"reply.delta","reply_id":"r","attempt":1,"n":${n},"text":"w${n}"}\n\n`;

test("C3 C20 it comes back from its last id", async () => {
    const { stream, last, clock, attempts, heard } = line();
    stream.resume("e-0");
    await last().accept();
    await last().say(delta(1) + delta(2));
    await last().close();
    assert.equal(attempts.length, 1);
    clock.advance(2_000);
    assert.deepEqual([attempts.length, last().cursor], [2, "e-2"]);
    assert.deepEqual(heard, ["w1", "w2"]);
});

test("C19 what a former attempt still says changes nothing", async () => {
    const { stream, last, attempts, heard } = line();
    stream.resume("e-0");
    const first = last();
    await first.accept();
    stream.happened("shown");
    assert.equal(first.signal.aborted, true);
    await last().accept();
    await first.say(delta(1));
    await last().say(delta(1));
    stream.happened("shown");
    stream.happened("tapped"); // one attempt at a time
    assert.deepEqual([attempts.length, heard.length, last().cursor], [3, 1, "e-1"]);
});

test("C11 C12 silence beyond the watchdog is a broken line; heartbeats alone keep it", async () => {
    const { stream, last, attempts, clock } = line();
    stream.resume("e-0");
    await last().accept();
    for (let beat = 0; beat < 8; beat++) {
        clock.advance(15_000);
        await last().say('event: heartbeat\ndata: {"type":"heartbeat"}\n\n');
    }
    assert.equal(attempts.length, 1);
    clock.advance(45_000);
    assert.equal(attempts.length, 2);
});

test("C18 visible, online, pageshow and resume in one tick are one attempt, whatever the pause", async () => {
    const { stream, last, attempts, clock } = line();
    stream.resume("e-0");
    for (let failure = 0; failure < 6; failure++) {
        last().refuse(new Error("refused"));
        await settle();
        if (failure < 5) clock.advance(31_000);
    }
    const before = attempts.length;
    stream.happened("visible");
    stream.happened("online");
    stream.happened("shown");
    stream.happened("resumed");
    assert.equal(attempts.length, before + 1);
});

test("C5 a server that accepts and closes is not hammered", async () => {
    const { stream, last, attempts, clock } = line();
    stream.resume("e-0");
    for (let second = 0; second < 100; second++) {
        await last().accept();
        await last().close();
        clock.advance(100);
    }
    assert.ok(attempts.length <= 8, String(attempts.length));
});

test("C8 Retry-After is heeded", async () => {
    const { stream, last, attempts, clock } = line();
    stream.resume("e-0");
    await last().status(503, { "Retry-After": "3" });
    clock.advance(2_900);
    assert.equal(attempts.length, 1);
    clock.advance(2_000);
    assert.equal(attempts.length, 2);
});

test("C9 C26 401, 403, 404 and 410 end it and say why, 400 asks for a new position", async () => {
    for (
        const [status, why]
            of /** @type {const} */ ([[401, "signed_out"], [403, "forbidden"], [404, "gone"], [410, "gone"], [
                400,
                "invalid",
            ]])
    ) {
        const { stream, last, attempts, clock, ends } = line();
        stream.resume("e-0");
        await last().status(status);
        clock.advance(120_000);
        assert.deepEqual([attempts.length, ends], [1, [why]]);
    }
});

test("bye says when to come back, gone says not to", async () => {
    const { stream, last, attempts, clock, ends } = line();
    stream.resume("e-0");
    await last().accept();
    await last().say('event: bye\ndata: {"type":"bye","reason":"restarting","retry_ms":2000}\n\n');
    clock.advance(1_900);
    assert.equal(attempts.length, 1);
    clock.advance(1_500);
    assert.equal(attempts.length, 2);
    await last().accept();
    await last().say('event: bye\ndata: {"type":"bye","reason":"gone","retry_ms":0}\n\n');
    clock.advance(120_000);
    assert.deepEqual([attempts.length, ends], [2, ["gone"]]);
});

test("C28 auth_expired after a healthy time reconnects at once", async () => {
    const { stream, last, attempts, clock } = line();
    stream.resume("e-0");
    await last().accept();
    clock.advance(12_000);
    await last().say('event: auth_expired\ndata: {"type":"auth_expired"}\n\n');
    assert.equal(attempts.length, 2);
});
