// One patient's side of one case: it holds the conversation's state, keeps it in step with the server by snapshot and
// stream, and sees to it that what was written is sent, once, in order, however often the way there breaks.

/** @import {Api} from "./api.js" */
/** @import {Clock} from "./clock.js" */
/** @import {Parting, Signal} from "../model/connection.js" */
/** @import {Action, Conversation, Pending} from "../model/conversation.js" */
import { activeReply, initial, oldestSequence, reduce, wished } from "../model/conversation.js";
import { keepPending, pendingOf } from "../model/outbox.js";
import { delay } from "../model/backoff.js";
import { asProblem } from "./api.js";
import { CaseStream } from "./stream.js";

/** A send is tried this often before it asks the patient what to do. */
export const sendAttempts = 2;
/** While the stream is away and something is expected, the snapshot is asked this often. */
export const pollEvery = 3_000;

/**
 * @typedef {object} Ports
 * @property {Api} api
 * @property {Clock} clock
 * @property {() => number} random
 * @property {() => string} uuid
 * @property {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage
 * @property {() => boolean} hidden is nobody looking?
 * @property {(signal: AbortSignal, random: () => number, robbed: () => void) => Promise<void>} [place] one of the few that all tabs share
 */

export class Correspondence {
    #ports;
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
    /** @type {() => void} */
    #callOffFlush = () => {};
    /** Tries in a row that no word went out in; and before when the server wants no other. */
    #sendFailures = 0;
    #notBefore = 0;
    /** Whether bytes flow; null until we know. @type {boolean | null} */
    live = null;
    /** Since when they do not. @type {number | null} */
    lostAt = null;
    /** When the server's word came last, by whatever way. */
    heardAt = 0;
    /** Documents by id, as they came. @type {Map<unknown, Readonly<Record<string, unknown>>>} */
    papers = new Map();
    /** Why there will be nothing more. @type {Parting | null} */
    parting = null;
    /** Whether somebody waits for more than an answer: who shows documents knows of theirs. @type {() => boolean} */
    awaited = () => false;

