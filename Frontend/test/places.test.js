// The few places that all tabs share, with a lock manager as browsers have one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { place, places } from "../js/wire/page.js";
import { seeded } from "./seeded.js";

/** As much of Web Locks as is asked for here: one holder for a name, `ifAvailable`, `steal`. */
class Locks {
    /** @type {Map<string, (error: Error) => void>} */
    held = new Map();

    /** @param {string} name @param {LockOptions} how @param {(lock: object | null) => unknown} callback */
    async request(name, how, callback) {
        await null;
        const holder = this.held.get(name);
        if (holder && how.ifAvailable) return await callback(null);
        holder?.(new Error("stolen"));
        const stolen = new Promise((_, reject) => this.held.set(name, reject));
        const mine = this.held.get(name);
        try {
            return await Promise.race([callback({ name }), stolen]);
        } finally {
            if (this.held.get(name) === mine) this.held.delete(name);
        }
    }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

/** @param {number} count @param {number} seed */
async function tabs(count, seed) {
    const locks = new Locks(), random = seeded(seed);
    Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
    const all = [];
    for (let one = 0; one < count; one++) {
        const abort = new AbortController(), tab = { abort, robbed: 0 };
        await place(abort.signal, random, () => {
            tab.robbed++;
            abort.abort(); // as the stream does: it rests
        });
        all.push(tab);
        await settle();
    }
    return { all, locks, random };
}

test(`C2 ${places} tabs have a place each, the next takes one from one of them`, async () => {
    for (let seed = 1; seed <= 20; seed++) {
        const few = await tabs(places, seed);
        assert.deepEqual(few.all.map(({ robbed }) => robbed), Array(places).fill(0), `seed ${seed}`);
        const { all, locks } = await tabs(places + 1, seed);
        assert.equal(all.reduce((sum, { robbed }) => sum + robbed, 0), 1, `seed ${seed}`);
        assert.equal(all.at(-1)?.robbed, 0, `seed ${seed}`);
        assert.equal(locks.held.size, places, `seed ${seed}`);
    }
});

test("C2 a place that was left is free, and nobody is robbed for it", async () => {
    const { all, locks, random } = await tabs(places, 1);
    all[2]?.abort.abort();
    await settle();
    assert.equal(locks.held.size, places - 1);
    await place(new AbortController().signal, random, () => {});
    assert.deepEqual([locks.held.size, ...all.map(({ robbed }) => robbed)], [places, 0, 0, 0, 0]);
});

test("without locks there is no limit, and with a signal that has ended already no place is kept", async () => {
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
    await place(new AbortController().signal, Math.random, () => {});
    const locks = new Locks();
    Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
    await place(AbortSignal.abort(), Math.random, () => assert.fail("robbed"));
    await settle();
    assert.equal(locks.held.size, 0);
});
