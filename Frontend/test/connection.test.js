// The stream's life as a value: a table of what happens, and what is waited for then.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as connection from "../js/model/connection.js";
import { seeded } from "./seeded.js";

/** @import {Connection, Happening} from "../js/model/connection.js" */

/** A connection and its clock: `tell` at this moment, `pass` time with every tick that is due. */
class World {
    /** @type {Connection} */
    state = connection.initial;
    now = 1_000_000;
    /** When each attempt began. @type {number[]} */
    attempts = [];
    random = () => 0.5;

    /** @param {Happening["type"]} type @param {object} [more] */
    tell(type, more = {}) {
        const before = this.state;
        const event = /** @type {Happening} */ ({ type, generation: before.generation, ...more });
        this.state = connection.step(before, event, this.now, this.random);
        if (this.state.generation !== before.generation && this.state.phase === "connecting") {
            this.attempts.push(this.now);
        }
        return this.state;
    }

    /** @param {number} milliseconds */
    pass(milliseconds) {
        const end = this.now + milliseconds;
        for (;;) {
            const due = connection.due(this.state);
            if (due === null || due > end) break;
            this.now = Math.max(this.now, due);
            this.tell("tick");
        }
        this.now = end;
        return this.state;
    }

    /** As when a machine sleeps: time passes, nothing runs, and then what was due does. @param {number} milliseconds */
    sleep(milliseconds) {
        this.now += milliseconds;
        return this.pass(0);
    }

    open() {
        this.tell("begin");
        this.tell("opened");
        this.tell("heard");
        return this;
    }
}

const world = () => new World().open();

test("C19 whatever an attempt of another generation says, the value stays the very same", () => {
    const here = world();
    here.tell("lost");
    here.pass(60_000);
    const held = here.state, generation = held.generation - 1;
    for (
        const event of [
            { type: "opened" },
            { type: "heard" },
            { type: "lost", atLeast: 9_000 },
            { type: "refused", status: 404, retryAfter: 0 },
            { type: "expired" },
            { type: "gone" },
        ]
    ) assert.equal(here.tell(/** @type {Happening["type"]} */ (event.type), { ...event, generation }), held);
    here.tell("end");
    const ended = here.state;
    for (const type of /** @type {const} */ (["begin", "visible", "shown", "tapped", "online", "tick", "left"])) {
        assert.equal(here.tell(type), ended, type);
    }
});

test("C4 C5 C7 pauses grow to the cap and it never gives up; what closes at once is not asked again and again", () => {
    for (const seed of [1, 2, 3]) {
        const here = world();
        here.random = seeded(seed);
        const until = here.now + 600_000;
        while (here.now < until) {
            here.tell("opened");
            here.tell("heard");
            here.tell("lost");
            const [before, { retryAt }] = [here.now, here.state];
            assert.ok(retryAt - before >= 300 && retryAt - before <= 30_300, `seed ${seed}: ${retryAt - before}`);
            here.pass(retryAt - before);
        }
        const began = /** @type {number} */ (here.attempts[0]);
        assert.ok(here.attempts.filter((at) => at <= began + 10_000).length <= 8, `seed ${seed}`);
        assert.ok(here.attempts.length >= 600_000 / 30_300, `seed ${seed}`);
    }
});

test("C6 one second is not health, eleven are", () => {
    for (const [healthy, failures] of [[1_000, 4], [11_000, 1]]) {
        const here = world();
        for (let failed = 0; failed < 3; failed++) {
            here.tell("lost");
            here.pass(here.state.retryAt - here.now);
        }
        here.tell("opened");
        here.tell("heard");
        here.state = { ...here.state, seenAt: here.now += Number(healthy) };
        assert.equal(here.tell("lost").failures, failures);
    }
});

test("C11 C12 a line is dead after 40 s without a byte, and alive for ever with one each 15 s", () => {
    const here = world();
    for (let beat = 0; beat < 100; beat++) {
        here.pass(15_000);
        here.tell("heard");
    }
    assert.equal(here.attempts.length, 1);
    const heard = here.now;
    here.pass(39_999);
    assert.equal(here.state.phase, "open");
    here.pass(1_000);
    assert.deepEqual([here.attempts.length, here.attempts[1]], [2, heard + 40_000 + 550]);
    here.pass(12_000); // the answer to the request itself must come sooner
    assert.equal(here.attempts.length, 2);
    here.pass(2_000);
    assert.equal(here.attempts.length, 3);
});

test("C13 whoever comes back after more than five seconds gets a word within 1.5 s, or a new line", () => {
    for (const [away, words, attempts] of [[4_900, 0, 1], [6_000, 0, 2], [6_000, 1, 1]]) {
        const here = world();
        here.tell("hidden");
        here.pass(Number(away));
        here.tell("visible");
        here.pass(1_000);
        if (words) here.tell("heard");
        here.pass(499);
        assert.equal(here.attempts.length, 1);
        here.pass(1);
        assert.equal(here.attempts.length, attempts, `${away} ms away, ${words} words`);
    }
});

test("C13 C17 C18 somebody looks: at once whatever the pause, once however many ways say so", () => {
    const ways = /** @type {const} */ (["visible", "resumed", "shown", "online", "tapped"]);
    for (const way of ways) {
        const here = world();
        for (let failed = 0; failed < 8; failed++) {
            here.tell("lost");
            here.pass(31_000);
        }
        here.tell("lost", { atLeast: 20_000 });
        const before = here.attempts.length;
        here.tell(way);
        assert.deepEqual([here.attempts.length, here.attempts.at(-1)], [before + 1, here.now], way);
        for (const other of ways) here.tell(other);
        assert.equal(here.attempts.length, before + 1, way);
        here.pass(connection.probe); // an attempt that hangs may hang on the network of yesterday
        here.tell(way);
        assert.equal(here.attempts.length, before + 2, way);
    }
});

