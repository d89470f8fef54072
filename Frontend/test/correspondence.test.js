// Sending over a bad line: once each, in order, and never lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Api } from "../js/wire/api.js";
import { Correspondence, pollEvery } from "../js/wire/correspondence.js";
import { timeline } from "../js/model/timeline.js";
import { ManualClock } from "./clock.js";

/** Goes on by single seconds, so that what is answered can set the next timer. @param {World} world @param {number} seconds */
async function pass(world, seconds) {
    for (let second = 0; second < seconds; second++) {
        world.clock.advance(1_000);
        await settle();
    }
}

const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
};

/** A server of one case that can be told to drop answers, and a patient's side of it. */
class World {
    clock = new ManualClock();
    /** @type {Map<string, string>} */
    kept = new Map();
    /** @type {{body: string, key: string}[]} */
    posts = [];
    /** @type {{id: string, body: string, client_message_id: string, sequence: number, sender_type: string}[]} */
    messages = [];
    /** @type {"up" | "down" | "drops answers" | "refuses"} */
    line = "up";
    ids = 0;
    /** How often the snapshot was asked for. */
    asked = 0;
    /** @type {"speaks" | "refused"} */
    stream = "speaks";
    /** What a POST of a message gets instead of being heard. @type {"cut" | {status: number, retryAfter: string} | null} */
    unheard = null;
    /** When each POST came, heard or not. @type {number[]} */
    tries = [];

    open() {
        const api = new Api({
            fetch: (input, init) =>
                this.line === "down"
                    ? Promise.reject(new TypeError("network"))
                    : Promise.resolve().then(() => this.#answer(String(input), init?.body ?? null)),
            token: () => Promise.resolve("t"),
            refused: () => {},
        });
        return new Correspondence("c", {
            api,
            clock: this.clock,
            random: () => 0.5,
            uuid: () => `k${++this.ids}`,
            hidden: () => false,
            storage: {
                getItem: (key) => this.kept.get(key) ?? null,
                setItem: (key, value) => void this.kept.set(key, value),
                removeItem: (key) => void this.kept.delete(key),
            },
        });
    }

    /** @param {string} path @param {BodyInit | null} body @returns {Response} */
    #answer(path, body) {
        if (path.endsWith("/events")) {
            if (this.stream === "refused") return new Response(null, { status: 503 });
            return new Response(new ReadableStream(), { headers: { "Content-Type": "text/event-stream" } });
        }
        if (path.endsWith("/chat")) {
            this.tries.push(this.clock.now());
            if (this.unheard === "cut") throw new TypeError("network");
            if (this.unheard) {
                const { status, retryAfter } = this.unheard, headers = { "Retry-After": retryAfter };
                return Response.json({ code: "shutting_down" }, { status, headers });
            }
            const { message, client_message_id: key } = JSON.parse(String(body));
            this.posts.push({ body: message, key });
            if (this.line === "refuses") return Response.json({ code: "message_too_long" }, { status: 422 });
            let stored = this.messages.find((one) => one.client_message_id === key);
            if (!stored) {
                const sequence = this.messages.length + 1;
                stored = {
                    id: `m${sequence}`,
                    body: message,
                    client_message_id: key,
                    sequence,
                    sender_type: "patient",
                };
                this.messages.push(stored);
            }
            if (this.line === "drops answers") throw new TypeError("network");
            return Response.json({ message: stored, reply: null }, { status: 202 });
        }
        this.asked++;
        return Response.json({ case: { id: "c" }, messages: this.messages, more: false, reply: null, cursor: "e-0" });
    }

    /** @param {Correspondence} letters */
    seen(letters) {
        return timeline(letters.state).map((item) => `${item.body} ${item.state}`);
    }
}

test("a bubble stands before the server has said anything", async () => {
    const world = new World(), letters = world.open();
    await settle();
    letters.send("  How long?  ");
    assert.deepEqual(world.seen(letters), ["How long? sending"]);
    await settle();
    assert.deepEqual(world.seen(letters), ["How long? sent"]);
});

