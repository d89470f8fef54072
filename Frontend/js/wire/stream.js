// One stream of one case, kept alive. It reconnects from its last id, with growing and jittered pauses, for ever on
// network errors; only bytes prove life, so silence beyond the watchdog is a broken line whatever the browser thinks.
// Each attempt has a generation: whatever a former attempt still has to say is ignored.

/** @import {Clock} from "./clock.js" */
/** @import {StreamEvent} from "./types.js" */
/** @import {Health} from "../model/backoff.js" */
import * as backoff from "../model/backoff.js";
import { retryAfter } from "./api.js";
import { streamEvent } from "./decode.js";
import { SseParser } from "./sse.js";

/** The server's heart beats every 15 s; after this much silence the line is dead. */
export const watchdog = 40_000;
/** An answer to the request itself must come sooner. */
export const connectTimeout = 12_000;
/** After coming back to the foreground an open line must speak within this time. */
export const probe = 1_500;

/** @typedef {"signed_out" | "forbidden" | "gone" | "closed"} Parting */

/**
 * @typedef {object} Ports
 * @property {(cursor: string | null, signal: AbortSignal) => Promise<Response>} open
 * @property {(event: StreamEvent) => void} onEvent
 * @property {(live: boolean) => void} onLive bytes flow, or they do not
 * @property {() => void} onInvalidCursor a snapshot is needed; until `resume` the stream rests
 * @property {(why: Parting) => void} onEnd it will not come back by itself
 * @property {Clock} clock
 * @property {() => number} random
 */

export class CaseStream {
    #ports;
    /** @type {"idle" | "connecting" | "open" | "waiting" | "ended"} */
    #phase = "idle";
    #generation = 0;
    #heardAt = 0;
    #floor = 0;
    /** @type {string | null} */
    #cursor = null;
    /** @type {Health} */
    #health = backoff.rested;
    /** @type {AbortController | null} */
    #abort = null;
    /** @type {() => void} */
    #callOff = () => {};
    /** @type {() => void} */
    #callOffWatch = () => {};

    /** @param {Ports} ports */
    constructor(ports) {
        this.#ports = ports;
    }

    get cursor() {
        return this.#cursor;
    }

    /** Begins, or goes on, after this position. @param {string | null} cursor */
    resume(cursor) {
        this.#cursor = cursor;
        this.#connect();
    }

    /** The page came back, the network came back, somebody tapped: no more waiting. @param {boolean} [anew] */
    wake(anew = false) {
        if (this.#phase === "ended" || this.#phase === "connecting") return;
        if (this.#phase === "waiting" || this.#phase === "idle" || anew) return void this.#connect();
        const heard = this.#heardAt, generation = this.#generation;
        this.#ports.clock.after(probe, () => {
            if (generation === this.#generation && this.#heardAt === heard) this.#connect();
        });
    }

    /** Lets go of the connection; `wake` takes it up again. */
    rest() {
        if (this.#phase === "ended") return;
        this.#quiet();
        this.#phase = "idle";
    }

    end() {
        this.#quiet();
        this.#phase = "ended";
    }

    #quiet() {
        this.#generation++;
        this.#callOff();
        this.#callOffWatch();
        this.#abort?.abort();
        this.#abort = null;
    }

    /** @returns {Promise<void>} */
    async #connect() {
        this.#quiet();
        const generation = this.#generation, abort = new AbortController();
        this.#abort = abort;
        this.#phase = "connecting";
        this.#heardAt = this.#ports.clock.now();
        this.#watch(generation);
        /** @type {Response} */
        let response;
        try {
            response = await this.#ports.open(this.#cursor, abort.signal);
        } catch {
            return this.#lost(generation);
        }
        if (generation !== this.#generation) return void response.body?.cancel().catch(() => {});
        const kind = response.headers.get("Content-Type") ?? "";
        if (response.status !== 200 || !response.body || !kind.startsWith("text/event-stream")) {
            abort.abort();
            return this.#refused(generation, response);
        }
        this.#phase = "open";
        this.#health = backoff.opened(this.#health, this.#ports.clock.now());
        await this.#read(generation, response.body);
    }

    /** @param {number} generation @param {ReadableStream<Uint8Array>} body */
    async #read(generation, body) {
        const reader = body.getReader(), decoder = new TextDecoder(), parser = new SseParser();
        try {
            for (;;) {
                const { done, value } = await reader.read();
                if (generation !== this.#generation) return;
                if (done) break;
                this.#heardAt = this.#ports.clock.now();
                this.#ports.onLive(true);
                for (const raw of parser.push(decoder.decode(value, { stream: true }))) {
                    if (parser.retry !== null) this.#floor = Math.min(parser.retry, 60_000);
                    this.#take(raw.data, raw.event);
                    // Moved only now: an event that could not be applied would come again.
                    if (raw.id) this.#cursor = raw.id;
                    if (generation !== this.#generation) return;
                }
            }
        } catch {
            // Broken lines and ended ones are the same to us.
        }
        this.#lost(generation);
    }

    /** @param {string} data @param {string} name */
    #take(data, name) {
        /** @type {unknown} */
        let value;
        try {
            value = JSON.parse(data);
        } catch {
            return;
        }
        if (typeof value === "object" && value !== null && !("type" in value)) value = { type: name, ...value };
        const event = streamEvent(value);
        if (!event) return;
        if (event.type === "bye") {
            if (event.reason === "gone") this.#finish("gone");
            else this.#wait(event.retry_ms, 0);
        } else if (event.type === "auth_expired") {
            const { failures } = backoff.dropped(this.#health, this.#ports.clock.now());
            if (failures === 0) this.#connect();
            else this.#lost(this.#generation);
        } else {
            this.#ports.onEvent(event);
        }
    }

    /** @param {number} generation @param {Response} response */
    #refused(generation, response) {
        switch (response.status) {
            case 204:
                return this.#finish("closed");
            case 400:
                this.#cursor = null;
                this.rest();
                return this.#ports.onInvalidCursor();
            case 401:
                return this.#finish("signed_out");
            case 403:
                return this.#finish("forbidden");
            case 404:
            case 410:
                return this.#finish("gone");
            default:
                return this.#lost(generation, retryAfter(response.headers));
        }
    }

    /** @param {Parting} why */
    #finish(why) {
        this.end();
        this.#ports.onLive(false);
        this.#ports.onEnd(why);
    }

    /** @param {number} generation @param {number} [atLeast] */
    #lost(generation, atLeast = 0) {
        if (generation !== this.#generation) return;
        const { failures, next } = backoff.dropped(this.#health, this.#ports.clock.now());
        this.#health = next;
        this.#wait(Math.max(atLeast, failures > 0 ? this.#floor : 0), failures);
    }

    /** @param {number} atLeast @param {number} failures */
    #wait(atLeast, failures) {
        this.#quiet();
        this.#phase = "waiting";
        this.#ports.onLive(false);
        const pause = backoff.delay(failures, this.#ports.random, atLeast);
        this.#callOff = this.#ports.clock.after(pause, () => this.#connect());
    }

    /** @param {number} generation */
    #watch(generation) {
        this.#callOffWatch = this.#ports.clock.after(2_000, () => {
            if (generation !== this.#generation) return;
            const silence = this.#ports.clock.now() - this.#heardAt;
            if (silence >= (this.#phase === "connecting" ? connectTimeout : watchdog)) this.#lost(generation);
            else this.#watch(generation);
        });
    }
}
