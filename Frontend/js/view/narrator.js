// What somebody who listens is told: one line when an answer begins, the whole answer when it ends, and what went wrong.
// What stood there already is silent, and so is every word in between.

/** @import {Item} from "../model/timeline.js" */
import { t } from "../i18n/language.js";
import { parseBlocks, plainText } from "../model/markdown.js";
import { isBeingWritten } from "../model/timeline.js";

/** Only the end of the timeline is watched: older pages that come in are history too. */
const watched = 20;

export class Narrator {
    /** How each entry stood when it was last looked at. @type {Map<string, string> | null} */
    #known = null;

    /** @param {readonly Item[]} items @returns {string[]} what to say now */
    tell(items) {
        const before = this.#known, recent = items.slice(-watched);
        this.#known = new Map(recent.map((item) => [item.key, stage(item)]));
        if (!before) return [];
        return recent.filter((item) => before.get(item.key) !== stage(item)).flatMap(sentence);
    }
}

/** @param {Item} item */
function stage(item) {
    return isBeingWritten(item) ? "writing" : item.state;
}

/** @param {Item} item @returns {string[]} */
function sentence(item) {
    if (item.sender === "patient") return item.state === "failed" ? [t("announce.not_sent")] : [];
    if (isBeingWritten(item)) return [t("announce.replying")];
    switch (item.state) {
        case "complete": {
            const said = plainText(parseBlocks(item.body, false).map((one) => one.node));
            return [item.answeredBy === "emergency" ? `${t("answer.emergency")}. ${said}` : said];
        }
        case "stopped":
            return [t("announce.stopped")];
        case "interrupted":
            return [t("answer.interrupted")];
        default:
            return [t("answer.failed")];
    }
}
