// The entries of the timeline as a list on the page, or the part of them that model/window.js chose. An entry keeps its
// element for as long as it is there, whatever becomes of it, and only what is out of place is moved: a selection or a
// focus in the rest survives.

/** @import {Item} from "../model/timeline.js" */
/** @import {Slice} from "../model/window.js" */
/** @import {Wishes} from "./message.js" */
import { lowest } from "../model/window.js";
import { day, midnight } from "../i18n/language.js";
import { h, say } from "./dom.js";
import { MessageView } from "./message.js";

/** @typedef {{moved: boolean, news: number}} Change `news`: so many entries of others are new at the end */

export class TimelineList {
    element = h("ol", { "data-timeline": true, class: "timeline" });
    #wishes;
    /** @type {Map<string, MessageView>} */
    #views = new Map();
    /** @type {Map<number, HTMLElement>} */
    #days = new Map();
    /** The newest place that has been shown or passed over. */
    #newest = 0;

    /** Documents from one place up to another. @type {(low: number, high: number) => HTMLElement[]} */
    papers = () => [];

    /** @param {Wishes} wishes */
    constructor(wishes) {
        this.#wishes = wishes;
    }

    /** @param {readonly Item[]} items @param {Slice} slice @param {boolean} more older ones exist @returns {Change} */
    show(items, { from, to }, more) {
        /** @type {HTMLElement[]} */
        const wanted = [];
        /** @type {Map<string, MessageView>} */
        const views = new Map();
        /** @type {Map<number, HTMLElement>} */
        const days = new Map();
        let today = NaN, low = lowest(items, from, more);
        for (const item of items.slice(from, to)) {
            wanted.push(...this.papers(low, item.sequence));
            low = item.sequence;
            const at = item.at === null ? today : midnight(item.at);
            if (at === at && at !== today) {
                const element = this.#days.get(at) ?? h("li", { class: "day" });
                say(element, day(today = at, Date.now()));
                days.set(at, element);
                wanted.push(element);
            }
            let view = this.#views.get(item.key);
            if (view) view.show(item);
            else view = new MessageView(item, this.#wishes);
            views.set(item.key, view);
            wanted.push(view.element);
        }
        if (to === items.length) wanted.push(...this.papers(low, Infinity));
        this.#views = views;
        this.#days = days;
        return { moved: place(this.element, wanted), news: this.#news(items) };
    }

    /** @param {readonly Item[]} items */
    #news(items) {
        let news = 0, newest = this.#newest;
        for (let at = items.length - 1; at >= 0; at--) {
            const item = items[at];
            if (!item || item.sequence === Infinity) continue;
            if (item.sequence <= this.#newest) break;
            newest = Math.max(newest, item.sequence);
            if (item.sender !== "patient") news++;
        }
        this.#newest = newest;
        return news;
    }

    /** Twice a second: what depends on the wall clock. @param {number} now @param {boolean} lost */
    tick(now, lost) {
        for (const view of this.#views.values()) view.tick(now, lost);
    }

    /** @param {string} key */
    entry(key) {
        return this.#views.get(key)?.element ?? null;
    }
}

/**
 * Brings the children into this order and touches only what is out of place.
 * @param {Element} list @param {readonly Element[]} wanted @returns {boolean} whether anything moved
 */
function place(list, wanted) {
    const staying = new Set(wanted);
    let moved = false;
    for (const child of [...list.children]) {
        if (staying.has(child)) continue;
        child.remove();
        moved = true;
    }
    /** @type {Element | null} */
    let next = null;
    for (const element of [...wanted].reverse()) {
        if (element.nextElementSibling !== next || element.parentNode !== list) {
            list.insertBefore(element, next);
            moved = true;
        }
        next = element;
    }
    return moved;
}
