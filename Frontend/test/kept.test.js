// Files that wait on the device: how long, and whose.
import assert from "node:assert/strict";
import { test } from "node:test";
import { keptFor, sorted } from "../js/wire/kept.js";

const day = 24 * 60 * 60 * 1000, now = 100 * day;

/** @param {string} key @param {number} at @param {string} [patient] */
const file = (key, at, patient = "amina") => ({
    key,
    patient,
    caseId: "c1",
    name: key,
    location: null,
    sent: false,
    at,
});

test("C87 a file waits for a week, in the order it was chosen in, and what is older is named", () => {
    const week = now - keptFor, all = [file("b", now - 1), file("old", week), file("a", week + 1), file("older", 0)];
    const { good, old, foreign } = sorted(all, "amina", now);
    assert.deepEqual(good.map(({ key }) => key), ["a", "b"]);
    assert.deepEqual(old.map(({ key }) => key), ["older", "old"]);
    assert.deepEqual(foreign, []);
    assert.equal(keptFor, 7 * day);
});

test("another's files go whatever their age, and are named to nobody", () => {
    const { good, old, foreign } = sorted(
        [file("new", now, "tom"), file("old", 0, "tom"), file("own", now)],
        "amina",
        now,
    );
    assert.deepEqual([good, old, foreign].map((all) => all.map(({ key }) => key)), [["own"], [], ["new", "old"]]);
});
