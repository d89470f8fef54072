// The life of one stream as a value: what it waits for, since when, and what an event makes of it. Pure: the time and the
// dice are passed in. Whoever hosts it (wire/stream.js) does three things: opens an attempt when `phase` is "connecting"
// in a new `generation`, aborts the attempt of any former one, and calls again with "tick" when something is `due`.
//
//     idle ──begin──> connecting ──opened──> open ──lost──> waiting ──due, or somebody looks──> connecting
//                          └── left, or hidden for long ──> resting ──somebody looks──> connecting
//     from anywhere: ended, with the reason in `parting`; "idle" again with a reason in `parting`: a cursor is wanted
//
// `offline` does not mean that a stream is dead, and an open one may be: only bytes prove life.

import { delay, healthyAfter } from "./backoff.js";

/** The server's heart beats every 15 s; after this much silence the line is dead. */
export const watchdog = 40_000;
/** An answer to the request itself must come sooner. */
export const connectTimeout = 12_000;
/** Whoever comes back to an open line gives it this long to speak. */
export const probe = 1_500;
/** Away for less than this, nothing is doubted. */
export const doubtAfter = 5_000;
/** Somebody who looks elsewhere for this long does not need a live line: what comes meanwhile is told another way. */
export const restAfter = 60_000;
/** We look at the clock this often. Where it moved on much further, or back, the machine slept or was set. */
export const lookEvery = 2_000;
const sleptAfter = 10_000;
/** The server may slow us down, not switch us off. */
const longestRetry = 60_000;

/** @typedef {"signed_out" | "forbidden" | "gone" | "closed"} Parting */
/** @typedef {"visible" | "resumed" | "shown" | "online" | "tapped"} Attention somebody looks, or the way may be free */
/** @type {Readonly<Record<number, Parting>>} */
const endings = { 204: "closed", 401: "signed_out", 403: "forbidden", 404: "gone", 410: "gone" };
/** @typedef {Attention | "hidden" | "left" | "robbed"} Signal robbed: another tab needs our place */

/**
 * @typedef {object} Connection
 * @property {"idle" | "connecting" | "open" | "waiting" | "resting" | "ended"} phase
 * @property {number} generation of the attempt: whatever another one says is ignored
 * @property {number} since when we began to connect, or, open, when a byte came last
 * @property {number} seenAt when we last looked at the clock
 * @property {number} retryAt while waiting
 * @property {number | null} doubtedUntil by then an open line must have spoken
 * @property {number | null} hiddenAt since when nobody looks
 * @property {number | null} awayAt since when somebody who looks is told nothing; null: all is well, or not known yet
 * @property {number} failures in a row; one that followed a healthy time is the first
 * @property {number | null} openedAt
 * @property {number} floor what `retry:` asked for
 * @property {Parting | "invalid_cursor" | null} parting
 */

/** @type {Connection} */
export const initial = {
    phase: "idle",
    generation: 0,
    since: 0,
    seenAt: 0,
    retryAt: 0,
    doubtedUntil: null,
    hiddenAt: null,
    awayAt: null,
    failures: 0,
    openedAt: null,
    floor: 0,
    parting: null,
};

/**
 * @typedef {{type: "begin" | "tick" | "end" | Signal}
 *     | {type: "opened" | "heard" | "expired" | "gone", generation: number}
 *     | {type: "lost", generation: number, atLeast?: number}
 *     | {type: "refused", generation: number, status: number, retryAfter: number}
 *     | {type: "retry", milliseconds: number}} Happening
 */

/**
 * @param {Connection} held @param {Happening} event @param {number} at @param {() => number} random
 * @returns {Connection} the same object when nothing changes
 */
export function step(held, event, at, random) {
    if (held.phase === "ended") return held;
    if ("generation" in event && event.generation !== held.generation) return held;
    switch (event.type) {
        case "begin":
            return connect(held, at);
        case "tick":
            return tick(held, at, random);
        case "opened":
            return { ...held, phase: "open", since: at, openedAt: at };
        case "heard":
            return { ...held, since: at, doubtedUntil: null, awayAt: null };
        case "lost":
            return lost(held, at, random, event.atLeast);
        case "expired":
            // The right to listen has run out, nothing else: at once again with a fresh token, and no failure. But a
            // server that says so as its first word would be asked without end.
            return lasted(held.openedAt, at) >= 1_000 ? connect(held, at) : lost(held, at, random);
        case "gone":
            return part(held, "gone");
        case "refused":
            return refused(held, event.status, event.retryAfter, at, random);
        case "retry":
            return { ...held, floor: Math.min(event.milliseconds, longestRetry) };
        case "end":
            return part(held, null);
        case "hidden":
            return held.hiddenAt === null ? { ...held, hiddenAt: at } : held;
        case "left":
        case "robbed":
            return rest(held);
        default:
            return attend(held, event.type, at);
    }
}

