// The patient's cases, last changed first.

/** @import {CareCase} from "../wire/types.js" */
import { day, midnight, statusWord, t, timeOfDay } from "../i18n/language.js";
import { h, icon, mark } from "./dom.js";

/**
 * @typedef {object} CasesView
 * @property {readonly CareCase[] | null} cases null: not known yet
 * @property {boolean} failed
 * @property {string | null} open
 * @property {() => void} onNew
 * @property {() => void} onReload
 * @property {HTMLElement[]} tools
 */

export class CaseList extends HTMLElement {
    /** @param {CasesView} view */
    show(view) {
        const focused = document.activeElement instanceof HTMLElement && this.contains(document.activeElement)
            ? document.activeElement.dataset.case ?? null
            : null;
        this.replaceChildren(
            h(
                "header",
                { class: "bar" },
                mark("logo"),
                h("p", { class: "brand" }, t("app.name")),
                ...view.tools,
            ),
            h(
                "div",
                { class: "list-head" },
                h("h2", {}, t("cases.title")),
                h(
                    "button",
                    { type: "button", class: "primary", "data-action": "new-case", onclick: view.onNew },
                    icon("plus"),
                    t("cases.new"),
                ),
            ),
            this.#content(view),
            h("p", { class: "emergency-line" }, t("emergency.line")),
        );
        if (focused) this.querySelector(`a[data-case="${CSS.escape(focused)}"]`)?.dispatchEvent(new Event("refocus"));
    }

    /** @param {CasesView} view @returns {HTMLElement} */
    #content(view) {
        if (view.failed && !view.cases) {
            return h(
                "div",
                { class: "empty" },
                h("p", {}, t("cases.failed")),
                h("button", { type: "button", class: "plain", onclick: view.onReload }, t("again")),
            );
        }
        if (!view.cases) return h("div", { class: "empty", "aria-busy": "true" });
        if (view.cases.length === 0) {
            return h("div", { class: "empty" }, h("h3", {}, t("cases.empty")), h("p", {}, t("cases.empty_lead")));
        }
        return h(
            "nav",
            { "aria-label": t("cases.title") },
            h("ul", { class: "cases" }, ...view.cases.map((one) => row(one, view.open))),
        );
    }
}

/** @param {CareCase} one @param {string | null} open */
function row(one, open) {
    const at = Date.parse(one.updated_at);
    const when = Number.isNaN(at) ? "" : midnight(at) === midnight(Date.now()) ? timeOfDay(at) : day(at, Date.now());
    const link = h(
        "a",
        {
            href: `#/cases/${encodeURIComponent(one.id)}`,
            "data-case": one.id,
            "aria-current": one.id === open ? "page" : null,
            onrefocus: () => link.focus({ preventScroll: true }),
        },
        h(
            "span",
            { class: "row" },
            h("strong", {}, h("bdi", {}, one.title || t("cases.untitled"))),
            h("time", {}, when),
        ),
        h("span", { class: "excerpt", dir: "auto" }, (one.last_message ?? "").replace(/[*_`#>]+/g, "")),
        h("span", { class: "status" }, statusWord(one.status)),
    );
    return h("li", {}, link);
}
