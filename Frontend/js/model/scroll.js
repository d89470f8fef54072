// Where the view may move by itself. Pure: distances come in, a place to scroll to comes out. Being pulled down while
// reading is the loudest complaint about chats; losing the first line of a long answer is the second.

/** Nearer to the end than this counts as being there. */
export const nearBottom = 70;
/** Air above the first line of an answer that is being held in place. */
export const headroom = 16;

/**
 * `following`: keep the end in view. `held`: the answer outgrew the window, its first line stays. `free`: the reader
 * has taken over. `pinned` answers may push no further than their own first line; after "Jump to latest" they may.
 * @typedef {{readonly mode: "following" | "held" | "free", readonly past: string | null}} Follow
 */

/** @type {Follow} */
export const atTheEnd = { mode: "following", past: null };

/** The reader moved upwards, by wheel, finger, key or selection. @param {Follow} follow @returns {Follow} */
export function released(follow) {
    return follow.mode === "free" ? follow : { ...follow, mode: "free" };
}

/**
 * The reader's own scrolling came to rest `distance` before the end.
 * @param {Follow} follow @param {number} distance @param {string | null} answer the answer being written
 * @returns {Follow}
 */
export function arrivedAt(follow, distance, answer) {
    if (distance > nearBottom) return follow;
    return follow.mode === "following" ? follow : { mode: "following", past: answer };
}

/** "Jump to latest", or one's own message was sent. @param {string | null} answer @returns {Follow} */
export function jumped(answer) {
    return { mode: "following", past: answer };
}

/**
 * Something grew, or the window did. Where to scroll, if anywhere?
 * @param {Follow} follow
 * @param {{end: number, top: number, answer: string | null, answerTop: number | null, resized: boolean}} view `end`: the
 *     scroll position of the very end; `top`: the present one; `answerTop`: where the first line of the newest answer
 *     lies, in the same measure; `resized`: the window changed, not what is in it (a keyboard opened)
 * @returns {{follow: Follow, to: number | null}}
 */
export function grew(follow, { end, top, answer, answerTop, resized }) {
    if (follow.mode !== "following") return { follow, to: null };
    if (resized || answer === null || answerTop === null || answer === follow.past) return { follow, to: end };
    const first = Math.max(0, answerTop - headroom);
    if (first >= end) return { follow, to: end };
    // Already past its first line, because the window had shrunk: nothing moves back.
    return { follow: { ...follow, mode: "held" }, to: top > first ? null : first };
}
