// Markdown that grows on the page. Finished blocks are appended once and never touched again; the block at the end is
// read anew and only what differs is written, so that a selection in it survives too.

/** @import {Element_, Node_} from "../model/inline.js" */
import { continued, deciding, firstStrong, isolatedIn } from "../model/direction.js";
import { parseBlocks } from "../model/markdown.js";
import { set } from "./dom.js";

const ownDirection = /^(p|h[1-6]|ul|ol|blockquote|table)$/;

export class LiveMarkdown {
    #root;
    #direction;
    #text = "";
    #start = 0;
    #settled = false;
    /** How the first block runs. @type {"ltr" | "rtl" | null} */
    #first = null;
    /** @type {Element | null} */
    #tail = null;
    /** @type {Element_ | null} */
    #tailNode = null;

    /** @param {Element} root @param {() => "ltr" | "rtl"} direction which way runs what has no strong character yet */
    constructor(root, direction) {
        this.#root = root;
        this.#direction = direction;
    }

    /** @param {string} text all of it @param {boolean} open more will follow */
    show(text, open) {
        if (text === this.#text && this.#settled === !open) return;
        if (!text.startsWith(this.#text)) this.#clear();
        this.#text = text;
        this.#settled = !open;
        const base = this.#start;
        const blocks = parseBlocks(text.slice(base), open);
        blocks.forEach((block, index) => {
            // Spelled out rather than "auto": a list and its markers must agree, and so must every engine.
            const own = ownDirection.test(block.node.tag);
            const begins = index === 0 && (!this.#root.firstChild || this.#tail === this.#root.firstChild);
            const words = own ? deciding(block.node) : "", last = index === blocks.length - 1;
            const way = !own
                ? null
                : begins || !this.#first
                ? firstStrong(words) ?? this.#direction()
                : continued(words, this.#first, open && last);
            const node = way ? isolatedIn(block.node, way) : block.node;
            if (index === 0 && this.#tail) this.#patchTail(node);
            else {
                this.#tail = /** @type {Element} */ (make(node));
                this.#tailNode = node;
                this.#root.append(this.#tail);
            }
            if (way) set(this.#tail, "dir", way);
            if (begins) this.#first = way;
            this.#start = base + block.start;
        });
        if (blocks.length === 0 && this.#tail) {
            this.#tail.remove();
            this.#tail = this.#tailNode = null;
        }
    }

    #clear() {
        this.#root.replaceChildren();
        this.#start = 0;
        this.#tail = this.#tailNode = null;
    }

    /** @param {Element_} node */
    #patchTail(node) {
        const tail = this.#tail, held = this.#tailNode;
        if (!tail || !held) return;
        const patched = patch(tail, held, node);
        if (patched !== tail) tail.replaceWith(patched);
        this.#tail = /** @type {Element} */ (patched);
        this.#tailNode = node;
    }
}

/** @param {Node} dom @param {Node_} old @param {Node_} next @returns {Node} */
function patch(dom, old, next) {
    if (typeof old === "string" && typeof next === "string") {
        const text = /** @type {Text} */ (dom);
        if (!next.startsWith(old)) text.data = next;
        else if (next.length > old.length) text.appendData(next.slice(old.length));
        return dom;
    }
    if (typeof old === "string" || typeof next === "string" || old.tag !== next.tag || !sameAttributes(old, next)) {
        return make(next);
    }
    const element = /** @type {Element} */ (dom);
    next.children.forEach((child, index) => {
        const before = old.children[index], there = element.childNodes[index];
        if (before === undefined || there === undefined) element.append(make(child));
        else {
            const patched = patch(there, before, child);
            if (patched !== there) there.replaceWith(patched);
        }
    });
    while (element.childNodes.length > next.children.length) element.lastChild?.remove();
    return element;
}

/** @param {Node_} node @returns {Node} */
export function make(node) {
    if (typeof node === "string") return document.createTextNode(node);
    const element = document.createElement(node.tag);
    for (const [name, value] of Object.entries(node.attrs ?? {})) element.setAttribute(name, value);
    element.append(...node.children.map(make));
    return element;
}

/** @param {Element_} a @param {Element_} b */
function sameAttributes(a, b) {
    const left = a.attrs ?? {}, right = b.attrs ?? {};
    const names = Object.keys(left);
    return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}
