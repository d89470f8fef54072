// Bytes become types here, once: everything behind this file may trust what it holds. A thing that is not what the
// protocol says is null, never half a thing; a field we do not know is ignored.

/**
 * @import {CareCase, ChatResult, Config, Handling, Message, Page, Person, ReplyInFlight, ReplyResult, ReplyState,
 *     Sender, SignedIn, Snapshot, StreamEvent} from "./types.js"
 */

/** @typedef {Readonly<Record<string, unknown>>} Fields */

/** @param {unknown} value @returns {Fields | null} */
export function fields(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value) ? /** @type {Fields} */ (value) : null;
}

/** @param {unknown} value */
const text = (value) => typeof value === "string" ? value : null;
/** @param {unknown} value @param {number} fallback */
const number = (value, fallback) => typeof value === "number" && Number.isFinite(value) ? value : fallback;

/**
 * @template {string} T
 * @param {unknown} value @param {readonly T[]} all @param {T} fallback @returns {T}
 */
function oneOf(value, all, fallback) {
    return all.find((one) => one === value) ?? fallback;
}

/** @template T @param {unknown} value @param {(one: unknown) => T | null} decode @returns {T[]} */
function list(value, decode) {
    if (!Array.isArray(value)) return [];
    return value.map(decode).filter((one) => one !== null);
}

/** @type {readonly Sender[]} */
const senders = ["patient", "ai", "coordinator", "system"];
/** @type {readonly ReplyState[]} */
const replyStates = ["queued", "running", "finished", "stopped", "interrupted", "failed"];

/** @param {unknown} value @returns {Message | null} */
export function message(value) {
    const from = fields(value);
    const id = text(from?.id), body = text(from?.body);
    if (!from || id === null || body === null || typeof from.sequence !== "number") return null;
    return {
        id,
        body,
        case_id: text(from.case_id) ?? "",
        sequence: from.sequence,
        version: number(from.version, 1),
        sender_type: oneOf(from.sender_type, senders, "system"),
        sender_name: text(from.sender_name),
        audience: oneOf(from.audience, ["everyone", "staff"], "everyone"),
        reply_id: text(from.reply_id),
        client_message_id: text(from.client_message_id),
        status: oneOf(from.status, ["complete", "stopped", "interrupted"], "complete"),
        answered_by: text(from.answered_by),
        created_at: text(from.created_at) ?? "",
    };
}

/** @param {unknown} value @returns {Handling} */
function handling(value) {
    const from = fields(value) ?? {};
    return {
        state: oneOf(from.state, ["ai", "requested", "coordinator"], "ai"),
        version: number(from.version, 0),
        by: text(from.by) ?? text(fields(from.by)?.name),
    };
}

/** @param {unknown} value @returns {CareCase | null} */
export function careCase(value) {
    const from = fields(value);
    const id = text(from?.id);
    if (!from || id === null) return null;
    return {
        id,
        title: text(from.title) ?? "",
        status: text(from.status) ?? "intake",
        language: text(from.language) ?? "en",
        version: number(from.version, 0),
        handling: handling(from.handling),
        created_at: text(from.created_at) ?? "",
        updated_at: text(from.updated_at) ?? "",
        last_message: text(from.last_message),
    };
}

/** @param {unknown} value @returns {CareCase[]} */
export function cases(value) {
    return list(fields(value)?.cases, careCase);
}

/** @param {unknown} value @returns {ReplyInFlight | null} */
function replyInFlight(value) {
    const from = fields(value);
    const id = text(from?.id);
    if (!from || id === null) return null;
    return {
        id,
        state: oneOf(from.state, replyStates, "running"),
        attempt: number(from.attempt, 1),
        sequence: typeof from.sequence === "number" ? from.sequence : null,
        through: number(from.through, 0),
        text: text(from.text) ?? "",
        started_at: text(from.started_at),
    };
}

/** @param {unknown} value @returns {ReplyResult | null} */
export function replyResult(value) {
    const from = fields(value);
    const id = text(from?.id);
    if (!from || id === null) return null;
    return {
        id,
        state: oneOf(from.state, replyStates, "running"),
        attempt: number(from.attempt, 1),
        message: message(from.message),
    };
}

