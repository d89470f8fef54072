// The door. With the development identity it offers the people of the demonstration, with Clerk the way to its page.

/** @import {Person} from "../wire/types.js" */
import { t } from "../i18n/language.js";
import { button, face, h, mark } from "./dom.js";

/**
 * @typedef {object} SignInView
 * @property {readonly Person[] | null} people null: not known yet
 * @property {boolean} elsewhere one signs in on Clerk's page
 * @property {() => void} onEnter
 * @property {boolean} failed
 * @property {boolean} expired
 * @property {(person: Person) => void} onChoose
 * @property {() => void} onReload
 * @property {HTMLElement[]} tools
 */

export class SignIn extends HTMLElement {
    /** @param {SignInView} view */
    show(view) {
        this.replaceChildren(
            h("header", { class: "bar bare" }, ...view.tools),
            h(
                "main",
                { class: "door" },
                mark("logo large"),
                h("p", { class: "brand" }, t("app.name")),
                h("h1", {}, t("sign_in.title")),
                h("p", { class: "lead" }, t("sign_in.lead")),
                view.expired ? h("p", { class: "note", role: "status" }, t("sign_in.expired")) : null,
                this.#choice(view),
            ),
            h("p", { class: "emergency-line" }, t("emergency.line")),
        );
    }

    /** @param {SignInView} view */
    #choice(view) {
        if (view.failed) {
            return h(
                "div",
                { class: "people" },
                h("p", { role: "alert" }, t("sign_in.unavailable")),
                h("button", { type: "button", class: "primary", onclick: view.onReload }, t("again")),
            );
        }
        if (view.elsewhere) {
            return h(
                "div",
                { class: "people" },
                button("sign-in", { class: "primary", onclick: view.onEnter }, t("sign_in.enter")),
            );
        }
        if (!view.people) return h("div", { class: "people", "aria-busy": "true" });
        return h(
            "div",
            { class: "people" },
            h("h2", {}, t("sign_in.choose")),
            ...view.people.filter((one) => one.role === "patient").map((one) =>
                h(
                    "button",
                    { type: "button", class: "person", "data-person": one.id, onclick: () => view.onChoose(one) },
                    face(one.name),
                    h("bdi", {}, one.name),
                )
            ),
            h("p", { class: "hint" }, t("sign_in.development")),
        );
    }
}
