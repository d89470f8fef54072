// Above the field: files that were chosen, and how far those that were sent have come. Names are somebody else's words: text
// nodes, isolated, never more.

/** @import {Upload} from "../model/documents.js" */
import * as model from "../model/documents.js";
import { p, size } from "../i18n/papers.js";
import { button, drawn, h, say, set } from "./dom.js";
import { preview } from "./preview.js";

const sheet = ["M7 3.5h7l4 4v13H7z", "M14 3.5v4h4"];
const cross = ["M6.5 6.5l11 11", "M17.5 6.5l-11 11"];

/**
 * @typedef {object} Wishes
 * @property {(key: string) => void} remove
 * @property {(key: string) => void} retry
 * @property {() => void} leave nothing of the row that had the focus can have it any more
 */

export class Tray {
    element = h("ul", { class: "papers", role: "list" });
    /** What is to be said of files that have no row. */
    hint = h("p", { class: "hint", role: "status" });
    #wishes;
    /** @type {Map<string, Row>} */
    #rows = new Map();
    /** @type {Promise<void>} */
    #shown = Promise.resolve();

    /** @param {Wishes} wishes */
    constructor(wishes) {
        this.#wishes = wishes;
    }

    say(words = "") {
        say(this.hint, words);
    }

    /** @param {readonly Upload[]} uploads */
    draw(uploads) {
        const keys = new Set(uploads.map(({ key }) => key));
        for (const [key, { element }] of this.#rows) {
            if (keys.has(key)) continue;
            this.#rows.delete(key);
            const hadFocus = element.contains(document.activeElement);
            const next = element.nextElementSibling ?? element.previousElementSibling;
            element.remove();
            if (!hadFocus) continue;
            const other = next?.querySelector('[data-action="cancel-upload"]');
            if (other instanceof HTMLElement) other.focus();
            else this.#wishes.leave();
        }
        for (const one of uploads) {
            let row = this.#rows.get(one.key);
            if (!row) {
                row = new Row(one, this.#wishes);
                this.#rows.set(one.key, row);
                this.element.append(row.element);
            }
            row.show(one);
        }
    }

    /**
     * A small picture of it, where there can be one. One after the other: a browser may unpack the whole before it makes it
     * small, and ten photographs at once are more than a phone has.
     * @param {string} key @param {Blob} blob
     */
    show(key, blob) {
        this.#shown = this.#shown.then(async () => {
            if (!this.#rows.has(key) || !this.element.isConnected) return;
            const picture = await preview(blob);
            if (picture) this.#rows.get(key)?.picture.replaceChildren(picture);
        });
    }
}

class Row {
    picture = h("span", { class: "thumb" }, drawn("sheet", sheet));
    #step = h("span", { class: "step" });
    #fill = h("i");
    #bar;
    #retry;
    #remove;
    #leave;
    element;

    /** @param {Upload} one @param {Wishes} wishes */
    constructor({ key, name, size: bytes }, wishes) {
        this.#leave = wishes.leave;
        this.#bar = h("div", {
            class: "progress",
            role: "progressbar",
            "aria-label": name,
            "aria-valuemin": 0,
            "aria-valuemax": 100,
        }, this.#fill);
        this.#retry = button("retry-upload", { class: "plain", onclick: () => wishes.retry(key) }, p("retry"));
        this.#remove = button("cancel-upload", {
            class: "attach",
            "aria-label": p("remove.named", { name }),
            title: p("remove"),
            onclick: () => wishes.remove(key),
        }, drawn("cross", cross));
        this.element = h(
            "li",
            { class: "paper going" },
            this.picture,
            h(
                "div",
                { class: "about" },
                h("bdi", { class: "name", dir: "auto" }, name),
                h("p", {}, h("span", { class: "size" }, size(bytes)), this.#step),
                this.#bar,
            ),
            this.#retry,
            this.#remove,
        );
    }

    /** @param {Upload} one */
    show(one) {
        const percent = model.percent(one), failed = one.state === "failed", arrived = one.state === "arrived";
        const said = failed ? p(model.refused(one.code)) : p(one.state, { percent });
        set(this.element, "data-upload", one.state);
        say(this.#step, one.kept || failed || arrived ? said : `${said}. ${p("unkept")}`);
        set(this.#bar, "aria-valuenow", percent);
        this.#bar.hidden = failed || one.state === "chosen";
        this.#fill.style.inlineSize = `${percent}%`;
        // Before they go: what is hidden has the focus for a moment longer, and then nothing has.
        if (arrived && this.element.contains(document.activeElement)) this.#leave();
        else if (!failed && this.#retry === document.activeElement) this.#remove.focus();
        this.#retry.hidden = !failed;
        this.#remove.hidden = arrived;
    }
}
