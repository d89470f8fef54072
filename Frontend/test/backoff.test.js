import assert from "node:assert/strict";
import { test } from "node:test";
import * as backoff from "../js/model/backoff.js";
import { seeded } from "./seeded.js";

test("pauses grow, are jittered and never pass the cap", () => {
    for (let failures = 0; failures <= 60; failures++) {
        const most = 300 + Math.min(30_000, 500 * 2 ** failures);
        assert.equal(backoff.delay(failures, () => 0), 300);
        assert.equal(backoff.delay(failures, () => 1), most);
        const pause = backoff.delay(failures, seeded(failures));
        assert.ok(pause >= 300 && pause <= most);
    }
    assert.notEqual(backoff.delay(4, seeded(1)), backoff.delay(4, seeded(2)));
});

test("what the server asks for is the least", () => {
    assert.ok(backoff.delay(0, () => 0, 3_000) >= 3_000);
});

test("the count is forgiven after ten healthy seconds, not on opening", () => {
    const third = { failures: 3, openedAt: null };
    assert.deepEqual(backoff.dropped(backoff.opened(third, 1_000), 2_000).failures, 3);
    assert.deepEqual(backoff.dropped(backoff.opened(third, 1_000), 12_000).failures, 0);
});
