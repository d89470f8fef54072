// The window onto the timeline. It carries out what model/scroll.js decides, tells the reader's own movements from
// ours, and offers the way back to the end.

/** @import {Follow} from "../model/scroll.js" */
/** @import {Change} from "./timeline-list.js" */
import { number, t } from "../i18n/language.js";
import * as scroll from "../model/scroll.js";
import { h, icon, say } from "./dom.js";

/** What is older is fetched when this near to the top. */
const nearTop = 600;

/**
 * @typedef {object} Ports
 * @property {() => {id: string, element: Element | null} | null} answer the one being written
 * @property {() => void} older the reader comes near the top
 */

export class Viewport {
    #list;
    #ports;
    #column;
    #count = h("span", { class: "count", hidden: true });
    /** @type {Follow} */
    #follow = scroll.atTheEnd;
    /** Where it stood last, and where we put it ourselves. */
    #top = 0;
    #put = -1;
    #begun = false;
    #unseen = 0;

    /** @param {Element} edge what stands above the list @param {Element} list @param {Ports} ports */
    constructor(edge, list, ports) {
        this.#list = list;
        this.#ports = ports;
        this.#column = h("div", { class: "column" }, edge, list);
        this.element = h(
            "div",
            { class: "scroller", tabindex: "0", role: "region", "aria-label": t("chat.label") },
            this.#column,
        );
        this.jump = h(
            "button",
            { type: "button", class: "jump", "data-action": "jump", hidden: true, onclick: () => this.toEnd() },
            icon("down"),
            h("span", {}, t("chat.jump")),
            this.#count,
        );
    }

    /** @returns {() => void} how to stop listening */
    listen() {
        const away = new AbortController(), quietly = { passive: true, signal: away.signal };
        const scroller = this.element;
        const release = () => {
            if (scroller.scrollHeight <= scroller.clientHeight) return;
            this.#follow = scroll.released(this.#follow);
            this.#offer();
        };
        let touchedAt = 0;
        scroller.addEventListener("wheel", (event) => event.deltaY < 0 && release(), quietly);
        scroller.addEventListener("touchstart", (event) => touchedAt = event.touches[0]?.clientY ?? 0, quietly);
        scroller.addEventListener(
            "touchmove",
            (event) => (event.touches[0]?.clientY ?? 0) > touchedAt && release(),
            quietly,
        );
        scroller.addEventListener("keydown", (event) => {
            if (event.key === "PageUp" || event.key === "ArrowUp" || event.key === "Home") release();
        }, quietly);
        scroller.addEventListener("scroll", () => this.#scrolled(), quietly);
        document.addEventListener("selectionchange", () => {
            const selection = document.getSelection();
            if (selection && !selection.isCollapsed && this.#list.contains(selection.anchorNode)) release();
        }, quietly);
        const sizes = new ResizeObserver(() => this.#settle());
        sizes.observe(scroller);
        sizes.observe(this.#column);
        return () => {
            away.abort();
            sizes.disconnect();
        };
    }

    /** What was there before has been shown: from now on what moves is the reader, and what comes is new. */
    begin() {
        if (this.#begun) return;
        this.#begun = true;
        this.#settle();
    }

    /** Changes the list and stays where the policy says. @param {() => Change} change */
    change(change) {
        const following = this.#follow.mode === "following";
        const anchor = following ? null : this.#anchor();
        const { moved, news } = change();
        if (this.#begun && this.#follow.mode === "free") this.#unseen += news;
        if (anchor && moved) this.#restore(anchor);
        if (moved || following) this.#settle();
        this.#offer();
    }

    toEnd() {
        this.#follow = scroll.jumped(this.#ports.answer()?.id ?? null);
        this.#unseen = 0;
        this.#move(this.#end());
        this.#offer();
    }

    // ---- inside ----

    #end() {
        return Math.max(0, this.element.scrollHeight - this.element.clientHeight);
    }

    /** Something grew or the window changed. */
    #settle() {
        const answer = this.#ports.answer();
        const { follow, to } = scroll.grew(this.#follow, {
            end: this.#end(),
            answer: answer?.id ?? null,
            answerTop: answer?.element ? this.#within(answer.element) + this.element.scrollTop : null,
        });
        this.#follow = follow;
        if (to !== null && Math.abs(this.element.scrollTop - to) > 0.5) this.#move(to);
        this.#offer();
    }

    /** @param {number} to */
    #move(to) {
        this.element.scrollTop = to;
        this.#put = this.#top = this.element.scrollTop;
    }

    #scrolled() {
        const top = this.element.scrollTop, left = this.#end() - top;
        const ours = Math.abs(top - this.#put) < 1, up = top < this.#top - 1;
        this.#top = top;
        if (!ours && this.#begun) {
            if (!up) this.#follow = scroll.arrivedAt(this.#follow, left, this.#ports.answer()?.id ?? null);
            else if (left > scroll.nearBottom) this.#follow = scroll.released(this.#follow);
        }
        if (left <= scroll.nearBottom) this.#unseen = 0;
        if (top < nearTop && this.#begun && this.#end() > 0) this.#ports.older();
        this.#offer();
    }

    /** The way back to the end, for who is away from it. */
    #offer() {
        const away = this.#end() - this.element.scrollTop > scroll.nearBottom;
        this.jump.hidden = !away || this.#follow.mode === "following";
        this.#count.hidden = this.#unseen === 0;
        if (this.#unseen > 0) say(this.#count, number(this.#unseen));
    }

    /** How far below our own upper edge. @param {Element} element */
    #within(element) {
        return element.getBoundingClientRect().top - this.element.getBoundingClientRect().top;
    }

    /** The first entry in view and where it stands, for engines without scroll anchoring. */
    #anchor() {
        const edge = this.element.getBoundingClientRect().top;
        for (const element of this.#list.children) {
            const box = element.getBoundingClientRect();
            if (box.bottom > edge && !element.classList.contains("day")) return { element, top: box.top };
        }
        return null;
    }

    /** @param {{element: Element, top: number}} anchor */
    #restore(anchor) {
        const moved = anchor.element.getBoundingClientRect().top - anchor.top;
        if (anchor.element.isConnected && Math.abs(moved) > 0.5) this.#move(this.element.scrollTop + moved);
    }
}
