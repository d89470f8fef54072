import assert from "node:assert/strict";
import { test } from "node:test";
import { firstStrong } from "../js/model/direction.js";

test("the first strong character decides, and nothing before it", () => {
    assert.equal(firstStrong("  12. «"), null);
    assert.equal(firstStrong("12. مرحبًا MRI"), "rtl");
    assert.equal(firstStrong("MRI مرحبًا"), "ltr");
    assert.equal(firstStrong("** 3 שלום"), "rtl");
});