    /** @param {string} caseId @param {Ports} ports */
    constructor(caseId, ports) {
        this.#ports = ports;
        this.#state = initial(caseId);
        this.stream = new CaseStream({
            open: async (cursor, signal) => {
                await ports.place?.(signal, ports.random, () => this.#robbed());
                return await ports.api.events(caseId, cursor, signal);
            },
            onEvent: (event) => {
                if (event.type === "document") this.#papers([event.document]);
                else this.#dispatch({ type: "event", event, at: ports.clock.now() });
            },
            onLive: (live) => this.#liveness(live),
            onInvalidCursor: () => {
                this.#cursorWanted = true;
                this.#dispatch({ type: "stale" });
            },
            onEnd: (why) => {
                this.parting = why;
                this.#withoutStream();
            },
            clock: ports.clock,
            random: ports.random,
        });
        this.#dispatch({ type: "restored", pending: pendingOf(ports.storage, caseId) });
    }

    /** @returns {Conversation} */
    get state() {
        return this.#state;
    }

    get api() {
        return this.#ports.api;
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
        if (wished(this.#state, replyId) === "asked") return;
        this.#dispatch({ type: "retry.asked", replyId });
        try {
            const result = await this.#ports.api.reply(this.#state.caseId, replyId, "retry");
            this.#dispatch({ type: "reply", reply: result, at: this.#ports.clock.now() });
        } catch {
            // Somebody was quicker, or it cannot be: see what is so.
            this.#dispatch({ type: "retry.failed", replyId });
            this.#dispatch({ type: "stale" });
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

    /** Something about the page or its network, that a line may have to heed. @param {Signal} signal */
    happened(signal) {
        if (this.#over) return;
        this.stream.happened(signal);
        if (signal === "hidden" || signal === "left") return;
        // What went on unseen was nobody's trouble: it begins now.
        if (signal === "visible" && this.lostAt !== null) this.lostAt = this.stream.awayAt ?? this.#ports.clock.now();
        if (!this.#state.loaded || this.#state.stale) this.#sync();
        this.#flush();
    }

    /** Somebody asks for it. @param {boolean} [anew] whatever an open connection says of itself */
    wake(anew = false) {
        this.happened(anew ? "tapped" : "online");
    }

    close() {
        this.#closed = true;
        this.stream.happened("end");
        this.#callOffSync();
        this.#callOffPoll();
        this.#callOffFlush();
        this.#listeners.clear();
    }

    // ---- inside ----

    /** Nothing will come any more, by whatever way: a stream that is closed without a word is no reason. */
    get #over() {
        return this.#closed || (this.parting !== null && this.parting !== "closed");
    }

    /** @param {Action} action */
    #dispatch(action) {
        if (this.#closed) return;
        const before = this.#state;
        this.#state = reduce(before, action);
        if (this.#state === before) return;
        if (this.#state.pending !== before.pending) {
            keepPending(this.#ports.storage, this.#state.caseId, this.#state.pending);
        }
        if (this.#state.stale && !this.#state.syncing && !this.#syncPaused) this.#sync();
        this.#tell();
    }

    /** @param {Readonly<Record<string, unknown>>[]} told */
    #papers(told) {
        for (const one of told) {
            if (!(Number(one.version) <= Number(this.papers.get(one.id)?.version))) this.papers.set(one.id, one);
        }
        this.#tell();
    }

    #tell() {
        for (const listener of this.#listeners) listener();
    }

    /** @param {boolean} live */
    #liveness(live) {
        const lostAt = live ? null : this.stream.awayAt ?? this.lostAt ?? this.#ports.clock.now();
        if (live === this.live && lostAt === this.lostAt) return;
        this.live = live;
        this.lostAt = lostAt;
        if (live) this.#flush(false);
        else this.#poll();
        this.#tell();
    }

    /** Another tab is looked at and needs the line: no trouble, but from now on we have to ask. */
    #robbed() {
        this.stream.happened("robbed");
        this.#withoutStream();
    }

    /** No trouble, and nothing will come by itself. */
    #withoutStream() {
        this.live = false;
        this.lostAt = null;
        this.#poll();
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
            this.heardAt = this.#ports.clock.now();
            this.#papers(snapshot.documents ?? []);
            this.#dispatch({ type: "snapshot", snapshot, at: this.#ports.clock.now() });
            if (this.#cursorWanted) {
                this.#cursorWanted = false;
                this.stream.resume(snapshot.cursor);
                if (this.#ports.hidden()) this.stream.happened("hidden");
            }
            this.#flush(false);
        } catch (error) {
            if (this.#closed) return;
            const problem = asProblem(error);
            if (!problem.transient) {
                this.parting = problem.status === 401 ? "signed_out" : "gone";
                this.lostAt = null;
                this.stream.happened("end");
                this.#tell();
                return;
            }
            // sync.failed leaves the state stale: without a pause this would be a hot loop.
            this.#syncPaused = true;
            this.#dispatch({ type: "sync.failed" });
            if (!this.#state.loaded) this.#liveness(false);
            const pause = delay(this.#syncFailures++, this.#ports.random, problem.retryAfter);
            this.#callOffSync = this.#ports.clock.after(pause, () => this.#sync());
        }
    }

    /** Without a stream what is expected still comes: by asking. */
    #poll() {
        this.#callOffPoll();
        this.#callOffPoll = this.#ports.clock.after(pollEvery, () => {
            if (this.#over || this.live) return;
            if ((activeReply(this.#state) || this.stream.resting || this.awaited()) && !this.#ports.hidden()) {
                this.#dispatch({ type: "stale" });
            }
            this.#poll();
        });
    }

    /**
     * One at a time, in order. What fails for want of a network is tried again by itself: when there may be one, and after a
     * while in any case, since a stream that lives breaks no silence. @param {boolean} [asked] by somebody
     */
    async #flush(asked = true) {
        if (this.#sending || this.#closed || !this.#state.loaded) return;
        if (!asked && this.#ports.clock.now() < this.#notBefore) return;
        this.#callOffFlush();
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
                this.#sendFailures = this.#notBefore = 0;
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
                const { clock, random } = this.#ports, pause = delay(this.#sendFailures++, random, retryAfter);
                this.#notBefore = clock.now() + retryAfter;
                this.#callOffFlush = clock.after(pause, () => this.#flush());
                // It may have landed: look before crying.
                if (this.#ports.hidden()) return false;
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
}
