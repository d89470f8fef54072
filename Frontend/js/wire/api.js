// The addresses of docs/protocol/http.md as functions. What comes back is decoded; what goes wrong is a Problem with a
// stable code ("network" when nothing answered at all). The token travels in a header, never in an address.

/** @import {CareCase, ChatResult, Config, Language, Page, ReplyResult, Snapshot} from "./types.js" */
import * as decode from "./decode.js";

/** Longer than the server's own longest wait is never useful. */
export const requestTimeout = 20_000;

export class Problem extends Error {
    /** @param {number} status @param {string} code @param {number} [retryAfter] milliseconds */
    constructor(status, code, retryAfter = 0) {
        super(code);
        this.status = status;
        this.code = code;
        this.retryAfter = retryAfter;
    }

    /** Whether the same request may succeed later, unchanged. */
    get transient() {
        return this.status === 0 || this.status === 429 || this.status >= 500;
    }
}

/** @param {unknown} error @returns {Problem} */
export function asProblem(error) {
    return error instanceof Problem ? error : new Problem(0, "network");
}

/** @param {Headers} headers @returns {number} */
export function retryAfter(headers) {
    const seconds = Number(headers.get("Retry-After"));
    return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, 300_000) : 0;
}

export class Api {
    #fetch;
    #token;
    #refused;

    /**
     * @param {{fetch: typeof fetch, token: (fresh: boolean) => Promise<string | null>, refused: () => void}} ports
     *     `token` is asked before every request, for a `fresh` one when the server did not take the last;
     *     `refused`: it took neither
     */
    constructor({ fetch, token, refused }) {
        this.#fetch = fetch;
        this.#token = token;
        this.#refused = refused;
    }

    /** @returns {Promise<Config>} */
    config() {
        return this.ask("GET", "/api/v1/config", decode.config, { open: true });
    }

    /** @returns {Promise<CareCase[]>} */
    cases() {
        return this.ask("GET", "/api/v1/cases", decode.cases);
    }

    /** @param {Language} language @param {string} client_case_id @returns {Promise<CareCase>} */
    openCase(language, client_case_id) {
        return this.ask("POST", "/api/v1/cases", decode.careCase, { body: { language, client_case_id } });
    }

    /** @param {string} id @returns {Promise<Snapshot>} */
    snapshot(id) {
        return this.ask("GET", address(id), decode.snapshot);
    }

    /** @param {string} id @param {number} before @returns {Promise<Page>} */
    older(id, before) {
        return this.ask("GET", `${address(id)}/messages?before=${before}&limit=50`, decode.page);
    }

    /** @param {string} id @param {string} message @param {string} client_message_id @returns {Promise<ChatResult>} */
    chat(id, message, client_message_id) {
        const body = { message, client_message_id }, headers = { Prefer: "respond-async" };
        return this.ask("POST", `${address(id)}/chat`, decode.chatResult, { body, headers });
    }

    /** @param {string} id @param {string} reply @param {"stop" | "retry"} verb @returns {Promise<ReplyResult>} */
    reply(id, reply, verb) {
        const path = `${address(id)}/replies/${encodeURIComponent(reply)}/${verb}`;
        return this.ask("POST", path, (said) => decode.replyResult(decode.fields(said)?.reply));
    }

    /** The answer itself. @param {string} path @param {RequestInit & {headers: Record<string, string>}} init */
    raw(path, init) {
        return this.#authorised(path, init);
    }

    /** @param {string} id @param {string | null} cursor @param {AbortSignal} signal @returns {Promise<Response>} */
    async events(id, cursor, signal) {
        /** @type {Record<string, string>} */
        const headers = { Accept: "text/event-stream" };
        if (cursor !== null) headers["Last-Event-ID"] = cursor;
        return await this.#authorised(`${address(id)}/events`, { headers, signal, cache: "no-store" });
    }

    /**
     * A token may end between our look at it and the server's: a second try with another one, never a third. What was
     * refused was not done, so that asking again does nothing twice.
     * @param {string} path @param {RequestInit & {headers: Record<string, string>}} init @returns {Promise<Response>}
     */
    async #authorised(path, init) {
        /** @param {string | null} token */
        const send = (token) =>
            this.#fetch(
                path,
                token === null ? init : {
                    ...init,
                    headers: { ...init.headers, Authorization: `Bearer ${token}` },
                },
            );
        const token = await this.#token(false);
        const response = await send(token);
        if (response.status !== 401) return response;
        const fresh = await this.#token(true);
        if (fresh === null || fresh === token) return response;
        response.body?.cancel().catch(() => {});
        return await send(fresh);
    }

    /**
     * What has no verb here, too.
     * @template T
     * @param {string} method @param {string} path @param {(said: unknown) => T | null} decoded null: not understood
     * @param {{body?: Record<string, string>, headers?: Record<string, string>, open?: boolean}} [options]
     * @returns {Promise<T>}
     */
    async ask(method, path, decoded, { body, headers = {}, open = false } = {}) {
        /** @type {Record<string, string>} */
        const all = { Accept: "application/json", ...headers };
        if (body) all["Content-Type"] = "application/json";
        const abort = new AbortController();
        const timer = setTimeout(() => abort.abort(), requestTimeout);
        try {
            const init = { method, headers: all, body: body ? JSON.stringify(body) : null, signal: abort.signal };
            const response = open ? await this.#fetch(path, init) : await this.#authorised(path, init);
            /** @type {unknown} */
            const said = await response.json().catch(() => null);
            if (response.ok) {
                const value = decoded(said);
                if (value === null) throw new Problem(502, "not_understood");
                return value;
            }
            if (response.status === 401 && !open) this.#refused();
            const code = decode.fields(said)?.code;
            throw new Problem(
                response.status,
                typeof code === "string" ? code : "internal",
                retryAfter(response.headers),
            );
        } catch (error) {
            throw asProblem(error);
        } finally {
            clearTimeout(timer);
        }
    }
}

/** @param {string} caseId */
function address(caseId) {
    return `/api/v1/cases/${encodeURIComponent(caseId)}`;
}
