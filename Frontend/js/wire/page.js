// The page among others. What it is told of being looked at, put away, frozen and brought back is passed on to the
// conversation that is open: these are hints, a phone may leave any of them out, so each alone is enough and none is needed.
// And the places for streams that all tabs share.

/** @import {Signal} from "../model/connection.js" */

/** @param {() => {happened: (signal: Signal) => void} | null} open who is to hear of it at that moment */
export function listen(open) {
    /** @param {Signal} signal */
    const tell = (signal) => open()?.happened(signal);
    const look = () => tell(document.hidden ? "hidden" : "visible");
    document.addEventListener("visibilitychange", look);
    document.addEventListener("resume", () => {
        tell("resumed");
        // Some browsers leave the other event out.
        look();
    });
    addEventListener("focus", () => tell("visible"));
    addEventListener("online", () => tell("online"));
    addEventListener("pageshow", (event) => event.persisted && tell("shown"));
    addEventListener("pagehide", () => tell("left"));
}

/** Over HTTP/1.1 a browser has six connections to an origin, all tabs together: two stay free for what is sent. */
export const places = 4;

/**
 * A place until the signal aborts. Who looks at it needs a stream more than whoever came before: where none is free, one is
 * taken from another tab, which asks now and then instead.
 * @param {AbortSignal} signal @param {() => number} random @param {() => void} robbed
 */
export async function place(signal, random, robbed) {
    // Not a secure context: only where somebody tries things out.
    if (!navigator.locks) return;
    const first = Math.floor(random() * places);
    for (let at = 0; at <= places; at++) {
        const name = `curaway.stream.${(first + at) % places}`;
        if (await hold(name, at < places ? { ifAvailable: true } : { steal: true }, signal, robbed)) return;
    }
}

/** Held until the signal aborts. @param {string} name @param {LockOptions} how @param {AbortSignal} signal @param {() => void} robbed @returns {Promise<boolean>} */
export function hold(name, how, signal, robbed) {
    return new Promise((got) => {
        let held = false;
        navigator.locks.request(name, how, (lock) => {
            got(held = lock !== null);
            return held && new Promise((done) => signal.aborted ? done(null) : signal.onabort = done);
        }).catch(() => {
            if (held && !signal.aborted) robbed();
            got(false);
        });
    });
}
