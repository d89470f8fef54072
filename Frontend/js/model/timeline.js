// What is drawn, in order: confirmed messages, the answer in flight and one's own unsent words are one list with one
// shape, so that one renderer shows them all and a bubble keeps its identity when it is confirmed.

/** @import {Message, Sender} from "../wire/types.js" */
/** @import {Conversation, Pending, Reply} from "./conversation.js" */
import { isActive, wished } from "./conversation.js";

/** @typedef {"sending" | "sent" | "failed" | "queued" | "thinking" | "streaming" | "complete" | "stopped" | "interrupted"} ItemState */

/**
 * @typedef {object} Item
 * @property {string} key stays the same from "sending" to "sent", and from "thinking" to "complete"
 * @property {string} id
 * @property {number} sequence its place; beyond every other while the server has not told it
 * @property {Sender} sender
 * @property {string | null} name
 * @property {ItemState} state
 * @property {string} body
 * @property {string | null} answeredBy
 * @property {number | null} at
 * @property {number} since when waiting began (answers in flight)
 * @property {boolean} canRetry
 * @property {"asked" | "failed" | null} again another attempt was asked for, or could not be
 * @property {string | null} code
 * @property {boolean} transient it failed, and goes out again by itself
 * @property {string | null} clientMessageId
 */

/** Entries of messages, by the map they stand in: a token changes no message, and thousands need not be read again. */
/** @type {WeakMap<ReadonlyMap<string, Message>, Item[]>} */
const readOnce = new WeakMap();

/** @param {ReadonlyMap<string, Message>} messages @returns {readonly Item[]} in order */
function confirmed(messages) {
    let items = readOnce.get(messages);
    if (!items) {
        items = [...messages.values()].sort((a, b) => a.sequence - b.sequence).map(fromMessage);
        readOnce.set(messages, items);
    }
    return items;
}

/** @param {Conversation} state @returns {Item[]} */
export function timeline(state) {
    const items = [...confirmed(state.messages)];
    const newest = items.at(-1)?.sequence ?? 0;
    const nobody = state.case?.handling.state === "coordinator";
    /** @type {Item[]} */
    const waiting = [];
    let busy = false;
    for (const reply of state.replies.values()) {
        const active = isActive(reply), told = items.findLastIndex((one) => one.id === reply.id);
        busy ||= active;
        // A newer attempt takes its place.
        if (active && told >= 0) items.splice(told, 1);
        else if (told >= 0) {
            // The newer attempt left no word. Once the talk has moved on that is nobody's business any more.
            const item = items[told];
            if (item?.sequence !== newest) continue;
            const state = reply.phase === "stopped" ? "stopped" : "failed";
            items[told] = { ...item, state, code: reply.code, canRetry: reply.retryable };
            continue;
        } else if (!active && (reply.sequence ?? 0) < newest) continue;
        if (reply.sequence === null) waiting.push(fromReply(reply));
        else items.splice(place(items, reply.sequence), 0, fromReply(reply));
    }
    for (const pending of state.pending) items.push(fromPending(pending));
    items.push(...waiting);
    // Only the last answer may be asked for again, and only while nobody else is answering.
    const last = items.findLastIndex((one) => one.sender === "ai");
    for (let at = last; at >= 0; at--) {
        const item = items[at];
        if (!item?.canRetry) continue;
        const canRetry = at === last && !busy && !nobody, again = wished(state, item.id);
        if (!canRetry || again) items[at] = { ...item, canRetry, again };
    }
    return items;
}

/** @param {readonly Item[]} items @param {number} sequence */
function place(items, sequence) {
    return items.findLastIndex((one) => one.sequence < sequence) + 1;
}

/** What most entries have nothing to say about. */
const blank = {
    sequence: Infinity,
    name: null,
    answeredBy: null,
    at: null,
    since: 0,
    canRetry: false,
    again: null,
    code: null,
    transient: false,
    clientMessageId: null,
};

/** @param {Message} message @returns {Item} */
function fromMessage(message) {
    const own = message.sender_type === "patient";
    const at = Date.parse(message.created_at);
    return {
        ...blank,
        key: message.client_message_id ?? message.id,
        id: message.id,
        sequence: message.sequence,
        sender: message.sender_type,
        name: message.sender_name,
        state: own ? "sent" : message.status,
        body: message.body,
        answeredBy: message.answered_by,
        at: Number.isNaN(at) ? null : at,
        canRetry: message.sender_type === "ai" && message.reply_id !== null && message.status !== "complete",
        clientMessageId: message.client_message_id,
    };
}

/** @param {Reply} reply @returns {Item} */
function fromReply(reply) {
    return {
        ...blank,
        key: reply.id,
        id: reply.id,
        sequence: reply.sequence ?? Infinity,
        sender: "ai",
        state: reply.phase,
        body: reply.text,
        since: reply.since,
        canRetry: reply.retryable,
        code: reply.code,
    };
}

/** @param {Pending} pending @returns {Item} */
function fromPending(pending) {
    return {
        ...blank,
        key: pending.clientMessageId,
        id: pending.clientMessageId,
        sender: "patient",
        state: pending.state,
        body: pending.body,
        at: pending.at,
        since: pending.at,
        code: pending.code,
        transient: pending.transient,
        clientMessageId: pending.clientMessageId,
    };
}

/** @param {Item} item */
export function isBeingWritten(item) {
    return item.state === "queued" || item.state === "thinking" || item.state === "streaming";
}

/** @param {Item} a @param {Item} b */
export function sameItem(a, b) {
    return a.state === b.state && a.body === b.body && a.id === b.id && a.canRetry === b.canRetry &&
        a.again === b.again &&
        a.answeredBy === b.answeredBy && a.code === b.code && a.at === b.at && a.since === b.since;
}
