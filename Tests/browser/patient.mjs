// Amina before her screen: one window of any engine with her case open, and the verbs a test needs. What happens to her
// network and to her clock is done inside the page, in the same way in each engine; the server stays the real one.

import { until } from "./webdriver.mjs";

export const action = (name) => `button[data-action="${name}"]`;
export const composer = 'textarea[name="message"]';
export const entries = "ol[data-timeline] > li[data-sender]";
export const answers = 'ol[data-timeline] > li[data-sender="ai"]';

/** Runs in the page (whose global is `self`: Firefox gives a script of the driver one of its own): a network that can be cut and held, a clock that can be moved on. */
function takeHold() {
    if (self.line) return;
    const ours = self.fetch.bind(self), open = new Set(), wall = self.Date.now.bind(self.Date);
    const line = self.line = {
        down: false, // nothing gets through, and what is open breaks
        asked: [], // every request: {method, path, key, bytes}
        hold: {}, // what contains this waits until `release`
        status: {}, // what contains this gets this status instead of an answer
        lose: {}, // the answer to what contains this is lost on the way, so many times
        later: 0, // milliseconds that the clock is ahead
        violations: 0,
    };
    self.Date.now = () => wall() + line.later;
    line.cut = () => {
        line.down = true;
        for (const one of open) one.abort();
    };
    line.mend = () => { line.down = false; };
    const doors = {};
    line.release = (part) => {
        delete line.hold[part];
        doors[part]?.open();
    };
    const door = (part) => doors[part] ??= (() => {
        let open;
        const passed = new Promise((resolve) => { open = resolve; });
        return { passed, open };
    })();
    const found = (table, path) => Object.keys(table).find((part) => path.endsWith(part) || path.includes(part + "?"));
    self.fetch = async (url, init = {}) => {
        const path = String(url), method = init.method ?? "GET";
        const key = typeof init.body === "string" ? JSON.parse(init.body).client_message_id ?? null : null;
        line.asked.push({ method, path, key, bytes: init.body?.size ?? 0 });
        const held = found(line.hold, path);
        if (held) await door(held).passed;
        if (line.down) throw new self.TypeError("cut");
        const status = found(line.status, path);
        if (status) return self.Response.json({ code: "internal" }, { status: line.status[status] });
        const abort = new AbortController();
        open.add(abort);
        init.signal?.addEventListener("abort", () => abort.abort());
        const response = await ours(url, { ...init, signal: abort.signal });
        const lost = found(line.lose, path);
        if (lost && line.lose[lost]-- > 0) throw new self.TypeError("lost on the way back");
        return response;
    };
    addEventListener("securitypolicyviolation", () => line.violations++);
}

export class Patient {
    /** @param page a window @param server whose app it is */
    constructor(page, server) {
        this.page = page;
        this.server = server;
    }

    /** A new window with Amina signed in, and this case open if there is one. */
    static async arrive(browser, server, caseId = null) {
        const patient = new Patient(await browser.window(), server);
        const { page } = patient;
        await page.open(`${server.origin}/`);
        await page.click('button[data-person="amina"]');
        await until("her cases", () => page.has("a[data-case]"));
        await patient.takeHold();
        if (caseId) await patient.open(caseId);
        return patient;
    }

    takeHold() { return this.page.run(takeHold); }

    run(body, ...args) { return this.page.run(body, ...args); }

    /** Changes what her network or clock does. */
    line(change) { return this.page.run((more) => void Object.assign(self.line, more), change); }

    async open(caseId) {
        await this.page.run((hash) => { location.hash = hash; }, `#/cases/${caseId}`);
        await until("the open case", () => this.page.has(entries));
        await until("a loaded case", () => this.page.run(() => document.querySelector(".blank")?.hidden !== false));
    }

    async write(words) { await this.page.type(composer, words); }

    async send(words) {
        await this.write(words);
        await this.page.click(action("send"));
    }

    /** A file as if she had chosen it; it waits for Send. */
    async give(name, type, bytes) {
        await until("the attach button", () => this.page.has(action("attach")));
        await this.run((name, type, text) => {
            const input = document.querySelector('input[data-input="files"]'), files = new DataTransfer();
            files.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], name, { type }));
            input.files = files.files;
            input.dispatchEvent(new Event("change"));
        }, name, type, Buffer.from(bytes).toString("base64"));
    }

    /** Everything the list shows, in order. */
    shown() {
        return this.page.run((css) => [...document.querySelectorAll(css)].map((li) => ({
            id: li.dataset.messageId,
            sender: li.dataset.sender,
            state: li.dataset.state,
            text: li.querySelector("[data-body]").textContent.trim(),
            remark: li.querySelector(".meta").textContent.trim(),
        })), entries);
    }

    async last() { return (await this.shown()).at(-1); }

    /** Waits until the newest entry is like this, and returns it. */
    until(what, is, patience) {
        return until(what, async () => {
            const last = await this.last();
            return last && is(last) && last;
        }, patience);
    }

    state(state, patience) { return this.until(state, (last) => last.state === state, patience); }

    /** What the newest entry says below its words. */
    remark(pattern) { return this.until(String(pattern), ({ remark }) => pattern.test(remark)); }

    /** The clock on her wall goes on by itself; this moves it. */
    async later(milliseconds) {
        await this.page.run((more) => { self.line.later += more; }, milliseconds);
    }

    /** What she reads: the entry at the upper edge of the window, how far below it, and whether that could be elsewhere. */
    reads() {
        return this.page.run((css) => {
            const scroller = document.querySelector(".scroller"), edge = scroller.getBoundingClientRect().top;
            const first = [...document.querySelectorAll(css)].find((one) => one.getBoundingClientRect().bottom > edge);
            return {
                id: first?.dataset.messageId,
                top: Math.round((first?.getBoundingClientRect().top ?? 0) - edge),
                above: scroller.scrollTop,
                below: scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight,
            };
        }, entries);
    }

    /** Scrolls up by hand until this entry is there, and on until it is in view. */
    async readUpTo(id) {
        await this.page.run((id) => {
            const scroller = document.querySelector(".scroller");
            const step = () => {
                scroller.dispatchEvent(new WheelEvent("wheel", { deltaY: -40 }));
                const there = document.querySelector(`[data-message-id="${id}"]`)?.getBoundingClientRect();
                if (there && there.top > scroller.getBoundingClientRect().top) return void (self.upTo = id);
                scroller.scrollTop -= 300;
                requestAnimationFrame(step);
            };
            step();
        }, id);
        await until("the entry to read", () => this.page.run((id) => self.upTo === id, id), 30_000);
    }

    asked(method, ending) {
        return this.page.run((how, end) =>
            self.line.asked.filter(({ method, path }) => method === how && path.endsWith(end)), method, ending);
    }
}

/** Runs a function in the page once `window.module` is that module of the app, loaded under the page's own policy. */
export async function withModule(page, path, body, ...args) {
    await page.run((file) => {
        const base = document.querySelector('script[src$="/js/app.js"]').src.replace(/js\/app\.js$/, "");
        self.module = null;
        import(base + file).then((module) => { self.module = module; });
    }, path);
    await until(path, () => page.run(() => self.module !== null));
    return page.run(body, ...args);
}
