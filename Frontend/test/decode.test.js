// What a server says is believed once, here; what it should not have said is nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as decode from "../js/wire/decode.js";

/** @param {Record<string, unknown>} reply */
const told = (reply) =>
    decode.snapshot({ case: { id: "c" }, messages: [], more: false, cursor: "e-1", reply: { id: "r", ...reply } })
        ?.reply;

test("a snapshot tells how its reply ended", () => {
    const failed = told({ state: "failed", attempt: 2, sequence: 4, through: 0, text: "", code: "model_failed" });
    assert.deepEqual([failed?.state, failed?.attempt, failed?.sequence, failed?.code], [
        "failed",
        2,
        4,
        "model_failed",
    ]);
});

test("only a queued reply has no place yet; any other without one is no reply", () => {
    assert.equal(told({ state: "queued", sequence: null })?.sequence, null);
    assert.equal(told({ state: "stopped", sequence: null }), null);
});

test("an end is an end even if its place is not told", () => {
    const end = { type: "reply.stopped", reply_id: "r", attempt: 1, message_id: null, retryable: true, code: null };
    assert.deepEqual(decode.streamEvent(end), { ...end, sequence: null });
    assert.deepEqual(decode.streamEvent({ ...end, sequence: 4 }), { ...end, sequence: 4 });
});

test("the answer to a POST tells the code", () => {
    assert.equal(decode.replyResult({ id: "r", state: "failed", code: "model_failed" })?.code, "model_failed");
});

test("half a thing is nothing", () => {
    assert.equal(decode.message({ id: "m", body: "words" }), null);
    assert.equal(decode.careCase({ title: "Knee" }), null);
    assert.equal(decode.streamEvent({ type: "reply.delta", reply_id: "r", n: 1 }), null);
    assert.equal(decode.streamEvent({ type: "of tomorrow" }), null);
});
