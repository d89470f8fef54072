import assert from "node:assert/strict";
import { test } from "node:test";
import * as backoff from "../js/model/backoff.js";
import { seeded } from "./seeded.js";

test("C4 pauses grow, are jittered and never pass the cap", () => {
    for (let failures = 0; failures <= 60; failures++) {
        const most = 300 + Math.min(30_000, 500 * 2 ** failures);
        assert.equal(backoff.delay(failures, () => 0), 300);
        assert.equal(backoff.delay(failures, () => 1), most);
        const pause = backoff.delay(failures, seeded(failures));
        assert.ok(pause >= 300 && pause <= most);
    }
    assert.notEqual(backoff.delay(4, seeded(1)), backoff.delay(4, seeded(2)));
});

test("C8 what the server asks for is the least", () => {
    assert.ok(backoff.delay(0, () => 0, 3_000) >= 3_000);
});
