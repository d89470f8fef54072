// The patient's cases, last changed first.

/** @import {CareCase} from "../wire/types.js" */
/** @import {Store} from "../model/outbox.js" */
import { day, midnight, statusWord, t, timeOfDay } from "../i18n/language.js";
import { draftOf, pendingOf } from "../model/outbox.js";
import { button, h, icon, mark } from "./dom.js";

/**
 * @typedef {object} CasesView
 * @property {readonly CareCase[] | null} cases null: not known yet
 * @property {boolean} failed
 * @property {boolean} notBegun a new one was asked for and could not be had
 * @property {Store} store where drafts and unsent words lie
 * @property {string | null} open
 * @property {() => void} onNew
 * @property {() => void} onReload
 * @property {HTMLElement[]} tools
 */

export class CaseList extends HTMLElement {
    /** @param {CasesView} view */
    show(view) {
        const held = this.contains(document.activeElement) ? document.activeElement?.getAttribute("data-key") : null;
        this.replaceChildren(
            h(
                "header",
                { class: "bar" },
                mark("logo"),
                h("p", { class: "brand" }, t("app.name")),
                ...view.tools,
            ),
            h("h1", {}, t("cases.title")),
            this.#content(view),
            h(
                "div",
                { class: "begin" },
                view.notBegun ? h("p", { class: "problem", role: "alert" }, t("cases.not_begun")) : null,
                button(
                    "new-case",
                    { class: "primary", "data-key": "new", onclick: view.onNew },
                    icon("plus"),
                    t("cases.new"),
                ),
            ),
            h("p", { class: "emergency-line" }, t("emergency.line")),
        );
        // Drawn anew under somebody's hands: the focus stays on what has the same meaning.
        const again = held && this.querySelector(`[data-key="${CSS.escape(held)}"]`);
        if (again instanceof HTMLElement) again.focus({ preventScroll: true });
    }

    /** @param {CasesView} view @returns {HTMLElement} */
    #content(view) {
        if (view.failed && !view.cases) {
            return h(
                "div",
                { class: "empty" },
                h("p", { role: "alert" }, t("cases.failed")),
                button(
                    "again",
                    { class: "plain edged", "data-key": "again", onclick: view.onReload },
                    icon("retry"),
                    t("again"),
                ),
            );
        }
        if (!view.cases) {
            return h(
                "div",
                { class: "blank rows", role: "status", "aria-label": t("cases.loading") },
                h("i"),
                h("i"),
                h("i"),
            );
        }
        if (view.cases.length === 0) {
            return h(
                "div",
                { class: "empty first" },
                mark("logo large"),
                h("h2", {}, t("cases.empty")),
                h("p", {}, t("cases.empty_lead")),
            );
        }
        return h(
            "nav",
            { "aria-label": t("cases.title") },
            h("ul", { class: "cases" }, ...view.cases.map((one) => row(one, view))),
        );
    }
}

/** @param {CareCase} one @param {CasesView} view */
function row(one, { open, store }) {
    const at = Date.parse(one.updated_at);
    const when = Number.isNaN(at) ? "" : midnight(at) === midnight(Date.now()) ? timeOfDay(at) : day(at, Date.now());
    const link = {
        href: `#/cases/${encodeURIComponent(one.id)}`,
        "data-case": one.id,
        "data-key": one.id,
        "aria-current": one.id === open ? "page" : null,
    };
    return h(
        "li",
        {},
        h(
            "a",
            link,
            h(
                "span",
                { class: "row" },
                h("strong", {}, h("bdi", {}, one.title || t("cases.untitled"))),
                h("time", {}, when),
            ),
            h("span", { class: "excerpt", dir: "auto" }, ...excerpt(one, store)),
            h("span", { class: "status" }, statusWord(one.status)),
        ),
    );
}

/** What is unfinished here comes before what was said last. @param {CareCase} one @param {Store} store */
function excerpt({ id, last_message }, store) {
    const unsent = pendingOf(store, id).at(-1);
    if (unsent) return [h("span", { class: "problem" }, t("cases.unsent"), ": "), unsent.body];
    const draft = draftOf(store, id).trim();
    if (draft !== "") return [h("span", { class: "problem" }, t("cases.draft"), " "), draft];
    return [(last_message ?? "").replace(/[*_`#>]+/g, "")];
}
