// Where somebody was reading, by the message at the upper edge of the window: kept in the tab's own storage for a reload, as
// an id and a distance and never a word, and gone with everything else when its owner signs out. Pixels alone would mean
// another place as soon as anything has come in or the window is another.

/** @import {Store} from "./outbox.js" */
/** @import {View} from "./window.js" */
import { step } from "./window.js";

/** @typedef {{id: string, top: number}} Place a message, and how far below the upper edge it stood */

/** @param {string} caseId */
const key = (caseId) => `curaway.place.${caseId}`;

/** @param {Store} store @param {string} caseId @param {Place | null} place null: at the end, where one comes to anyway */
export function keepPlace(store, caseId, place) {
    try {
        if (place) store.setItem(key(caseId), JSON.stringify({ id: place.id, top: Math.round(place.top) }));
        else store.removeItem(key(caseId));
    } catch {
        // A full or forbidden storage: then it is the end.
    }
}

/** @param {Store} store @param {string} caseId @returns {Place | null} */
export function placeOf(store, caseId) {
    try {
        const { id, top } = JSON.parse(store.getItem(key(caseId)) ?? "null");
        return typeof id === "string" && Number.isFinite(top) ? { id, top } : null;
    } catch {
        return null;
    }
}

/** The part of the entries around one of them. @param {readonly {readonly key: string}[]} entries @param {number} at @returns {View} */
export function around(entries, at) {
    const end = at + step;
    return {
        first: entries[Math.max(0, at - step)]?.key ?? null,
        last: end < entries.length ? entries[end]?.key ?? null : null,
    };
}
