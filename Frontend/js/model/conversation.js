// What one case looks like to one reader. A value and one function: no DOM, no clock, no network. The five rules of
// docs/protocol/streams.md are here and nowhere else, so that POST results, stream entries and snapshots may arrive in
// any order, twice or late, and the picture is the same. The test of it all: a fresh snapshot equals a stale one plus
// the entries since.

import { sending } from "./outbox.js";

/**
 * @import {CareCase, ChatResult, Handling, Message, Page, ReplyResult, ReplyState, Snapshot, StreamEvent}
 *     from "../wire/types.js"
 */

/** @typedef {"queued" | "thinking" | "streaming"} ActivePhase */
/** @typedef {ActivePhase | "stopped" | "interrupted" | "failed"} Phase */

/**
 * An answer in flight, or one that ended without a word (kept so that a late POST result cannot wake it again). Its
 * attempt is above the version of any message it has: with the message it is forgotten.
 * @typedef {object} Reply
 * @property {string} id
 * @property {number} attempt
 * @property {Phase} phase
 * @property {number | null} sequence where its bubble stands; null: not told yet, at the end
 * @property {number} through
 * @property {string} text
 * @property {number} since when this reader first saw the attempt, for "Still working…"
 * @property {boolean} retryable
 * @property {string | null} code
 * @property {boolean} stopping the patient asked for the end and has not had it yet
 */

/**
 * A message of one's own that the server has not confirmed.
 * @typedef {object} Pending
 * @property {string} clientMessageId
 * @property {string} body
 * @property {number} at
 * @property {"sending" | "failed"} state
 * @property {string | null} code why it failed
 * @property {boolean} transient sending it again by itself makes sense
 */

/** An ended attempt that somebody wants another of. @typedef {{id: string, attempt: number, failed: boolean}} Again */

/**
 * @typedef {object} Conversation
 * @property {string} caseId
 * @property {CareCase | null} case
 * @property {ReadonlyMap<string, Message>} messages
 * @property {ReadonlyMap<string, Reply>} replies
 * @property {ReadonlySet<string>} past attempts that a snapshot knew to be over: what is still told of them is old
 * @property {readonly Pending[]} pending
 * @property {Again | null} again
 * @property {boolean} more older messages exist on the server
 * @property {"idle" | "loading" | "failed"} older
 * @property {boolean} loaded a snapshot has been seen
 * @property {boolean} stale a snapshot is wanted
 * @property {boolean} syncing a snapshot is on its way; what arrives meanwhile is held
 * @property {readonly Incoming[]} held
 */

/** @typedef {{type: "event", event: StreamEvent, at: number}} EventAction */
/** @typedef {{type: "posted", result: ChatResult, at: number}} PostedAction */
/** @typedef {{type: "reply", reply: ReplyResult, at: number}} ReplyAction */
/** @typedef {EventAction | PostedAction | ReplyAction} Incoming */
/**
 * @typedef {Incoming
 *     | {type: "sync.began"} | {type: "sync.failed"} | {type: "snapshot", snapshot: Snapshot, at: number}
 *     | {type: "older.began"} | {type: "older.failed"} | {type: "older", page: Page}
 *     | {type: "restored", pending: readonly Pending[]}
 *     | {type: "send", clientMessageId: string, body: string, at: number}
 *     | {type: "send.failed", clientMessageId: string, code: string, transient: boolean}
 *     | {type: "send.again", clientMessageId: string} | {type: "send.discarded", clientMessageId: string}
 *     | {type: "stop.asked", replyId: string} | {type: "stop.failed", replyId: string}
 *     | {type: "retry.asked" | "retry.failed", replyId: string}
 *     | {type: "stale"}} Action
 */

/** While a snapshot is under way at most this much is held; beyond it the snapshot is simply fetched again. */
export const heldLimit = 4000;

/** @param {string} caseId @returns {Conversation} */
export function initial(caseId) {
    return {
        caseId,
        case: null,
        messages: new Map(),
        replies: new Map(),
        past: new Set(),
        pending: [],
        again: null,
        more: false,
        older: "idle",
        loaded: false,
        stale: true,
        syncing: false,
        held: [],
    };
}

