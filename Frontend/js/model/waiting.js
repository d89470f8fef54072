// What is said while somebody waits: for an answer, or for their own words to go out. Pure: the wall clock is passed in,
// so a page that slept shows the true time the moment it wakes (ticks are not time).

/** From here on the time is told, and from `patience` that work goes on: the limits of attention, not of us. */
export const tellTimeAfter = 5_000;
export const patience = 10_000;
/** A line that was silent for this long during an answer is lost, and the reader may hurry it. */
export const lostAfter = 8_000;
/** A message that has been going out for this long has, honestly, not been sent. */
export const unsentAfter = 8_000;

/** @typedef {{phase: "thinking" | "timed" | "still", seconds: number}} Waiting */

/** @param {number} since @param {number} now @returns {Waiting} */
export function waiting(since, now) {
    const elapsed = Math.max(0, now - since);
    const phase = elapsed < tellTimeAfter ? "thinking" : elapsed < patience ? "timed" : "still";
    return { phase, seconds: Math.floor(elapsed / 1000) };
}

/**
 * Whether an answer in flight must be called lost. A snapshot that came another way is news too.
 * @param {number | null} lostAt since when the stream says nothing @param {number} heardAt when anything came last
 * @param {number} now
 */
export function isLost(lostAt, heardAt, now) {
    return lostAt !== null && now - Math.max(lostAt, heardAt) >= lostAfter;
}
