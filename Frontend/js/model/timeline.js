// What is drawn, in order: confirmed messages, the answer in flight and one's own unsent words are one list with one
// shape, so that one renderer shows them all and a bubble keeps its identity when it is confirmed.

/** @import {Message, Sender} from "../wire/types.js" */
/** @import {Conversation, Pending, Reply} from "./conversation.js" */
import { isActive } from "./conversation.js";

/** @typedef {"sending" | "sent" | "failed" | "queued" | "thinking" | "streaming" | "complete" | "stopped" | "interrupted"} ItemState */

/**
 * @typedef {object} Item
 * @property {string} key stays the same from "sending" to "sent", and from "thinking" to "complete"
 * @property {string} id
 * @property {Sender} sender
 * @property {string | null} name
 * @property {ItemState} state
 * @property {string} body
 * @property {string | null} answeredBy
 * @property {number | null} at
 * @property {number} since when waiting began (answers in flight)
 * @property {boolean} canRetry
 * @property {string | null} code
 * @property {string | null} clientMessageId
 */

/** @type {WeakMap<ReadonlyMap<string, Message>, Message[]>} */
const sortedOnce = new WeakMap();

/** @param {ReadonlyMap<string, Message>} messages */
function sorted(messages) {
    let list = sortedOnce.get(messages);
    if (!list) {
        list = [...messages.values()].sort((a, b) => a.sequence - b.sequence);
        sortedOnce.set(messages, list);
    }
    return list;
}

/** @param {Conversation} state @returns {Item[]} */
export function timeline(state) {
    /** @type {{sequence: number, item: Item}[]} */
    const placed = [];
    /** @type {Item[]} */
    const waiting = [];
    const messages = sorted(state.messages);
    const newest = messages.at(-1)?.sequence ?? 0;
    let busy = false;

    for (const message of messages) {
        const reply = state.replies.get(message.id);
        if (reply && isActive(reply)) continue; // a newer attempt takes its place
        const item = fromMessage(message);
        // The newer attempt left no word. Once the talk has moved on that is nobody's business any more.
        if (reply && message.sequence === newest) {
            item.state = reply.phase === "stopped" ? "stopped" : "failed";
            item.code = reply.code;
            item.canRetry = reply.retryable;
        }
        placed.push({ sequence: message.sequence, item });
    }
    for (const reply of state.replies.values()) {
        if (isActive(reply)) busy = true;
        else if (state.messages.has(reply.id) || (reply.sequence ?? 0) < newest) continue; // told above, or passed over
        if (reply.sequence === null) waiting.push(fromReply(reply));
        else placed.push({ sequence: reply.sequence, item: fromReply(reply) });
    }
    placed.sort((a, b) => a.sequence - b.sequence);
    const items = placed.map((one) => one.item);
    for (const pending of state.pending) items.push(fromPending(pending));
    items.push(...waiting);
    onlyTheLastMayBeTriedAgain(items, busy || state.case?.handling.state === "coordinator");
    return items;
}

/** @param {Item[]} items @param {boolean} nobody */
function onlyTheLastMayBeTriedAgain(items, nobody) {
    let last = true;
    for (let at = items.length - 1; at >= 0; at--) {
        const item = items[at];
        if (!item || item.sender !== "ai") continue;
        if (!last || nobody) item.canRetry = false;
        last = false;
    }
}

/** What most entries have nothing to say about. */
const blank = { name: null, answeredBy: null, at: null, since: 0, canRetry: false, code: null, clientMessageId: null };

/** @param {Message} message @returns {Item} */
function fromMessage(message) {
    const own = message.sender_type === "patient";
    const at = Date.parse(message.created_at);
    return {
        ...blank,
        key: message.client_message_id ?? message.id,
        id: message.id,
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
        code: pending.code,
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
        a.answeredBy === b.answeredBy && a.code === b.code && a.at === b.at && a.since === b.since;
}
