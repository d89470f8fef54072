// Words that have not gone out, and words that are still being written, survive a reload.
import assert from "node:assert/strict";
import { test } from "node:test";
import { draftOf, keepDraft, keepPending, pendingOf, sending } from "../js/model/outbox.js";

function drawer() {
    /** @type {Map<string, string>} */
    const held = new Map();
    return {
        held,
        getItem: (/** @type {string} */ key) => held.get(key) ?? null,
        setItem: (/** @type {string} */ key, /** @type {string} */ value) => void held.set(key, value),
        removeItem: (/** @type {string} */ key) => void held.delete(key),
    };
}

test("C50 C49 what was not sent comes back in order, with its ids, ready to go out", () => {
    const store = drawer(), three = ["a", "b", "c"].map((id, at) => sending(id, `words ${id}`, at));
    keepPending(store, "knee", three.map((one) => ({ ...one, state: "failed", code: "network", transient: true })));
    assert.deepEqual(pendingOf(store, "knee"), three);
    assert.deepEqual(pendingOf(store, "hip"), [], "each case has its own");
    keepPending(store, "knee", []);
    assert.equal(store.held.size, 0, "and nothing stays behind");
});

// It used to be sent again by every reload, and refused again.
test("C51 what the server refused is still refused after a reload", () => {
    const store = drawer();
    keepPending(store, "knee", [{ ...sending("a", "long", 1), state: "failed", code: "message_too_long" }]);
    assert.deepEqual(pendingOf(store, "knee").map((one) => [one.state, one.code]), [["failed", "message_too_long"]]);
});

test("nonsense in the storage is no message, and no storage is no accident", () => {
    const store = drawer();
    for (const nonsense of ["{", "null", "7", '[null, 3, {"clientMessageId": 1}, {"body": "x"}]']) {
        store.setItem("curaway.outbox.knee", nonsense);
        assert.deepEqual(pendingOf(store, "knee"), []);
    }
    const full = {
        getItem: () => {
            throw new Error("forbidden");
        },
        setItem: () => {
            throw new Error("full");
        },
        removeItem: () => {},
    };
    keepDraft(full, "knee", "words");
    assert.equal(draftOf(full, "knee"), "");
    assert.deepEqual(pendingOf(full, "knee"), []);
});

test("C53 a draft is kept per case, and an empty one is none", () => {
    const store = drawer();
    keepDraft(store, "knee", "Is it far");
    assert.equal(draftOf(store, "knee"), "Is it far");
    assert.equal(draftOf(store, "hip"), "");
    keepDraft(store, "knee", "");
    assert.equal(store.held.size, 0);
});
