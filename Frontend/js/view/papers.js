// The documents of one open case: choosing them, sending them, and a card for each in its place in the talk.

/** @import {Correspondence} from "../wire/correspondence.js" */
/** @import {Composer} from "./composer.js" */
import * as model from "../model/documents.js";
import { p, size } from "../i18n/papers.js";
import { uuid, wallClock } from "../wire/clock.js";
import * as decode from "../wire/papers.js";
import { asProblem } from "../wire/api.js";
import { amend, forget, keep, kept } from "../wire/kept.js";
import { hold } from "../wire/page.js";
import { left, upload } from "../wire/upload.js";
import { button, drawn, h, icon } from "./dom.js";
import { Card, words } from "./paper-card.js";
import { Tray } from "./paper-tray.js";

/** Pictures first by name, because some phones convert to the first they see. */
const accept = "image/jpeg,image/png,image/webp,.heic,application/pdf";
const camera = ["M4 8h3l2-3h6l2 3h3v11H4z", "M12 17a4 4 0 1 0 0-8 4 4 0 0 0 0 8z"];

/**
 * A file of this tab: its bytes, where the server has them, what calls it off, and what gives it back to other tabs.
 * @typedef {{blob: Blob, location: string | null, at: number, abort: AbortController, mine: AbortController}} Held
 */

export class Papers {
    #letters;
    #composer;
    #announce;
    #changed;
    #papers = model.none;
    #tray;
    /** @type {Map<string, Card>} */
    #cards = new Map();
    /** @type {Map<string, Held>} */
    #files = new Map();
    /** @type {HTMLElement[]} */
    #buttons = [];
    #sending = false;
    #at = 0;
    #stop;
    /** Bytes the server takes. */
    largest = 50_000_000;

    /** @param {Correspondence} letters @param {Composer} composer @param {(text: string) => void} announce @param {() => void} changed */
    constructor(letters, composer, announce, changed) {
        this.#letters = letters;
        this.#composer = composer;
        this.#announce = announce;
        this.#changed = changed;
        this.#tray = new Tray({
            remove: (key) => this.#forget(key),
            retry: (key) => (this.#change(key, { state: "waiting", sent: 0 }), this.#flush()),
        });
        this.#offer();
        composer.prepend(this.#tray.element, this.#tray.hint);
        composer.onFiles = () => this.#send();
        this.#stop = letters.listen(() => this.#hear());
        this.#hear();
        this.#restore();
    }

    close() {
        this.#stop();
        for (const { abort, mine } of this.#files.values()) {
            abort.abort(left);
            mine.abort();
        }
    }

    /** @param {number} low @param {number} high @returns {HTMLElement[]} */
    cards(low, high) {
        return model.inOrder(this.#papers).filter((one) => one.sequence >= low && one.sequence < high)
            .flatMap((one) => this.#cards.get(one.id)?.element ?? []);
    }

    // ---- choosing ----

    /** The ways in: two buttons with an input each (a phone's camera is the second), dropping, pasting. */
    #offer() {
        const composer = this.#composer, acts = composer.querySelector(".box");
        const files = this.#input("files", { accept, multiple: true });
        const photo = this.#input("camera", { accept: "image/*", capture: "environment" });
        this.#buttons.push(
            button("attach", {
                class: "attach",
                "aria-label": p("attach"),
                title: p("attach"),
                onclick: () => files.click(),
            }, icon("plus")),
        );
        if (matchMedia("(pointer: coarse)").matches) {
            this.#buttons.push(
                button(
                    "camera",
                    { class: "attach", "aria-label": p("camera"), onclick: () => photo.click() },
                    drawn("camera", camera),
                ),
            );
        }
        acts?.prepend(files, photo, ...this.#buttons);
        composer.addEventListener("dragover", (event) => event.preventDefault());
        composer.addEventListener("drop", (event) => {
            event.preventDefault();
            this.#choose(event.dataTransfer?.files);
        });
        composer.addEventListener("paste", (event) => {
            if (event.clipboardData?.files.length) event.preventDefault();
            this.#choose(event.clipboardData?.files);
        });
    }

