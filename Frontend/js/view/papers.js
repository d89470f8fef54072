// The documents of one open case: choosing them, sending them, and a card for each in its place in the talk.

/** @import {Surroundings} from "./chat.js" */
/** @import {Composer} from "./composer.js" */
import * as model from "../model/documents.js";
import { isolated, p, size } from "../i18n/papers.js";
import { uuid, wallClock } from "../wire/clock.js";
import * as decode from "../wire/papers.js";
import { asProblem } from "../wire/api.js";
import { amend, forget, keep, kept } from "../wire/kept.js";
import { hold } from "../wire/page.js";
import { cancel, left, upload } from "../wire/upload.js";
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
    #patient;
    #composer;
    #announce;
    #changed;
    #ports;
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
    /** Nobody looks at it any more; what still awaits something is to do nothing more. */
    #left = false;
    #stop;
    /** Bytes the server takes; while that is not known it says so itself. */
    #largest;

    /**
     * @param {Surroundings} around @param {Composer} composer @param {HTMLElement} place where files may be dropped
     * @param {() => void} changed cards have come or gone
     */
    constructor({ correspondence: letters, patient, announce, config }, composer, place, changed) {
        const { api } = letters;
        this.#letters = letters;
        this.#patient = patient;
        this.#composer = composer;
        this.#announce = announce;
        this.#changed = changed;
        this.#largest = config?.document_bytes ?? Infinity;
        this.#ports = { clock: wallClock, random: Math.random, send: api.raw.bind(api) };
        this.#tray = new Tray({
            remove: (key) => this.#remove(key),
            retry: (key) => (this.#change(key, { state: "waiting", sent: 0 }), this.#flush()),
            leave: () => this.#buttons[0]?.focus(),
        });
        this.#offer(place);
        composer.prepend(this.#tray.element, this.#tray.hint);
        composer.onFiles = () => this.#send();
        this.#stop = letters.listen(() => this.#hear());
        letters.awaited = () => !this.#left && model.isAwaited(this.#papers);
        this.#hear();
        this.#restore();
    }

    close = () => {
        this.#left = true;
        this.#stop();
        for (const { abort, mine } of this.#files.values()) {
            abort.abort(left);
            mine.abort();
        }
    };

    /** @param {number} low @param {number} high @returns {HTMLElement[]} */
    cards = (low, high) =>
        model.inOrder(this.#papers).filter((one) => one.sequence >= low && one.sequence < high)
            .flatMap((one) => this.#cards.get(one.id)?.element ?? []);

    // ---- choosing ----

    /** The ways in: two buttons with an input each (a phone's camera is the second), dropping, pasting. @param {HTMLElement} place */
    #offer(place) {
        const composer = this.#composer;
        const files = this.#input("files", { accept, multiple: true });
        const photo = this.#input("camera", { accept: "image/*", capture: "environment" });
        const label = p("attach");
        this.#buttons.push(
            button(
                "attach",
                { class: "attach", "aria-label": label, title: label, onclick: () => files.click() },
                icon("plus"),
            ),
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
        composer.querySelector(".box")?.prepend(files, photo, ...this.#buttons);
        // Text that is dragged or pasted is the field's own; Word and Excel put a picture of the text beside it.
        place.addEventListener("dragover", (event) => {
            if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
        });
        place.addEventListener("drop", (event) => {
            if (!event.dataTransfer?.types.includes("Files")) return;
            event.preventDefault();
            this.#choose(event.dataTransfer.files);
        });
        composer.addEventListener("paste", (event) => {
            const pasted = event.clipboardData;
            if (!pasted || pasted.files.length === 0 || pasted.types.includes("text/plain")) return;
            event.preventDefault();
            this.#choose(pasted.files);
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

    /** @param {FileList | null} files */
    async #choose(files) {
        const list = files ? [...files] : [], refused = [];
        if (this.#closed || list.length === 0) return;
        this.#tray.say();
        for (const file of list) {
            const head = await file.slice(0, 16).arrayBuffer().catch(() => null);
            const why = head ? model.refusal(file.size, new Uint8Array(head), this.#largest) : "unreadable";
            if (why) {
                const most = size(this.#largest), said = why === "too_large" ? "larger" : model.reason(why);
                refused.push(`${isolated(file.name)}: ${p(said, { most })}`);
                continue;
            }
            // Later than the one before: it is the order they are shown and sent in, after a reload too.
            this.#at = Math.max(Date.now(), this.#at + 1);
            const key = uuid(), at = this.#at, { name } = file;
            const held = await this.#add({ key, name, blob: file, location: null, at }, "chosen");
            if (this.#left) return;
            if (held) this.#keep(key, name, held);
            else {
                refused.push(p("full"));
                break;
            }
        }
        this.#tray.say(refused.join("\n"));
        this.#composer.focusIfKeyboard();
    }

    /**
     * Into this tab's hands; null when another tab has it there, or there is no room.
     * @param {{key: string, name: string} & Pick<Held, "blob" | "location" | "at">} file @param {model.UploadState} state
     * @returns {Promise<Held | null>}
     */
    async #add({ key, name, blob, location, at }, state) {
        const mine = new AbortController();
        // Without locks (not a secure context) two tabs may send the same; the server knows the same bytes.
        const free = !navigator.locks ||
            await hold(`curaway.paper.${key}`, { ifAvailable: true }, mine.signal, () => {});
        const next = model.chosen(this.#papers, { key, name, size: blob.size }, state);
        if (!free || this.#left || next === this.#papers) {
            mine.abort();
            return null;
        }
        const held = { blob, location, at, abort: new AbortController(), mine };
        this.#papers = next;
        this.#files.set(key, held);
        this.#draw();
        this.#tray.show(key, blob);
        return held;
    }

    /** What a reload interrupted. */
    async #restore() {
        const { found, forgotten } = await kept(this.#patient, this.#letters.state.caseId, Date.now());
        if (this.#left) return;
        if (forgotten.length > 0) this.#tray.say(forgotten.map((name) => p("forgotten", { name })).join("\n"));
        for (const one of found) {
            await this.#add(one, one.sent ? "waiting" : "chosen");
            if (this.#left) return;
        }
        this.#flush();
    }

    /** @param {string} key @param {string} name @param {Held} file */
    async #keep(key, name, { blob, location, at }) {
        const patient = this.#patient, { caseId } = this.#letters.state;
        const isKept = await keep({ key, patient, caseId, name, location, sent: false, at }, blob);
        const one = this.#papers.uploads.find((one) => one.key === key), now = this.#files.get(key);
        // Removed or even arrived while it was written down; or sent.
        if (!one || !now) forget(key);
        else if (one.state !== "chosen") amend(key, { sent: true, location: now.location });
        if (one && !isKept) this.#change(key, { kept: false });
    }

    // ---- sending ----

    #send() {
        for (const { key, state } of this.#papers.uploads) if (state === "chosen") amend(key, { sent: true });
        this.#papers = model.confirmed(this.#papers);
        this.#draw();
        this.#flush();
    }

    /** One after the other: on a bad line two at once would both be late. */
    async #flush() {
        if (this.#sending || this.#left) return;
        this.#sending = true;
        for (;;) {
            const next = this.#papers.uploads.find((one) => one.state === "waiting" && this.#files.has(one.key));
            const file = next && this.#files.get(next.key);
            if (!next || !file) break;
            await this.#upload(next, file);
            if (this.#left) return;
        }
        this.#sending = false;
    }

    /** @param {model.Upload} one @param {Held} file */
    async #upload({ key, name }, file) {
        this.#change(key, { state: "uploading" });
        const known = new Set(file.location === null ? this.#papers.documents.keys() : []);
        try {
            const id = await upload(this.#ports, {
                patient: this.#patient,
                caseId: this.#letters.state.caseId,
                name,
                blob: file.blob,
                location: file.location,
                placed: (location) => {
                    file.location = location;
                    amend(key, { location });
                },
                acknowledged: (sent) => this.#change(key, { state: "uploading", sent }),
                stalled: () => this.#change(key, { state: "stalled" }),
            }, file.abort.signal);
            this.#release(key);
            this.#papers = model.arrived(this.#papers, key, id);
            this.#draw();
            if (id !== null && known.has(id)) this.#tray.say(p("already", { name }));
        } catch (error) {
            if (file.abort.signal.aborted) return; // removed, or left
            const { code } = asProblem(error);
            this.#change(key, { state: "failed", code });
            this.#announce(`${isolated(name)}: ${p(model.refused(code))}`);
        }
    }

    /** @param {string} key */
    #remove(key) {
        const file = this.#files.get(key), one = this.#papers.uploads.find((one) => one.key === key);
        // One that is being sent is called off by its upload, which knows where it is.
        const isSending = one?.state === "uploading" || one?.state === "stalled";
        if (file?.location && !isSending) cancel(this.#ports, file.location);
        this.#release(key);
        this.#papers = model.gone(this.#papers, key);
        this.#draw();
    }

    /** Its bytes are kept no longer. @param {string} key */
    #release(key) {
        const file = this.#files.get(key);
        file?.abort.abort();
        file?.mine.abort();
        this.#files.delete(key);
        forget(key);
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
            if (old && old.stage !== one.stage) this.#announce(`${isolated(one.name || old.name)}: ${words(one)}`);
        }
        this.#draw();
        this.#changed();
    }

    /** @param {string} key @param {Parameters<typeof model.changed>[2]} change */
    #change(key, change) {
        this.#papers = model.changed(this.#papers, key, change);
        this.#draw();
    }

    #draw() {
        this.#tray.draw(this.#papers.uploads);
        this.#composer.files = model.unsent(this.#papers);
    }
}
