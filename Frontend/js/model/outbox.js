// One's own words that the server has not confirmed, and what was begun to be written: kept per case, in the tab's own
// storage, until they are sent or thrown away by hand. Order and ids are kept, so that a reload sends the same messages
// once, in the order in which they were written. (Why the tab's storage: docs/decisions/0028.)

/** @import {Pending} from "./conversation.js" */

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Store */

/** @param {string} caseId */
const outboxKey = (caseId) => `curaway.outbox.${caseId}`;
/** @param {string} caseId */
const draftKey = (caseId) => `curaway.draft.${caseId}`;

/** @param {string} clientMessageId @param {string} body @param {number} at @returns {Pending} */
export function sending(clientMessageId, body, at) {
    return { clientMessageId, body, at, state: "sending", code: null, transient: false };
}

/** @param {Store} store @param {string} caseId @param {readonly Pending[]} pending */
export function keepPending(store, caseId, pending) {
    keep(store, outboxKey(caseId), pending.length === 0 ? "" : JSON.stringify(pending));
}

/** @param {Store} store @param {string} caseId @returns {Pending[]} */
export function pendingOf(store, caseId) {
    try {
        /** @type {unknown} */
        const kept = JSON.parse(read(store, outboxKey(caseId)) || "[]");
        return Array.isArray(kept) ? kept.flatMap(understood) : [];
    } catch {
        return [];
    }
}

/**
 * A refusal is still a refusal after a reload; what failed for want of a network goes out again by itself.
 * @param {Partial<Record<keyof Pending, unknown>> | null} one @returns {Pending[]}
 */
function understood(one) {
    const { clientMessageId, body, at, state, code, transient } = one ?? {};
    if (typeof clientMessageId !== "string" || typeof body !== "string") return [];
    const pending = sending(clientMessageId, body, typeof at === "number" ? at : 0);
    if (state !== "failed" || transient === true) return [pending];
    return [{ ...pending, state, code: typeof code === "string" ? code : null }];
}

/** @param {Store} store @param {string} caseId @param {string} text */
export function keepDraft(store, caseId, text) {
    keep(store, draftKey(caseId), text);
}

/** @param {Store} store @param {string} caseId @returns {string} */
export function draftOf(store, caseId) {
    return read(store, draftKey(caseId));
}

/** A full or forbidden storage: the words are still on the screen. @param {Store} store @param {string} key @param {string} value */
function keep(store, key, value) {
    try {
        if (value === "") store.removeItem(key);
        else store.setItem(key, value);
    } catch {
        // As said above.
    }
}

/** @param {Store} store @param {string} key */
function read(store, key) {
    try {
        return store.getItem(key) ?? "";
    } catch {
        return "";
    }
}
