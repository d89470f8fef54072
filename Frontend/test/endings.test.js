// An answer that ended without a word used to be gone after a reload: nothing on the page said that anything had been
// tried, and nothing offered to try again. Whoever was there and whoever comes later must see the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { activeReply, reduce } from "../js/model/conversation.js";
import { timeline } from "../js/model/timeline.js";
import { message, opened, running, snapshot } from "./case.js";

/** @import {Action, Conversation} from "../js/model/conversation.js" */
/** @import {CurrentReply, Message, ReplyResult, StreamEvent} from "../js/wire/types.js" */

/** @typedef {"stopped" | "interrupted" | "failed"} How */

const question = message({ id: "q" });
const partial = message({ id: "r", reply_id: "r", sequence: 2, sender_type: "ai", body: "two", status: "stopped" });

/** @param {number} [attempt] @returns {StreamEvent} */
const started = (attempt = 1) => ({ type: "reply.started", reply_id: "r", attempt, sequence: 2 });
/** @param {How} how @param {string | null} [code] @param {number} [attempt] @returns {StreamEvent} */
const over = (how, code = null, attempt = 1) => ({
    type: `reply.${how}`,
    reply_id: "r",
    attempt,
    sequence: 2,
    message_id: null,
    retryable: true,
    code,
});
/** @param {How} state @param {string | null} [code] @param {number} [attempt] @returns {CurrentReply} */
const ended = (state, code = null, attempt = 1) => running({ state, code, attempt });
/** @param {Partial<ReplyResult>} [some] @returns {Action} */
const result = (some) => ({
    type: "reply",
    reply: { id: "r", state: "queued", attempt: 1, message: null, code: null, ...some },
    at: 0,
});
/** @param {Message} held @returns {StreamEvent} */
const stands = (held) => ({ type: "message", message: held });

/** Somebody who was there. @param {Conversation} state @param {...(StreamEvent | Action)} steps */
const then = (state, ...steps) =>
    steps.reduce((so, step) => reduce(so, isEvent(step) ? { type: "event", event: step, at: 0 } : step), state);
/** @param {StreamEvent | Action} step @returns {step is StreamEvent} */
const isEvent = (step) => "reply_id" in step || step.type === "message";
/** @param {...(StreamEvent | Action)} steps */
const there = (...steps) => then(opened(snapshot([question])), ...steps);
/** Somebody who loads the page now. @param {Message[]} messages @param {CurrentReply | null} reply */
const loading = (messages, reply) => opened(snapshot(messages, reply));

/** @param {Conversation} state */
const last = (state) => {
    const item = timeline(state).at(-1);
    return item && [item.id, item.state, item.body, item.code, item.canRetry];
};

test("an answer that failed without a word says so after a reload too, and may be tried again", () => {
    const live = there(started(), over("failed", "model_failed")),
        later = loading([question], ended("failed", "model_failed"));
    assert.deepEqual(last(later), ["r", "failed", "", "model_failed", true]);
    assert.deepEqual(timeline(live), timeline(later));
    assert.equal(activeReply(later), null);
});

test("an answer stopped while it waited its turn stands where it would have stood", () => {
    const later = loading([question], ended("stopped"));
    assert.deepEqual(last(later), ["r", "stopped", "", null, true]);
    assert.deepEqual(timeline(there(result(), over("stopped"))), timeline(later));
    assert.deepEqual(timeline(there(over("stopped"))), timeline(later), "in a window that never heard of it");
});

test("a second attempt that failed leaves the words of the first, and says that it failed", () => {
    const live = there(stands(partial), started(2), over("failed", "model_failed", 2));
    const later = loading([question, partial], ended("failed", "model_failed", 2));
    assert.deepEqual(last(later), ["r", "failed", "two", "model_failed", true]);
    assert.deepEqual(timeline(live), timeline(later));
});

test("once the patient has said more, nothing is told of it any more", () => {
    const next = message({ id: "q2", sequence: 3 });
    const live = there(started(), over("failed"), stands(next)), later = loading([question, next], ended("failed"));
    assert.deepEqual(timeline(later).map((item) => item.id), ["q", "q2"]);
    assert.deepEqual(timeline(live), timeline(later));
});

