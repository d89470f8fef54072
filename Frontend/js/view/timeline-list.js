// The entries of the timeline as a list on the page. An entry keeps its element for as long as it is there, whatever
// becomes of it, and only what is out of place is moved: a selection or a focus in the rest survives.

/** @import {Item} from "../model/timeline.js" */
/** @import {Wishes} from "./message.js" */
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

    /** @param {Wishes} wishes */
    constructor(wishes) {
        this.#wishes = wishes;
    }

    /** @param {readonly Item[]} items @returns {Change} */
    show(items) {
        /** @type {HTMLElement[]} */
        const wanted = [];
        let today = NaN, fresh = 0;
        for (const item of items) {
            if (item.at !== null && midnight(item.at) !== today) {
                today = midnight(item.at);
                wanted.push(this.#day(today));
            }
            let view = this.#views.get(item.key);
            if (view) view.show(item);
            else {
                view = new MessageView(item, this.#wishes);
                this.#views.set(item.key, view);
                if (item.sender !== "patient") fresh++;
            }
            wanted.push(view.element);
        }
        const keys = new Set(items.map((item) => item.key));
        for (const [key, view] of this.#views) {
            if (keys.has(key)) continue;
            view.element.remove();
            this.#views.delete(key);
        }
        const { moved, atEnd } = place(this.element, wanted);
        return { moved, news: atEnd ? fresh : 0 };
    }

    /** Twice a second: what depends on the wall clock. @param {number} now */
    tick(now) {
        for (const view of this.#views.values()) view.tick(now);
    }

    /** @param {string} key */
    entry(key) {
        return this.#views.get(key)?.element ?? null;
    }

    /** @param {number} at @returns {HTMLElement} */
    #day(at) {
        let element = this.#days.get(at);
        if (!element) {
            element = h("li", { class: "day" });
            this.#days.set(at, element);
        }
        say(element, day(at, Date.now()));
        return element;
    }
}

/**
 * Brings the children into this order and touches only what is out of place.
 * @param {Element} list @param {readonly Element[]} wanted @returns {{moved: boolean, atEnd: boolean}}
 */
function place(list, wanted) {
    let moved = false, atEnd = false;
    for (const child of [...list.children]) {
        if (child.classList.contains("day") && !wanted.includes(child)) child.remove();
    }
    /** @type {Element | null} */
    let next = null;
    for (const element of [...wanted].reverse()) {
        if (element.nextElementSibling !== next || element.parentNode !== list) {
            if (element.parentNode !== list && next === null) atEnd = true;
            list.insertBefore(element, next);
            moved = true;
        }
        next = element;
    }
    return { moved, atEnd };
}
