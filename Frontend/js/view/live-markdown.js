// Markdown that grows on the page. Finished blocks are appended once and never touched again; the block at the end is
// read anew and only what differs is written, so that a selection in it survives too.

/** @import {Element_, Node_} from "../model/inline.js" */
import { firstStrong } from "../model/direction.js";

import { parseBlocks, plainText } from "../model/markdown.js";

const ownDirection = /^(p|h[1-6]|ul|ol|blockquote|table)$/;

export class LiveMarkdown {
    #root;
    #direction;
    #text = "";
    #start = 0;
    #settled = false;
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
            if (index === 0 && this.#tail) this.#patchTail(block.node);
            else {
                this.#tail = /** @type {Element} */ (this.#make(block.node, true));
                this.#tailNode = block.node;
                this.#root.append(this.#tail);
            }
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
        const patched = this.#patch(tail, held, node, true);
        if (patched !== tail) tail.replaceWith(patched);
        this.#tail = /** @type {Element} */ (patched);
        this.#tailNode = node;
    }

    /** @param {Node} dom @param {Node_} old @param {Node_} next @param {boolean} top @returns {Node} */
    #patch(dom, old, next, top) {
        if (typeof old === "string" && typeof next === "string") {
            const text = /** @type {Text} */ (dom);
            if (next.startsWith(old)) {
                if (next.length > old.length) text.appendData(next.slice(old.length));
            } else text.data = next;
            return dom;
        }
        if (typeof old === "string" || typeof next === "string" || old.tag !== next.tag || !sameAttributes(old, next)) {
            return this.#make(next, top);
        }
        const element = /** @type {Element} */ (dom);
        next.children.forEach((child, index) => {
            const before = old.children[index], there = element.childNodes[index];
            if (before === undefined || there === undefined) element.append(this.#make(child, false));
            else {
                const patched = this.#patch(there, before, child, false);
                if (patched !== there) there.replaceWith(patched);
            }
        });
        while (element.childNodes.length > next.children.length) element.lastChild?.remove();
        if (top) this.#orient(element, next);
        return element;
    }

    /** @param {Node_} node @param {boolean} top @returns {Node} */
    #make(node, top) {
        if (typeof node === "string") return document.createTextNode(node);
        const element = document.createElement(node.tag);
        for (const [name, value] of Object.entries(node.attrs ?? {})) element.setAttribute(name, value);
        element.append(...node.children.map((child) => this.#make(child, false)));
        if (top) this.#orient(element, node);
        return element;
    }

    /** @param {Element} element @param {Element_} node */
    #orient(element, node) {
        if (!ownDirection.test(node.tag)) return;
        // Spelled out rather than "auto": a list and its markers must agree, and so must every engine.
        const way = firstStrong(plainText([node])) ?? this.#direction();
        if (element.getAttribute("dir") !== way) element.setAttribute("dir", way);
    }
}

/** @param {Element_} a @param {Element_} b */
function sameAttributes(a, b) {
    const left = a.attrs ?? {}, right = b.attrs ?? {};
    const names = Object.keys(left);
    return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}
