// Markdown that is still arriving: what is shown at every prefix, and that the end is the same however it was cut.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBlocks, plainText } from "../js/model/markdown.js";
import { parseInline, safeLink } from "../js/model/inline.js";
import { seeded } from "./seeded.js";

/** @import {Element_, Node_} from "../js/model/inline.js" */

const corpus = [
    "A plain sentence, and a second one.\nOn its own line.\n\nThen a **bold** word and an *emphasised* one.",
    "# What to expect\n\nYou would stay **two nights**.\n\n## Before\n\n- Bring your *reports*\n- A list of `medicines`\n  - with doses\n  - and times\n- Your passport\n\nAfterwards you rest.",
    "Steps:\n1. Send the **MRI**\n2. Wait for a [coordinator](https://example.org/a_b?c=d(1))\n3. Travel\n\n4. Rest\n\nDone.",
    '```swift\nlet a = "**not bold**"\n\n# not a heading\n```\nafter `code **x**` it goes on',
    "| Step | Nights |\n|---|:--:|\n| Surgery | **2** |\n| Rest \\| walk | 5 |\n\nText under it.",
    "> Quoted *words*\n> - one\n> - two\n\n---\n\n***both*** and ~~gone~~ and snake_case_word and 2 * 3 * 4 = 24.",
    "مرحبًا **أمينة**، ستبقين *ليلتين* في المستشفى.\n\n- أحضري التقارير\n- وقائمة الأدوية\n\nراجعي https://example.org/ar اليوم.",
    "Ends in the middle of **bold",
    'A [link](https://example.org "title") then ![a scan](https://example.org/x.png) and <https://example.org/y>.',
    "Intro\n| a | b |\n|---|---|\n| 1 | 2 |\nafter",
    "- one\n\n  more of one\n\n- two\n\nend\n***\nlast",
    "2026 was fine\n10\n1. only\n- mixed\n~~~\ntilde\n~~~\n~~struck~~ line\nA **bold *and em* mix** here",
];

/** What a view holds that keeps finished blocks: the same way js/view/live-markdown.js reads. */
class Reader {
    text = "";
    start = 0;
    /** @type {Element_[]} */
    done = [];
    /** @type {Element_[]} */
    tail = [];

    /** @param {string} more */
    push(more) {
        this.text += more;
        this.read(true);
    }

    /** @param {boolean} open */
    read(open) {
        const blocks = parseBlocks(this.text.slice(this.start), open);
        const last = blocks.pop();
        for (const block of blocks) this.done.push(block.node);
        this.tail = last ? [last.node] : [];
        if (last) this.start += last.start;
        return [...this.done, ...this.tail];
    }
}

test("C36 however the text is cut, the end is what reading it at once gives", () => {
    for (const [index, text] of corpus.entries()) {
        const whole = parseBlocks(text, false).map((one) => one.node);
        for (let seed = 1; seed <= 60; seed++) {
            const random = seeded(seed * 31 + index), reader = new Reader();
            for (let at = 0; at < text.length;) {
                const size = 1 + Math.floor(random() * (seed % 3 === 0 ? 30 : 4));
                reader.push(text.slice(at, at + size));
                at += size;
            }
            assert.deepEqual(reader.read(false), whole, `text ${index}, seed ${seed}`);
        }
    }
});

test("C34 a finished block never changes afterwards", () => {
    for (const [index, text] of corpus.entries()) {
        const reader = new Reader(), whole = parseBlocks(text, false).map((one) => one.node);
        for (const character of text) {
            reader.push(character);
            assert.deepEqual(reader.done, whole.slice(0, reader.done.length), `text ${index}: ${reader.text}`);
        }
    }
});

test("C35 at no prefix does a raw marker show or a half-known link lead anywhere", () => {
    for (const [index, text] of corpus.entries()) {
        const targets = new Set(hrefs(parseBlocks(text, false).map((one) => one.node)));
        for (let length = 1; length <= text.length; length++) {
            const shown = parseBlocks(text.slice(0, length), true).map((one) => one.node);
            const words = plainText(withoutCode(shown));
            const story = `text ${index}, prefix ${JSON.stringify(text.slice(0, length))}`;
            assert.doesNotMatch(words, /\*\*|~~|\]\(|```|^\s*[#>|]/m, story);
            for (const href of hrefs(shown)) assert.ok(targets.has(href), `${story} links to ${href}`);
        }
    }
});

test("C35 an unclosed fence is code from its first line", () => {
    const [block] = parseBlocks("```js\nconst a = 1", true);
    assert.equal(block?.node.tag, "pre");
    assert.equal(plainText(block ? [block.node] : []).trim(), "const a = 1");
});

test("unmatched markers in a finished text are only characters", () => {
    assert.deepEqual(parseInline("2 * 3 and a_b_c and **open", false), ["2 * 3 and a_b_c and **open"]);
});

test("emphasis nests and pairs with its nearest", () => {
    assert.deepEqual(parseInline("a **b *c* d** e", false), [
        "a ",
        { tag: "strong", children: ["b ", { tag: "em", children: ["c"] }, " d"] },
        " e",
    ]);
});

test("C37 only https, mailto and tel may be followed", () => {
    for (const fine of ["https://curaway.example/a?b=c#d", "mailto:care@curaway.example", "tel:+4930123"]) {
        assert.equal(safeLink(fine), fine);
    }
    const bad = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "http://plain.example",
        "//x.example",
    ];
    bad.push("https:evil", "java\nscript:x", " https://", "vbscript:x", "https://a\\b", "file:///etc/passwd");
    for (const url of bad) {
        assert.equal(safeLink(url), null, url);
        assert.deepEqual(hrefs(parseInline(`[x](${url})`, false)), []);
    }
});

test("C37 hostile text becomes text", () => {
    const hostile =
        "<script>alert(1)</script> <img src=x onerror=alert(1)> <svg/onload=x> [a](javascript:x) ![b](data:x)";
    const shown = parseBlocks(hostile, false).map((one) => one.node);
    const allowed = new Set(["p", "br", "strong", "em", "code", "a"]);
    walk(shown, (node) => assert.ok(allowed.has(node.tag), node.tag));
    assert.match(plainText(shown), /<script>alert\(1\)<\/script>/);
});

test("fifty thousand opening brackets and stars end in bounded time", () => {
    const begun = Date.now();
    parseBlocks("[".repeat(2000) + "*a ".repeat(2000) + "`".repeat(2001), false);
    parseBlocks("> ".repeat(5000) + "x", false);
    assert.ok(Date.now() - begun < 3000);
});

/** @param {readonly Node_[]} nodes @param {(node: Element_) => void} visit */
function walk(nodes, visit) {
    for (const node of nodes) {
        if (typeof node === "string") continue;
        visit(node);
        walk(node.children, visit);
    }
}

/** @param {readonly Node_[]} nodes */
function hrefs(nodes) {
    /** @type {string[]} */
    const found = [];
    walk(nodes, (node) => {
        if (node.attrs?.href) found.push(node.attrs.href);
    });
    return found;
}

/** @param {readonly Node_[]} nodes @returns {Node_[]} */
function withoutCode(nodes) {
    return nodes.filter((node) => typeof node === "string" || (node.tag !== "code" && node.tag !== "pre"))
        .map((node) => typeof node === "string" ? node : { ...node, children: withoutCode(node.children) });
}
