// The part of a long conversation that stands on the page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { atTheEnd, earlier, later, lowest, most, slice, step } from "../js/model/window.js";
import { seeded } from "./seeded.js";

const run = (/** @type {number} */ from, /** @type {number} */ to) =>
    Array.from({ length: to - from }, (_, at) => ({ key: String(from + at) }));

test("C92 it begins at the end, and what comes is in it", () => {
    assert.deepEqual(slice(atTheEnd, run(0, 5_000)), { from: 5_000 - step, to: 5_000 });
    assert.deepEqual(slice(atTheEnd, run(0, 3)), { from: 0, to: 3 });
});

test("C92 reading back and forth through 5,000 entries, every one is seen and never too many at once", () => {
    const entries = run(0, 5_000);
    for (const [turn, wanted] of /** @type {const} */ ([[earlier, 0], [later, 5_000]])) {
        let view = turn === earlier ? atTheEnd : { first: "0", last: String(most - 1) };
        const seen = new Set();
        for (let steps = 0; steps < 200; steps++) {
            const { from, to } = slice(view, entries);
            assert.ok(to - from <= most, `${to - from} entries`);
            for (let at = from; at < to; at++) seen.add(at);
            view = turn(view, entries);
        }
        assert.equal(seen.size, 5_000);
        const { from, to } = slice(view, entries);
        assert.equal(turn === earlier ? from : to, wanted);
    }
});

test("C46 what is put before or behind changes nothing of what is shown away from the end", () => {
    const seed = Math.floor(Math.random() * 2 ** 31), random = seeded(seed);
    for (let round = 0; round < 300; round++) {
        let first = 1_000, end = 1_100 + Math.floor(random() * 600), view = atTheEnd;
        for (let at = 0; at < 12; at++) view = (random() < 0.7 ? earlier : later)(view, run(first, end));
        const keys = () => {
            const entries = run(first, end), { from, to } = slice(view, entries);
            return entries.slice(from, to).map((one) => one.key);
        };
        const before = keys();
        first -= Math.floor(random() * 50);
        end += Math.floor(random() * 50);
        const after = keys(), stays = view.last === null ? after.slice(0, before.length) : after;
        // At the end new entries push the oldest out once there are too many.
        if (after.length < most) assert.deepEqual(stays, before, `seed ${seed}, round ${round}`);
        else assert.ok(after.length === most, `seed ${seed}, round ${round}`);
    }
});

test("an entry that is gone does not lose the place for good", () => {
    assert.deepEqual(slice({ first: "gone", last: null }, run(0, 100)), { from: 60, to: 100 });
    assert.deepEqual(slice({ first: "5", last: "gone" }, run(0, 100)), { from: 5, to: 100 });
    assert.deepEqual(slice(atTheEnd, []), { from: 0, to: 0 });
});

test("C46 nothing stands above the oldest message while there are older ones", () => {
    const entries = [{ sequence: 31 }, { sequence: 33 }, { sequence: 36 }];
    assert.equal(lowest(entries, 0, true), 31);
    assert.equal(lowest(entries, 0, false), -1);
    assert.equal(lowest(entries, 1, false), 33);
    assert.equal(lowest([], 0, true), -1);
});
