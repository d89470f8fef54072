// The clock and the dice, as things that can be handed in: tests bring their own.

/**
 * @typedef {object} Clock
 * @property {() => number} now wall-clock milliseconds: timers of hidden pages are throttled, ticks are not time
 * @property {(milliseconds: number, run: () => void) => () => void} after returns how to call it off
 */

/** @type {Clock} */
export const wallClock = {
    now: () => Date.now(),
    after: (milliseconds, run) => {
        const timer = setTimeout(run, milliseconds);
        return () => clearTimeout(timer);
    },
};

/** Of version 4 (RFC 9562): by hand, because randomUUID is missing without a secure context. @returns {string} */
export function uuid() {
    const random = crypto.getRandomValues(new Uint8Array(36));
    return "xxxxxxxx-xxxx-4xxx-Nxxx-xxxxxxxxxxxx".replace(
        /[xN]/g,
        (digit, at) => (digit === "x" ? (random[at] ?? 0) & 15 : 8 | ((random[at] ?? 0) & 3)).toString(16),
    );
}