test("once the patient has said more, a failed second attempt leaves the first one as it was", () => {
    const next = message({ id: "q2", sequence: 3 });
    const live = there(stands(partial), started(2), over("failed", "model_failed", 2), stands(next));
    assert.deepEqual(timeline(live).map((item) => item.state), ["sent", "stopped", "sent"]);
    // Whether the server still tells it (nobody else answers) or has forgotten it.
    for (const reply of [ended("failed", "model_failed", 2), null]) {
        assert.deepEqual(timeline(live), timeline(loading([question, partial, next], reply)));
    }
});

test("a snapshot tells the end of what was believed to be running, and what was on its way changes nothing", () => {
    const delta = /** @type {StreamEvent} */ ({ type: "reply.delta", reply_id: "r", attempt: 1, n: 1, text: "two" });
    const told = then(
        there(started(), delta),
        { type: "sync.began" },
        { type: "snapshot", snapshot: snapshot([question], ended("failed", "lease_lapsed")), at: 0 },
    );
    const later = timeline(loading([question], ended("failed", "lease_lapsed")));
    assert.deepEqual(timeline(told), later);
    const again = then(told, started(), delta, over("failed", "lease_lapsed"));
    assert.deepEqual([timeline(again), again.stale], [later, false]);
    assert.deepEqual(timeline(then(told, result())), later, "nor does a late answer to the POST wake it");
});

test("an attempt that was begun since the snapshot's is not ended by it", () => {
    const told = then(
        there(started(), over("failed"), started(2)),
        { type: "sync.began" },
        { type: "snapshot", snapshot: snapshot([question], ended("failed")), at: 0 },
    );
    assert.equal(activeReply(told)?.attempt, 2);
});

test("the answer to a POST tells why an attempt failed", () => {
    const told = there(started(), result({ state: "failed", code: "model_failed" }));
    assert.deepEqual(timeline(told), timeline(loading([question], ended("failed", "model_failed"))));
});

test("of an answer that never ran the POST's result does not know the place: a snapshot is asked for it", () => {
    const told = there(result(), result({ state: "stopped" }));
    assert.equal(told.stale, true);
    const placed = then(
        told,
        { type: "sync.began" },
        { type: "snapshot", snapshot: snapshot([question], ended("stopped")), at: 0 },
    );
    assert.deepEqual([timeline(placed), placed.stale], [timeline(loading([question], ended("stopped"))), false]);
});

test("another attempt stands where the one before it stood", () => {
    const next = /** @type {Action} */ ({ type: "send", clientMessageId: "k", body: "Hello?", at: 0 });
    const live = there(started(), over("failed"), next, result({ attempt: 2 }));
    assert.deepEqual(timeline(live).map((item) => item.id), ["q", "r", "k"]);
    const later = then(loading([question], running({ state: "queued", attempt: 2 })), next);
    assert.deepEqual(timeline(live), timeline(later));
});

test("a wish for another attempt is told at its answer until there is one, and so is that it came to nothing", () => {
    const about = (/** @type {Conversation} */ state) => timeline(state).at(-1);
    const wish = (/** @type {"asked" | "failed"} */ how) => /** @type {Action} */ ({
        type: `retry.${how}`,
        replyId: "r",
    });
    for (
        const ended of [
            loading([question, partial], null),
            loading([question], running({ state: "failed", code: "model_failed" })),
        ]
    ) {
        assert.equal(about(ended)?.again, null);
        const asked = then(ended, wish("asked"));
        assert.deepEqual([about(asked)?.again, about(asked)?.canRetry], ["asked", true]);
        const failed = then(asked, wish("failed"));
        assert.deepEqual([about(failed)?.again, about(failed)?.canRetry], ["failed", true]);
        assert.equal(about(then(failed, wish("asked")))?.again, "asked");
        for (const held of [asked, failed]) {
            const next = then(held, started(2));
            assert.deepEqual([about(next)?.again, about(next)?.state], [null, "thinking"]);
            assert.equal(about(then(next, over("failed", "model_failed", 2)))?.again, null);
        }
    }
});
