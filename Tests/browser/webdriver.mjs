// Chromium by WebDriver over plain HTTP: chromedriver on a port of its own, one headless session, any number of
// windows. No package: the protocol is a handful of JSON requests (W3C WebDriver, and goog/cdp for what it lacks).

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf"; // the protocol's fixed name for "this is an element"
const patience = 30_000; // for one thing to become true; generous, because nothing here measures speed

/** Waits until `probe` gives something truthy and returns it; what is waited for is named in the failure. */
export async function until(what, probe, milliseconds = patience) {
    const end = Date.now() + milliseconds;
    let last;
    for (;;) {
        try {
            const value = await probe();
            if (value) return value;
            last = value;
        } catch (error) {
            last = error; // an element replaced between two looks: look again
        }
        if (Date.now() > end) throw new Error(`waited ${milliseconds} ms in vain for: ${what} (last: ${last})`);
        await pause(40);
    }
}

/** Ends a child process that we started, by its id, and waits until it is gone. */
export async function stopProcess(child, grace = 10_000) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return; // never begun, or gone
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), grace);
    await gone;
    clearTimeout(timer);
}

export class Browser {
    #driver;
    #session;
    /** What else was begun for it. */
    alsoStop = async () => {};

    /**
     * Chromium with nothing in it: no profile, no extension, both logs on. `inside`: its heap holds what the page keeps and
     * nothing of what a compiler makes of often used code, which grows for a long time by itself.
     */
    static async start({ inside = false } = {}) {
        const driver = spawn(process.env.CHROMEDRIVER ?? "chromedriver", ["--port=0"], {
            stdio: ["ignore", "pipe", "ignore"],
        });
        driver.on("error", () => {}); // a missing program is told by the promise below
        let said = "";
        const port = await new Promise((resolve, reject) => {
            driver.once("error", reject);
            driver.once("exit", (code) => reject(new Error(`chromedriver ended with ${code}: ${said}`)));
            driver.stdout.on("data", (chunk) => {
                said += chunk;
                const match = /started successfully on port (\d+)/.exec(said);
                if (match) resolve(match[1]);
            });
        });
        const browser = new Browser();
        browser.#driver = driver;
        try {
            const options = { args: ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=en"] };
            if (inside) options.args.push("--js-flags=--jitless");
            if (process.env.CHROMIUM) options.binary = process.env.CHROMIUM;
            const alwaysMatch = {
                browserName: "chrome",
                "goog:chromeOptions": options,
                "goog:loggingPrefs": { browser: "ALL", performance: "ALL" },
            };
            const url = `http://127.0.0.1:${port}/session`;
            browser.#session = url;
            const { sessionId } = await browser.command("POST", "", { capabilities: { alwaysMatch } });
            browser.#session = `${url}/${sessionId}`;
        } catch (error) {
            await stopProcess(driver);
            throw error;
        }
        return browser;
    }

    /** A session of a driver that is running already, of whatever engine. */
    static async over(driver, url, alwaysMatch) {
        const browser = new Browser();
        browser.#driver = driver;
        browser.#session = url;
        const { sessionId } = await browser.command("POST", "", { capabilities: { alwaysMatch } });
        browser.#session = `${url}/${sessionId}`;
        return browser;
    }

    async command(method, path, body) {
        const response = await fetch(this.#session + path, {
            method,
            headers: { "Content-Type": "application/json" },
            body: method === "POST" ? JSON.stringify(body ?? {}) : undefined,
        });
        const { value } = await response.json();
        if (value?.error) throw new Error(`${value.error}: ${String(value.message).split("\n")[0]} (${path})`);
        return value;
    }

    /** A window of its own, with its own sessionStorage, as a second tab has. */
    async window() {
        const { handle } = await this.command("POST", "/window/new", { type: "window" });
        return new Page(this, handle);
    }

    /** What the browser itself had to say since the last look: `{level, source, message}`. */
    log(type = "browser") {
        return this.command("POST", "/se/log", { type });
    }

