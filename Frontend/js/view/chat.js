// One open case: the timeline, the composer and what surrounds them. It shows what the correspondence holds, at most
// once a frame, and decides nothing but where to scroll.

/** @import {Correspondence} from "../wire/correspondence.js" */
/** @import {Config} from "../wire/types.js" */
/** @import {Word} from "../i18n/catalogue.js" */
/** @import {Item} from "../model/timeline.js" */
import { day, midnight, number, t } from "../i18n/language.js";
import { catalogue } from "../i18n/catalogue.js";
import { activeReply } from "../model/conversation.js";
import { parseBlocks, plainText } from "../model/markdown.js";
import * as scroll from "../model/scroll.js";
import { timeline } from "../model/timeline.js";
import { Composer } from "./composer.js";
import { h, icon, say } from "./dom.js";
import { MessageView } from "./message.js";

/** Trouble shorter than this is nobody's business. */
const bannerAfter = 2_000;
/** From here on waiting is no longer the patient's only choice. */
const lostAfter = 8_000;
/** Older messages are fetched when this near to the top. */
const nearTop = 600;

/**
 * @typedef {object} Surroundings
 * @property {Correspondence} correspondence
 * @property {Config | null} config
 * @property {HTMLElement[]} tools what stands at the end of the header
 * @property {(() => void) | null} back
 * @property {(text: string) => void} announce
 */

export class Chat extends HTMLElement {
    /** @type {Surroundings | null} */
    #around = null;
    #list = h("ol", { "data-timeline": true, class: "timeline" });
    #title = h("bdi");
    #status = h("p", { class: "status" });
    #top = h("p", { class: "edge", hidden: true });
    #handling = h("p", { class: "handling", hidden: true });
    #banner = h("div", { class: "banner", "data-banner": true, hidden: true, role: "status" });
    #jumpCount = h("span", { class: "count", hidden: true });
    #jump = h("button", { type: "button", class: "jump", "data-action": "jump", hidden: true });
    #notice = h("p", { class: "notice", "data-notice": "demonstration", hidden: true });
    #column = h("div", { class: "column" });
    #scroller = h("div", { class: "scroller", tabindex: "0" });
    #composer = new Composer();
    /** @type {Map<string, MessageView>} */
    #views = new Map();
    /** @type {Map<string, HTMLElement>} */
    #days = new Map();
    /** @type {scroll.Follow} */
    #follow = scroll.atTheEnd;
    #lastTop = 0;
    #moved = -1;
    #drawn = false;
    #frame = false;
    #unseen = 0;
    /** @type {(() => void)[]} */
    #cleanup = [];
    /** @type {Map<string, string> | null} */
    #told = null;

    /** @param {Surroundings} around */
    show(around) {
        this.#around = around;
        return this;
    }

    /** What the server is able to do; it may be known later than the case. @param {Config | null} config */
    configure(config) {
        if (!config) return;
        this.#composer.limit = config.message_characters;
        this.#notice.hidden = config.model.advice !== "demonstration";
        this.#notice.replaceChildren(icon("alert"), h("span", {}, t("notice.demonstration")));
    }

