// The five rules of docs/protocol/streams.md, each alone, and then all of them in any order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { activeReply, reduce } from "../js/model/conversation.js";
import { timeline } from "../js/model/timeline.js";
import { message, opened, running, snapshot } from "./case.js";
import { seeded } from "./seeded.js";

/** @import {Action, Conversation} from "../js/model/conversation.js" */
/** @import {CurrentReply, Message, StreamEvent} from "../js/wire/types.js" */

/** @param {...(StreamEvent | Action)} steps */
function after(...steps) {
    return steps.reduce(
        (state, step) => reduce(state, isAction(step) ? step : { type: "event", event: step, at: 0 }),
        opened(snapshot([message({ id: "q", sequence: 1 })])),
    );
}

const actions = /^(event|posted|reply|sync|snapshot|older|restored|send|stop)(\.|$)/;
/** @param {StreamEvent | Action} step @returns {step is Action} */
function isAction(step) {
    return actions.test(step.type) && !("reply_id" in step) && !("text" in step);
}

/** @param {number} [attempt] @returns {StreamEvent} */
const started = (attempt = 1) => ({ type: "reply.started", reply_id: "r", attempt, sequence: 2 });
/** @param {number} n @param {string} text @param {number} [attempt] @returns {StreamEvent} */
const delta = (n, text, attempt = 1) => ({ type: "reply.delta", reply_id: "r", attempt, n, text });
/** @param {number} through @param {string} text @param {number} [attempt] @returns {StreamEvent} */
const told = (through, text, attempt = 1) => ({
    type: "reply.snapshot",
    reply_id: "r",
    attempt,
    sequence: 2,
    through,
    text,
});
/** @param {"finished" | "stopped" | "interrupted" | "failed"} how @param {string | null} [message_id] @param {number} [attempt] */
const over = (how, message_id = null, attempt = 1) => /** @type {StreamEvent} */ ({
    type: `reply.${how}`,
    reply_id: "r",
    attempt,
    sequence: 2,
    message_id,
    retryable: how !== "finished",
    code: null,
});
const answer = message({ id: "r", reply_id: "r", sequence: 2, sender_type: "ai", body: "two nights" });
/** @param {Message} held @returns {StreamEvent} */
const stands = (held) => ({ type: "message", message: held });

/** What a reader would see. @param {Conversation} state */
const seen = (state) => timeline(state).map((item) => `${item.id} ${item.state} ${item.body}`);

test("rule 1: a message is kept by id and only a higher version replaces it", () => {
    const state = after(stands({ ...answer, version: 2, body: "new" }), stands(answer));
    assert.equal(state.messages.get("r")?.body, "new");
    assert.equal(after(stands(answer), stands({ ...answer, version: 2, body: "new" })).messages.get("r")?.body, "new");
});

test("rule 1: order is by sequence, whatever came first", () => {
    const late = message({ id: "early", sequence: 0.5 });
    assert.deepEqual(timeline(after(stands(answer), stands(late))).map((item) => item.id), ["early", "q", "r"]);
});

test("rule 2: started shows thinking, a higher attempt clears the text, a lower one is nothing", () => {
    assert.deepEqual(seen(after(started())).at(-1), "r thinking ");
    assert.deepEqual(seen(after(started(), delta(1, "two "), started(2))).at(-1), "r thinking ");
    assert.deepEqual(seen(after(started(2), delta(1, "two ", 2), started(1))).at(-1), "r streaming two ");
    assert.deepEqual(seen(after(started(), delta(1, "two "), started(1))).at(-1), "r streaming two ");
});

test("rule 3: the next delta is appended, an old one dropped, a gap asks for a snapshot", () => {
    const state = after(started(), delta(1, "two "), delta(2, "nights"), delta(1, "two "), delta(2, "nights"));
    assert.equal(seen(state).at(-1), "r streaming two nights");
    assert.equal(state.stale, false);
    const gap = after(started(), delta(1, "two "), delta(3, "!"));
    assert.equal(gap.stale, true);
    assert.equal(seen(gap).at(-1), "r streaming two ");
    assert.equal(after(delta(1, "unheard of")).stale, true);
    assert.equal(after(started(2), delta(1, "old attempt")).stale, false);
});

test("rule 4: a reply snapshot replaces unless it is behind", () => {
    assert.equal(seen(after(started(), delta(1, "two "), told(2, "two nights"))).at(-1), "r streaming two nights");
    assert.equal(seen(after(started(), told(2, "two nights"), told(1, "two "))).at(-1), "r streaming two nights");
    assert.equal(seen(after(started(2), told(9, "older attempt"))).at(-1), "r thinking ");
    assert.equal(seen(after(told(2, "two nights"), delta(3, "!"))).at(-1), "r streaming two nights!");
});

