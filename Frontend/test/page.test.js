// What must hold for the files as they are served.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { catalogue } from "../js/i18n/catalogue.js";

const root = new URL("../", import.meta.url);
/** @param {string} path */
const read = (path) => readFileSync(new URL(path, root), "utf8");
const modules = ["js/", "js/i18n/", "js/model/", "js/view/", "js/wire/"].flatMap((folder) =>
    readdirSync(new URL(folder, root)).filter((name) => name.endsWith(".js")).map((name) => folder + name)
).filter((path) => !path.endsWith("types.js"));

test("every module is preloaded, and nothing that does not exist", () => {
    const asked = [...read("index.html").matchAll(/modulepreload" href="\{\{assets\}\}\/([^"]+)"/g)].map((one) =>
        one[1]
    );
    assert.deepEqual(asked.sort(), [...modules].sort());
});

test("nothing in the page or the code needs an exception from the policy", () => {
    assert.doesNotMatch(read("index.html"), /style=|<style|<script(?![^>]*\ssrc=)|\son\w+=|https?:/);
    for (const path of modules) {
        assert.doesNotMatch(
            read(path),
            /\.(?:inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function/,
            path,
        );
    }
});

test("the scripts stay small", () => {
    let served = 0, code = 0;
    for (const path of modules) {
        const text = read(path), bare = text.replace(/\/\*\*[^]*?\*\//g, "").replace(/^\s*\/\/.*\n/gm, "");
        served += gzipSync(text, { level: 9 }).length;
        code += gzipSync(bare, { level: 9 }).length;
    }
    assert.ok(code <= 40 * 1024, `${code} bytes of code`);
    // Served as written, comments and all: they must not grow without anybody noticing.
    assert.ok(served <= 50 * 1024, `${served} bytes as served`);
});

test("both languages say the same things with the same gaps", () => {
    for (const [word, english] of Object.entries(catalogue.en)) {
        const arabic = catalogue.ar[/** @type {keyof typeof catalogue.ar} */ (word)];
        const gaps = (/** @type {string} */ text) => (text.match(/\{\w+\}/g) ?? []).sort();
        assert.deepEqual(gaps(arabic), gaps(english), word);
    }
});