test("an answer that was lost is asked for again with the same id, and one message stands", async () => {
    const world = new World(), letters = world.open();
    await settle();
    world.line = "drops answers";
    letters.send("once");
    await settle();
    world.line = "up";
    world.clock.advance(2_000);
    await settle();
    assert.deepEqual(world.posts.map((one) => one.key), ["k1", "k1"]);
    assert.deepEqual([world.messages.length, world.seen(letters)], [1, ["once sent"]]);
});

test("what was written offline survives a reload and goes out in order, once each", async () => {
    const world = new World(), letters = world.open();
    await settle();
    world.line = "down";
    for (const word of ["one", "two", "three"]) letters.send(word);
    await settle();
    world.clock.advance(2_000);
    await settle();
    assert.deepEqual(world.seen(letters), ["one failed", "two failed", "three failed"]);
    letters.close();
    const again = world.open();
    await settle();
    world.line = "up";
    again.wake();
    await settle();
    assert.deepEqual(world.messages.map((one) => one.body), ["one", "two", "three"]);
    assert.deepEqual(world.seen(again), ["one sent", "two sent", "three sent"]);
    assert.equal(world.kept.size, 0);
});

test("what the server refuses is not tried again by itself, and its words stay until deleted", async () => {
    const world = new World(), letters = world.open();
    await settle();
    world.line = "refuses";
    letters.send("too long");
    await settle();
    letters.wake();
    world.clock.advance(60_000);
    await settle();
    assert.deepEqual([world.posts.length, world.seen(letters)], [1, ["too long failed"]]);
    letters.discard("k1");
    assert.deepEqual(world.seen(letters), []);
});

test("C42 without a stream what is awaited is asked for, every few seconds, and nothing else is", async () => {
    const world = new World();
    world.stream = "refused";
    const letters = world.open();
    await settle();
    const askedIn = async (/** @type {number} */ rounds) => {
        const before = world.asked;
        for (let round = 0; round < rounds; round++) {
            world.clock.advance(pollEvery);
            await settle();
        }
        return world.asked - before;
    };
    assert.equal(await askedIn(3), 0);
    letters.awaited = () => true;
    assert.equal(await askedIn(3), 3);
    letters.awaited = () => false;
    assert.equal(await askedIn(3), 0);
});

test("C50 what did not go out goes by itself, also when the stream never broke, and not in a hurry", async () => {
    const world = new World(), letters = world.open();
    await settle();
    world.unheard = "cut";
    letters.send("one");
    letters.send("two");
    await pass(world, 120);
    assert.deepEqual(world.seen(letters), ["one failed", "two failed"]);
    assert.ok(world.tries.length > 8 && world.tries.length < 30, `${world.tries.length} tries in two minutes`);
    world.unheard = null;
    await pass(world, 31);
    assert.deepEqual(world.seen(letters), ["one sent", "two sent"]);
    assert.deepEqual(world.messages.map((one) => one.body), ["one", "two"]);
    const before = world.tries.length;
    await pass(world, 60);
    assert.equal(world.tries.length, before);
});

test("C8 a message waits as long as the server asks, although snapshots come in meanwhile", async () => {
    const world = new World();
    world.stream = "refused";
    const letters = world.open();
    letters.awaited = () => true;
    await settle();
    world.unheard = { status: 503, retryAfter: "20" };
    const before = world.asked;
    letters.send("one");
    await pass(world, 100);
    const gaps = world.tries.slice(1).map((at, index) => at - Number(world.tries[index]));
    assert.ok(gaps.length >= 3 && gaps.every((gap) => gap >= 20_000), String(gaps));
    assert.ok(world.asked - before > 10);
    world.unheard = null;
    await pass(world, 52);
    assert.deepEqual(world.seen(letters), ["one sent"]);
});
