// Bytes become types here, once: everything behind this file may trust what it holds. A thing that is not what the
// protocol says is null, never half a thing; a field that is not used here is not carried.

/**
 * @import {CareCase, ChatResult, Config, CurrentReply, Handling, Message, Page, Person, ReplyResult, ReplyState, Sender,
 *     Snapshot, StreamEvent} from "./types.js"
 */

/** @typedef {Readonly<Record<string, unknown>>} Fields */

/** @param {unknown} value @returns {Fields | null} */
export function fields(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value) ? /** @type {Fields} */ (value) : null;
}

/** Nothing that has an id on the wire is anything without. @param {unknown} value */
function identified(value) {
    const from = fields(value);
    return from && typeof from.id === "string" ? /** @type {Fields & {id: string}} */ (from) : null;
}

/** @param {unknown} value */
export const text = (value) => typeof value === "string" ? value : null;
/** @param {unknown} value */
const words = (value) => text(value) ?? "";
/** @param {unknown} value */
const number = (value) => typeof value === "number" && Number.isFinite(value) ? value : null;

/**
 * One of these; what tomorrow's server says is the first.
 * @template {string} T
 * @param {unknown} value @param {readonly [T, ...T[]]} all @returns {T}
 */
function oneOf(value, all) {
    return all.find((one) => one === value) ?? all[0];
}

/** @template T @param {unknown} value @param {(one: unknown) => T | null} decode @returns {T[]} */
export function list(value, decode) {
    if (!Array.isArray(value)) return [];
    return value.map(decode).filter((one) => one !== null);
}

/** @type {readonly [Sender, ...Sender[]]} */
const senders = ["system", "patient", "ai", "coordinator"];
/** @type {readonly [ReplyState, ...ReplyState[]]} */
const replyStates = ["running", "queued", "finished", "stopped", "interrupted", "failed"];

/** @param {unknown} value @returns {Message | null} */
export function message(value) {
    const from = identified(value);
    const sequence = number(from?.sequence), body = text(from?.body);
    if (!from || sequence === null || body === null) return null;
    return {
        id: from.id,
        sequence,
        body,
        version: number(from.version) ?? 1,
        sender_type: oneOf(from.sender_type, senders),
        sender_name: text(from.sender_name),
        audience: oneOf(from.audience, ["everyone", "staff"]),
        reply_id: text(from.reply_id),
        client_message_id: text(from.client_message_id),
        status: oneOf(from.status, ["complete", "stopped", "interrupted"]),
        answered_by: text(from.answered_by),
        created_at: words(from.created_at),
    };
}

/** @param {unknown} value @returns {Handling} */
function handling(value) {
    const from = fields(value) ?? {};
    return {
        state: oneOf(from.state, ["ai", "requested", "coordinator"]),
        version: number(from.version) ?? 0,
        by: text(from.by) ?? text(fields(from.by)?.name),
    };
}

/** @param {unknown} value @returns {CareCase | null} */
export function careCase(value) {
    const from = identified(value);
    return from && {
        id: from.id,
        title: words(from.title),
        status: words(from.status),
        version: number(from.version) ?? 0,
        handling: handling(from.handling),
        updated_at: words(from.updated_at),
        last_message: text(from.last_message),
    };
}

/** @param {unknown} value @returns {CareCase[]} */
export function cases(value) {
    return list(fields(value)?.cases, careCase);
}

/** @param {Fields & {id: string}} from @returns {Pick<ReplyResult, "id" | "state" | "attempt" | "code">} */
function reply(from) {
    return {
        id: from.id,
        state: oneOf(from.state, replyStates),
        attempt: number(from.attempt) ?? 1,
        code: text(from.code),
    };
}

/** @param {unknown} value @returns {CurrentReply | null} */
function currentReply(value) {
    const from = identified(value), sequence = number(from?.sequence);
    // Only what never ran has no place.
    if (!from || (sequence === null && from.state !== "queued")) return null;
    return {
        ...reply(from),
        sequence,
        through: number(from.through) ?? 0,
        text: words(from.text),
        started_at: text(from.started_at),
    };
}

/** @param {unknown} value @returns {ReplyResult | null} */
export function replyResult(value) {
    const from = identified(value);
    return from && { ...reply(from), message: message(from.message) };
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
    const about = careCase(from?.case), cursor = text(from?.cursor), messages = page(value);
    if (!about || cursor === null || !messages) return null;
    return {
        ...messages,
        case: about,
        cursor,
        reply: currentReply(from?.reply),
        documents: list(from?.documents, fields),
    };
}

/** @param {unknown} value @returns {Page | null} */
export function page(value) {
    const from = fields(value);
    return from && { messages: list(from.messages, message), more: from.more === true };
}

/** @param {unknown} value @returns {Person | null} */
export function person(value) {
    const from = identified(value);
    return from && {
        id: from.id,
        name: text(from.name) ?? from.id,
        role: text(from.role) ?? "patient",
        language: text(from.language) ?? "en",
    };
}

/** @param {unknown} value @returns {Config | null} */
export function config(value) {
    const from = fields(value);
    return from && {
        advice: words(fields(from.model)?.advice),
        message_characters: number(fields(from.limits)?.message_characters) ?? 8000,
        document_bytes: number(fields(from.limits)?.document_bytes) ?? 50_000_000,
    };
}

/** @param {unknown} value @returns {StreamEvent | null} null: not an event of this protocol, or one we do not know yet */
export function streamEvent(value) {
    const from = fields(value);
    switch (from?.type) {
        case "ready":
        case "heartbeat":
        case "reset":
        case "auth_expired":
            return { type: from.type };
        case "bye":
            return { type: from.type, reason: words(from.reason), retry_ms: number(from.retry_ms) ?? 0 };
        case "document":
            return { type: from.type, document: from };
        case "message": {
            const held = message(from);
            return held && { type: from.type, message: held };
        }
        case "handling":
            return { type: from.type, handling: handling(from) };
        case "case": {
            const held = careCase(from);
            return held && { type: from.type, case: held };
        }
    }
    return from && replyEvent(from);
}

/** @param {Fields} from @returns {StreamEvent | null} */
function replyEvent(from) {
    const reply_id = text(from.reply_id), attempt = number(from.attempt) ?? 1;
    if (reply_id === null) return null;
    const sequence = number(from.sequence), said = text(from.text);
    switch (from.type) {
        case "reply.started":
            return sequence === null ? null : { type: from.type, reply_id, attempt, sequence };
        case "reply.delta": {
            const n = number(from.n);
            return n === null || said === null ? null : { type: from.type, reply_id, attempt, n, text: said };
        }
        case "reply.snapshot":
            if (sequence === null || said === null) return null;
            return { type: from.type, reply_id, attempt, sequence, through: number(from.through) ?? 0, text: said };
        case "reply.finished":
        case "reply.stopped":
        case "reply.interrupted":
        case "reply.failed":
            return {
                type: from.type,
                reply_id,
                attempt,
                sequence,
                message_id: text(from.message_id),
                retryable: from.retryable === true,
                code: text(from.code),
            };
        default:
            return null;
    }
}
