// The live line of one case, by fetch. It comes back by itself, from its last id, for as long as there is hope. When and
// why is decided in model/connection.js; here are the timer, the request and the reader.
// Each attempt has a generation: whatever a former attempt still has to say is ignored.

/** @import {Clock} from "./clock.js" */
/** @import {StreamEvent} from "./types.js" */
/** @import {Happening, Parting, Signal} from "../model/connection.js" */
import { due, initial, step } from "../model/connection.js";
import { retryAfter } from "./api.js";
import { streamEvent } from "./decode.js";
import { SseParser } from "./sse.js";

/**
 * @typedef {object} Ports
 * @property {(cursor: string | null, signal: AbortSignal) => Promise<Response>} open with a fresh token each time
 * @property {(event: StreamEvent) => void} onEvent
 * @property {(live: boolean) => void} onLive bytes flow, or they do not; also when `awayAt` begins anew
 * @property {() => void} onInvalidCursor a snapshot is needed; until `resume` the stream rests
 * @property {(why: Parting) => void} onEnd it will not come back by itself
 * @property {Clock} clock
 * @property {() => number} random
 */

export class CaseStream {
    #ports;
    #state = initial;
    /** @type {string | null} */
    #cursor = null;
    /** @type {AbortController | null} */
    #abort = null;
    /** @type {() => void} */
    #callOff = () => {};

    /** @param {Ports} ports */
    constructor(ports) {
        this.#ports = ports;
    }

    /** Since when nothing comes, while somebody looks. */
    get awayAt() {
        return this.#state.awayAt;
    }

    /** Whether it has let go until somebody looks. */
    get resting() {
        return this.#state.phase === "resting";
    }

    /** Begins, or goes on, after this position. @param {string | null} cursor */
    resume(cursor) {
        this.#cursor = cursor;
        this.happened("begin");
    }

    /** @param {Signal | "begin" | "tick" | "end"} type */
    happened(type) {
        this.#step({ type });
    }

    /** @param {Happening} event */
    #step(event) {
        const before = this.#state;
        const now = this.#state = step(before, event, this.#ports.clock.now(), this.#ports.random);
        if (now === before) return;
        if (now.generation !== before.generation) {
            this.#abort?.abort();
            this.#abort = null;
            if (now.phase === "connecting") this.#connect(now.generation);
        }
        this.#arm();
        if (now.awayAt !== before.awayAt && now.awayAt !== null) this.#ports.onLive(false);
        if (event.type === "heard") this.#ports.onLive(true);
        if (now.parting === null || now.parting === before.parting) return;
        if (now.parting === "invalid_cursor") {
            this.#cursor = null;
            this.#ports.onInvalidCursor();
        } else {
            this.#ports.onEnd(now.parting);
        }
    }

    #arm() {
        this.#callOff();
        const at = due(this.#state);
        if (at === null) return;
        const { clock } = this.#ports;
        this.#callOff = clock.after(Math.max(0, at - clock.now()), () => this.happened("tick"));
    }

    /** @param {number} generation @returns {Promise<void>} */
    async #connect(generation) {
        const abort = this.#abort = new AbortController();
        /** @type {Response} */
        let response;
        try {
            response = await this.#ports.open(this.#cursor, abort.signal);
        } catch {
            return this.#step({ type: "lost", generation });
        }
        if (generation !== this.#state.generation) return void response.body?.cancel().catch(() => {});
        const { status, headers, body } = response;
        if (status === 200 && body && (headers.get("Content-Type") ?? "").startsWith("text/event-stream")) {
            this.#step({ type: "opened", generation });
            return await this.#read(generation, body);
        }
        abort.abort();
        this.#step({ type: "refused", generation, status, retryAfter: retryAfter(headers) });
    }

    /** @param {number} generation @param {ReadableStream<Uint8Array>} body */
    async #read(generation, body) {
        const reader = body.getReader(), decoder = new TextDecoder(), parser = new SseParser();
        try {
            for (;;) {
                const { done, value } = await reader.read();
                if (generation !== this.#state.generation) return;
                if (done) break;
                this.#step({ type: "heard", generation });
                for (const raw of parser.push(decoder.decode(value, { stream: true }))) {
                    this.#take(raw.data, generation);
                    // Moved only now: an event that could not be applied would come again.
                    if (raw.id) this.#cursor = raw.id;
                    if (generation !== this.#state.generation) return;
                }
                if (parser.retry !== null) this.#step({ type: "retry", milliseconds: parser.retry });
            }
        } catch {
            // Broken lines and ended ones are the same to us.
        }
        this.#step({ type: "lost", generation });
    }

    /** @param {string} data @param {number} generation */
    #take(data, generation) {
        /** @type {unknown} */
        let value;
        try {
            value = JSON.parse(data);
        } catch {
            return;
        }
        const event = streamEvent(value);
        if (!event) return;
        if (event.type === "auth_expired") this.#step({ type: "expired", generation });
        else if (event.type !== "bye") this.#ports.onEvent(event);
        else if (event.reason === "gone") this.#step({ type: "gone", generation });
        else this.#step({ type: "lost", generation, atLeast: event.retry_ms });
    }
}
