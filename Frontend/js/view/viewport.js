// The window onto the timeline. It carries out what model/scroll.js decides, tells the reader's own movements from
// ours, and offers the way back to the end.

/** @import {Follow} from "../model/scroll.js" */
/** @import {Change} from "./timeline-list.js" */
import { number, t } from "../i18n/language.js";
import * as scroll from "../model/scroll.js";
import { button, h, icon, say } from "./dom.js";

/** What lies beyond an edge comes in when the reader is this near to it. */
const nearEdge = 900;

/**
 * @typedef {object} Ports
 * @property {() => {id: string, element: Element | null} | null} answer the newest one that came while we looked
 * @property {() => boolean} earlier brings in what stands before; false: nothing is here
 * @property {() => boolean} later the same for what stands after
 * @property {() => void} latest the end, wherever we are
 * @property {() => boolean} complete does the page reach to the end?
 * @property {() => void} older asks the server for more
 */

/** @typedef {{element: Element, top: number}} Anchor an entry, and where it stands in the window */

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
    #height = 0;
    #width = 0;
    /** What the reader looks at, for when the window turns. @type {Anchor | null} */
    #looked = null;

    /** @param {Element[]} above what stands above the list @param {Element} list @param {Ports} ports */
    constructor(above, list, ports) {
        this.#list = list;
        this.#ports = ports;
        this.#column = h("div", { class: "column" }, ...above, list);
        this.element = h(
            "div",
            { class: "scroller", tabindex: "0", role: "region", "aria-label": t("chat.label") },
            this.#column,
        );
        this.jump = button(
            "jump",
            { class: "jump", hidden: true, onclick: () => this.#jump() },
            icon("down"),
            h("span", { class: "words" }, t("chat.jump")),
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
        // What does not fill the window cannot be scrolled, so nobody would ever ask for more.
        while (this.#end() === 0 && this.#ports.earlier());
        if (this.#end() === 0) this.#ports.older();
    }

    /** Changes the list and stays where the policy says. @param {() => Change} change */
    change(change) {
        const following = this.#follow.mode === "following";
        const anchor = following ? null : this.#anchor();
        const { moved, news } = change();
        if (this.#begun && !following) this.#unseen += news;
        if (anchor && moved) this.#restore(anchor);
        if (moved || following) this.#settle();
        // Older messages may have come: they change nothing on the page until they are wanted.
        this.#edges();
        this.#offer();
    }

    /** Brings an entry in and keeps it so far below the upper edge. @param {() => Element | null} bring @param {number} top */
    hold(bring, top) {
        this.#follow = scroll.released(this.#follow);
        const element = bring();
        if (element) this.#restore({ element, top });
        this.#offer();
    }

    toEnd() {
        this.#follow = scroll.jumped(this.#ports.answer()?.id ?? null);
        this.#unseen = 0;
        this.#ports.latest();
        this.#move(this.#end());
        this.#offer();
    }

    // ---- inside ----

    #jump() {
        this.toEnd();
        // The button is gone, and with it the focus.
        this.element.focus({ preventScroll: true });
    }

    #end() {
        return Math.max(0, this.element.scrollHeight - this.element.clientHeight);
    }

    /** Something grew or the window changed. */
    #settle() {
        const answer = this.#ports.answer(), height = this.element.clientHeight;
        const resized = height !== this.#height, turned = this.#width !== (this.#width = this.element.clientWidth);
        this.#height = height;
        // Lines broke anew: without this a phone that is turned shows another place.
        if (turned && this.#looked && this.#follow.mode !== "following") this.#restore(this.#looked);
        const { follow, to } = scroll.grew(this.#follow, {
            end: this.#end(),
            top: this.element.scrollTop,
            resized,
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
            if (!up && this.#ports.complete()) {
                this.#follow = scroll.arrivedAt(this.#follow, left, this.#ports.answer()?.id ?? null);
            } else if (up && left > scroll.nearBottom) this.#follow = scroll.released(this.#follow);
        }
        if (left <= scroll.nearBottom && this.#ports.complete()) this.#unseen = 0;
        if (!this.#edges() && this.#begun && top < nearEdge) this.#ports.older();
        this.#looked = this.#anchor();
        this.#offer();
    }

    /** Near an edge the next step comes in. @returns {boolean} whether one did */
    #edges() {
        if (!this.#begun) return false;
        const top = this.element.scrollTop;
        if (top < nearEdge && this.#follow.mode !== "following" && this.#ports.earlier()) return true;
        return this.#end() - top < nearEdge && !this.#ports.complete() && this.#ports.later();
    }

    /** The way back to the end, for who is away from it. */
    #offer() {
        const away = this.#end() - this.element.scrollTop > scroll.nearBottom || !this.#ports.complete();
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
            if (box.bottom > edge && !element.classList.contains("day")) return { element, top: box.top - edge };
        }
        return null;
    }

    /** @param {Anchor} anchor */
    #restore(anchor) {
        const moved = this.#within(anchor.element) - anchor.top;
        if (anchor.element.isConnected && Math.abs(moved) > 0.5) this.#move(this.element.scrollTop + moved);
    }
}
