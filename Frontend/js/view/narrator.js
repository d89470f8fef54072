// What somebody who listens is told: one line when an answer begins, the whole answer when it ends, and what went wrong.
// What stood there already is silent, so is every word in between, and so is what only comes into view again: news is what
// stands beyond the newest place that was known, and what has become something else.

/** @import {Item} from "../model/timeline.js" */
import { aloud } from "../i18n/aloud.js";
import { t } from "../i18n/language.js";
import { parseBlocks, plainText } from "../model/markdown.js";
import { isBeingWritten } from "../model/timeline.js";

/** What becomes of an entry is watched at the end of the timeline only: older ones change no more. */
const watched = 20;
/** So many messages that came together are read out; of more, how many there are and the last. */
const atOnce = 3;

export class Narrator {
    /** How each entry stood when it was last looked at. @type {Map<string, string> | null} */
    #known = null;
    /** The newest place that was ever looked at. */
    #newest = 0;
    /** One's own words that go out again by themselves: that they did not yet is said once. @type {Set<string>} */
    #waiting = new Set();

    /** @param {readonly Item[]} items @returns {string[]} what to say now */
    tell(items) {
        const before = this.#known, newest = this.#newest;
        // What has no place yet stands at the end, and is watched however much of it there is.
        const unplaced = items.filter((one) => one.sequence === Infinity).length;
        const recent = items.slice(-Math.max(watched, unplaced));
        this.#known = new Map(recent.map((item) => [item.key, stage(item)]));
        for (const { sequence } of recent) if (sequence < Infinity) this.#newest = Math.max(this.#newest, sequence);
        if (!before) return [];
        const isNew = (/** @type {Item} */ item) => !before.has(item.key) && item.sequence > newest;
        const came = recent.filter((item) => isNew(item) && item.sender !== "patient" && !isBeingWritten(item));
        const unread = new Set(came.length > atOnce ? came.slice(0, -1) : []);
        const said = recent
            .filter((item) => isNew(item) || (before.get(item.key) ?? stage(item)) !== stage(item))
            .flatMap((item) => unread.has(item) || this.#isWaiting(item) ? [] : sentence(item));
        return unread.size > 0 ? [aloud("several", came.length), ...said] : said;
    }

    /** @param {Item} item @returns {boolean} whether that was said before */
    #isWaiting({ key, state, transient }) {
        const was = this.#waiting.has(key);
        if (state === "failed" && transient) this.#waiting.add(key);
        return was && state === "failed" && transient;
    }
}

/** @param {Item} item */
function stage(item) {
    if (isBeingWritten(item)) return "writing";
    return item.again === "failed" ? "not asked" : item.state;
}

/** @param {Item} item @returns {string[]} */
function sentence(item) {
    if (item.sender === "patient") return item.state === "failed" ? [aloud("not_sent")] : [];
    if (isBeingWritten(item)) return [aloud("replying")];
    if (item.again === "failed") return [t("answer.not_asked")];
    switch (item.state) {
        case "complete": {
            const said = plainText(parseBlocks(item.body, false).map((one) => one.node));
            return [item.answeredBy === "emergency" ? `${t("answer.emergency")}. ${said}` : said];
        }
        case "stopped":
            return [aloud("stopped")];
        case "interrupted":
            return [t("answer.interrupted")];
        default:
            return [t("answer.failed")];
    }
}
