// A clock that moves when told to.

/** @import {Clock} from "../js/wire/clock.js" */

/** @implements {Clock} */
export class ManualClock {
    #now = 1_000_000;
    /** @type {{at: number, run: () => void}[]} */
    #timers = [];

    now = () => this.#now;

    /** @param {number} milliseconds @param {() => void} run */
    after = (milliseconds, run) => {
        const timer = { at: this.#now + milliseconds, run };
        this.#timers.push(timer);
        return () => void (this.#timers = this.#timers.filter((one) => one !== timer));
    };

    /** @param {number} milliseconds */
    advance(milliseconds) {
        const until = this.#now + milliseconds;
        for (;;) {
            const next = this.#timers.filter((one) => one.at <= until).sort((a, b) => a.at - b.at)[0];
            if (!next) break;
            this.#timers = this.#timers.filter((one) => one !== next);
            this.#now = Math.max(this.#now, next.at);
            next.run();
        }
        this.#now = until;
    }
}