/** When "tick" is next wanted, at the latest; null: never. @param {Connection} held @returns {number | null} */
export function due(held) {
    const { phase, since } = held, all = [held.seenAt + lookEvery];
    if (phase === "waiting") all.push(held.retryAt);
    else if (phase === "connecting") all.push(since + connectTimeout);
    else if (phase === "open") all.push(since + watchdog);
    else return null;
    if (held.doubtedUntil !== null) all.push(held.doubtedUntil);
    if (held.hiddenAt !== null) all.push(held.hiddenAt + restAfter);
    return Math.min(...all);
}

/** @param {Connection} held @param {number} at @param {() => number} random @returns {Connection} */
function tick(held, at, random) {
    const passed = at - held.seenAt, next = { ...held, seenAt: at };
    if (due(held) === null) return held;
    if (lasted(held.hiddenAt, at) >= restAfter) return rest(next);
    // What was due by a clock that has been set back would never come.
    if (passed < 0) return connect({ ...next, hiddenAt: held.hiddenAt && at }, at);
    if (held.phase === "waiting") return at >= held.retryAt ? connect(next, at) : next;
    if (held.phase === "connecting") return at - held.since >= connectTimeout ? lost(next, at, random) : next;
    // Bytes prove life, their absence while we slept proves nothing; but 40 s are enough for anybody.
    if (at - held.since >= watchdog) return lost(next, at, random);
    if (held.doubtedUntil !== null && at >= held.doubtedUntil) return connect({ ...next, awayAt: at }, at);
    return passed >= sleptAfter && held.hiddenAt === null ? attend(next, "resumed", at) : next;
}

/** @param {Connection} held @param {Attention} why @param {number} at @returns {Connection} */
function attend(held, why, at) {
    const hiddenFor = lasted(held.hiddenAt, at);
    const seen = why === "visible" || why === "shown" || why === "tapped";
    // Nobody was told of what happened unseen: the trouble begins now.
    const next = {
        ...held,
        hiddenAt: seen ? null : held.hiddenAt,
        awayAt: seen && hiddenFor && held.awayAt ? at : held.awayAt,
    };
    switch (held.phase) {
        case "resting":
            // Nobody looks, or another tab needed the place more: a network that is back is no reason to take it again.
            return seen ? connect({ ...next, awayAt: at }, at) : next;
        case "waiting":
            return connect(next, at);
        case "connecting":
            // One attempt at a time; but one that hangs may hang on the network of yesterday.
            return at - held.since >= probe ? connect(next, at) : next;
        case "open":
            if (why === "shown" || why === "tapped") return connect(next, at);
            if (why === "visible" && hiddenFor <= doubtAfter) return next;
            return { ...next, doubtedUntil: held.doubtedUntil ?? at + probe };
        default:
            return next;
    }
}

/** @param {Connection} held @param {number} at @returns {Connection} */
function connect(held, at) {
    return { ...aside(held), phase: "connecting", since: at, seenAt: at, parting: null };
}

/** The attempt of this generation is over. @param {Connection} held @returns {Connection} */
function aside(held) {
    return { ...held, generation: held.generation + 1, doubtedUntil: null };
}

/** @param {number | null} since @param {number} at */
function lasted(since, at) {
    return since === null ? 0 : at - since;
}

/** @param {Connection} held @returns {Connection} */
function rest(held) {
    return held.phase === "idle" ? held : { ...aside(held), phase: "resting" };
}

/** @param {Connection} held @param {number} at @param {() => number} random @param {number} [atLeast] @returns {Connection} */
function lost(held, at, random, atLeast = 0) {
    const failures = lasted(held.openedAt, at) >= healthyAfter ? 0 : held.failures;
    // A first break is mended at once; `retry:` is for those who come again and again.
    const retryAt = at + delay(failures, random, Math.max(atLeast, failures > 0 ? held.floor : 0));
    return {
        ...aside(held),
        phase: "waiting",
        seenAt: at,
        retryAt,
        failures: failures + 1,
        openedAt: null,
        awayAt: held.awayAt ?? at,
    };
}

/**
 * @param {Connection} held @param {number} status @param {number} retryAfter @param {number} at @param {() => number} random
 * @returns {Connection}
 */
function refused(held, status, retryAfter, at, random) {
    const why = endings[status];
    if (why) return part(held, why);
    if (status === 400) return { ...aside(held), phase: "idle", parting: "invalid_cursor" };
    // Also a 200 that is no stream: somebody on the way answers, for a while.
    return lost(held, at, random, retryAfter);
}

/** @param {Connection} held @param {Parting | null} why @returns {Connection} */
function part(held, why) {
    return { ...aside(held), phase: "ended", parting: why, awayAt: null };
}
