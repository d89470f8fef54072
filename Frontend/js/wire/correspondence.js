// One patient's side of one case: it holds the conversation's state, keeps it in step with the server by snapshot and
// stream, and sees to it that what was written is sent, once, in order, however often the way there breaks.

/** @import {Api} from "./api.js" */
/** @import {Clock} from "./clock.js" */
/** @import {Parting} from "./stream.js" */
/** @import {Action, Conversation, Pending} from "../model/conversation.js" */
import { activeReply, initial, oldestSequence, reduce, sending } from "../model/conversation.js";
import { delay } from "../model/backoff.js";
import { asProblem } from "./api.js";
import { CaseStream } from "./stream.js";

/** A send is tried this often before it asks the patient what to do. */
export const sendAttempts = 2;
/** While the stream is away and an answer is expected, the snapshot is asked this often. */
export const pollEvery = 3_000;

/**
 * @typedef {object} Ports
 * @property {Api} api
 * @property {Clock} clock
 * @property {() => number} random
 * @property {() => string} uuid
 * @property {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage
 * @property {() => boolean} hidden is nobody looking?
 */

export class Correspondence {
    #ports;
    #key;
    #state;
    #closed = false;
    #sending = false;
    #syncFailures = 0;
    #cursorWanted = true;
    #syncPaused = false;
    /** @type {Set<() => void>} */
    #listeners = new Set();
    /** @type {() => void} */
    #callOffSync = () => {};
    /** @type {() => void} */
    #callOffPoll = () => {};
    /** Whether bytes flow; null until we know. @type {boolean | null} */
    live = null;
    /** Since when they do not. @type {number | null} */
    lostAt = null;
    /** Why there will be nothing more. @type {Parting | null} */
    parting = null;

    /** @param {string} caseId @param {Ports} ports */
    constructor(caseId, ports) {
        this.#ports = ports;
        this.#key = `curaway.outbox.${caseId}`;
        this.#state = initial(caseId);
        this.stream = new CaseStream({
            open: (cursor, signal) => ports.api.events(caseId, cursor, signal),
            onEvent: (event) => this.#dispatch({ type: "event", event, at: ports.clock.now() }),
            onLive: (live) => this.#liveness(live),
            onInvalidCursor: () => {
                this.#cursorWanted = true;
                this.#dispatch({ type: "stale" });
            },
            onEnd: (why) => {
                this.parting = why;
                this.#tell();
            },
            clock: ports.clock,
            random: ports.random,
        });
        this.#dispatch({ type: "restored", pending: this.#stored() });
    }

    /** @returns {Conversation} */
    get state() {
        return this.#state;
    }

    /** @param {() => void} listener @returns {() => void} how to stop listening */
    listen(listener) {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
    }

    /** @param {string} text */
    send(text) {
        const body = text.trim();
        if (body === "") return;
        this.#dispatch({ type: "send", clientMessageId: this.#ports.uuid(), body, at: this.#ports.clock.now() });
        this.#flush();
    }

    /** @param {string} clientMessageId */
    sendAgain(clientMessageId) {
        this.#dispatch({ type: "send.again", clientMessageId });
        this.#flush();
    }

    /** @param {string} clientMessageId */
    discard(clientMessageId) {
        this.#dispatch({ type: "send.discarded", clientMessageId });
    }