test("rule 5: once the message stands its attempt is silent, the next one is not", () => {
    const state = after(started(), delta(1, "two "), stands(answer), delta(2, "x"), started(), told(9, "y"));
    assert.deepEqual(seen(state), ["q sent words", "r complete two nights"]);
    assert.equal(activeReply(state), null);
    assert.equal(state.stale, false);
    const again = reduce(state, { type: "event", event: started(2), at: 0 });
    assert.deepEqual(seen(again), ["q sent words", "r thinking "]);
});

test("a reply that ended without a word leaves the offer to try again", () => {
    const [, item] = timeline(after(started(), over("failed")));
    assert.deepEqual([item?.state, item?.canRetry, item?.body], ["failed", true, ""]);
    assert.equal(activeReply(after(started(), over("failed"), delta(1, "late"))), null);
});

test("a reply that finished without a word leaves nothing", () => {
    assert.deepEqual(seen(after(started(), over("finished"))), ["q sent words"]);
});

test("an end whose message is missing asks for a snapshot", () => {
    assert.equal(after(started(), over("finished", "r")).stale, true);
});

const mine = message({ id: "m", sequence: 1.5, client_message_id: "k", body: "How long?" });
/** @type {Action} */
const send = { type: "send", clientMessageId: "k", body: "How long?", at: 0 };
/** @type {Action} */
const posted = {
    type: "posted",
    result: { message: mine, reply: { id: "r", state: "queued", attempt: 1, message: null, code: null } },
    at: 0,
};

test("the POST result and the stream may come in either order: one bubble each", () => {
    const first = after(send, posted, stands(mine), started(), delta(1, "two "));
    const last = after(send, stands(mine), started(), delta(1, "two "), posted);
    assert.deepEqual(seen(first), ["q sent words", "m sent How long?", "r streaming two "]);
    assert.deepEqual(seen(last), seen(first));
});

test("a POST result that comes after the end wakes nothing", () => {
    const wordless = after(send, stands(mine), started(), over("stopped"), posted);
    assert.equal(activeReply(wordless), null);
    const whole = after(send, stands(mine), started(), stands(answer), over("finished", "r"), posted);
    assert.deepEqual(seen(whole), ["q sent words", "m sent How long?", "r complete two nights"]);
});

test("a bubble keeps its key from sending to sent", () => {
    assert.equal(timeline(after(send)).at(-1)?.key, timeline(after(send, posted)).find((one) => one.id === "m")?.key);
});

test("what arrives during a snapshot is applied on top of it", () => {
    const state = after(
        started(),
        { type: "sync.began" },
        delta(1, "two "),
        delta(2, "nights"),
        {
            type: "snapshot",
            at: 0,
            snapshot: snapshot([message({ id: "q" })], running({ through: 1, text: "two " })),
        },
    );
    assert.equal(seen(state).at(-1), "r streaming two nights");
    assert.equal(state.stale, false);
});

test("a hole between what is held and a snapshot is not papered over", () => {
    const far = Array.from({ length: 50 }, (_, at) => message({ id: `n${at}`, sequence: 100 + at }));
    const state = after({ type: "sync.began" }, { type: "snapshot", snapshot: snapshot(far, null, true), at: 0 });
    assert.equal(state.messages.has("q"), false);
    assert.equal(state.more, true);
});

test("internal notes are never shown, even if one came", () => {
    assert.equal(seen(after(stands(message({ id: "n", audience: "staff", sequence: 9 })))).length, 1);
});

test("only the last answer may be tried again, and not while another one runs", () => {
    const stopped = { ...answer, status: /** @type {const} */ ("stopped") };
    const first = { ...stopped, id: "r0", reply_id: "r0", sequence: 1.2 };
    const items = timeline(after(stands(first), stands(stopped)));
    assert.deepEqual(items.filter((one) => one.canRetry).map((one) => one.id), ["r"]);
    assert.equal(timeline(after(stands(stopped), started(2))).some((one) => one.canRetry), false);
});

