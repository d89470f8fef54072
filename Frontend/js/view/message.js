// One entry of the timeline, whoever wrote it and whatever state it is in. The same list item from "sending" to "sent"
// and from "thinking" to "complete": it is changed, never replaced.

/** @import {Item} from "../model/timeline.js" */
/** @import {Waiting} from "../model/waiting.js" */
/** @import {Word} from "../i18n/en.js" */
import { direction, t, timeOfDay } from "../i18n/language.js";
import { firstStrong, isolated } from "../model/direction.js";
import { isBeingWritten, sameItem } from "../model/timeline.js";
import { unsentAfter, waiting } from "../model/waiting.js";
import { button, face, h, icon, mark, say, set } from "./dom.js";
import { LiveMarkdown, make } from "./live-markdown.js";

/**
 * @typedef {object} Wishes what a reader may want of a message
 * @property {(item: Item) => void} retry
 * @property {(item: Item) => void} sendAgain
 * @property {(item: Item) => void} discard
 * @property {() => void} reconnect
 */

/** @type {Record<Waiting["phase"], Word>} */
const waitingWords = { thinking: "answer.thinking", timed: "answer.thinking_for", still: "answer.still" };

export class MessageView {
    /** @type {Item | null} */
    #item = null;
    #wishes;
    #head = h("div", { class: "head" });
    #body;
    #meta;
    /** @type {LiveMarkdown | null} */
    #markdown = null;
    /** What the clock changes: the words of a wait. @type {HTMLElement | null} */
    #waiting = null;
    #lost = false;