    /** Firefox, begun with `inside`: KiB of the process that shows this origin, after it has given back what it can. */
    async memory(origin) {
        await this.command("POST", "/moz/context", { context: "chrome" });
        try {
            const script = `
                const [origin, done] = arguments;
                (async () => {
                    for (const topic of ["child-gc-request", "child-cc-request", "child-mmu-request"]) {
                        Services.obs.notifyObservers(null, topic);
                        await new Promise((resolve) => ChromeUtils.idleDispatch(resolve, { timeout: 2000 }));
                    }
                    await new Promise((resolve) => Services.tm.dispatchToMainThread(resolve));
                    const { children } = await ChromeUtils.requestProcInfo();
                    const own = children.filter(({ windows }) =>
                        windows?.some(({ documentURI }) => documentURI?.spec.startsWith(origin)));
                    return own.reduce((sum, { memory }) => sum + memory, 0);
                })().then(done, (error) => done(String(error)));`;
            return Math.round(await this.command("POST", "/execute/async", { script, args: [origin] }) / 1024);
        } finally {
            await this.command("POST", "/moz/context", { context: "content" });
        }
    }

    async stop() {
        await this.command("DELETE", "").catch(() => {}); // ends Chromium; a session already lost is no news
        await stopProcess(this.#driver);
        await this.alsoStop();
    }
}

/** One window. Every verb turns to the window first, so two pages may be used in any order (but not at once). */
export class Page {
    #browser;
    #handle;

    constructor(browser, handle) {
        this.#browser = browser;
        this.#handle = handle;
    }

    async #command(method, path, body) {
        await this.#browser.command("POST", "/window", { handle: this.#handle });
        return this.#browser.command(method, path, body);
    }

    open(url) { return this.#command("POST", "/url", { url }); }
    reload() { return this.#command("POST", "/refresh"); }
    back() { return this.#command("POST", "/back"); }
    /** Away from the eyes of the reader: hidden in every engine. */
    minimize() { return this.#command("POST", "/window/minimize"); }
    restore() { return this.#command("POST", "/window/maximize"); }
    forgetCookies() { return this.#command("DELETE", "/cookie"); }
    cdp(cmd, params = {}) { return this.#command("POST", "/goog/cdp/execute", { cmd, params }); }

    /** Runs a function in the page, with arguments that JSON can carry, and returns what it returns. */
    run(body, ...args) {
        return this.#command("POST", "/execute/sync", { script: `return (${body}).apply(null, arguments)`, args });
    }

    resize(width, height) { return this.#command("POST", "/window/rect", { width, height }); }

    /** Runs a script of somebody else's, whole: the page's policy holds for the page, not for the driver. */
    inject(source) { return this.#command("POST", "/execute/sync", { script: source, args: [] }); }

    /** Runs before any script of every later document of this window. */
    onNewDocument(body) {
        return this.cdp("Page.addScriptToEvaluateOnNewDocument", { source: `(${body})()` });
    }

    async find(css) {
        const found = await this.#command("POST", "/element", { using: "css selector", value: css });
        return found[ELEMENT];
    }

    has(css) { return this.run((selector) => document.querySelector(selector) !== null, css); }

    /** As a finger does: waits until it is there, and fails while something covers it. */
    click(css) {
        return until(`a click on ${css}`, async () => {
            await this.#command("POST", `/element/${await this.find(css)}/click`);
            return true;
        });
    }

    async type(css, text) {
        const element = await until(css, () => this.find(css));
        await this.#command("POST", `/element/${element}/value`, { text });
    }

    /** Keys for whatever has the focus; the protocol's own characters stand for Tab, Enter and the like. */
    async keys(text) {
        const { [ELEMENT]: element } = await this.#command("GET", "/element/active");
        await this.#command("POST", `/element/${element}/value`, { text });
    }

    async screenshot(file) {
        const { data } = await this.cdp("Page.captureScreenshot", { format: "png" });
        await writeFile(file, Buffer.from(data, "base64"));
    }

    /** What the page has to complain of (watch.js), once; null where nobody watches. */
    complaints() {
        return this.run(() => {
            const kept = sessionStorage.getItem("watch.complaints");
            if (kept !== null) sessionStorage.setItem("watch.complaints", "[]");
            return JSON.parse(kept);
        });
    }

    /**
     * Leaves the browser at a window that is still open; without one it refuses every later command. A page that has
     * anything to complain of is a failed test (C88, C89, C95), but for what the test provoked.
     * @param {RegExp[]} [provoked]
     */
    async close(provoked = []) {
        const complaints = await this.complaints().catch(() => null);
        const [handle] = await this.#command("DELETE", "/window");
        await this.#browser.command("POST", "/window", { handle });
        const left = (complaints ?? []).filter((one) => !provoked.some((pattern) => pattern.test(one)));
        if (left.length > 0) throw new Error(`the page complains: ${left.join(" | ")}`);
    }
}
