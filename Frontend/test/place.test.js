// Where somebody was reading, kept for a reload.
import assert from "node:assert/strict";
import { test } from "node:test";
import { around, keepPlace, placeOf } from "../js/model/place.js";
import { slice } from "../js/model/window.js";

/** @param {(key: string, value: string) => void} [wrote] */
function storage(wrote = () => {}) {
    /** @type {Map<string, string>} */
    const kept = new Map();
    return {
        kept,
        getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
        setItem: (
            /** @type {string} */ key,
            /** @type {string} */ value,
        ) => (wrote(key, value), void kept.set(key, value)),
        removeItem: (/** @type {string} */ key) => void kept.delete(key),
    };
}

test("C14 a place is kept per case, as an id and a distance", () => {
    const store = storage();
    keepPlace(store, "c1", { id: "m7", top: -12.4 });
    assert.deepEqual(placeOf(store, "c1"), { id: "m7", top: -12 });
    assert.equal(placeOf(store, "c2"), null);
    assert.deepEqual([...store.kept], [["curaway.place.c1", '{"id":"m7","top":-12}']]);
    keepPlace(store, "c1", null);
    assert.equal(store.kept.size, 0);
});

test("C14 what cannot be kept or understood is no place", () => {
    for (const nonsense of ["", "null", "7", "[]", "{}", '{"id":7,"top":1}', '{"id":"m"}', "{"]) {
        const store = storage();
        store.kept.set("curaway.place.c", nonsense);
        assert.equal(placeOf(store, "c"), null, nonsense);
    }
    const full = storage(() => {
        throw new Error("QuotaExceededError");
    });
    keepPlace(full, "c", { id: "m", top: 0 });
});

test("C14 the entry is on the page with some of both sides, and the end is the end", () => {
    const entries = Array.from({ length: 500 }, (_, at) => ({ key: String(at) }));
    for (const at of [0, 3, 250, 480, 499]) {
        const view = around(entries, at), { from, to } = slice(view, entries);
        assert.ok(from <= at && at < to && to - from <= 90, `${from} ${at} ${to}`);
        assert.equal(view.last === null, at >= 460);
    }
});
