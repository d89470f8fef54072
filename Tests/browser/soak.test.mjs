// A minute of the long evening that `scripts/soak` makes of it.
//
//     node --test Tests/browser/soak.test.mjs        after `swift build`

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seeded } from "../../Frontend/test/seeded.js";
import { engines } from "./engines.mjs";
import { judge, soak } from "./soak.mjs";

const telling = engines.filter(({ name }) => name !== "webkit"); // it does not tell its memory

// Side by side: nothing here measures time, and most of a minute is waiting.
describe("a minute of it", { concurrency: 2 }, () => telling.forEach((engine) => describe(engine.name, () => {
    test("C93 a minute of a line that breaks every ten seconds: nothing lost or doubled, memory and listeners flat", async (t) => {
        const seed = Math.floor(Math.random() * 1e9);
        t.diagnostic(`seed ${seed}`);
        const seen = await soak({ engine, minutes: 1, every: 10_000, random: seeded(seed), tell: (line) => t.diagnostic(line) });
        const { growth } = judge(seen);
        t.diagnostic(`memory ${(growth * 100).toFixed(1)} %, ${seen.streams} streams, ${JSON.stringify(seen.counts)}`);
        assert.ok(seen.streams >= 4, `${seen.streams}`);
    });
})));
