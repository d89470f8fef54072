// Where the view may move by itself: never while somebody reads, and never past the first line of an answer.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as scroll from "../js/model/scroll.js";

const answer = "r1";

/** @param {scroll.Follow} follow @param {Partial<Parameters<typeof scroll.grew>[1]>} view */
const grew = (follow, view) =>
    scroll.grew(follow, { end: 500, top: 500, answer, answerTop: 900, resized: false, ...view });

test("C43 at the end the view follows", () => {
    const { follow, to } = grew(scroll.atTheEnd, { end: 500 });
    assert.deepEqual([follow.mode, to], ["following", 500]);
});

test("C45 the first line of a long answer never leaves the window unasked", () => {
    const { follow, to } = grew(scroll.atTheEnd, { end: 2_000 });
    assert.deepEqual([follow.mode, to], ["held", 900 - scroll.headroom]);
    assert.equal(grew(follow, { end: 2_500, top: 884 }).to, null);
});

test("C44 one movement upwards is enough to be left alone", () => {
    const free = scroll.released(scroll.atTheEnd);
    assert.equal(grew(free, { end: 2_000, answerTop: 1_900 }).to, null);
    assert.equal(scroll.arrivedAt(free, scroll.nearBottom + 1, answer).mode, "free");
});

test("C43 coming near the end by hand follows again, past the first line of this answer", () => {
    const again = scroll.arrivedAt(scroll.released(scroll.atTheEnd), scroll.nearBottom, answer);
    assert.equal(grew(again, { end: 2_000 }).to, 2_000);
});

test("C45 after Jump to latest this answer may run on, the next one is held again", () => {
    const jumped = scroll.jumped(answer);
    assert.equal(grew(jumped, { end: 2_000 }).to, 2_000);
    assert.equal(grew(jumped, { end: 5_000, answer: "r2", answerTop: 3_000 }).follow.mode, "held");
});

// A keyboard that opened used to hide the last lines of an answer that had been read to its end.
test("C47 when the window shrinks the end stays in view, and the next word moves nothing back", () => {
    const shrunk = grew(scroll.atTheEnd, { end: 1_300, top: 880, resized: true });
    assert.deepEqual([shrunk.follow.mode, shrunk.to], ["following", 1_300]);
    const next = grew(shrunk.follow, { end: 1_320, top: 1_300 });
    assert.deepEqual([next.follow.mode, next.to], ["held", null]);
});
