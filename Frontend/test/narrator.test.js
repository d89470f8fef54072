// What is said aloud: enough to follow by ear, and never each word.
import assert from "node:assert/strict";
import { test } from "node:test";
import { learn } from "../js/i18n/language.js";
import { Narrator } from "../js/view/narrator.js";

await learn("en");

/** @import {Item, ItemState} from "../js/model/timeline.js" */

/** @param {string} key @param {ItemState} state @param {Partial<Item>} [more] @returns {Item} */
const item = (key, state, more) => ({
    key,
    id: key,
    sequence: 1,
    sender: "ai",
    name: null,
    state,
    body: "",
    answeredBy: null,
    at: null,
    since: 0,
    canRetry: false,
    code: null,
    transient: false,
    clientMessageId: null,
    ...more,
});

test("what stood there already is silent, an answer is told when it begins and whole when it ends", () => {
    const narrator = new Narrator(), greeting = item("g", "complete", { body: "Welcome" });
    assert.deepEqual(narrator.tell([greeting]), []);
    assert.deepEqual(narrator.tell([greeting, item("r", "queued")]), ["The assistant is replying"]);
    assert.deepEqual(narrator.tell([greeting, item("r", "thinking")]), []);
    assert.deepEqual(narrator.tell([greeting, item("r", "streaming", { body: "**Two**" })]), []);
    const whole = item("r", "complete", { body: "**Two** nights" });
    assert.deepEqual(narrator.tell([greeting, whole]).map((words) => words.trim()), ["Two nights"]);
    assert.deepEqual(narrator.tell([greeting, whole]), []);
});

test("an emergency is named before its answer", () => {
    const narrator = new Narrator();
    narrator.tell([]);
    const [words] = narrator.tell([item("r", "complete", { body: "Call 112", answeredBy: "emergency" })]);
    assert.match(words ?? "", /^This may be an emergency\. Call 112/);
});

test("one's own words are told only when they did not go out", () => {
    const narrator = new Narrator(), own = /** @type {const} */ ({ sender: "patient" });
    narrator.tell([]);
    assert.deepEqual(narrator.tell([item("k", "sending", own)]), []);
    assert.deepEqual(narrator.tell([item("k", "failed", own)]), ["Your message was not sent"]);
});

test("how an answer went wrong is told once, also when another attempt had been begun", () => {
    const narrator = new Narrator();
    narrator.tell([item("r", "stopped")]);
    assert.deepEqual(narrator.tell([item("r", "thinking")]), ["The assistant is replying"]);
    assert.deepEqual(narrator.tell([item("r", "failed")]), ["The answer didn’t come through."]);
    assert.deepEqual(narrator.tell([item("r", "failed")]), []);
});

test("older pages that come in are history", () => {
    const narrator = new Narrator(),
        page = (/** @type {string} */ name) =>
            Array.from({ length: 30 }, (_, at) => item(`${name}${at}`, "complete", { body: "long ago" }));
    const first = page("a");
    narrator.tell(first);
    assert.deepEqual(narrator.tell([...page("b"), ...first]), []);
});
