// One open case: what surrounds the timeline, and the parts put together. It shows what the correspondence holds, at
// most once a frame, and decides nothing.

/** @import {Correspondence} from "../wire/correspondence.js" */
/** @import {Config, Handling} from "../wire/types.js" */
import { statusWord, t } from "../i18n/language.js";
import { activeReply } from "../model/conversation.js";
import { timeline } from "../model/timeline.js";
import { Banner } from "./banner.js";
import { Composer } from "./composer.js";
import { h, icon, say } from "./dom.js";
import { Narrator } from "./narrator.js";
import { TimelineList } from "./timeline-list.js";
import { Viewport } from "./viewport.js";

/**
 * @typedef {object} Surroundings
 * @property {Correspondence} correspondence
 * @property {Config | null} config
 * @property {HTMLElement[]} tools what stands at the end of the header
 * @property {(() => void) | null} back
 * @property {(text: string) => void} announce
 */

export class Chat extends HTMLElement {
    #around;
    #letters;
    #title = h("bdi");
    #status = h("p", { class: "status" });
    #notice = h("p", { class: "notice", "data-notice": "demonstration", hidden: true });
    #edge = h("p", { class: "edge", hidden: true });
    #handling = h("p", { class: "handling", hidden: true });
    #composer = new Composer();
    #narrator = new Narrator();
    #banner;
    #list;
    #viewport;
    #frame = false;
    /** @type {(() => void)[]} */
    #cleanup = [];

    /** @param {Surroundings} around */
    constructor(around) {
        super();
        const letters = around.correspondence;
        this.#around = around;
        this.#letters = letters;
        this.#banner = new Banner(() => letters.wake(true));
        this.#list = new TimelineList({
            retry: (one) => letters.retry(one.id),
            sendAgain: (one) => one.clientMessageId && letters.sendAgain(one.clientMessageId),
            discard: (one) => one.clientMessageId && letters.discard(one.clientMessageId),
        });
        this.#viewport = new Viewport(this.#edge, this.#list.element, {
            answer: () => {
                const reply = activeReply(letters.state);
                return reply && { id: reply.id, element: this.#list.entry(reply.id) };
            },
            older: () => letters.older(),
        });
    }

    /** What the server is able to do; it may be known later than the case. @param {Config | null} config */
    configure(config) {
        if (!config) return;
        this.#composer.limit = config.message_characters;
        this.#notice.hidden = config.advice !== "demonstration";
        this.#notice.replaceChildren(icon("alert"), h("span", {}, t("notice.demonstration")));
    }

    connectedCallback() {
        const letters = this.#letters;
        this.#composer.draftKey = `curaway.draft.${letters.state.caseId}`;
        this.#composer.onSend = (text) => {
            letters.send(text);
            this.#viewport.toEnd();
        };
        this.#composer.onStop = () => letters.stop();
        this.append(
            this.#header(),
            this.#notice,
            this.#banner.element,
            this.#viewport.element,
            h("div", { class: "foot" }, this.#viewport.jump, this.#handling, this.#composer),
        );
        this.configure(this.#around.config);
        const beat = setInterval(() => this.#beat(), 500);
        this.#cleanup.push(
            this.#viewport.listen(),
            letters.listen(() => this.#schedule()),
            () => clearInterval(beat),
        );
        this.#draw();
        this.#composer.focusIfKeyboard();
    }

    disconnectedCallback() {
        for (const undo of this.#cleanup.splice(0)) undo();
    }

    #header() {
        const { back, tools } = this.#around;
        const props = { type: "button", class: "tool", "data-action": "back", "aria-label": t("cases.back") };
        return h(
            "header",
            { class: "bar" },
            back && h("button", { ...props, onclick: back }, icon("back")),
            h("div", { class: "about" }, h("h1", {}, this.#title), this.#status),
            ...tools,
        );
    }

    // ---- drawing ----

    #schedule() {
        if (this.#frame) return;
        this.#frame = true;
        const run = () => {
            this.#frame = false;
            if (this.isConnected) this.#draw();
        };
        // Frames do not come to a hidden page; its words shall be there when somebody looks.
        if (document.hidden) setTimeout(run, 200);
        else requestAnimationFrame(run);
    }

    #draw() {
        const { state, parting } = this.#letters, about = state.case, items = timeline(state);
        say(this.#title, about ? about.title || t("cases.untitled") : "");
        say(this.#status, about ? statusWord(about.status) : "");
        this.#composer.answering = activeReply(state) !== null;
        this.#composer.closed = about?.status === "closed" || parting === "gone";
        tell(this.#edge, this.#beyond());
        tell(this.#handling, about ? whoAnswers(about.handling) : "");
        this.#viewport.change(() => this.#list.show(items));
        this.#beat();
        if (!state.loaded) return;
        for (const words of this.#narrator.tell(items)) this.#around.announce(words);
        this.#viewport.begin();
    }

    /** Twice a second: what depends on the wall clock. */
    #beat() {
        const now = Date.now();
        this.#list.tick(now);
        this.#banner.show(this.#letters.lostAt, now);
    }

    /** What is to be said above the first message. */
    #beyond() {
        const { state: { older, loaded }, parting } = this.#letters;
        if (parting === "gone" || parting === "forbidden") return t("chat.gone");
        if (!loaded) return t("chat.loading");
        if (older === "idle") return "";
        return t(older === "loading" ? "chat.older" : "chat.older_failed");
    }
}

/** @param {Handling} handling */
function whoAnswers({ state, by }) {
    if (state === "ai") return "";
    if (state === "requested") return t("handling.requested");
    return by ? t("handling.coordinator_named", { name: by }) : t("handling.coordinator");
}

/** Where there is nothing to say there is no empty line either. @param {HTMLElement} line @param {string} words */
function tell(line, words) {
    line.hidden = words === "";
    say(line, words);
}