    async stop() {
        const reply = activeReply(this.#state);
        if (!reply || reply.stopping) return;
        this.#dispatch({ type: "stop.asked", replyId: reply.id });
        try {
            const result = await this.#ports.api.reply(this.#state.caseId, reply.id, "stop");
            this.#dispatch({ type: "reply", reply: result, at: this.#ports.clock.now() });
        } catch {
            this.#dispatch({ type: "stop.failed", replyId: reply.id });
            this.#dispatch({ type: "stale" });
        }
    }

    /** @param {string} replyId */
    async retry(replyId) {
        try {
            const result = await this.#ports.api.reply(this.#state.caseId, replyId, "retry");
            this.#dispatch({ type: "reply", reply: result, at: this.#ports.clock.now() });
        } catch {
            this.#dispatch({ type: "stale" }); // somebody was quicker, or it cannot be: see what is so
        }
    }

    async older() {
        const before = oldestSequence(this.#state);
        if (!this.#state.more || this.#state.older === "loading" || before === null) return;
        this.#dispatch({ type: "older.began" });
        try {
            this.#dispatch({ type: "older", page: await this.#ports.api.older(this.#state.caseId, before) });
        } catch {
            this.#dispatch({ type: "older.failed" });
        }
    }

    /** Somebody is looking again. @param {boolean} [anew] the old connection is certainly gone */
    wake(anew = false) {
        if (this.#closed || this.parting) return;
        if (this.#state.loaded) this.stream.wake(anew);
        else this.#sync();
        this.#flush();
    }

    rest() {
        this.stream.rest();
    }

    close() {
        this.#closed = true;
        this.stream.end();
        this.#callOffSync();
        this.#callOffPoll();
        this.#listeners.clear();
    }

    // ---- inside ----

    /** @param {Action} action */
    #dispatch(action) {
        if (this.#closed) return;
        const before = this.#state;
        this.#state = reduce(before, action);
        if (this.#state === before) return;
        if (this.#state.pending !== before.pending) this.#store();
        if (this.#state.stale && !this.#state.syncing && !this.#syncPaused) this.#sync();
        this.#tell();
    }

    #tell() {
        for (const listener of this.#listeners) listener();
    }

    /** @param {boolean} live */
    #liveness(live) {
        if (live === this.live) return;
        this.live = live;
        this.lostAt = live ? null : this.#ports.clock.now();
        if (live) this.#flush();
        else this.#poll();
        this.#tell();
    }

    async #sync() {
        if (this.#closed || this.#state.syncing) return;
        this.#callOffSync();
        this.#syncPaused = false;
        this.#dispatch({ type: "sync.began" });
        try {
            const snapshot = await this.#ports.api.snapshot(this.#state.caseId);
            if (this.#closed) return;
            this.#syncFailures = 0;
            this.#dispatch({ type: "snapshot", snapshot, at: this.#ports.clock.now() });
            if (this.#cursorWanted) {
                this.#cursorWanted = false;
                this.stream.resume(snapshot.cursor);
            }
            this.#flush();
        } catch (error) {
            if (this.#closed) return;
            const problem = asProblem(error);
            if (!problem.transient) {
                this.parting = problem.status === 401 ? "signed_out" : "gone";
                this.stream.end();
                this.#tell();
                return;
            }
            this.#syncPaused = true; // sync.failed leaves the state stale: without a pause this would be a hot loop
            this.#dispatch({ type: "sync.failed" });
            if (!this.#state.loaded) this.#liveness(false);
            const pause = delay(this.#syncFailures++, this.#ports.random, problem.retryAfter);
            this.#callOffSync = this.#ports.clock.after(pause, () => this.#sync());
        }
    }

    /** Without a stream the answer still comes: by asking. */
    #poll() {
        this.#callOffPoll();
        this.#callOffPoll = this.#ports.clock.after(pollEvery, () => {
            if (this.#closed || this.live || this.parting) return;
            if (activeReply(this.#state) && !this.#ports.hidden()) this.#dispatch({ type: "stale" });
            this.#poll();
        });
    }

    /** One at a time, in order. What fails for want of a network is tried again by itself when there is one. */
    async #flush() {
        if (this.#sending || this.#closed || !this.#state.loaded) return;
        for (const one of this.#state.pending) {
            if (one.state === "failed" && one.transient) {
                this.#dispatch({ type: "send.again", clientMessageId: one.clientMessageId });
            }
        }
        this.#sending = true;
        try {
            for (;;) {
                const next = this.#state.pending.find((one) => one.state === "sending");
                if (!next || this.#closed || !(await this.#deliver(next))) return;
            }
        } finally {
            this.#sending = false;
        }
    }

    /** @param {Pending} pending @returns {Promise<boolean>} whether the next one may go */
    async #deliver(pending) {
        const { clientMessageId, body } = pending;
        for (let attempt = 1;; attempt++) {
            try {
                const result = await this.#ports.api.chat(this.#state.caseId, body, clientMessageId);
                this.#dispatch({ type: "posted", result, at: this.#ports.clock.now() });
                // Held while a snapshot is under way: then it is that snapshot's turn to go on.
                return !this.#isPending(clientMessageId);
            } catch (error) {
                const { code, transient, retryAfter } = asProblem(error);
                if (this.#closed || !this.#isPending(clientMessageId)) return !this.#closed;
                if (!transient) {
                    this.#dispatch({ type: "send.failed", clientMessageId, code, transient: false });
                    return true;
                }
                if (attempt < sendAttempts) {
                    const pause = delay(0, this.#ports.random, retryAfter);
                    await new Promise((resolve) => this.#ports.clock.after(pause, () => resolve(null)));
                    continue;
                }
                if (this.#ports.hidden()) return false; // it may have landed: look before crying
                for (const one of this.#state.pending) {
                    if (one.state !== "sending") continue;
                    this.#dispatch({
                        type: "send.failed",
                        clientMessageId: one.clientMessageId,
                        code,
                        transient: true,
                    });
                }
                return false;
            }
        }
    }

    /** @param {string} clientMessageId */
    #isPending(clientMessageId) {
        return this.#state.pending.some((one) => one.clientMessageId === clientMessageId);
    }

    #store() {
        const kept = this.#state.pending.map(({ clientMessageId, body, at }) => ({ clientMessageId, body, at }));
        try {
            if (kept.length === 0) this.#ports.storage.removeItem(this.#key);
            else this.#ports.storage.setItem(this.#key, JSON.stringify(kept));
        } catch {
            // A full or forbidden storage: the words are still on the screen.
        }
    }

    /** @returns {Pending[]} */
    #stored() {
        try {
            /** @type {unknown} */
            const kept = JSON.parse(this.#ports.storage.getItem(this.#key) ?? "[]");
            if (!Array.isArray(kept)) return [];
            return kept.flatMap((/** @type {unknown} */ one) => {
                if (typeof one !== "object" || one === null) return [];
                const { clientMessageId, body, at } = /** @type {Record<string, unknown>} */ (one);
                if (typeof clientMessageId !== "string" || typeof body !== "string") return [];
                return [sending(clientMessageId, body, typeof at === "number" ? at : 0)];
            });
        } catch {
            return [];
        }
    }
}
