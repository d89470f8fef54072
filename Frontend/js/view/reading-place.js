// Who was reading further up and comes back to a page that is loaded anew is brought there again. Not needed for the first
// picture: until it is here, and the message too, the end is shown, and whoever scrolls meanwhile is left alone.

/** @import {Correspondence} from "../wire/correspondence.js" */
/** @import {Item} from "../model/timeline.js" */
/** @import {View} from "../model/window.js" */
/** @import {TimelineList} from "./timeline-list.js" */
/** @import {Viewport} from "./viewport.js" */
import { around, keepPlace, placeOf } from "../model/place.js";

/** So many pages of older messages are asked for to find it; further up it is quicker to search than to wait. */
const pagesLimit = 10;

export class ReadingPlace {
    #letters;
    #viewport;
    #list;
    #turn;
    #sought;
    #pages = 0;
    #away = new AbortController();

    /** @param {Correspondence} letters @param {Viewport} viewport @param {TimelineList} list @param {(view: View) => void} turn */
    constructor(letters, viewport, list, turn) {
        this.#letters = letters;
        this.#viewport = viewport;
        this.#list = list;
        this.#turn = turn;
        this.#sought = placeOf(sessionStorage, letters.state.caseId);
        // It is for the next page alone: who goes to another case and comes back comes to the end.
        this.#keep(false);
        const { signal } = this.#away;
        // A page that is thrown away in the background is not told; it was hidden before.
        document.addEventListener("visibilitychange", () => this.#keep(document.hidden), { signal });
        addEventListener("pagehide", () => this.#keep(true), { signal });
        addEventListener("pageshow", () => this.#keep(false), { signal });
    }

    close = () => this.#away.abort();

    /** These stand on the page or may be brought there. @param {readonly Item[]} items */
    drawn(items) {
        const sought = this.#sought, { more, older } = this.#letters.state;
        if (!sought || older === "loading") return;
        const at = items.findIndex((one) => one.id === sought.id);
        const isLost = at < 0 && (!more || older === "failed" || this.#pages++ >= pagesLimit);
        if (isLost || !this.#viewport.jump.hidden) this.#sought = null;
        else if (at < 0) this.#letters.older();
        else {
            this.#sought = null;
            this.#viewport.hold(() => {
                this.#turn(around(items, at));
                return this.#list.entry(items[at]?.key ?? "");
            }, sought.top);
        }
    }

    /** @param {boolean} leaving */
    #keep(leaving) {
        const { caseId } = this.#letters.state;
        // Signed out by now, or about to be: nothing is written any more.
        if (!location.hash.includes(encodeURIComponent(caseId))) return;
        keepPlace(sessionStorage, caseId, leaving ? this.#sought ?? this.#here() : null);
    }

    #here() {
        if (this.#viewport.jump.hidden) return null;
        const edge = this.#viewport.element.getBoundingClientRect().top;
        for (const element of this.#list.element.querySelectorAll("[data-message-id]")) {
            const { bottom, top } = element.getBoundingClientRect();
            if (bottom > edge) return { id: element.getAttribute("data-message-id") ?? "", top: top - edge };
        }
        return null;
    }
}
