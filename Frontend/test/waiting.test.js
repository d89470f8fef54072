// What a wait says, at which moment. The time is passed in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isLost, lostAfter, waiting } from "../js/model/waiting.js";

test("C30 thinking, then the time, then that work goes on", () => {
    const at = (/** @type {number} */ elapsed) => Object.values(waiting(1_000, 1_000 + elapsed));
    assert.deepEqual(at(0), ["thinking", 0]);
    assert.deepEqual(at(4_999), ["thinking", 4]);
    assert.deepEqual(at(5_000), ["timed", 5]);
    assert.deepEqual(at(9_999), ["timed", 9]);
    assert.deepEqual(at(10_000), ["still", 10]);
});

test("C31 a page that slept tells the whole time at once, and a clock set back no nonsense", () => {
    assert.deepEqual(waiting(0, 20_400), { phase: "still", seconds: 20 });
    assert.deepEqual(waiting(5_000, 0), { phase: "thinking", seconds: 0 });
});

test("C39 an answer is called lost when nothing came for eight seconds, by whatever way", () => {
    assert.equal(isLost(null, 0, 1e9), false);
    assert.equal(isLost(1_000, 0, 1_000 + lostAfter - 1), false);
    assert.equal(isLost(1_000, 0, 1_000 + lostAfter), true);
    // C42: without a stream the snapshots tell; then nothing is lost.
    assert.equal(isLost(1_000, 8_500, 1_000 + lostAfter), false);
});
