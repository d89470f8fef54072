// What is said aloud: enough to follow by ear, and never each word.
import assert from "node:assert/strict";
import { test } from "node:test";
import { learn } from "../js/i18n/language.js";
import { Narrator } from "../js/view/narrator.js";

await learn("en");

/** @import {Item, ItemState} from "../js/model/timeline.js" */

/** Its place is the number its key ends with; without one it has none yet. */
/** @param {string} key @param {ItemState} state @param {Partial<Item>} [more] @returns {Item} */
const item = (key, state, more) => ({
    key,
    id: key,
    sequence: Number(/\d+$/.exec(key) ?? Infinity),
    sender: "ai",
    name: null,
    state,
    body: "",
    answeredBy: null,
    at: null,
    since: 0,
    canRetry: false,
    again: null,
    code: null,
    transient: false,
    clientMessageId: null,
    ...more,
});

test("what stood there already is silent, an answer is told when it begins and whole when it ends", () => {
    const narrator = new Narrator(), greeting = item("g1", "complete", { body: "Welcome" });
    assert.deepEqual(narrator.tell([greeting]), []);
    assert.deepEqual(narrator.tell([greeting, item("r2", "queued")]), ["The assistant is replying"]);
    assert.deepEqual(narrator.tell([greeting, item("r2", "thinking")]), []);
    assert.deepEqual(narrator.tell([greeting, item("r2", "streaming", { body: "**Two**" })]), []);
    const whole = item("r2", "complete", { body: "**Two** nights" });
    assert.deepEqual(narrator.tell([greeting, whole]).map((words) => words.trim()), ["Two nights"]);
    assert.deepEqual(narrator.tell([greeting, whole]), []);
});

test("an emergency is named before its answer", () => {
    const narrator = new Narrator();
    narrator.tell([]);
    const [words] = narrator.tell([item("r2", "complete", { body: "Call 112", answeredBy: "emergency" })]);
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
    narrator.tell([item("r2", "stopped")]);
    assert.deepEqual(narrator.tell([item("r2", "stopped", { again: "asked" })]), []);
    assert.deepEqual(narrator.tell([item("r2", "stopped", { again: "failed" })]), ["That didn’t work just now."]);
    assert.deepEqual(narrator.tell([item("r2", "thinking")]), ["The assistant is replying"]);
    assert.deepEqual(narrator.tell([item("r2", "failed")]), ["The answer didn’t come through."]);
    assert.deepEqual(narrator.tell([item("r2", "failed")]), []);
});

/** @param {number} from @param {number} to @returns {Item[]} */
const page = (from, to) =>
    Array.from(
        { length: to - from + 1 },
        (_, at) => item(`m${from + at}`, "complete", { body: `number ${from + at}` }),
    );
/** @param {Narrator} narrator @param {Item[]} items */
const said = (narrator, items) => narrator.tell(items).map((words) => words.trim());

test("older pages that come in are history", () => {
    const narrator = new Narrator();
    narrator.tell(page(31, 60));
    assert.deepEqual(narrator.tell(page(1, 60)), []);
});

// The end of a list that had grown shorter reached back to entries that had not been looked at for a while: discarded
// words, for instance, brought old answers back, and they were read out again.
test("C62 a list that grows shorter reads nothing out again", () => {
    const narrator = new Narrator(), own = /** @type {const} */ ({ sender: "patient" });
    const unsent = Array.from({ length: 25 }, (_, at) => item(`k${at}`, "failed", { ...own, sequence: Infinity }));
    narrator.tell(page(1, 30));
    assert.deepEqual(said(narrator, [...page(1, 30), ...unsent]), Array(25).fill("Your message was not sent"));
    for (let left = 24; left >= 0; left--) {
        assert.deepEqual(narrator.tell([...page(1, 30), ...unsent.slice(25 - left)]), []);
    }
    for (let left = 29; left >= 1; left--) assert.deepEqual(narrator.tell(page(1, left)), []);
    assert.deepEqual(narrator.tell(page(1, 30)), []);
    assert.deepEqual(said(narrator, page(1, 31)), ["number 31"]);
});

test("C62 over a hole it is said how many came, and the last of them", () => {
    const narrator = new Narrator();
    narrator.tell(page(1, 30));
    assert.deepEqual(said(narrator, page(1, 33)), ["number 31", "number 32", "number 33"]);
    assert.deepEqual(said(narrator, page(90, 139)), ["20 new messages. The latest:", "number 139"]);
    assert.deepEqual(said(narrator, page(1, 139)), []);
});

test("words that go out again by themselves are told once", () => {
    const narrator = new Narrator(),
        own = (/** @type {ItemState} */ state) =>
            item("k", state, { sender: "patient", transient: state === "failed" });
    narrator.tell([]);
    assert.deepEqual(said(narrator, [own("failed")]), ["Your message was not sent"]);
    for (const state of /** @type {const} */ (["sending", "failed", "sending", "failed"])) {
        assert.deepEqual(said(narrator, [own(state)]), []);
    }
});