    /** @param {Item} item @param {Wishes} wishes */
    constructor(item, wishes) {
        this.#wishes = wishes;
        this.#body = h("div", { "data-body": true, class: "body" });
        this.#meta = h("div", { class: "meta" });
        this.element = h("li", {
            class: `message from-${item.sender}`,
            "data-sender": item.sender,
            tabindex: -1,
        });
        this.element.append(this.#head, this.#body, this.#meta);
        if (item.sender === "ai" || item.sender === "coordinator") {
            this.#markdown = new LiveMarkdown(this.#body, direction);
        }
        this.show(item);
    }

    /** @param {Item} item */
    show(item) {
        if (this.#item && sameItem(this.#item, item)) return;
        const before = this.#item;
        this.#item = item;
        // Who answered is known with the finished message only; an emergency announces itself then.
        const alarm = item.answeredBy === "emergency";
        if (!before || alarm !== (before.answeredBy === "emergency")) this.#head.replaceChildren(...this.#header(item));
        set(this.element, "data-message-id", item.id);
        set(this.element, "data-state", item.state);
        set(this.element, "data-answered-by", item.answeredBy);
        set(this.element, "data-refused", item.state === "failed" && !item.transient);
        set(this.element, "aria-busy", item.state === "streaming" ? "true" : null);
        // Cut short is unfinished too.
        if (this.#markdown) this.#markdown.show(item.body, item.state !== "complete");
        else {
            const way = firstStrong(item.body) ?? direction();
            set(this.#body, "dir", way);
            if (before?.body !== item.body) this.#body.replaceChildren(...isolated(item.body, way).map(make));
        }
        this.#body.hidden = item.body === "";
        this.#lost &&= isBeingWritten(item);
        set(this.element, "data-lost", this.#lost);
        if (
            before?.state !== item.state || before.canRetry !== item.canRetry || before.again !== item.again ||
            before.code !== item.code
        ) this.#remark(item);
    }

    /** The clock moved on. @param {number} now @param {boolean} lost nothing comes any more while this is written */
    tick(now, lost) {
        const item = this.#item;
        if (!item) return;
        if (isBeingWritten(item) && lost !== this.#lost) {
            this.#lost = lost;
            set(this.element, "data-lost", lost);
            this.#remark(item);
        }
        if (!this.#waiting) return;
        if (item.state === "sending") {
            const word = now - item.since < unsentAfter ? "message.sending" : "message.sending_still";
            return say(this.#waiting, t(word));
        }
        const { phase, seconds } = waiting(item.since, now);
        say(this.#waiting, t(waitingWords[phase], { seconds }));
    }

    /** @param {Item} item */
    #remark(item) {
        const at = document.activeElement, hadFocus = this.#meta.contains(at);
        this.#meta.replaceChildren(...this.#remarks(item));
        this.#meta.hidden = this.#meta.childNodes.length === 0;
        if (!hadFocus) return;
        // The control that was used is another or gone: then the focus stays with its message, and falls not to the page.
        const same = this.#meta.querySelector(`[data-action="${at?.getAttribute("data-action")}"]`);
        (same instanceof HTMLElement ? same : this.element).focus({ preventScroll: true });
    }

    /** @param {Item} item @returns {HTMLElement[]} */
    #header(item) {
        switch (item.sender) {
            case "patient":
                return [h("span", { class: "unseen" }, `${t("message.you")}: `)];
            case "ai":
                return item.answeredBy === "emergency"
                    ? [h("p", { class: "who alarm" }, icon("alert"), h("strong", {}, t("answer.emergency")))]
                    : [h("p", { class: "who" }, mark("face"), h("span", {}, t("app.assistant")))];
            case "coordinator": {
                const name = item.name ?? t("message.coordinator");
                return [h(
                    "p",
                    { class: "who named" },
                    face(name),
                    h("bdi", {}, t("message.from", { name })),
                    h("span", { class: "badge" }, t("message.coordinator")),
                )];
            }
            case "system":
                return [];
        }
    }

    /** @param {Item} item @returns {(Node | string)[]} */
    #remarks(item) {
        this.#waiting = null;
        if (this.#lost) return [act("reconnect", "answer.lost", this.#wishes.reconnect, icon("retry"))];
        switch (item.state) {
            case "queued":
            case "thinking":
                this.#waiting = h("span", {}, t("answer.thinking"));
                return [
                    h(
                        "span",
                        { class: "thinking" },
                        h("span", { class: "pulse", "aria-hidden": "true" }),
                        this.#waiting,
                    ),
                ];
            case "streaming":
                return [];
            case "sending":
                return [this.#waiting = h("span", {}, t("message.sending"))];
            case "sent":
                return item.at === null
                    ? []
                    : [h("time", { datetime: new Date(item.at).toISOString() }, timeOfDay(item.at))];
            case "stopped":
            case "interrupted":
            case "failed":
                if (item.sender !== "patient") {
                    return [h("span", {}, t(`answer.${item.state}`)), ...this.#retry(item)];
                }
                return [
                    h("span", { class: "why" }, t(whyNotSent(item.code))),
                    h(
                        "span",
                        { class: "choices" },
                        act("send-again", "message.retry", () => this.#item && this.#wishes.sendAgain(this.#item)),
                        act("discard", "message.delete", () => this.#item && this.#wishes.discard(this.#item)),
                    ),
                ];
            case "complete":
                return item.answeredBy === "guide_fallback"
                    ? [h("span", { class: "aside" }, t("answer.fallback"))]
                    : [];
        }
    }

    /** @param {Item} item */
    #retry(item) {
        if (!item.canRetry) return [];
        const asked = item.again === "asked", word = asked ? "answer.asked" : "again";
        const offer = act("retry", word, () => this.#item && this.#wishes.retry(this.#item), icon("retry"));
        set(offer, "aria-disabled", asked && "true");
        return item.again === "failed" ? [h("span", { class: "why" }, t("answer.not_asked")), offer] : [offer];
    }
}

/** @param {string} action @param {Word} word @param {() => void} onclick @param {SVGElement | null} [sign] */
function act(action, word, onclick, sign = null) {
    return button(action, { class: "plain", onclick }, sign, t(word));
}

/** @param {string | null} code @returns {Word} */
function whyNotSent(code) {
    switch (code) {
        case "network":
            return "message.failed_offline";
        case "internal":
        case "store_unavailable":
        case "shutting_down":
            return "message.failed_later";
        case "message_too_long":
        case "body_too_large":
            return "message.failed_long";
        case "too_many_waiting":
        case "too_many_messages":
            return "message.failed_busy";
        case "case_closed":
            return "message.failed_closed";
        default:
            return "message.failed";
    }
}
