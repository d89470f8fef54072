// A long evening on a bad line (C93): Amina asks, stops, asks again, and every so often the connection breaks in one of
// four ways. All the while the page is held to this: no message twice, no word that is not the answer's, and in the end
// what the server has; and it takes no more memory than in the beginning, and listens to no more.
//
// It begins with more entries than a page shows at its end (model/window.js): until then a page grows because the
// conversation does, and that would hide a leak or look like one.

import { setTimeout as pause } from "node:timers/promises";
import { step } from "../../Frontend/js/model/window.js";
import { Model } from "./model.mjs";
import { Proxy, streams } from "./proxy.mjs";
import { Server } from "./server.mjs";
import { until as soon } from "./webdriver.mjs";

const pace = 150; // milliseconds between words: an answer of ten seconds
const answer = "For **most people** it goes like this:\n\n1. A call with our team, the same week\n2. Your *reports*, read by two doctors\n" +
    "3. Two nights, and somebody may stay with you\n\nYou would be **home** within a week. Ask me whatever else you want to know, " +
    "and tell me when a date does not suit you: nothing of it is fixed, and nobody will hurry you.";
const away = 3_000; // how long nobody listens, when it breaks in that way
const patience = 60_000; // for the line to be back and everything to be there
const between = 250; // milliseconds between two looks
const answers = 'ol[data-timeline] > li[data-sender="ai"]';
const entries = "ol[data-timeline] > li[data-sender]";

/**
 * Looks into the page and leaves nothing there. chromedriver's own way keeps about 2 KB in the page's heap for each list that
 * it brings back, which in half an hour is more than the app has.
 */
async function inside(engine, page, body, ...args) {
    if (engine.name !== "chromium") return page.run(body, ...args);
    const expression = `(${body}).apply(null, ${JSON.stringify(args)})`;
    const { result, exceptionDetails } = await page.cdp("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
}

/** As everywhere, with fewer looks. */
const until = (what, probe) => soon(what, async () => await probe() || (await pause(between), false), patience);

/** In the page, before the app: counts what listens to what lives as long as the page, and looks at every change. */
function hold() {
    const soak = self.soak = { listeners: 0, wrong: [] };
    let before = {};
    const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
    const lasting = (target) => target === undefined || target === self || target === document || target === self.visualViewport;
    EventTarget.prototype.addEventListener = function (...how) {
        if (lasting(this)) soak.listeners++;
        return add.apply(this ?? self, how);
    };
    EventTarget.prototype.removeEventListener = function (...how) {
        if (lasting(this)) soak.listeners--;
        return remove.apply(this ?? self, how);
    };
    const letters = (text) => text.replace(/[^\p{L}\p{N}]/gu, "");
    const wrong = (what) => { if (soak.wrong.length < 20) soak.wrong.push(what); };
    new MutationObserver(() => {
        const ids = [...document.querySelectorAll("ol[data-timeline] > li[data-message-id]")].map((li) => li.dataset.messageId);
        if (new Set(ids).size !== ids.length) wrong(`twice on the page: ${ids}`);
        const li = [...document.querySelectorAll('ol[data-timeline] > li[data-sender="ai"]')].at(-1);
        if (!li) return;
        const { messageId: id, state } = li.dataset, text = letters(li.querySelector("[data-body]")?.textContent ?? "");
        // Within one attempt it only grows, and what stands in the end begins with every word that was ever shown.
        const goesOn = before.id === id && before.state === "streaming" && before.text !== "";
        if (goesOn && !text.startsWith(before.text)) wrong(`after «${before.text.slice(-60)}» came «${text.slice(-60)}» (${state})`);
        before = { id, state, text };
    }).observe(document, { subtree: true, childList: true, characterData: true });
}

const letters = (text) => text.replace(/[^\p{L}\p{N}]/gu, "");
/** Of Markdown only the numbers of a list are not on the page as text. */
const plain = (markdown) => letters(markdown.replace(/^\s*\d+[.)]\s+/gm, ""));

/**
 * @param {{engine: {name: string, start: (how: {inside: boolean}) => Promise<import("./webdriver.mjs").Browser>}, minutes: number, every?: number,
 *     random: () => number, tell?: (line: string) => void}} how
 */