/** @param {Conversation} state @param {Action} action @returns {Conversation} */
export function reduce(state, action) {
    switch (action.type) {
        case "event":
        case "posted":
        case "reply":
            return state.syncing ? hold(state, action) : arrived(state, action);
        case "sync.began":
            return { ...state, syncing: true, stale: false, held: [] };
        case "sync.failed":
            return { ...release({ ...state, syncing: false }, state.held), stale: true };
        case "snapshot":
            return release(fromSnapshot(state, action.snapshot, action.at), state.held);
        case "stale":
            return state.stale ? state : { ...state, stale: true };
        case "older.began":
            return { ...state, older: "loading" };
        case "older.failed":
            return { ...state, older: "failed" };
        case "older":
            return { ...upsert(state, action.page.messages), more: action.page.more, older: "idle" };
        case "restored":
            return { ...state, pending: unconfirmed(state.messages, merge(state.pending, action.pending)) };
        case "send": {
            if (state.pending.some((one) => one.clientMessageId === action.clientMessageId)) return state;
            return { ...state, pending: [...state.pending, sending(action.clientMessageId, action.body, action.at)] };
        }
        case "send.failed": {
            const { code, transient } = action;
            return mapPending(state, action.clientMessageId, (one) => ({ ...one, state: "failed", code, transient }));
        }
        case "send.again":
            return mapPending(state, action.clientMessageId, (one) => sending(one.clientMessageId, one.body, one.at));
        case "send.discarded":
            return { ...state, pending: state.pending.filter((one) => one.clientMessageId !== action.clientMessageId) };
        case "stop.asked":
        case "stop.failed": {
            const reply = state.replies.get(action.replyId);
            return reply ? put(state, { ...reply, stopping: action.type === "stop.asked" }) : state;
        }
        case "retry.asked":
            return {
                ...state,
                again: { id: action.replyId, attempt: attemptOf(state, action.replyId), failed: false },
            };
        case "retry.failed":
            return { ...state, again: state.again && { ...state.again, failed: true } };
    }
}

/** The reply that is being written or waits to be, if any. @param {Conversation} state @returns {Reply | null} */
export function activeReply(state) {
    for (const reply of state.replies.values()) if (isActive(reply)) return reply;
    return null;
}

/** @param {Conversation} state @param {string} id */
function attemptOf(state, id) {
    return state.replies.get(id)?.attempt ?? state.messages.get(id)?.version ?? 0;
}

/** What became of the wish for another attempt. With one it is forgotten. @param {Conversation} state @param {string} id */
export function wished(state, id) {
    const { again } = state;
    return again?.id !== id || again.attempt !== attemptOf(state, id) ? null : again.failed ? "failed" : "asked";
}

/** @param {Reply} reply */
export function isActive(reply) {
    return reply.phase === "queued" || reply.phase === "thinking" || reply.phase === "streaming";
}

/** @param {Conversation} state @returns {number} */
function newestSequence(state) {
    let newest = 0;
    for (const one of state.messages.values()) newest = Math.max(newest, one.sequence);
    return newest;
}

/** @param {Conversation} state @returns {number | null} */
export function oldestSequence(state) {
    let oldest = null;
    for (const one of state.messages.values()) if (oldest === null || one.sequence < oldest) oldest = one.sequence;
    return oldest;
}

// ---- what arrives ----

/** @param {Conversation} state @param {Incoming} incoming @returns {Conversation} */
function hold(state, incoming) {
    if (state.held.length >= heldLimit) return { ...state, held: [], stale: true };
    return { ...state, held: [...state.held, incoming] };
}

/** @param {Conversation} state @param {readonly Incoming[]} held @returns {Conversation} */
function release(state, held) {
    return held.reduce(arrived, { ...state, held: [] });
}

/** @param {Conversation} state @param {Incoming} incoming @returns {Conversation} */
function arrived(state, incoming) {
    switch (incoming.type) {
        case "event":
            return happened(state, incoming.event, incoming.at);
        case "posted": {
            const next = upsert(state, [incoming.result.message]);
            return incoming.result.reply ? resulted(next, incoming.result.reply, incoming.at) : next;
        }
        case "reply":
            return resulted(state, incoming.reply, incoming.at);
    }
}

