// The frame around everything: who is signed in, which case is open, and what is on the screen for it. On a narrow
// window the list and the case take turns; on a wide one they stand side by side.

/** @import {Api} from "../wire/api.js" */
/** @import {Correspondence} from "../wire/correspondence.js" */
/** @import {Session} from "../wire/session.js" */
/** @import {CareCase, Config, Person} from "../wire/types.js" */
/** @import {SignIn} from "./sign-in.js" */
import { choose, language, preferred, speak, t } from "../i18n/language.js";
import { uuid } from "../wire/clock.js";
import { listen } from "../wire/page.js";
import { CaseList } from "./cases.js";
import { Chat } from "./chat.js";
import { button, h, icon, mark } from "./dom.js";

/** Who is signed in does not need it at first; it is here before it is needed, because then there may be no network. */
const door = () => import("./sign-in.js");
const fetchDoorAfter = 4_000;

/**
 * @typedef {object} Parts
 * @property {Api} api
 * @property {Session} session
 * @property {(caseId: string) => Correspondence} correspond
 */

export class Shell extends HTMLElement {
    #api;
    #session;
    #correspond;
    /** @type {Config | null} */
    #config = null;
    /** @type {SignIn | null} */
    #door = null;
    /** @type {CareCase[] | null} */
    #cases = null;
    #failed = false;
    #expired = false;
    #notBegun = false;
    /** The same for every attempt, so that a lost answer never makes two cases. @type {string | null} */
    #newCase = null;
    /** @type {Correspondence | null} */
    #open = null;
    #list = new CaseList();
    #announcer = h("div", { class: "unseen", role: "status", "aria-live": "polite", "aria-atomic": "true" });
    #stage = h("div", { class: "stage" });
    #side = h("aside", { class: "side" });
    #wide = matchMedia("(min-width: 900px)");

    /** @param {Parts} parts */
    constructor({ api, session, correspond }) {
        super();
        this.#api = api;
        this.#session = session;
        this.#correspond = correspond;
    }

    connectedCallback() {
        this.append(this.#stage, this.#announcer);
        addEventListener("hashchange", () => this.#route());
        this.#wide.addEventListener("change", () => this.#open ? this.#arrange() : this.#draw());
        listen(() => this.#open);
        document.addEventListener("visibilitychange", () => {
            if (!document.hidden && this.#session.signedIn) this.#load();
        });
        this.#learn();
        this.#route();
        setTimeout(() => door().catch(() => {}), fetchDoorAfter);
    }

    /** The server does not take the token any more. */
    refused() {
        if (!this.#session.signedIn) return;
        this.#session.expire();
        this.#left();
    }

    #left() {
        this.#expired = true;
        this.#route();
    }

    async #learn() {
        try {
            this.#config = await this.#api.config();
            this.querySelectorAll("curaway-chat").forEach((chat) =>
                chat instanceof Chat && chat.configure(this.#config)
            );
        } catch {
            setTimeout(() => this.#learn(), 5_000);
        }
    }

    /** @returns {string | null} */
    #caseId() {
        const match = /^#\/cases\/([^/?]+)/.exec(location.hash);
        return match?.[1] ? decodeURIComponent(match[1]) : null;
    }

    #route() {
        const id = this.#session.signedIn ? this.#caseId() : null;
        if (this.#open && this.#open.state.caseId !== id) {
            this.#open.close();
            this.#open = null;
        }
        if (id && !this.#open) {
            const letters = this.#open = this.#correspond(id);
            letters.listen(() => this.#heard(letters));
        }
        if (this.#session.signedIn) this.#load();
        this.#draw();
    }

    /** The open case tells the list what changed. @param {Correspondence} letters */
    #heard(letters) {
        if (letters.parting === "signed_out") return this.refused();
        const about = letters.state.case;
        if (!about || !this.#cases) return;
        const held = this.#cases.find((one) => one.id === about.id);
        if (held && held.version >= about.version) return;
        this.#cases = [about, ...this.#cases.filter((one) => one.id !== about.id)];
        this.#drawList();
    }

    /** @param {string | null} token @param {Person} who */
    async #welcome(token, who) {
        this.#session.begin(token, who);
        this.#expired = false;
        this.#cases = null;
        await speak(preferred(who.language));
        this.#route();
    }

    async #load() {
        try {
            this.#cases = await this.#api.cases();
            this.#failed = false;
        } catch {
            // Refused, the door is on the screen by now, and there nothing has failed.
            this.#failed = this.#session.signedIn;
        }
        if (this.#session.signedIn) this.#drawList();
    }

    async #signOut() {
        this.#cases = null;
        this.#expired = false;
        location.hash = "#/";
        // Closed first: with Clerk signing out takes a while, and nothing may come in meanwhile.
        this.#open?.close();
        this.#open = null;
        import("../wire/kept.js").then(({ forgetAll }) => forgetAll(), () => {});
        await this.#session.end().catch(() => {});
        this.#route();
    }

    async #begin() {
        const id = this.#newCase ??= uuid();
        try {
            const made = await this.#api.openCase(language(), id);
            this.#newCase = null;
            this.#cases = [made, ...(this.#cases ?? []).filter((one) => one.id !== made.id)];
            location.hash = `#/cases/${encodeURIComponent(made.id)}`;
            this.#notBegun = false;
        } catch {
            this.#notBegun = true;
        }
        this.#drawList();
    }

    /** @param {string} words */
    #announce(words) {
        this.#announcer.textContent = words;
    }

    // ---- drawing ----

    #languageTool() {
        return button("language", {
            class: "tool text",
            lang: language() === "ar" ? "en" : "ar",
            "aria-label": t("language.label"),
            "data-key": "language",
            onclick: async () => {
                await choose(language() === "ar" ? "en" : "ar");
                await this.#draw();
                const again = this.querySelector("[data-action=language]");
                if (again instanceof HTMLElement) again.focus();
            },
        }, t("language.other"));
    }

