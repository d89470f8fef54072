// One open case: what surrounds the timeline, and the parts put together. It shows what the correspondence holds, at
// most once a frame, and decides nothing.

/** @import {Correspondence} from "../wire/correspondence.js" */
/** @import {CareCase, Config, Handling} from "../wire/types.js" */
/** @import {Item} from "../model/timeline.js" */
import { statusWord, t } from "../i18n/language.js";
import { activeReply } from "../model/conversation.js";
import { isBeingWritten, timeline } from "../model/timeline.js";
import { isLost } from "../model/waiting.js";
import * as part from "../model/window.js";
import { Banner } from "./banner.js";
import { Composer } from "./composer.js";
import { button, h, icon, say } from "./dom.js";
import { TimelineList } from "./timeline-list.js";
import { Viewport } from "./viewport.js";

/**
 * @typedef {object} Surroundings
 * @property {Correspondence} correspondence
 * @property {string} patient who is signed in
 * @property {Config | null} config
 * @property {CareCase | null} known what the list knows of it already
 * @property {HTMLElement[]} tools what stands at the end of the header
 * @property {() => void} back
 * @property {(text: string) => void} announce
 */

export class Chat extends HTMLElement {
    #around;
    #letters;
    #title = h("bdi");
    #status = h("p", { class: "status" });
    #notice = h("p", { class: "notice", "data-notice": "demonstration", hidden: true });
    #edge = h("p", { class: "edge", hidden: true });
    #handling = h("p", { class: "handling", role: "status", hidden: true });
    #blank = h("div", { class: "blank" });
    #foot = h("div", { class: "foot" });
    #composer = new Composer();
    /** What stood there when it came is history to it. @type {import("./narrator.js").Narrator | null} */
    #narrator = null;
    /** @type {import("./reading-place.js").ReadingPlace | null} */
    #place = null;
    #banner;
    #list;
    #viewport;
    #frame = false;
    /** @type {(() => void)[]} */
    #cleanup = [];
    /** @type {readonly Item[]} */
    #items = [];
    #part = part.atTheEnd;
    /** The newest place when we began to look: what stands beyond it came while we did. */
    #history = Infinity;

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
            discard: (one) => {
                if (one.clientMessageId) letters.discard(one.clientMessageId);
                this.#composer.focus();
            },
            reconnect: () => letters.wake(true),
        });
        this.#viewport = new Viewport([this.#edge, this.#blank], this.#list.element, {
            answer: () => this.#newest(),
            earlier: () => this.#turn(part.earlier(this.#part, this.#items)),
            later: () => this.#turn(part.later(this.#part, this.#items)),
            latest: () => this.#turn(part.atTheEnd),
            complete: () => this.#part.last === null,
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
        this.#composer.keep(sessionStorage, letters.state.caseId);
        this.#composer.onSend = (text) => {
            letters.send(text);
            this.#viewport.toEnd();
        };
        this.#composer.onStop = () => letters.stop();
        this.#foot.append(this.#viewport.jump, this.#handling, this.#composer);
        this.append(
            this.#header(),
            this.#notice,
            this.#banner.element,
            this.#viewport.element,
            this.#foot,
        );
        this.configure(this.#around.config);
        const beat = setInterval(() => this.#beat(), 500);
        this.#cleanup.push(
            this.#viewport.listen(),
            letters.listen(() => this.#schedule()),
            () => clearInterval(beat),
        );
        this.#draw();
        // The first picture needs neither, so they are not fetched for it.
        Promise.all([import("./narrator.js"), import("./reading-place.js")]).then(
            ([{ Narrator }, { ReadingPlace }]) => {
                if (!this.isConnected) return;
                this.#narrator = new Narrator();
                this.#place = new ReadingPlace(letters, this.#viewport, this.#list, (view) => this.#turn(view));
                this.#cleanup.push(this.#place.close);
                this.#schedule();
            },
            () => {},
        );
        this.#bringPapers();
        // Who came here by key or by ear goes on from here; on a phone the keyboard stays shut.
        if (!this.#composer.focusIfKeyboard()) this.querySelector("h1")?.focus({ preventScroll: true });
    }

    #bringPapers() {
        import("./papers.js").then(({ Papers }) => {
            if (!this.isConnected) return;
            const papers = new Papers(this.#around, this.#composer, this, () => this.#schedule());
            this.#list.papers = papers.cards;
            this.#cleanup.push(papers.close);
        }, () => setTimeout(() => this.isConnected && this.#bringPapers(), 5_000));
    }

    disconnectedCallback() {
        for (const undo of this.#cleanup.splice(0)) undo();
    }

    #header() {
        const { back, tools } = this.#around;
        return h(
            "header",
            { class: "bar" },
            button("back", { class: "tool", "aria-label": t("cases.back"), onclick: back }, icon("back")),
            h("div", { class: "about" }, h("h1", { tabindex: -1 }, this.#title), this.#status),
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
        const { state } = this.#letters, about = state.case ?? this.#around.known;
        const items = this.#items = timeline(state);
        say(this.#title, about ? about.title || t("cases.untitled") : "");
        say(this.#status, about ? statusWord(about.status) : "");
        this.#composer.answering = activeReply(state) !== null;
        this.#composer.closed = about?.status === "closed";
        this.#pass();
        tell(this.#handling, about ? whoAnswers(about.handling) : "", icon("person"));
        if (state.loaded && this.#history === Infinity) this.#history = Math.max(0, ...items.map(settled));
        this.#show();
        this.#beat();
        if (!state.loaded) return;
        const words = this.#narrator?.tell(items) ?? [];
        if (words.length > 0) this.#around.announce(words.join("\n"));
        this.#viewport.begin();
        this.#place?.drawn(items);
    }

    #show() {
        const items = this.#items, now = part.slice(this.#part, items);
        // From here on the first entry is a fixed one, so that what is added below moves nothing above.
        if (this.#part.first === null && this.#letters.state.loaded) {
            this.#part = { ...this.#part, first: items[now.from]?.key ?? null };
        }
        this.#viewport.change(() => this.#list.show(items, now, this.#letters.state.more));
    }

    /** @param {part.View} next @returns {boolean} whether it shows anything else */
    #turn(next) {
        const before = part.slice(this.#part, this.#items), after = part.slice(next, this.#items);
        this.#part = next;
        if (before.from === after.from && before.to === after.to) return false;
        this.#show();
        return true;
    }

    /** The newest entry of somebody else, if it is the last and came while we looked: its first line is to stay. */
    #newest() {
        const last = activeReply(this.#letters.state)?.id ??
            this.#items.findLast((one) => one.sender !== "patient")?.key;
        const item = this.#items.findLast((one) => one.key === last);
        return item && item.sequence > this.#history ? { id: item.key, element: this.#list.entry(item.key) } : null;
    }

    /** Twice a second: what depends on the wall clock. */
    #beat() {
        const now = Date.now(), { lostAt, heardAt } = this.#letters;
        this.#list.tick(now, isLost(lostAt, heardAt, now));
        this.#banner.show(lostAt, now);
    }

    /** What is to be said above the first message, or in the place of them all. */
    #pass() {
        const { state: { older, loaded }, parting } = this.#letters;
        const gone = parting === "gone" || parting === "forbidden";
        tell(this.#edge, older === "idle" ? "" : t(older === "loading" ? "chat.older" : "chat.older_failed"));
        this.#foot.hidden = gone;
        this.#blank.hidden = loaded && !gone;
        if (this.#blank.hidden || this.#blank.classList.contains("nowhere")) return;
        if (gone) {
            this.#blank.className = "empty nowhere";
            const back = h("a", { href: "#/", class: "plain edged" }, t("cases.back"));
            this.#blank.replaceChildren(h("p", { role: "alert" }, t("chat.gone")), back);
        } else if (!this.#blank.firstChild) {
            this.#blank.append(h("p", { class: "unseen" }, t("chat.loading")), h("i"), h("i"), h("i"));
        }
    }
}

/** An answer that is still being written is no history, however far it has come. @param {Item} item */
function settled(item) {
    return isBeingWritten(item) || item.sequence === Infinity ? 0 : item.sequence;
}

/** @param {Handling} handling */
function whoAnswers({ state, by }) {
    if (state === "ai") return "";
    if (state === "requested") return t("handling.requested");
    return by ? t("handling.coordinator_named", { name: by }) : t("handling.coordinator");
}

/** Where there is nothing to say there is no empty line either. */
/** @param {HTMLElement} line @param {string} words @param {Element | null} [sign] */
function tell(line, words, sign = null) {
    line.hidden = words === "";
    if (line.textContent !== words) line.replaceChildren(...sign ? [sign] : [], words);
}
