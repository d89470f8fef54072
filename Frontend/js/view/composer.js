// Where the patient writes. Drafts are kept per case; Enter sends where there is a real keyboard, and never while an
// input method is still composing.

/** @import {Store} from "../model/outbox.js" */
import { t } from "../i18n/language.js";
import { draftOf, keepDraft } from "../model/outbox.js";
import { button, h, icon, say } from "./dom.js";

/** The field grows to this many pixels, then scrolls. */
const tallest = 200;

export class Composer extends HTMLElement {
    /** @type {(text: string) => void} */
    onSend = () => {};
    /** @type {() => void} */
    onStop = () => {};
    /** @type {() => void} */
    onFiles = () => {};
    limit = 8000;
    #files = 0;
    /** @type {(text: string) => void} */
    #keep = () => {};
    #draft = "";
    #answering = false;
    #built = false;
    #field = h("textarea", {
        name: "message",
        rows: 1,
        id: "composer-field",
        autocomplete: "off",
        enterkeyhint: matchMedia("(pointer: fine)").matches ? "send" : "enter",
    });
    #send = button("send", { type: "submit", class: "round" }, icon("send"));
    #stop = button("stop", { class: "round quiet" }, icon("stop"));
    #hint = h("p", { class: "hint", hidden: true, role: "status" });

    /** Where the draft of this case lies, and what lies there. @param {Store} store @param {string} caseId */
    keep(store, caseId) {
        this.#draft = draftOf(store, caseId);
        this.#keep = (text) => keepDraft(store, caseId, text);
    }

    connectedCallback() {
        if (this.#built) return;
        this.#built = true;
        this.#field.placeholder = t("composer.placeholder");
        this.#send.setAttribute("aria-label", t("composer.send"));
        this.#stop.setAttribute("aria-label", t("composer.stop"));
        this.#stop.addEventListener("click", () => {
            this.onStop();
            this.focus();
        });
        this.#field.addEventListener("input", () => this.#changed());
        this.#field.addEventListener("keydown", (event) => this.#key(event));
        const form = h(
            "form",
            { class: "box", onsubmit: (event) => (event.preventDefault(), this.#submit()) },
            h("label", { for: "composer-field", class: "unseen" }, t("composer.label")),
            this.#field,
            h("div", { class: "acts" }, this.#stop, this.#send),
        );
        form.addEventListener("click", (event) => {
            if (event.target === form) this.#field.focus();
        });
        this.append(this.#hint, form, h("p", { class: "emergency-line" }, t("emergency.line")));
        this.#field.value = this.#draft;
        this.#changed();
        requestAnimationFrame(() => this.#fit());
    }

    /** @param {boolean} answering a reply waits or is being written */
    set answering(answering) {
        if (this.#answering === answering) return;
        this.#answering = answering;
        this.#buttons();
    }

    /** @param {boolean} closed */
    set closed(closed) {
        this.#field.disabled = closed;
        this.#field.placeholder = t(closed ? "composer.closed" : "composer.placeholder");
        this.#buttons();
    }

    /** @param {number} count chosen and not sent */
    set files(count) {
        this.#files = count;
        this.#buttons();
    }

    /** @override */
    focus() {
        this.#field.focus({ preventScroll: true });
    }

    /** Where a real keyboard is; on a phone it would open the keyboard unasked. @returns {boolean} */
    focusIfKeyboard() {
        const keyboard = matchMedia("(pointer: fine)").matches && !this.#field.disabled;
        if (keyboard) this.focus();
        return keyboard;
    }

    #submit() {
        const text = this.#field.value;
        if (this.#empty || this.#over() > 0 || this.#field.disabled) return;
        if (this.#files > 0) this.onFiles();
        this.#field.value = "";
        this.#changed();
        if (text.trim() !== "") this.onSend(text);
        this.#field.focus({ preventScroll: true });
    }

    /** @param {KeyboardEvent} event */
    #key(event) {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
        if (!matchMedia("(pointer: fine)").matches && !event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        if (!event.repeat) this.#submit();
    }

    /** So many letters are too many; they are counted only where there may be. */
    #over() {
        const { value } = this.#field;
        return value.length > this.limit ? [...value.trim()].length - this.limit : 0;
    }

    #changed() {
        this.#keep(this.#field.value);
        const over = this.#over();
        this.#hint.hidden = over <= 0;
        if (over > 0) say(this.#hint, t("composer.too_long", { count: over }));
        this.#fit();
        this.#buttons();
    }

    #fit() {
        this.#field.style.height = "auto";
        this.#field.style.height = `${Math.min(this.#field.scrollHeight, tallest)}px`;
        this.#field.classList.toggle("tall", this.#field.scrollHeight > tallest);
    }

    get #empty() {
        return this.#files === 0 && this.#field.value.trim() === "";
    }

    #buttons() {
        const empty = this.#empty;
        // The answer ends under somebody's finger: what to do next is in the field.
        if (!this.#answering && this.#stop === document.activeElement) this.focus();
        this.#stop.hidden = !this.#answering;
        // While an answer runs Stop stands in its place, unless there is something new to send.
        this.#send.hidden = this.#answering && empty;
        this.#send.disabled = empty || this.#field.disabled || this.#over() > 0;
    }
}