test("a fresh snapshot equals a stale one plus the entries since, replayed in part and twice", () => {
    for (let seed = 1; seed <= 300; seed++) {
        const random = seeded(seed), world = history(random);
        const from = Math.floor(random() * world.length);
        let state = opened(fold(world, from));
        let at = Math.max(0, from - Math.floor(random() * 4));
        while (at < world.length) {
            state = reduce(state, { type: "event", event: /** @type {StreamEvent} */ (world[at]), at: 0 });
            assert.equal(state.stale, false, `seed ${seed}: entry ${at} looked like a gap`);
            at = random() < 0.1 ? Math.max(0, at - 3) : at + 1;
        }
        assert.deepEqual(timeline(state), timeline(opened(fold(world, world.length))), `seed ${seed}, from ${from}`);
    }
});

/** A log as a server would write it: questions, answers, ends of every kind. @param {() => number} random */
function history(random) {
    /** @type {StreamEvent[]} */
    const log = [];
    let sequence = 0;
    const ask = () => log.push(stands(message({ id: `q${sequence + 1}`, sequence: ++sequence })));
    for (let turn = 0; turn < 4; turn++) {
        ask();
        const reply_id = `r${turn}`, place = ++sequence;
        const attempts = random() < 0.3 ? 2 : 1;
        for (let attempt = 1; attempt <= attempts; attempt++) {
            const ran = random() < 0.9, words = ran ? Math.floor(random() * 4) : 0;
            if (ran) log.push({ type: "reply.started", reply_id, attempt, sequence: place });
            let text = "";
            for (let n = 1; n <= words; n++) {
                log.push({ type: "reply.delta", reply_id, attempt, n, text: `w${n} ` });
                text += `w${n} `;
                if (random() < 0.05) ask(); // without waiting for the answer
            }
            if (turn === 3 && attempt === attempts && random() < 0.5) return log;
            const id = words === 0 ? null : reply_id;
            const whole = id && attempt === attempts && random() < 0.7;
            const how = whole ? "finished" : !ran || random() < 0.5 ? "stopped" : id ? "interrupted" : "failed";
            if (id) {
                const status = /** @type {Message["status"]} */ (how === "finished" ? "complete" : how);
                const said = { sequence: place, version: attempt, body: text, status };
                log.push(stands(message({ id, reply_id, sender_type: "ai", ...said })));
            }
            log.push({
                type: `reply.${how}`,
                reply_id,
                attempt,
                sequence: place,
                message_id: id,
                retryable: !whole,
                code: how === "failed" ? "model_failed" : null,
            });
        }
    }
    return log;
}

/** The server's own snapshot after so many entries. @param {StreamEvent[]} log @param {number} count */
function fold(log, count) {
    /** @type {Map<string, Message>} */
    const messages = new Map();
    /** @type {CurrentReply | null} */
    let reply = null;
    for (const event of log.slice(0, count)) {
        if (event.type === "message") messages.set(event.message.id, event.message);
        else if (event.type === "reply.started") {
            const { reply_id: id, attempt, sequence } = event;
            reply = running({ id, attempt, sequence });
        } else if (event.type === "reply.delta" && reply) {
            const so = /** @type {CurrentReply} */ (reply);
            reply = { ...so, through: event.n, text: so.text + event.text };
        } else if ("message_id" in event) {
            const { type, reply_id: id, attempt, sequence, code } = event;
            const state = /** @type {CurrentReply["state"]} */ (type.slice("reply.".length));
            reply = event.message_id === null ? running({ id, attempt, sequence, state, code }) : null;
        }
    }
    if (reply && (messages.get(reply.id)?.version ?? 0) >= reply.attempt) reply = null;
    return snapshot([...messages.values()].sort((a, b) => a.sequence - b.sequence), reply);
}

test("what a stream that is behind a snapshot still tells of an answer that is over, changes nothing and asks for nothing", () => {
    // Found by the simulator: the answer ended without a word, so no message stood against its late words, and each of
    // them asked for another snapshot.
    const gone = after(started(), delta(1, "two"), { type: "sync.began" }, {
        type: "snapshot",
        snapshot: snapshot(
            [message({ id: "q", sequence: 1 }), message({ id: "q2", sequence: 3 })],
            running({ id: "r2", sequence: 4 }),
        ),
        at: 0,
    });
    const late = [started(), delta(2, "nights"), told(2, "two nights"), over("failed")].reduce(
        (state, event) => reduce(state, { type: "event", event, at: 0 }),
        gone,
    );
    assert.deepEqual(seen(late), seen(gone));
    assert.equal(late.stale, false);
    const again = reduce(late, { type: "event", event: started(2), at: 0 });
    assert.equal(again.replies.get("r")?.phase, "thinking", "another attempt is news");
});