    connectedCallback() {
        const around = this.#around;
        if (!around) return;
        const letters = around.correspondence;
        const back = around.back;
        this.#jump.append(icon("down"), h("span", {}, t("chat.jump")), this.#jumpCount);
        this.#jump.addEventListener("click", () => this.#toEnd());
        this.#composer.draftKey = `curaway.draft.${letters.state.caseId}`;
        this.#composer.onSend = (text) => {
            letters.send(text);
            this.#toEnd();
        };
        this.#composer.onStop = () => letters.stop();
        this.#scroller.setAttribute("role", "region");
        this.#scroller.setAttribute("aria-label", t("chat.label"));
        this.#column.append(this.#top, this.#list);
        this.#scroller.append(this.#column);
        this.append(
            h(
                "header",
                { class: "bar" },
                back &&
                    h(
                        "button",
                        {
                            type: "button",
                            class: "tool",
                            "data-action": "back",
                            "aria-label": t("cases.back"),
                            onclick: back,
                        },
                        icon("back"),
                    ),
                h("div", { class: "about" }, h("h1", {}, this.#title), this.#status),
                ...around.tools,
            ),
            this.#notice,
            this.#banner,
            this.#scroller,
            h("div", { class: "foot" }, this.#jump, this.#handling, this.#composer),
        );
        this.configure(around.config);
        this.#listen();
        this.#cleanup.push(letters.listen(() => this.#schedule()));
        this.#draw();
        this.#composer.focusIfKeyboard();
    }

    disconnectedCallback() {
        for (const undo of this.#cleanup.splice(0)) undo();
    }

    #listen() {
        const scroller = this.#scroller;
        const release = () => {
            if (scroller.scrollHeight <= scroller.clientHeight) return;
            this.#follow = scroll.released(this.#follow);
            this.#jumpState();
        };
        scroller.addEventListener("wheel", (event) => event.deltaY < 0 && release(), { passive: true });
        let touchedAt = 0;
        scroller.addEventListener("touchstart", (event) => touchedAt = event.touches[0]?.clientY ?? 0, {
            passive: true,
        });
        scroller.addEventListener("touchmove", (event) => {
            if ((event.touches[0]?.clientY ?? 0) > touchedAt) release();
        }, { passive: true });
        scroller.addEventListener("keydown", (event) => {
            if (event.key === "PageUp" || event.key === "ArrowUp" || event.key === "Home") release();
        });
        const selecting = () => {
            const selection = document.getSelection();
            if (selection && !selection.isCollapsed && this.#list.contains(selection.anchorNode)) release();
        };
        document.addEventListener("selectionchange", selecting);
        scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
        const sizes = new ResizeObserver(() => this.#settle());
        sizes.observe(scroller);
        sizes.observe(this.#column);
        const beat = setInterval(() => this.#beat(), 500);
        this.#cleanup.push(
            () => document.removeEventListener("selectionchange", selecting),
            () => sizes.disconnect(),
            () => clearInterval(beat),
        );
    }

    // ---- drawing ----

    #schedule() {
        if (this.#frame) return;
        this.#frame = true;
        const run = () => {
            this.#frame = false;
            if (this.isConnected) this.#draw();
        };
        // Frames do not come to a hidden page; its words shall be there when somebody looks.
        if (document.hidden) setTimeout(run, 200);
        else requestAnimationFrame(run);
    }

    #draw() {
        const letters = this.#around?.correspondence;
        if (!letters) return;
        const state = letters.state;
        const items = timeline(state);
        const title = state.case?.title || (state.case ? t("cases.untitled") : "");
        say(this.#title, title);
        say(this.#status, state.case ? statusWord(state.case.status) : "");
        const busy = activeReply(state);
        this.#composer.answering = busy !== null;
        this.#composer.closed = state.case?.status === "closed" || letters.parting === "gone";
        this.#edge();
        this.#who();
        this.#items(items);
        this.#beat();
        if (state.loaded) {
            this.#announce(items);
            if (!this.#drawn) {
                this.#drawn = true;
                this.#settle();
            }
        }
    }

    /** @param {Item[]} items */
    #items(items) {
        const letters = /** @type {Correspondence} */ (this.#around?.correspondence);
        const anchor = this.#follow.mode === "following" ? null : this.#anchor();
        /** @type {HTMLElement[]} */
        const wanted = [];
        const keys = new Set();
        let today = NaN;
        let fresh = 0;
        for (const item of items) {
            if (item.at !== null && midnight(item.at) !== today) {
                today = midnight(item.at);
                wanted.push(this.#day(today));
            }
            keys.add(item.key);
            let view = this.#views.get(item.key);
            if (view) view.show(item);
            else {
                view = new MessageView(item, {
                    retry: (one) => letters.retry(one.id),
                    sendAgain: (one) => one.clientMessageId && letters.sendAgain(one.clientMessageId),
                    discard: (one) => one.clientMessageId && letters.discard(one.clientMessageId),
                });
                this.#views.set(item.key, view);
                if (item.sender !== "patient") fresh++;
            }
            wanted.push(view.element);
        }
        for (const [key, view] of this.#views) {
            if (keys.has(key)) continue;
            view.element.remove();
            this.#views.delete(key);
        }
        const added = place(this.#list, wanted);
        if (this.#drawn && this.#follow.mode === "free" && fresh > 0 && added.atEnd) this.#unseen += fresh;
        if (anchor && added.any) this.#restore(anchor);
        if (added.any || this.#follow.mode === "following") this.#settle();
        this.#jumpState();
    }

    /** @param {number} at @returns {HTMLElement} */
    #day(at) {
        const key = String(at);
        let element = this.#days.get(key);
        if (!element) {
            element = h("li", { class: "day" }, h("span", {}, ""));
            this.#days.set(key, element);
        }
        say(element, day(at, Date.now()));
        return element;
    }

    #edge() {
        const letters = /** @type {Correspondence} */ (this.#around?.correspondence);
        const { older, loaded } = letters.state;
        /** @type {Word | null} */
        let word = null;
        if (letters.parting === "gone" || letters.parting === "forbidden") word = "chat.gone";
        else if (!loaded) word = "chat.loading";
        else if (older === "loading") word = "chat.older";
        else if (older === "failed") word = "chat.older_failed";
        this.#top.hidden = word === null;
        if (word) say(this.#top, t(word));
    }

    #who() {
        const handling = this.#around?.correspondence.state.case?.handling;
        const spoken = !handling || handling.state === "ai"
            ? ""
            : handling.state === "requested"
            ? t("handling.requested")
            : handling.by
            ? t("handling.coordinator_named", { name: handling.by })
            : t("handling.coordinator");
        this.#handling.hidden = spoken === "";
        say(this.#handling, spoken);
    }

    /** Twice a second: what depends on the wall clock. */
    #beat() {
        const letters = this.#around?.correspondence;
        if (!letters) return;
        const now = Date.now();
        for (const item of this.#views.values()) {
            if (item.item?.state === "thinking" || item.item?.state === "queued") item.tick(now);
        }
        const trouble = letters.lostAt === null || document.hidden ? 0 : now - letters.lostAt;
        const level = trouble >= lostAfter ? "lost" : trouble >= bannerAfter ? "trouble" : "fine";
        if (this.#banner.dataset.level === level) return;
        this.#banner.dataset.level = level;
        this.#banner.hidden = level === "fine";
        this.#banner.replaceChildren();
        if (level === "trouble") this.#banner.append(h("span", {}, t("banner.reconnecting")));
        if (level === "lost") {
            const again = h("button", { type: "button", class: "plain", "data-action": "reconnect" }, t("banner.now"));
            again.addEventListener("click", () => letters.wake(true));
            this.#banner.append(h("span", {}, t("banner.lost")), again);
        }
    }

    // ---- what is said aloud ----

    /** One line when an answer begins, the whole answer when it ends; history is silent. @param {Item[]} items */
    #announce(items) {
        const before = this.#told;
        const now = new Map(items.slice(-20).map((item) => [item.key, spokenState(item)]));
        this.#told = now;
        if (!before) return;
        for (const item of items.slice(-20)) {
            const was = before.get(item.key), is = now.get(item.key);
            if (was === is) continue;
            const words = this.#words(item, was);
            if (words) this.#around?.announce(words);
        }
    }

    /** @param {Item} item @param {string | undefined} was @returns {string | null} */
    #words(item, was) {
        if (item.sender === "patient") return item.state === "failed" ? t("announce.not_sent") : null;
        switch (item.state) {
            case "queued":
            case "thinking":
            case "streaming":
                return was === "writing" ? null : t("announce.replying");
            case "complete": {
                const told = plainText(parseBlocks(item.body, false).map((one) => one.node));
                return item.answeredBy === "emergency" ? `${t("answer.emergency")}. ${told}` : told;
            }
            case "stopped":
                return t("announce.stopped");
            case "interrupted":
                return t("announce.interrupted");
            default:
                return t("announce.failed");
        }
    }

    // ---- scrolling ----

    #end() {
        return Math.max(0, this.#scroller.scrollHeight - this.#scroller.clientHeight);
    }

    #answer() {
        const letters = this.#around?.correspondence;
        const reply = letters ? activeReply(letters.state) : null;
        return reply?.id ?? null;
    }

    /** Something grew or the window changed: stay where the policy says. */
    #settle() {
        const answer = this.#answer();
        const element = answer === null ? null : this.#views.get(answer)?.element ?? null;
        const answerTop = element
            ? element.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top +
                this.#scroller.scrollTop
            : null;
        const { follow, to } = scroll.grew(this.#follow, { end: this.#end(), answer, answerTop });
        this.#follow = follow;
        if (to !== null && Math.abs(this.#scroller.scrollTop - to) > 0.5) this.#move(to);
        this.#jumpState();
    }

    /** @param {number} to */
    #move(to) {
        this.#scroller.scrollTop = to;
        this.#moved = this.#lastTop = this.#scroller.scrollTop;
    }

    #scrolled() {
        const top = this.#scroller.scrollTop;
        const ours = Math.abs(top - this.#moved) < 1;
        const up = top < this.#lastTop - 1;
        this.#lastTop = top;
        if (!ours && this.#drawn) {
            if (up && this.#end() - top > scroll.nearBottom) this.#follow = scroll.released(this.#follow);
            else if (!up) this.#follow = scroll.arrivedAt(this.#follow, this.#end() - top, this.#answer());
        }
        if (this.#end() - top <= scroll.nearBottom) this.#unseen = 0;
        if (top < nearTop && this.#drawn && this.#end() > 0) this.#around?.correspondence.older();
        this.#jumpState();
    }

    #toEnd() {
        this.#follow = scroll.jumped(this.#answer());
        this.#unseen = 0;
        this.#move(this.#end());
        this.#jumpState();
    }

    #jumpState() {
        const away = this.#end() - this.#scroller.scrollTop > scroll.nearBottom;
        this.#jump.hidden = !(away && this.#follow.mode !== "following");
        this.#jumpCount.hidden = this.#unseen === 0;
        if (this.#unseen > 0) say(this.#jumpCount, number(this.#unseen));
    }

    /** The first entry in view and where it stands, for engines without scroll anchoring. */
    #anchor() {
        const edge = this.#scroller.getBoundingClientRect().top;
        for (const element of this.#list.children) {
            const box = element.getBoundingClientRect();
            if (box.bottom > edge && !element.classList.contains("day")) return { element, top: box.top };
        }
        return null;
    }

    /** @param {{element: Element, top: number}} anchor */
    #restore(anchor) {
        const moved = anchor.element.getBoundingClientRect().top - anchor.top;
        if (anchor.element.isConnected && Math.abs(moved) > 0.5) this.#move(this.#scroller.scrollTop + moved);
    }
}

/** @param {Item} item */
function spokenState(item) {
    return item.state === "queued" || item.state === "thinking" || item.state === "streaming" ? "writing" : item.state;
}

/** @param {string} status */
function statusWord(status) {
    const word = /** @type {Word} */ (`status.${status}`);
    return word in catalogue.en ? t(word) : "";
}

/**
 * Brings the children into this order and touches only what is out of place.
 * @param {Element} list @param {HTMLElement[]} wanted @returns {{any: boolean, atEnd: boolean}}
 */
function place(list, wanted) {
    let any = false, atEnd = false;
    for (const child of [...list.children]) {
        if (child.classList.contains("day") && !wanted.includes(/** @type {HTMLElement} */ (child))) child.remove();
    }
    /** @type {Element | null} */
    let next = null;
    for (let at = wanted.length - 1; at >= 0; at--) {
        const element = /** @type {HTMLElement} */ (wanted[at]);
        if (element.nextElementSibling !== next || element.parentNode !== list) {
            if (element.parentNode !== list && next === null) atEnd = true;
            list.insertBefore(element, next);
            any = true;
        }
        next = element;
    }
    return { any, atEnd };
}
