// One entry of the timeline, whoever wrote it and whatever state it is in. The same list item from "sending" to "sent"
// and from "thinking" to "complete": it is changed, never replaced.

/** @import {Item} from "../model/timeline.js" */
/** @import {Word} from "../i18n/catalogue.js" */
import { direction, t, timeOfDay } from "../i18n/language.js";
import { firstStrong } from "../model/direction.js";
import { isBeingWritten, sameItem } from "../model/timeline.js";
import { face, h, icon, mark, say, set } from "./dom.js";
import { LiveMarkdown } from "./live-markdown.js";

/**
 * @typedef {object} Wishes what a reader may want of a message
 * @property {(item: Item) => void} retry
 * @property {(item: Item) => void} sendAgain
 * @property {(item: Item) => void} discard
 */

/** After this much waiting the elapsed time is told, and after `patience` that work goes on. */
export const tellTimeAfter = 5_000;
export const patience = 10_000;

export class MessageView {
    /** @type {Item | null} */
    #item = null;
    #wishes;
    #head = h("div", { class: "head" });
    #body;
    #meta;
    /** @type {LiveMarkdown | null} */
    #markdown = null;
    /** @type {HTMLElement | null} */
    #waiting = null;

    /** @param {Item} item @param {Wishes} wishes */
    constructor(item, wishes) {
        this.#wishes = wishes;
        this.#body = h("div", { "data-body": true, class: "body" });
        this.#meta = h("div", { class: "meta" });
        this.element = h("li", { class: `message from-${item.sender}`, "data-sender": item.sender });
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
        if (!before || before.answeredBy !== item.answeredBy) this.#head.replaceChildren(...this.#header(item));
        set(this.element, "data-message-id", item.id);
        set(this.element, "data-state", item.state);
        set(this.element, "data-answered-by", item.answeredBy);
        set(this.element, "aria-busy", isBeingWritten(item) ? "true" : null);
        if (this.#markdown) this.#markdown.show(item.body, item.state !== "complete"); // cut short is unfinished too
        else {
            say(this.#body, item.body);
            set(this.#body, "dir", firstStrong(item.body) ?? direction());
        }
        this.#body.hidden = item.body === "";
        if (before && before.state === item.state && before.canRetry === item.canRetry && before.code === item.code) {
            return;
        }
        this.#meta.replaceChildren(...this.#remarks(item));
        this.#meta.hidden = this.#meta.childNodes.length === 0;
    }

    /** The clock moved on. @param {number} now */
    tick(now) {
        if (!this.#waiting || !this.#item) return;
        const elapsed = now - this.#item.since, seconds = Math.floor(elapsed / 1000);
        if (elapsed < tellTimeAfter) say(this.#waiting, t("answer.thinking"));
        else say(this.#waiting, t(elapsed < patience ? "answer.thinking_for" : "answer.still", { seconds }));
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
                return [h("span", {}, t("message.sending"))];
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
                    h("span", { class: "problem" }, t(whyNotSent(item.code))),
                    h("button", {
                        type: "button",
                        class: "plain",
                        "data-action": "send-again",
                        onclick: () => this.#item && this.#wishes.sendAgain(this.#item),
                    }, t("message.retry")),
                    h("button", {
                        type: "button",
                        class: "plain",
                        "data-action": "discard",
                        onclick: () => this.#item && this.#wishes.discard(this.#item),
                    }, t("message.delete")),
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
        const again = () => this.#item && this.#wishes.retry(this.#item);
        const props = { type: "button", class: "plain", "data-action": "retry", onclick: again };
        return [h("button", props, icon("retry"), t("again"))];
    }
}

/** @param {string | null} code @returns {Word} */
function whyNotSent(code) {
    switch (code) {
        case "network":
            return "message.failed_offline";
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