/** @param {unknown} value @returns {ChatResult | null} */
export function chatResult(value) {
    const from = fields(value);
    const own = message(from?.message);
    return own && { message: own, reply: replyResult(from?.reply) };
}

/** @param {unknown} value @returns {Snapshot | null} */
export function snapshot(value) {
    const from = fields(value);
    const about = careCase(from?.case), cursor = text(from?.cursor);
    if (!from || !about || cursor === null) return null;
    return {
        case: about,
        cursor,
        messages: list(from.messages, message),
        more: from.more === true,
        reply: replyInFlight(from.reply),
    };
}

/** @param {unknown} value @returns {Page | null} */
export function page(value) {
    const from = fields(value);
    return from && { messages: list(from.messages, message), more: from.more === true };
}

/** @param {unknown} value @returns {Person | null} */
export function person(value) {
    const from = fields(value);
    const id = text(from?.id);
    if (!from || id === null) return null;
    return {
        id,
        name: text(from.name) ?? id,
        role: text(from.role) ?? "patient",
        language: text(from.language) ?? "en",
    };
}

/** @param {unknown} value @returns {Person[]} */
export function people(value) {
    return list(fields(value)?.people, person);
}

/** @param {unknown} value @returns {SignedIn | null} */
export function signedIn(value) {
    const from = fields(value);
    const token = text(from?.token), who = person(from?.person);
    return token !== null && who ? { token, person: who } : null;
}

/** @param {unknown} value @returns {Config | null} */
export function config(value) {
    const from = fields(value);
    if (!from) return null;
    const model = fields(from.model);
    return {
        version: text(from.version) ?? "",
        identity: text(from.identity) ?? "",
        default_language: oneOf(from.default_language, ["en", "ar"], "en"),
        model: { kind: text(model?.kind) ?? "", advice: text(model?.advice) ?? "" },
        streaming: from.streaming !== false,
        contact: text(from.contact),
        message_characters: number(fields(from.limits)?.message_characters, 8000),
    };
}

/** @param {unknown} value @returns {StreamEvent | null} null: not an event of this protocol, or one we do not know yet */
export function streamEvent(value) {
    const from = fields(value);
    if (!from) return null;
    const reply_id = text(from.reply_id), attempt = number(from.attempt, 1);
    switch (from.type) {
        case "ready":
            return { type: "ready", streaming: from.streaming !== false };
        case "heartbeat":
        case "auth_expired":
            return { type: from.type };
        case "reset":
            return { type: "reset", reason: text(from.reason) ?? "" };
        case "bye":
            return { type: "bye", reason: text(from.reason) ?? "", retry_ms: number(from.retry_ms, 0) };
        case "message": {
            const held = message(from);
            return held && { type: "message", message: held };
        }
        case "handling":
            return { type: "handling", handling: handling(from) };
        case "case": {
            const held = careCase(from.id === undefined ? { ...from, id: from.case_id } : from);
            return held && { type: "case", case: held };
        }
    }
    if (reply_id === null) return null;
    switch (from.type) {
        case "reply.started":
            return typeof from.sequence === "number"
                ? { type: from.type, reply_id, attempt, sequence: from.sequence }
                : null;
        case "reply.delta":
            return typeof from.n === "number" && typeof from.text === "string"
                ? { type: from.type, reply_id, attempt, n: from.n, text: from.text }
                : null;
        case "reply.snapshot":
            return typeof from.sequence === "number" && typeof from.text === "string"
                ? {
                    type: from.type,
                    reply_id,
                    attempt,
                    sequence: from.sequence,
                    through: number(from.through, 0),
                    text: from.text,
                }
                : null;
        case "reply.finished":
        case "reply.stopped":
        case "reply.interrupted":
        case "reply.failed":
            return {
                type: from.type,
                reply_id,
                attempt,
                message_id: text(from.message_id),
                retryable: from.retryable === true,
                code: text(from.code),
            };
        default:
            return null;
    }
}
