// One document in the talk: what it is, how far it has been read, and what was read. Names and passages are somebody else's
// words: text nodes, isolated, never more.

/** @import {Api} from "../wire/api.js" */
/** @import {Document_} from "../model/documents.js" */
import * as model from "../model/documents.js";
import { date, p, size } from "../i18n/papers.js";
import { requestTimeout } from "../wire/api.js";
import * as decode from "../wire/papers.js";
import { button, h, say } from "./dom.js";

/** An original has so long to come, in milliseconds. */
const fileTimeout = 10 * 60 * 1000;

/** @param {Document_} one */
export function words(one) {
    const said = p(model.step(one), { page: one.page, pages: one.pages });
    return one.stage === "failed" || one.stage === "rejected" ? `${said} – ${p(model.reason(one.code))}` : said;
}

export class Card {
    #api;
    #base = "";
    #name = h("bdi", { class: "name", dir: "auto" });
    #kind = h("span", { class: "kind" });
    #size = h("span", { class: "size" });
    #step = h("p", { class: "step" });
    #virus = h("p");
    #read = h("div");
    /** What became of a request of this card, when it was not well. */
    #error = h("p", { class: "error", role: "alert", hidden: true });
    #details = h("details", { hidden: true }, h("summary", {}, p("open")), this.#virus, this.#read);
    #retry = button(
        "retry-document",
        { class: "plain", onclick: () => this.#ask("/retry", { method: "POST" }) },
        p("retry"),
    );
    #delete = button("delete-document", {
        class: "plain",
        onclick: () => confirm(p("sure")) && this.#ask("", { method: "DELETE" }),
    }, p("delete"));
    element = h(
        "li",
        { class: "paper", tabindex: -1 },
        this.#name,
        this.#kind,
        this.#size,
        this.#step,
        this.#details,
        this.#error,
        this.#retry,
        this.#delete,
    );

    /** @param {Api} api */
    constructor(api) {
        this.#api = api;
        this.#details.addEventListener("toggle", () => this.#details.open && this.#open());
    }

    /** @param {Document_} one */
    show(one) {
        this.#base = `/api/v1/patients/${encodeURIComponent(one.patient_id)}/documents/${encodeURIComponent(one.id)}`;
        this.element.dataset.document = one.id;
        this.element.dataset.stage = one.stage;
        say(this.#name, one.name);
        say(this.#kind, one.kind ? p(`kind.${one.kind}`) : "");
        say(this.#size, one.stage === "deleted" ? "" : size(one.bytes));
        say(this.#step, words(one));
        say(this.#virus, p(one.virus_scanned ? "scanned" : "unscanned"));
        this.#trouble(false);
        this.#give(this.#details, one.stage === "ready");
        this.#give(this.#retry, one.stage === "failed" && one.retryable);
        this.#give(this.#delete, one.stage !== "deleted");
        say(this.#delete, p(model.isBusy(one) ? "cancel" : "delete"));
        if (one.stage === "deleted") this.#read.replaceChildren();
    }

    /** A part of it, or no longer: before that the focus leaves it, since afterwards nothing tells that it was there. */
    /** @param {HTMLElement} part @param {boolean} is */
    #give(part, is) {
        if (!is && part.contains(document.activeElement)) this.element.focus();
        part.hidden = !is;
    }

    /** @param {boolean} is */
    #trouble(is) {
        this.#error.hidden = !is;
        say(this.#error, is ? p("request.failed") : "");
    }

    /** @param {string} path @param {{method?: string}} [init] @param {number} [patience] milliseconds @returns {Promise<Response | null>} null, and said so, when it was not well */
    async #ask(path, init = {}, patience = requestTimeout) {
        this.#trouble(false);
        const signal = AbortSignal.timeout(patience), headers = { Accept: "application/json" };
        const response = await this.#api.raw(this.#base + path, { headers, signal, ...init }).catch(() => null);
        if (response?.ok) return response;
        this.#trouble(true);
        return null;
    }

    async #open() {
        this.#read.replaceChildren(p("opening"));
        try {
            const said = decode.extraction(await (await this.#ask("?text=none"))?.json());
            const save = button("original", { class: "plain", onclick: () => this.#save() }, p("original"));
            this.#read.replaceChildren(h("p", { class: "advice" }, p("advice")), ...sections(said), save);
        } catch {
            this.#trouble(true);
        }
        if (!this.#error.hidden) this.#read.replaceChildren(p("unopened"));
    }

    /** The token travels in a header, so a link alone would not do. */
    async #save() {
        const blob = await (await this.#ask("/file", {}, fileTimeout))?.blob().catch(() => null);
        if (!blob) return this.#trouble(true);
        const href = URL.createObjectURL(blob);
        h("a", { href, download: this.#name.textContent }).click();
        setTimeout(() => URL.revokeObjectURL(href), 60_000);
    }
}

/** @param {decode.Extraction | null} said @returns {HTMLElement[]} */
function sections(said) {
    if (!said) return [];
    const heads = /** @type {const} */ (["date", "issuer"]).flatMap((name) => {
        const quote = said[name];
        return quote ? [h("h3", {}, p(name)), entry(name === "date" ? date(quote.value) : quote.value, quote)] : [];
    });
    const groups = ["finding", "medicine", "allergy", "measurement"].flatMap((category) => {
        const items = said.items.filter((one) => one.category === category);
        if (items.length === 0) return [];
        return [
            h("h3", {}, p(category)),
            ...items.map((one) => entry([one.name, one.value, one.unit].filter(Boolean).join(" "), one, one.reference)),
        ];
    });
    return [...heads, ...groups];
}

/** @param {string} what @param {decode.Quote | decode.Finding} quote @param {string} [reference] */
function entry(what, { page, passage, uncertain }, reference) {
    // A range reads from low to high in Arabic too; left to the bidirectional algorithm it would show "15.5 - 12.0".
    const range = reference && h("span", { class: "range" }, `${p("reference")} `, h("bdi", { dir: "ltr" }, reference));
    return h(
        "div",
        { class: "quote" },
        h("bdi", { class: "what", dir: "auto" }, what),
        range || null,
        uncertain ? h("em", { class: "check" }, p("check")) : null,
        h("blockquote", {}, h("bdi", { dir: "auto" }, passage), h("small", {}, p("page", { page }))),
    );
}
