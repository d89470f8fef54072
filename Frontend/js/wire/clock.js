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

/** Works without a secure context too, where randomUUID is missing. @returns {string} */
export function uuid() {
    if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
