// Which part of a long conversation stands on the page: one unbroken run of entries, never more than `most`, moved by
// `step` when the reader comes near its edge. Pure, and kept by key: what is put before or after changes no index.

/** The page never holds more entries than this (C92 allows 600). */
export const most = 240;
/** So many are shown first, and so many come in with each step: little enough for one frame. */
export const step = 40;

/**
 * `first` and `last` are keys; null: as far as it goes from the other end, and to the very end.
 * @typedef {{readonly first: string | null, readonly last: string | null}} View
 */
/** @typedef {{readonly from: number, readonly to: number}} Slice `to` is not in it */
/** @typedef {readonly {readonly key: string}[]} Entries */

/** @type {View} */
export const atTheEnd = { first: null, last: null };

/** @param {View} view @param {Entries} entries @returns {Slice} */
export function slice(view, entries) {
    const last = view.last === null ? -1 : entries.findLastIndex((one) => one.key === view.last);
    const to = last < 0 ? entries.length : last + 1;
    const first = view.first === null ? -1 : entries.findIndex((one) => one.key === view.first);
    const from = first < 0 || first >= to ? to - step : first;
    return { from: Math.max(0, from, to - most), to };
}

/** @param {Entries} entries @param {number} from @param {number} to @returns {View} */
function view(entries, from, to) {
    return { first: entries[from]?.key ?? null, last: to >= entries.length ? null : entries[to - 1]?.key ?? null };
}

/**
 * From which place on all there is may stand on the page: what lies before it has its place among entries that are not there,
 * or not here yet. @param {readonly {readonly sequence: number}[]} entries @param {number} from
 * @param {boolean} more older ones exist on the server
 */
export function lowest(entries, from, more) {
    return from === 0 && !more ? -1 : entries[from]?.sequence ?? -1;
}

/** The reader comes near the upper edge. @param {View} now @param {Entries} entries @returns {View} */
export function earlier(now, entries) {
    const { from, to } = slice(now, entries), up = Math.max(0, from - step);
    return view(entries, up, Math.min(to, up + most));
}

/** The reader comes near the lower edge. @param {View} now @param {Entries} entries @returns {View} */
export function later(now, entries) {
    const { from, to } = slice(now, entries), down = Math.min(entries.length, to + step);
    return view(entries, Math.max(from, down - most), down);
}