export async function soak({ engine, minutes, every = 20_000, random, tell = () => {} }) {
    const model = await Model.start();
    const server = await Server.start({ first: [hold], settings: model.settings });
    const proxy = await Proxy.start(server.origin);
    const browser = await engine.start({ inside: true });
    const counts = { cuts: {}, questions: 0, attempts: 0 };
    try {
        const amina = await server.person("amina"), { id } = await amina.newCase({ title: "Soak" });
        model.answer = async function* () { yield answer; };
        for (let one = 0; one < step; one++) await amina.say(id, `Before the evening, ${one}`);
        const page = await browser.window();
        await page.open(proxy.origin);
        await page.click('button[data-person="amina"]');
        await until("her cases", () => page.has("a[data-case]"));
        await page.run((hash) => { location.hash = hash; }, `#/cases/${id}`);
        await until("the case", () => page.has(entries));

        const look = (...how) => inside(engine, page, ...how);
        const shown = () => look((css) => [...document.querySelectorAll(css)].map((li) => ({
            id: li.dataset.messageId,
            state: li.dataset.state,
            text: li.querySelector("[data-body]").textContent,
        })), entries);
        const same = () => until("what the server has, and nothing else", async () => {
            const { messages } = await amina.snapshot(id), list = (await shown()).slice(-messages.length);
            const kept = messages.slice(-list.length); // a page and a snapshot go back so far, each as it likes
            return list.every((one, at) => one.id === kept[at].id && letters(one.text) === plain(kept[at].body)) && list;
        });
        const last = () => look((css) => {
            const li = [...document.querySelectorAll(css)].at(-1);
            return { id: li?.dataset.messageId, state: li?.dataset.state, text: li?.querySelector("[data-body]").textContent };
        }, answers);
        /** Another answer than this one; while the line was away it may have come to its end. */
        const words = (former) => until("words of the answer", async () => {
            const one = await last(), begun = one.state === "streaming" && one.text.trim() !== "";
            return one.id !== former && (begun || one.state === "complete") && one;
        });

        const ways = {
            reset: () => proxy.reset(streams),
            cut: () => proxy.cut(streams),
            refuse: async () => {
                await proxy.refuse();
                await pause(away);
                await proxy.accept();
            },
            lose: () => {
                proxy.dropNextReply(/\/chat$/);
                proxy.reset(streams);
            },
        };
        model.answer = async function* () {
            for (const word of answer.split(/(?<= )/)) {
                yield word;
                await pause(pace);
            }
        };
        const samples = [], began = Date.now(), end = began + minutes * 60_000;
        let next = began + every, measured = 0;
        /** One answer, begun and stopped, as often as there is time until the line breaks. */
        for (;;) {
            const over = Date.now() >= end;
            if (over || Date.now() - measured >= Math.min(60_000, minutes * 60_000 / 8)) {
                await same();
                const sample = await measure(engine, browser, page);
                samples.push(sample);
                measured = Date.now();
                tell(`${((measured - began) / 60_000).toFixed(1)} min: ${JSON.stringify({ ...sample, ...counts })}`);
            }
            if (over) break;
            const question = `Question ${++counts.questions}: how long would I stay?`;
            const way = Object.keys(ways)[Math.floor(random() * 4)];
            const broken = pause(Math.max(0, next - Date.now())).then(() => ways[way]());
            broken.catch(() => {});
            next += every;
            const former = (await last()).id;
            counts.cuts[way] = (counts.cuts[way] ?? 0) + 1;
            if (way === "lose") proxy.dropNextReply(/\/chat$/);
            // Not by the driver's keys: what it brings into the page for them is many times what the app makes of it.
            await look((words) => {
                const field = document.querySelector('textarea[name="message"]');
                field.value = words;
                field.dispatchEvent(new Event("input", { bubbles: true }));
                document.querySelector('button[data-action="send"]').click();
            }, question);
            const asked = await until("her question stands", async () => {
                const { messages } = await amina.snapshot(id);
                return messages.find(({ body }) => body.startsWith(`Question ${counts.questions}:`));
            });
            for (let again = false; !again || Date.now() < next - every / 2; again = true) {
                if (again) await amina.retry(id, (await last()).id);
                const { id: reply } = await words(again ? null : former);
                counts.attempts++;
                await pause(1_000 + random() * 1_500);
                await amina.stop(id, reply);
                await until("its end", async () => !["thinking", "streaming"].includes((await last()).state));
                await same();
                const { messages } = await amina.snapshot(id);
                if (!messages.some(({ id }) => id === asked.id)) throw new Error("her question is gone");
                if (messages.find((one) => one.id === reply).status !== "stopped") break; // it had ended by itself
            }
            await broken;
        }
        const wrong = [...await page.run(() => self.soak.wrong), ...await page.complaints()];
        // Not only the newest: each of her questions, once, wherever the page still shows it and in the server's order.
        const all = await amina.history(id), list = await shown(), kept = all.slice(-list.length);
        if (list.some((one, at) => one.id !== kept[at].id || letters(one.text) !== plain(kept[at].body))) wrong.push("the page is not the server's");
        const asked = all.flatMap(({ body }) => /^Question (\d+):/.exec(body)?.[1] ?? []).map(Number);
        if (asked.length !== counts.questions || asked.some((one, at) => one !== at + 1)) wrong.push(`asked: ${asked}`);
        await page.close([/./]);
        return { samples, counts, wrong, streams: proxy.asked(streams).length };
    } finally {
        await browser.stop();
        await proxy.stop();
        await server.stop();
        await model.stop();
    }

    async function measure(engine, browser, page) {
        const listeners = await inside(engine, page, () => self.soak.listeners);
        if (engine.name === "chromium") {
            for (let twice = 0; twice < 2; twice++) await page.cdp("HeapProfiler.collectGarbage");
            await page.cdp("Performance.enable");
            const { metrics } = await page.cdp("Performance.getMetrics");
            const value = (name) => metrics.find((one) => one.name === name).value;
            return { kib: Math.round(value("JSHeapUsedSize") / 1024), listeners, all: value("JSEventListeners"), nodes: value("Nodes") };
        }
        return { kib: await browser.memory(proxy.origin), listeners };
    }
}

/** What C93 says of it. The first quarter is not counted: a browser settles, and so does what it has compiled. */
export function judge({ samples, wrong, counts }) {
    if (wrong.length > 0) throw new Error(wrong.join(" | "));
    if (samples.length < 4) throw new Error(`only ${samples.length} samples`);
    const settled = samples.slice(Math.floor(samples.length / 4));
    const [first, last] = [settled[0], settled.at(-1)], growth = last.kib / first.kib - 1;
    if (!(growth < 0.2)) throw new Error(`memory grew by ${Math.round(growth * 100)} %: ${samples.map(({ kib }) => kib)}`);
    if (last.listeners !== first.listeners) throw new Error(`listeners: ${samples.map(({ listeners }) => listeners)}`);
    return { growth, counts };
}