    /** @param {string} name @param {import("./dom.js").Props} props */
    #input(name, props) {
        const input = h("input", {
            type: "file",
            hidden: true,
            "data-input": name,
            "aria-label": p("attach"),
            ...props,
        });
        input.addEventListener("change", () => {
            this.#choose(input.files);
            input.value = "";
        });
        return input;
    }

    /** @param {FileList | null | undefined} files */
    async #choose(files) {
        if (this.#closed) return;
        this.#tray.say();
        for (const file of files ? [...files] : []) {
            const head = new Uint8Array(await file.slice(0, 16).arrayBuffer().catch(() => new ArrayBuffer(0)));
            const why = model.refusal(file.size, head, this.largest), key = uuid();
            const next = model.chosen(this.#papers, { key, name: file.name, size: file.size });
            if (why || next === this.#papers) {
                this.#tray.say(
                    why === "too_large"
                        ? p("larger", { name: file.name, most: size(this.largest) })
                        : why
                        ? `${file.name}: ${p(model.reason(why))}`
                        : p("full"),
                );
                continue;
            }
            // Later than the one before: it is the order they are shown and sent in, after a reload too.
            this.#at = Math.max(Date.now(), this.#at + 1);
            await this.#add(next, key, { blob: file, location: null, at: this.#at });
            const held = this.#files.get(key);
            if (held) this.#keep(key, file.name, held);
        }
        this.#composer.focusIfKeyboard();
    }

    /**
     * Into this tab's hands; false when another tab has it there.
     * @param {model.Papers} next @param {string} key @param {Pick<Held, "blob" | "location" | "at">} file
     */
    async #add(next, key, file) {
        const mine = new AbortController();
        // Without locks (not a secure context) two tabs may send the same; the server knows the same bytes.
        const free = !navigator.locks ||
            await hold(`curaway.paper.${key}`, { ifAvailable: true }, mine.signal, () => {});
        if (!free) return false;
        this.#papers = next;
        this.#files.set(key, { ...file, abort: new AbortController(), mine });
        this.#draw();
        this.#tray.show(key, file.blob);
        return true;
    }

    /** What a reload interrupted. */
    async #restore() {
        const person = await this.#letters.api.me().catch(() => null);
        if (!person) return;
        for (const one of await kept(person.id, this.#letters.state.caseId, Date.now())) {
            const { key, name, blob } = one, state = one.sent ? "waiting" : "chosen";
            const next = model.chosen(this.#papers, { key, name, size: blob.size }, state);
            if (next !== this.#papers) await this.#add(next, key, one);
        }
        this.#flush();
    }

    /** @param {string} key @param {string} name @param {Held} file */
    async #keep(key, name, { blob, location, at }) {
        const person = await this.#letters.api.me().catch(() => null), caseId = this.#letters.state.caseId;
        const isKept = person &&
            await keep({ key, patient: person.id, caseId, name, location, sent: false, at }, blob);
        const one = this.#papers.uploads.find((one) => one.key === key), now = this.#files.get(key);
        // Called off or even arrived while it was written down; or sent.
        if (!one || !now) forget(key);
        else if (!isKept) this.#tray.say(p("unkept"));
        else if (one.state !== "chosen") amend(key, { sent: true, location: now.location });
    }

    // ---- sending ----

    #send() {
        const keys = this.#papers.uploads.filter(({ state }) => state === "chosen").map(({ key }) => key);
        this.#papers = model.confirmed(this.#papers);
        for (const key of keys) amend(key, { sent: true });
        this.#draw();
        this.#flush();
    }

    /** One after the other: on a bad line two at once would both be late. */
    async #flush() {
        if (this.#sending) return;
        this.#sending = true;
        for (;;) {
            const next = this.#papers.uploads.find((one) => one.state === "waiting");
            const file = next && this.#files.get(next.key);
            if (!next || !file) break;
            this.#change(next.key, { state: "uploading" });
            const known = new Set(file.location === null ? this.#papers.documents.keys() : []);
            try {
                const api = this.#letters.api, { id: patient } = await api.me();
                const ports = { clock: wallClock, random: Math.random, send: api.raw.bind(api) };
                const id = await upload(ports, {
                    patient,
                    caseId: this.#letters.state.caseId,
                    name: next.name,
                    blob: file.blob,
                    location: file.location,
                    placed: (location) => {
                        file.location = location;
                        amend(next.key, { location });
                    },
                    acknowledged: (sent) => this.#change(next.key, { state: "uploading", sent }),
                    stalled: () => this.#change(next.key, { state: "stalled" }),
                }, file.abort.signal);
                this.#forget(next.key);
                if (id !== null && known.has(id)) this.#tray.say(p("already", { name: next.name }));
            } catch (error) {
                if (file.abort.signal.reason === left) return;
                if (file.abort.signal.aborted) this.#forget(next.key);
                else this.#change(next.key, { state: "failed", code: asProblem(error).code });
            }
        }
        this.#sending = false;
    }

    // ---- what is known ----

    get #closed() {
        return this.#letters.state.case?.status === "closed";
    }

    #hear() {
        for (const one of this.#buttons) one.toggleAttribute("disabled", this.#closed);
        const told = [...this.#letters.papers.values()].map(decode.document_).filter((one) => one !== null);
        const next = model.heard(this.#papers, told);
        if (next === this.#papers) return;
        const before = this.#papers.documents;
        this.#papers = next;
        for (const one of next.documents.values()) {
            const old = before.get(one.id);
            if (old === one) continue;
            const card = this.#cards.get(one.id) ?? new Card(this.#letters.api);
            card.show(one);
            this.#cards.set(one.id, card);
            if (old && old.stage !== one.stage) this.#announce(`${one.name}: ${words(one)}`);
        }
        this.#changed();
    }

    /** @param {string} key @param {Parameters<typeof model.changed>[2]} change */
    #change(key, change) {
        this.#papers = model.changed(this.#papers, key, change);
        this.#draw();
    }

    /** @param {string} key */
    #forget(key) {
        const file = this.#files.get(key);
        file?.abort.abort();
        file?.mine.abort();
        this.#files.delete(key);
        forget(key);
        this.#papers = model.gone(this.#papers, key);
        this.#draw();
    }

    #draw() {
        this.#tray.draw(this.#papers.uploads);
        this.#composer.files = model.unsent(this.#papers);
    }
}
