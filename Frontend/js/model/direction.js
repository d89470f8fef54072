// Which way a line runs, and which parts of it run the other way. The first strong character decides; until one has
// arrived the caller's own direction holds, otherwise a streaming Arabic line would begin on the left and jump.

/** @import {Element_, Node_} from "./inline.js" */
/** @typedef {"ltr" | "rtl"} Way */

const strong = /\p{L}/u;
const arabic = "\\p{Script=Arabic}\\p{Script=Hebrew}\\p{Script=Syriac}\\p{Script=Thaana}\\p{Script=Nko}";
const rightToLeft = new RegExp(`[${arabic}]`, "u");

/**
 * From the first Latin letter or digit to the last one before the next Arabic letter: a name, a dose, a telephone
 * number, a date. Left alone, the bidirectional algorithm would show `+49 30 123` in Arabic as `123 30 49+`.
 */
const latinRun = new RegExp(
    `[+(]?[\\p{Script=Latin}\\p{Nd}](?:[^${arabic}\\n،؛؟]*[\\p{Script=Latin}\\p{Nd}%)])?`,
    "gu",
);
const arabicRun = new RegExp(`[${arabic}](?:[^\\p{Script=Latin}\\n,;?]*[${arabic}])?`, "gu");
const latin = /\p{Script=Latin}/u;
/** Without a letter only what would be turned around needs help: a sign, a telephone number, a date, a range of hours. */
const telephone = /^\(?\+|\d{3,}[ -]\d{2,}/;
const joined = /[+(]?\p{Nd}+(?:[-/.:]\p{Nd}+)+%?/gu;

/** @param {string} text @returns {Way | null} */
export function firstStrong(text) {
    for (const character of text) {
        if (!strong.test(character)) continue;
        return rightToLeft.test(character) ? "rtl" : "ltr";
    }
    return null;
}

/** After so many Latin letters without an Arabic one a paragraph is a Latin one. */
const undecided = 24;

/**
 * Which way a later block of a text runs. In an Arabic text a line may begin with a Latin word ("MRI ثم …") and is Arabic
 * all the same; and as long as that cannot be told it does not run ahead.
 * @param {string} text @param {Way} first how the text began @param {boolean} open more may follow
 * @returns {Way}
 */
export function continued(text, first, open) {
    const way = firstStrong(text) ?? first;
    if (way === "rtl" || first === "ltr") return way;
    return rightToLeft.test(text) || (open && text.length < undecided) ? "rtl" : "ltr";
}

/** The words that decide: code runs its own way. @param {Node_} node @returns {string} */
export function deciding(node) {
    if (typeof node === "string") return node;
    return node.tag === "code" ? "" : node.children.map(deciding).join(" ");
}

/** The text with its foreign runs apart, each to be isolated. @param {string} text @param {Way} way @returns {Node_[]} */
export function isolated(text, way) {
    if (way === "ltr") return rightToLeft.test(text) ? apart(text, arabicRun, "rtl") : [text];
    return apart(text, latinRun, "ltr", (run) => latin.test(run) || telephone.test(run)).flatMap((node) =>
        typeof node === "string" ? apart(node, joined, "ltr") : [node]
    );
}

/** The same for a tree; code has its own direction already. @param {Element_} node @param {Way} way @returns {Element_} */
export function isolatedIn(node, way) {
    if (node.attrs?.dir) return node;
    return {
        ...node,
        children: node.children.flatMap((child) =>
            typeof child === "string" ? isolated(child, way) : [isolatedIn(child, way)]
        ),
    };
}

/**
 * @param {string} text @param {RegExp} runs @param {Way} dir @param {(run: string) => boolean} [wanted]
 * @returns {Node_[]}
 */
function apart(text, runs, dir, wanted = () => true) {
    /** @type {Node_[]} */
    const nodes = [];
    let done = 0;
    for (const { 0: run, index } of text.matchAll(runs)) {
        if (!wanted(run)) continue;
        if (index > done) nodes.push(text.slice(done, index));
        nodes.push({ tag: "bdi", attrs: { dir }, children: [run] });
        done = index + run.length;
    }
    if (done < text.length || nodes.length === 0) nodes.push(text.slice(done));
    return nodes;
}