test("C15 C16 online is a hint: an open line that speaks stays, frozen or not; one that is silent is not believed", () => {
    for (const way of /** @type {const} */ (["online", "resumed"])) {
        const here = world();
        here.tell(way);
        here.pass(300);
        here.tell("heard");
        here.pass(10_000);
        assert.equal(here.attempts.length, 1);
        here.tell(way);
        here.pass(1_500);
        assert.equal(here.attempts.length, 2);
    }
});

test("C14 put away, it lets go at once; a minute unseen, too; and comes back when it is looked at", () => {
    const here = world();
    here.tell("left");
    assert.equal(here.state.phase, "resting");
    here.pass(600_000);
    assert.equal(here.attempts.length, 1);
    here.tell("shown");
    assert.equal(here.attempts.length, 2);
    here.tell("opened");
    here.tell("heard");
    here.tell("hidden");
    for (let beat = 0; beat < 10; beat++) {
        here.pass(5_999);
        here.tell("heard");
    }
    assert.equal(here.state.phase, "open");
    here.pass(10);
    assert.equal(here.state.phase, "resting");
    here.tell("online"); // nobody looks
    here.tell("resumed");
    assert.equal(here.attempts.length, 2);
    here.tell("visible");
    assert.equal(here.attempts.length, 3);
});

// Eight windows side by side would else take each other's places whenever the network comes back.
test("C2 whoever had to give its place to another tab takes one again when it is looked at, and for nothing else", () => {
    const here = world();
    here.tell("robbed");
    assert.deepEqual([here.state.phase, here.state.awayAt], ["resting", null]);
    for (const way of /** @type {const} */ (["online", "resumed"])) here.tell(way);
    here.pass(600_000);
    assert.equal(here.attempts.length, 1);
    here.tell("visible");
    assert.equal(here.attempts.length, 2);
});

test("a machine that slept, or whose clock was set, is as one that was away", () => {
    const slept = world();
    slept.sleep(30_000);
    assert.notEqual(slept.state.doubtedUntil, null);
    slept.pass(1_500);
    assert.equal(slept.attempts.length, 2);
    const longer = world();
    longer.sleep(300_000);
    longer.pass(1_000);
    assert.equal(longer.attempts.length, 2);
    const back = world();
    back.tell("lost");
    back.now -= 3_600_000;
    back.tell("tick");
    assert.equal(back.attempts.length, 2);
});

test("C24 trouble begins when somebody could see it, and ends with the first byte", () => {
    const here = world();
    assert.equal(here.state.awayAt, null);
    here.tell("lost");
    const began = here.now;
    here.pass(700);
    here.tell("lost");
    assert.equal(here.state.awayAt, began);
    here.tell("hidden");
    here.pass(20_000);
    here.tell("visible");
    assert.equal(here.state.awayAt, here.now);
    here.tell("opened");
    assert.equal(here.state.awayAt, here.now); // a head alone is no proof
    here.tell("heard");
    assert.equal(here.state.awayAt, null);
});

test("C8 the server may slow us down: Retry-After and bye from the first time, retry: from the second", () => {
    const here = world();
    here.tell("lost", { atLeast: 3_000 });
    assert.equal(here.state.retryAt, here.now + 3_000 + 250);
    here.pass(4_000);
    here.tell("opened");
    here.tell("heard");
    here.tell("retry", { milliseconds: 1_200 });
    here.pass(11_000);
    here.tell("lost");
    assert.equal(here.state.retryAt, here.now + 300 + 250);
    here.pass(1_000);
    here.tell("lost");
    assert.equal(here.state.retryAt, here.now + 1_200 + 500);
});

test("C28 the right to listen runs out: at once again, and no failure; said as a first word, it is one", () => {
    const here = world();
    here.pass(2_000);
    here.tell("expired");
    assert.deepEqual([here.attempts.length, here.state.awayAt, here.state.failures], [2, null, 0]);
    here.tell("opened");
    here.tell("heard");
    here.tell("expired");
    assert.deepEqual([here.attempts.length, here.state.phase, here.state.failures], [2, "waiting", 1]);
});

test("C9 what has no hope ends, with its reason; anything else does not", () => {
    const ends = { 204: "closed", 401: "signed_out", 403: "forbidden", 404: "gone", 410: "gone" };
    for (const [status, why] of Object.entries(ends)) {
        const here = world();
        here.tell("refused", { status: Number(status), retryAfter: 0 });
        here.tell("tapped");
        here.pass(600_000);
        assert.deepEqual([here.state.phase, here.state.parting, here.attempts.length], ["ended", why, 1]);
    }
    for (const status of [200, 302, 408, 421, 429, 500, 502, 503]) {
        const here = world();
        here.tell("refused", { status, retryAfter: 0 });
        here.pass(31_000);
        assert.ok(here.attempts.length >= 2, String(status));
    }
    const lost = world();
    lost.tell("refused", { status: 400, retryAfter: 0 });
    assert.deepEqual([lost.state.phase, lost.state.parting], ["idle", "invalid_cursor"]);
    assert.deepEqual([lost.tell("begin").phase, lost.state.parting], ["connecting", null]);
});
