// When to come back. Pure: the time and the dice are passed in. The count goes back to nothing only after the stream
// has been healthy for a while: a server that accepts and closes at once would otherwise be hammered.

export const floor = 300;
export const base = 500;
export const cap = 30_000;
export const healthyAfter = 10_000;

/**
 * @param {number} failures how many attempts in a row went wrong
 * @param {() => number} random
 * @param {number} [atLeast] what `retry:` or `Retry-After` asked for
 */
export function delay(failures, random, atLeast = 0) {
    const spread = Math.min(cap, base * 2 ** Math.min(failures, 20));
    return Math.max(atLeast, floor) + random() * spread;
}
