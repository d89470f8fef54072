import assert from "node:assert/strict";
import { test } from "node:test";
import * as scroll from "../js/model/scroll.js";

const answer = "r1";

test("at the end the view follows", () => {
    const { follow, to } = scroll.grew(scroll.atTheEnd, { end: 500, answer, answerTop: 900 });
    assert.deepEqual([follow.mode, to], ["following", 500]);
});

test("the first line of a long answer never leaves the window unasked", () => {
    const { follow, to } = scroll.grew(scroll.atTheEnd, { end: 2_000, answer, answerTop: 900 });
    assert.deepEqual([follow.mode, to], ["held", 900 - scroll.headroom]);
    assert.equal(scroll.grew(follow, { end: 2_500, answer, answerTop: 900 }).to, null);
});

test("one movement upwards is enough to be left alone", () => {
    const free = scroll.released(scroll.atTheEnd);
    assert.equal(scroll.grew(free, { end: 2_000, answer, answerTop: 1_900 }).to, null);
    assert.equal(scroll.arrivedAt(free, scroll.nearBottom + 1, answer).mode, "free");
});

test("coming near the end by hand follows again, past the first line of this answer", () => {
    const again = scroll.arrivedAt(scroll.released(scroll.atTheEnd), scroll.nearBottom, answer);
    assert.equal(scroll.grew(again, { end: 2_000, answer, answerTop: 900 }).to, 2_000);
});

test("after Jump to latest this answer may run on, the next one is held again", () => {
    const jumped = scroll.jumped(answer);
    assert.equal(scroll.grew(jumped, { end: 2_000, answer, answerTop: 900 }).to, 2_000);
    assert.equal(scroll.grew(jumped, { end: 5_000, answer: "r2", answerTop: 3_000 }).follow.mode, "held");
});