/** @param {Conversation} state @param {StreamEvent} event @param {number} at @returns {Conversation} */
function happened(state, event, at) {
    switch (event.type) {
        // Rule 1.
        case "message":
            return upsert(state, [event.message]);
        // Rule 2.
        case "reply.started": {
            if (settled(state, event.reply_id, event.attempt)) return state;
            const held = state.replies.get(event.reply_id);
            if (!held || event.attempt > held.attempt) {
                return put(state, begun(event.reply_id, event.attempt, event.sequence, at));
            }
            if (event.attempt < held.attempt || !isActive(held)) return state;
            const phase = held.phase === "queued" ? "thinking" : held.phase;
            return put(state, { ...held, phase, sequence: event.sequence });
        }
        // Rule 3.
        case "reply.delta": {
            if (settled(state, event.reply_id, event.attempt)) return state;
            const held = state.replies.get(event.reply_id);
            if (held && event.attempt < held.attempt) return state;
            if (!held || event.attempt > held.attempt) return { ...state, stale: true };
            if (event.n <= held.through || !isActive(held)) return state;
            if (event.n !== held.through + 1) return { ...state, stale: true };
            return put(state, { ...held, phase: "streaming", through: event.n, text: held.text + event.text });
        }
        // Rule 4.
        case "reply.snapshot": {
            const { reply_id, attempt, sequence, through, text } = event;
            if (settled(state, reply_id, attempt)) return state;
            return caughtUp(state, { ...begun(reply_id, attempt, sequence, at), through, text });
        }
        case "reply.finished":
        case "reply.stopped":
        case "reply.interrupted":
        case "reply.failed": {
            const id = event.reply_id, how = /** @type {ReplyState} */ (event.type.slice("reply.".length));
            const told = event.message_id === null || settled(state, id, event.attempt);
            // Its message should have come before.
            if (!told) return { ...state, stale: true };
            return ended(state, { ...event, id, state: how }, event.retryable);
        }
        case "handling":
            return handled(state, event.handling);
        case "case":
            return event.case.id === state.caseId ? aboutCase(state, event.case) : state;
        case "reset":
            return { ...state, stale: true };
        default:
            return state;
    }
}

/**
 * An attempt is over. With words its message is the truth; without, what remains is the offer to try again.
 * @param {Conversation} state
 * @param {{id: string, state: ReplyState, attempt: number, sequence: number | null, code: string | null}} reply
 * @param {boolean} [retryable]
 * @returns {Conversation}
 */
function ended(state, reply, retryable = true) {
    const { id, attempt, code } = reply;
    const held = state.replies.get(id);
    if (held && held.attempt > attempt) return state;
    if (reply.state === "finished" || settled(state, id, attempt)) return held ? remove(state, id) : state;
    const sequence = reply.sequence ?? placeOf(state, id);
    // Of a reply that never ran a POST result does not tell the place; the snapshot does.
    if (sequence === null) return { ...state, stale: true };
    const phase = /** @type {Phase} */ (reply.state);
    return put(state, { ...begun(id, attempt, sequence, 0), phase, retryable, code });
}

/**
 * What POST chat, stop or retry said. It may be older than what the stream has told already.
 * @param {Conversation} state @param {ReplyResult} result @param {number} at @returns {Conversation}
 */
function resulted(state, result, at) {
    const next = result.message ? upsert(state, [result.message]) : state;
    if (isOver(result)) return ended(next, { ...result, sequence: null });
    if (settled(next, result.id, result.attempt)) return next;
    const held = next.replies.get(result.id);
    if (held && held.attempt >= result.attempt) return next;
    const phase = result.state === "queued" ? "queued" : "thinking";
    return put(next, { ...begun(result.id, result.attempt, placeOf(next, result.id), at), phase });
}

/** @param {Conversation} state @param {Snapshot} snapshot @param {number} at @returns {Conversation} */
function fromSnapshot(state, snapshot, at) {
    const oldest = snapshot.messages[0]?.sequence ?? Infinity;
    // Older pages stay, unless more was missed than a snapshot holds: a hole in the middle would never be noticed.
    const hole = snapshot.more && state.messages.size > 0 && newestSequence(state) < oldest;
    const before = oldestSequence(state);
    const keepsOlder = !hole && before !== null && before < oldest;
    let next = upsert(hole ? { ...state, messages: new Map() } : state, snapshot.messages);
    next = aboutCase(next, snapshot.case);
    // What we believed to be running and the snapshot does not tell is over, and the talk has moved on. One that waits may
    // wait still: a snapshot tells one reply.
    const past = new Set(state.past), replies = new Map();
    for (const [id, reply] of next.replies) {
        if (!isActive(reply) || id === snapshot.reply?.id) replies.set(id, reply);
        else if (reply.phase !== "queued") past.add(id + reply.attempt);
    }
    next = {
        ...next,
        more: keepsOlder ? state.more : snapshot.more,
        older: "idle",
        loaded: true,
        syncing: false,
        replies,
        past,
    };
    const reply = snapshot.reply;
    if (!reply) return next;
    if (isOver(reply)) return ended(next, reply);
    if (settled(next, reply.id, reply.attempt)) return next;
    const told = reply.started_at === null ? NaN : Date.parse(reply.started_at);
    const since = told <= at && at - told < 600_000 ? told : at;
    return caughtUp(next, {
        ...begun(reply.id, reply.attempt, reply.sequence, since),
        phase: reply.state === "queued" ? "queued" : reply.text === "" ? "thinking" : "streaming",
        through: reply.through,
        text: reply.text,
    });
}