    #signOutTool() {
        const label = t("sign_out");
        return button("sign-out", {
            class: "tool",
            "data-key": "sign-out",
            "aria-label": label,
            title: label,
            onclick: () => this.#signOut(),
        }, icon("signOut"));
    }

    #drawList() {
        if (!this.#list.isConnected) return;
        this.#list.show({
            cases: this.#cases,
            failed: this.#failed,
            notBegun: this.#notBegun,
            store: sessionStorage,
            open: this.#caseId(),
            onNew: () => this.#begin(),
            onReload: () => this.#load(),
            tools: [this.#languageTool(), this.#signOutTool()],
        });
    }

    async #draw() {
        const letters = this.#open;
        this.#stage.className = "stage";
        if (!this.#session.signedIn) {
            const { SignIn } = await door();
            if (this.#session.signedIn) return;
            if (!customElements.get("curaway-sign-in")) customElements.define("curaway-sign-in", SignIn);
            this.#door ??= new SignIn({
                api: this.#api,
                session: this.#session,
                left: () => this.#left(),
                welcome: (token, who) => this.#welcome(token, who),
            });
            if (!this.#door.isConnected) this.#stage.replaceChildren(this.#door);
            return this.#door.show(this.#expired, [this.#languageTool()]);
        }
        const chat = letters && new Chat({
            correspondence: letters,
            patient: this.#session.person?.id ?? "",
            config: this.#config,
            known: this.#cases?.find((one) => one.id === letters.state.caseId) ?? null,
            tools: [this.#languageTool()],
            back: () => location.hash = "#/",
            announce: (words) => this.#announce(words),
        });
        const empty = () =>
            h(
                "div",
                { class: "empty quiet" },
                mark("logo large"),
                h("p", {}, t("cases.choose")),
                h("p", { class: "emergency-line" }, t("emergency.line")),
            );
        const main = chat ?? (this.#wide.matches ? empty() : this.#list);
        this.#stage.replaceChildren(h("main", { class: "pane" }, main));
        this.#arrange();
    }

    /** The list goes beside what is open, or away: what is open stays as it is, with its place, its focus and its files. */
    #arrange() {
        const wide = this.#wide.matches, at = document.activeElement;
        this.#stage.classList.toggle("wide", wide);
        if (wide) {
            this.#side.append(this.#list);
            this.#stage.prepend(this.#side);
        } else this.#side.remove();
        this.#drawList();
        // What had the focus has gone with the list, or for it.
        const heading = this.#stage.querySelector("main h1");
        if (at?.closest(".side, .tool") && heading instanceof HTMLElement) heading.focus({ preventScroll: true });
    }
}
