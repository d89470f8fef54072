// Server-Sent Events, read by hand (WHATWG HTML §9.2): the browser's EventSource cannot send a token and gives up for
// ever on any status but 200. Text may be cut anywhere; what comes out does not depend on where.

/** A line longer than this is not ours: the whole event is dropped rather than kept in memory. */
export const lineLimit = 1_048_576;

/** @typedef {{event: string, data: string, id: string | null}} RawEvent */

export class SseParser {
    #buffer = "";
    #skipping = false;
    #spoiled = false;
    #started = false;
    #afterCarriageReturn = false;
    #event = "";
    #data = "";
    #hasData = false;
    /** @type {string | null} */
    #id = null;
    /** What `retry:` said last, in milliseconds. @type {number | null} */
    retry = null;

    /**
     * @param {string} text
     * @returns {RawEvent[]} what this piece completed
     */
    push(text) {
        /** @type {RawEvent[]} */
        const events = [];
        if (text === "") return events;
        if (!this.#started) {
            this.#started = true;
            if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
        }
        let from = 0;
        if (this.#afterCarriageReturn && text !== "") {
            if (text.charCodeAt(0) === 10) from = 1;
            this.#afterCarriageReturn = false;
        }
        for (let at = from; at < text.length; at++) {
            const code = text.charCodeAt(at);
            if (code !== 10 && code !== 13) continue;
            const line = this.#buffer + text.slice(from, at);
            this.#buffer = "";
            this.#line(line, events);
            if (code === 13) {
                if (at + 1 === text.length) this.#afterCarriageReturn = true;
                else if (text.charCodeAt(at + 1) === 10) at++;
            }
            from = at + 1;
        }
        if (!this.#skipping) this.#buffer += text.slice(from);
        if (this.#buffer.length > lineLimit) {
            this.#buffer = "";
            this.#skipping = true;
        }
        return events;
    }

    /** @param {string} line @param {RawEvent[]} events */
    #line(line, events) {
        if (this.#skipping) {
            this.#skipping = false;
            this.#spoiled = true;
            return;
        }
        if (line === "") return this.#dispatch(events);
        const colon = line.indexOf(":");
        if (colon === 0) return;
        const field = colon < 0 ? line : line.slice(0, colon);
        let value = colon < 0 ? "" : line.slice(colon + 1);
        if (value.startsWith(" ")) value = value.slice(1);
        switch (field) {
            case "event":
                this.#event = value;
                break;
            case "data":
                this.#data = this.#hasData ? `${this.#data}\n${value}` : value;
                this.#hasData = true;
                break;
            case "id":
                if (!value.includes("\0")) this.#id = value;
                break;
            case "retry":
                if (/^[0-9]{1,9}$/.test(value)) this.retry = Number(value);
                break;
        }
    }

    /** @param {RawEvent[]} events */
    #dispatch(events) {
        if (this.#hasData && !this.#spoiled) {
            events.push({ event: this.#event || "message", data: this.#data, id: this.#id });
        }
        this.#event = "";
        this.#data = "";
        this.#hasData = false;
        this.#spoiled = false;
        this.#id = null;
    }
}