/** @param {Conversation} state @param {Reply} fresh @returns {Conversation} */
function caughtUp(state, fresh) {
    const held = state.replies.get(fresh.id);
    if (held && fresh.attempt < held.attempt) return state;
    if (held && fresh.attempt === held.attempt) {
        if (fresh.through < held.through || !isActive(held)) return state;
        fresh = { ...fresh, since: held.since, stopping: held.stopping };
    }
    if (fresh.text !== "") fresh = { ...fresh, phase: "streaming" };
    return put(state, fresh);
}

// ---- small steps ----

/** @param {string} id @param {number} attempt @param {number | null} sequence @param {number} since @returns {Reply} */
function begun(id, attempt, sequence, since) {
    return {
        id,
        attempt,
        sequence,
        since,
        phase: "thinking",
        through: 0,
        text: "",
        retryable: false,
        code: null,
        stopping: false,
    };
}

/** @param {{state: ReplyState}} reply as the wire tells it */
function isOver(reply) {
    return reply.state !== "queued" && reply.state !== "running";
}

/** Every attempt of a reply stands where the first one stood. @param {Conversation} state @param {string} replyId */
function placeOf(state, replyId) {
    return state.replies.get(replyId)?.sequence ?? state.messages.get(replyId)?.sequence ?? null;
}

/** Rule 5: the message's id is the reply's id and its version the attempt; once it stands it is the truth. */
/** @param {Conversation} state @param {string} replyId @param {number} attempt */
function settled(state, replyId, attempt) {
    return (state.messages.get(replyId)?.version ?? 0) >= attempt || state.past.has(replyId + attempt);
}

/** @param {Conversation} state @param {readonly Message[]} incoming @returns {Conversation} */
function upsert(state, incoming) {
    /** @type {Map<string, Message> | null} */
    let messages = null;
    let next = state;
    for (const message of incoming) {
        // Never sent to a patient; and if it were, never shown.
        if (message.audience === "staff") continue;
        const held = (messages ?? state.messages).get(message.id);
        if (held && held.version >= message.version) continue;
        messages ??= new Map(state.messages);
        messages.set(message.id, message);
        const reply = next.replies.get(message.id);
        if (reply && reply.attempt <= message.version) next = remove(next, message.id);
    }
    if (!messages) return next;
    return { ...next, messages, pending: unconfirmed(messages, next.pending) };
}

/** @param {ReadonlyMap<string, Message>} messages @param {readonly Pending[]} pending */
function unconfirmed(messages, pending) {
    if (pending.length === 0) return pending;
    const known = new Set();
    for (const message of messages.values()) if (message.client_message_id) known.add(message.client_message_id);
    return pending.some((one) => known.has(one.clientMessageId))
        ? pending.filter((one) => !known.has(one.clientMessageId))
        : pending;
}

/** @param {readonly Pending[]} held @param {readonly Pending[]} more */
function merge(held, more) {
    const known = new Set(held.map((one) => one.clientMessageId));
    return [...more.filter((one) => !known.has(one.clientMessageId)), ...held];
}

/** @param {Conversation} state @param {string} id @param {(one: Pending) => Pending} change @returns {Conversation} */
function mapPending(state, id, change) {
    return { ...state, pending: state.pending.map((one) => one.clientMessageId === id ? change(one) : one) };
}

/** @param {Conversation} state @param {Reply} reply @returns {Conversation} */
function put(state, reply) {
    return { ...state, replies: new Map(state.replies).set(reply.id, reply) };
}

/** @param {Conversation} state @param {string} id @returns {Conversation} */
function remove(state, id) {
    const replies = new Map(state.replies);
    replies.delete(id);
    return { ...state, replies };
}

/** @param {Conversation} state @param {CareCase} about @returns {Conversation} */
function aboutCase(state, about) {
    if (state.case && state.case.version > about.version) return state;
    const handling = state.case && state.case.handling.version > about.handling.version
        ? state.case.handling
        : about.handling;
    return { ...state, case: { ...about, handling } };
}

/** @param {Conversation} state @param {Handling} handling @returns {Conversation} */
function handled(state, handling) {
    if (!state.case || state.case.handling.version >= handling.version) return state;
    return { ...state, case: { ...state.case, handling } };
}
