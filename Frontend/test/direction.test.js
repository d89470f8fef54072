import assert from "node:assert/strict";
import { test } from "node:test";
import { continued, deciding, firstStrong, isolated } from "../js/model/direction.js";

test("C67 the first strong character decides, and nothing before it", () => {
    assert.equal(firstStrong("  12. «"), null);
    assert.equal(firstStrong("12. مرحبًا MRI"), "rtl");
    assert.equal(firstStrong("MRI مرحبًا"), "ltr");
    assert.equal(firstStrong("** 3 שלום"), "rtl");
});

test("C67 in an Arabic text a line that begins with a Latin word is Arabic, and an English paragraph is not", () => {
    assert.equal(continued("MRI ثم الأشعة", "rtl", false), "rtl");
    assert.equal(continued("MRI", "rtl", true), "rtl", "not told yet");
    assert.equal(continued("MRI", "rtl", false), "ltr");
    assert.equal(continued("The report of your last scan", "rtl", true), "ltr");
    assert.equal(continued("12.", "rtl", true), "rtl");
    assert.equal(continued("أمينة said", "ltr", true), "rtl");
    assert.equal(continued("Amina", "ltr", true), "ltr");
});

test("C67 code does not decide which way a line runs", () => {
    assert.equal(firstStrong(deciding({ tag: "p", children: [{ tag: "code", children: ["MRI"] }, " ثم"] })), "rtl");
});

/** What is isolated in a line. @param {string} text @param {"ltr" | "rtl"} way */
const runs = (text, way) =>
    isolated(text, way).flatMap((node) => typeof node === "string" ? [] : [[node.children[0], node.attrs?.dir]]);

test("C67 in Arabic, names, doses, dates and telephone numbers are isolated, and plain numbers need it not", () => {
    const found = (/** @type {string} */ text) => runs(text, "rtl").map(([run]) => run);
    assert.deepEqual(found("راجعي د. Ahmed Ali (Berlin)، ثم Dr. Öz."), ["Ahmed Ali (Berlin)", "Dr. Öz"]);
    assert.deepEqual(found("اتصلي على +49 (30) 123-456 اليوم"), ["+49 (30) 123-456"]);
    assert.deepEqual(found("موعدك 24/11/2026 الساعة 14:30"), ["24/11/2026", "14:30"]);
    assert.deepEqual(found("خذي 200 mg مرتين"), ["200 mg"]);
    assert.deepEqual(found("ليلتان أو 3 ليالٍ"), []);
    assert.deepEqual(found("بلا غريب"), []);
});

test("C67 in English an Arabic name is isolated, so that the number behind it stays behind it", () => {
    assert.deepEqual(runs("She is أمينة حداد, 54 years", "ltr"), [["أمينة حداد", "rtl"]]);
    assert.deepEqual(runs("nothing here", "ltr"), []);
});

test("C67 taken together again it is the same text, whatever was isolated", () => {
    for (const text of ["د. Ahmed +49 30 1 (x) 5-6%، 7", "MRI أمينة, 3 و4", "", "()", "12"]) {
        for (const way of /** @type {const} */ (["ltr", "rtl"])) {
            const whole = isolated(text, way).map((node) => typeof node === "string" ? node : node.children[0]).join(
                "",
            );
            assert.equal(whole, text);
        }
    }
});
