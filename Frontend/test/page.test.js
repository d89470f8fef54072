// What must hold for the files as they are served.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { words as arabic } from "../js/i18n/ar.js";
import { words as english } from "../js/i18n/en.js";

const root = new URL("../", import.meta.url);
/** @param {string} path */
const read = (path) => readFileSync(new URL(path, root), "utf8");
const modules = ["js/", "js/i18n/", "js/model/", "js/view/", "js/wire/"].flatMap((folder) =>
    readdirSync(new URL(folder, root)).filter((name) => name.endsWith(".js")).map((name) => folder + name)
).filter((path) => !path.endsWith("types.js"));

/** Fetched by those alone who need them, or when there is time; a page starts without. */
const later = [
    "js/i18n/aloud.js",
    "js/i18n/ar.js",
    "js/i18n/door.js",
    "js/i18n/en.js",
    "js/i18n/papers.js",
    "js/model/documents.js",
    "js/model/picture-size.js",
    "js/model/place.js",
    "js/view/narrator.js",
    "js/view/paper-card.js",
    "js/view/paper-tray.js",
    "js/view/papers.js",
    "js/view/preview.js",
    "js/view/reading-place.js",
    "js/view/sign-in.js",
    "js/wire/clerk.js",
    "js/wire/door.js",
    "js/wire/kept.js",
    "js/wire/papers.js",
    "js/wire/upload.js",
];
/** One of them each page does start with: the longer one is counted. */
const language = "js/i18n/ar.js";

test("every module is preloaded but those fetched later, and nothing that does not exist", () => {
    const asked = [...read("index.html").matchAll(/modulepreload" href="\{\{assets\}\}\/([^"]+)"/g)].map((one) =>
        one[1]
    );
    assert.deepEqual(asked.sort(), modules.filter((path) => !later.includes(path)).sort());
    for (const path of later) assert.ok(modules.includes(path), path);
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

/** What the server leaves of a script, line by line: see CareWeb's Compression. @param {string} script */
function served(script) {
    let inside = false;
    return script.split("\n").map((line) => {
        const begins = /^\s*\/\*/.test(line), end = line.indexOf("*/");
        if (inside || (begins && (end < 0 || line.slice(end + 2).trim() === ""))) {
            inside = end < 0;
            return "";
        }
        return /^\s*\/\//.test(line) ? "" : line.replace(/^[ \t]+/, "");
    }).join("\n");
}

test("C90 the scripts a page starts with stay below 40 KB as they are sent, the styles below 12", () => {
    let scripts = 0, styles = 0;
    for (const path of modules) {
        if (!later.includes(path) || path === language) scripts += gzipSync(served(read(path))).length;
    }
    for (const name of readdirSync(new URL("css/", root))) styles += gzipSync(read(`css/${name}`)).length;
    assert.ok(scripts <= 40_000, `${scripts} bytes of scripts`);
    assert.ok(styles <= 12_000, `${styles} bytes of styles`);
});

test("what looks like a comment is one: no code shares its last line, and no string runs over the end of a line", () => {
    for (const path of modules) {
        const script = read(path);
        assert.doesNotMatch(script, /^\s*\*.*\*\/\s*\S/m, path);
        for (const line of served(script).split("\n")) {
            const bare = line.replace(/"(?:[^"\\]|\\.)*"/g, "").replace(
                /\/(?:[^/\\[]|\\.|\[(?:[^\]\\]|\\.)*\])+\//g,
                "",
            );
            assert.equal(bare.split("`").length % 2, 1, `${path}: ${line}`);
        }
    }
});

test("both languages say the same things with the same gaps", () => {
    for (const [word, said] of Object.entries(english)) {
        const gaps = (/** @type {string} */ text) => (text.match(/\{\w+\}/g) ?? []).sort();
        assert.deepEqual(gaps(arabic[/** @type {keyof typeof english} */ (word)]), gaps(said), word);
    }
});
