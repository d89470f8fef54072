// The door: it finds out how one signs in here, and lets in. With the development identity it offers the people of the
// demonstration, with Clerk the way to its page; whoever is signed in there already goes straight through.

/** @import {Api} from "../wire/api.js" */
/** @import {Session} from "../wire/session.js" */
/** @import {Person} from "../wire/types.js" */
import { d } from "../i18n/door.js";
import { language, t } from "../i18n/language.js";
import { identity, me, people, signIn } from "../wire/door.js";
import { button, face, h, mark } from "./dom.js";

/**
 * @typedef {object} House
 * @property {Api} api
 * @property {Session} session
 * @property {() => void} left Clerk says that nobody is signed in any more
 * @property {(token: string | null, who: Person) => Promise<void>} welcome
 */

export class SignIn extends HTMLElement {
    #house;
    /** Null: not known yet. @type {readonly Person[] | null} */
    #people = null;
    #failed = false;
    #expired = false;
    /** @type {HTMLElement[]} */
    #tools = [];

    /** @param {House} house */
    constructor(house) {
        super();
        this.#house = house;
    }

    connectedCallback() {
        this.#meet();
    }

    /** @param {boolean} expired one was signed in @param {HTMLElement[]} tools */
    show(expired, tools) {
        this.#expired = expired;
        this.#tools = tools;
        this.#draw();
    }

    #meet() {
        const { api, session, left, welcome } = this.#house;
        return this.#try(async () => {
            const clerk = await identity(api);
            if (!clerk) this.#people = await people(api);
            else {
                await session.join(clerk, left);
                // Clerk tells no language: whoever comes from there keeps the one on the screen.
                if (session.signedIn) await welcome(null, { ...await me(api), language: language() });
            }
        });
    }

    /** @param {Person} person */
    #choose(person) {
        const { api, welcome } = this.#house;
        return this.#try(async () => {
            const { token, person: who } = await signIn(api, person.id);
            await welcome(token, who);
        });
    }

    /** @param {() => Promise<void>} act */
    async #try(act) {
        this.#failed = false;
        await act().catch(() => this.#failed = true);
        this.#draw();
    }

    #draw() {
        this.replaceChildren(
            h("header", { class: "bar bare" }, ...this.#tools),
            h(
                "main",
                { class: "door" },
                mark("logo large"),
                h("p", { class: "brand" }, t("app.name")),
                h("h1", {}, d("title")),
                h("p", { class: "lead" }, d("lead")),
                this.#expired ? h("p", { class: "note", role: "status" }, d("expired")) : null,
                this.#choice(),
            ),
            h("p", { class: "emergency-line" }, t("emergency.line")),
        );
    }

    #choice() {
        const { session } = this.#house;
        if (this.#failed) {
            return h(
                "div",
                { class: "people" },
                h("p", { role: "alert" }, d("unavailable")),
                h("button", { type: "button", class: "primary", onclick: () => this.#meet() }, t("again")),
            );
        }
        if (session.elsewhere) {
            return h(
                "div",
                { class: "people" },
                button(
                    "sign-in",
                    { class: "primary", onclick: () => this.#try(() => session.signIn()) },
                    d("enter"),
                ),
            );
        }
        if (!this.#people) return h("div", { class: "people", "aria-busy": "true" });
        return h(
            "div",
            { class: "people" },
            h("h2", {}, d("choose")),
            ...this.#people.filter((one) => one.role === "patient").map((one) =>
                h(
                    "button",
                    { type: "button", class: "person", "data-person": one.id, onclick: () => this.#choose(one) },
                    face(one.name),
                    h("bdi", {}, one.name),
                )
            ),
            h("p", { class: "hint" }, d("development")),
        );
    }
}
