// What is said of a broken line: nothing while it is short, then that we are at it, then a way to hurry.

import { t } from "../i18n/language.js";
import { button, h } from "./dom.js";

/** Trouble shorter than this is nobody's business. */
const troubleAfter = 2_000;
/** From here on waiting is no longer the patient's only choice. */
const lostAfter = 8_000;

export class Banner {
    element = h("div", { class: "banner", "data-banner": true, hidden: true, role: "status" });
    #reconnect;

    /** @param {() => void} reconnect */
    constructor(reconnect) {
        this.#reconnect = reconnect;
    }

    /** @param {number | null} lostAt since when nothing comes, if so @param {number} now */
    show(lostAt, now) {
        const lasted = lostAt === null || document.hidden ? 0 : now - lostAt;
        const level = lasted >= lostAfter ? "lost" : lasted >= troubleAfter ? "trouble" : "fine";
        if (this.element.dataset.level === level) return;
        this.element.dataset.level = level;
        this.element.hidden = level === "fine";
        const lost = level === "lost";
        this.element.replaceChildren(
            this.element.hidden ? "" : h("span", {}, t(lost ? "banner.lost" : "banner.reconnecting")),
            lost ? button("reconnect", { class: "plain", onclick: this.#reconnect }, t("banner.now")) : "",
        );
    }
}
