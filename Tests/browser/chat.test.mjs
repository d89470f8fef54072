// What a patient sees, in every engine against the whole server: Amina asks, watches the words come, reloads, looks
// from a second window, stops, retries, reads Arabic. Every wait is bounded and none of them measures speed.
//
//     node --test Tests/browser/chat.test.mjs        after `swift build`; selectors are the app's data attributes

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { engines } from "./engines.mjs";
import { Server } from "./server.mjs";
import { until } from "./webdriver.mjs";

// Slow enough that an answer of a few dozen words is still being written when a page has been loaded again.
const pace = 120;
const answerPatience = 120_000; // for a whole answer

const answers = 'ol[data-timeline] > li[data-sender="ai"]';
const item = (id) => `ol[data-timeline] > li[data-message-id="${id}"]`;
const action = (name) => `button[data-action="${name}"]`;

for (const engine of engines) describe(engine.name, () => {
    let server, browser, amina;
    let pages = [];

    before(async () => {
        server = await Server.start({ pace, first: [observe] });
        browser = await engine.start();
        amina = await server.person("amina");
    });

    after(async () => {
        await browser?.stop();
        await server?.stop();
    });

    // Whatever a test was about, the page must have been quiet: no error, nothing blocked by the policy, no other host.
    afterEach(async () => {
        const left = pages;
        pages = [];
        for (const page of left) await page.close();
    });

    test("Amina signs in, opens her case, asks, and watches the words come in", async () => {
        const [knee] = await amina.cases();
        const page = await newPage();
        await page.open(server.origin + "/");
        await page.click('button[data-person="amina"]');
        await page.click(`a[data-case="${knee.id}"]`);
        await until("her case's address", () => page.run((id) => location.hash === `#/cases/${id}`, knee.id));
        const shown = await until("the timeline", () => page.run(() => document.querySelectorAll("[data-body]").length));
        assert.ok(shown > 0, "what was said before is there");

        const id = await ask(page, "How long would I stay?");
        await finished(page, id);

        const seen = await page.run((reply) => self.observations.filter(({ id }) => id === reply), id);
        const growth = seen.filter(({ state }) => state === "streaming").map(({ text }) => letters(text).length);
        const lengths = [...new Set(growth)];
        assert.ok(lengths.length >= 3, `words come one after another, not at once: ${lengths}`);
        assert.deepEqual(growth, [...growth].sort((a, b) => a - b), "an answer only grows");
        const waiting = await page.run(() =>
            self.observations.filter(({ sender }) => sender === "ai").map(({ state }) => state));
        const firstWords = waiting.indexOf("streaming");
        assert.ok(waiting.slice(0, firstWords).includes("thinking"), `thinking comes before words: ${waiting}`);
        const { body } = await sameAsServer(page, knee.id, id);
        await onlyItsWords(page, id, body);
    });

    test("her own words stand there before the server has heard them, and only once afterwards", async () => {
        const { id: caseID } = await amina.newCase({ title: "Optimistic" });
        const page = await openCase(caseID);
        await page.run(() => { self.holdPosts = true; });
        const words = "Is there a lift in the house?";
        await page.type('textarea[name="message"]', words);
        await page.click(action("send"));

        const own = (text) =>
            [...document.querySelectorAll('ol[data-timeline] > li[data-sender="patient"]')]
                .filter((li) => li.querySelector("[data-body]").textContent.trim() === text)
                .map((li) => li.dataset.state);
        await until("the bubble", async () => (await page.run(own, words)).length);
        await until("the POST that we hold back", () => page.run(() => self.heldPosts > 0));
        assert.deepEqual(await page.run(own, words), ["sending"]);
        const before = await amina.snapshot(caseID);
        assert.ok(!before.messages.some(({ body }) => body === words), "the server has not heard it yet");

        await page.run(() => self.releasePosts());
        await until("sent", async () => (await page.run(own, words)).includes("sent"));
        const id = await answerAfter(page, words);
        await finished(page, id);
        assert.deepEqual(await page.run(own, words), ["sent"], "confirmed in place, not shown twice");
    });

    test("a reload in mid-answer goes on in the same bubble and loses nothing", async () => {
        const { id: caseID } = await amina.newCase({ title: "Reload" });
        const page = await openCase(caseID);
        const id = await ask(page, "What do you need from me?");
        const heard = letters(await someWords(page, id));

        await page.reload();
        const first = await until("its words after the reload", () =>
            page.run((reply) => self.observations.find(({ id, text }) => id === reply && text.trim() !== ""), id));
        assert.equal(first.state, "streaming", "it was caught in the middle; a longer answer or a slower pace is needed");
        assert.ok(letters(first.text).startsWith(heard), `began again with «${first.text}», had shown «${heard}»`);
        await finished(page, id);
        assert.equal(await page.run((css) => document.querySelectorAll(css).length, item(id)), 1);
        const { body } = await sameAsServer(page, caseID, id);
        await onlyItsWords(page, id, body);
    });

    test("a second window shows the same answer, Stop in one stops both, and retry completes the same bubble", async () => {
        const { id: caseID } = await amina.newCase({ title: "Two windows" });
        const phone = await openCase(caseID);
        const laptop = await openCase(caseID);
        const id = await ask(phone, "Can my daughter come with me?");
        await someWords(phone, id);
        await someWords(laptop, id);

        await laptop.click(action("stop"));
        for (const page of [phone, laptop]) await inState(page, id, "stopped");
        const partial = await sameAsServer(phone, caseID, id, "stopped");
        assert.notEqual(partial.body.trim(), "", "what had been said is kept");
        await sameAsServer(laptop, caseID, id, "stopped");
        await until("the way back to sending", () => phone.has(action("send")));

        await phone.click(`${item(id)} ${action("retry")}`);
        for (const page of [phone, laptop]) await finished(page, id);
        const whole = await sameAsServer(phone, caseID, id);
        assert.ok(whole.version > partial.version, "another attempt of the same reply");
        assert.equal(whole.id, partial.id);
        await sameAsServer(laptop, caseID, id);
        for (const page of [phone, laptop]) {
            assert.equal(await page.run((css) => document.querySelectorAll(css).length, item(id)), 1);
        }
    });

    // It used to be gone after the reload, and with it the offer to try again.
    test("an answer stopped before it began is still there after a reload, and can be asked for again", async () => {
        const { id: caseID } = await amina.newCase({ title: "Never begun" });
        const page = await openCase(caseID);
        const first = await ask(page, "How long would I stay?");
        await page.type('textarea[name="message"]', "And what do you need from me?");
        await page.click(action("send"));
        const id = await until("the answer that waits its turn", () =>
            page.run((css) => document.querySelector(`${css}[data-state="queued"]`)?.dataset.messageId, answers));
        await amina.stop(caseID, id);
        await inState(page, id, "stopped");
        await finished(page, first);

        await page.reload();
        await inState(page, id, "stopped");
        const last = () => page.run((css) => [...document.querySelectorAll(css)].at(-1).innerText.trim(), "ol > li");
        assert.match(await last(), /Stopped\s+Try again$/, "and nothing else: it was caught before its first word");
        await page.click(`${item(id)} ${action("retry")}`);
        await finished(page, id);
        await sameAsServer(page, caseID, id);
    });

    test("Arabic turns the page around, and English turns it back", async () => {
        const { id: caseID } = await amina.newCase({ title: "Language" });
        const page = await openCase(caseID);
        const root = () => page.run(() => [document.documentElement.lang, document.documentElement.dir || "ltr"]);
        assert.deepEqual(await root(), ["en", "ltr"]);
        await page.click(action("language"));
        await until("right to left", async () => (await root()).join() === "ar,rtl");
        const arabic = await page.run(() => document.querySelector('textarea[name="message"]').placeholder);
        assert.match(arabic, /[\u0600-\u06ff]/);
        await page.click(action("language"));
        await until("left to right", async () => (await root()).join() === "en,ltr");
    });

    test("signing out forgets the person, and the banner was never needed", async () => {
        const { id: caseID } = await amina.newCase({ title: "Leaving" });
        const page = await openCase(caseID);
        await until("a quiet banner", () => page.run(() => document.querySelector("[data-banner]")?.hidden !== false));
        await page.run(() => { location.hash = "#/"; });
        await page.click(action("sign-out"));
        await until("the sign-in page", () => page.has('button[data-person="amina"]'));
        await page.reload();
        await until("the sign-in page again", () => page.has('button[data-person="amina"]'));
        assert.equal(await page.has("a[data-case]"), false);
    });

    async function newPage() {
        const page = await browser.window();
        pages.push(page);
        return page;
    }

    /** A new window with Amina signed in and this case open. */
    async function openCase(id) {
        const page = await newPage();
        await page.open(`${server.origin}/#/cases/${id}`);
        await page.click('button[data-person="amina"]');
        await until("signed in", async () => !(await page.has('button[data-person="amina"]')));
        await page.run((hash) => { if (location.hash !== hash) location.hash = hash; }, `#/cases/${id}`);
        await until("the open case", () =>
            page.run(() => document.querySelector("ol[data-timeline] > li") && document.querySelector('[name="message"]')
                && true));
        return page;
    }

    /** Asks, and returns the id of the answer that follows. */
    async function ask(page, words) {
        await page.type('textarea[name="message"]', words);
        await page.click(action("send"));
        return answerAfter(page, words);
    }

    /** The id of the answer below the newest message of these words. Until the server has named it there is none. */
    function answerAfter(page, words) {
        return until(`an answer to «${words}»`, () =>
            page.run((text, css) => {
                const items = [...document.querySelectorAll("ol[data-timeline] > li")];
                const asked = items.filter((li) => li.dataset.sender === "patient"
                    && li.querySelector("[data-body]")?.textContent.trim() === text).at(-1);
                const answer = items.slice(items.indexOf(asked) + 1).find((li) => asked && li.matches(css));
                const named = ["streaming", "complete"].includes(answer?.dataset.state);
                return named && answer.dataset.messageId;
            }, words, answers));
    }

    /** Some words of an answer that is still being written. */
    async function someWords(page, id) {
        const words = await until("some words of an answer", () =>
            page.run((css) => {
                const li = document.querySelector(css);
                const text = li?.querySelector("[data-body]")?.textContent ?? "";
                return text.trim().split(/\s+/).length >= 3 && { text, state: li.dataset.state };
            }, item(id)));
        assert.equal(words.state, "streaming", "it was caught in the middle; a longer answer or a slower pace is needed");
        return words.text;
    }

    function inState(page, id, state) {
        return until(`${state}`, () => page.run((css) => document.querySelector(css)?.dataset.state, item(id))
            .then((now) => now === state), answerPatience);
    }

    const finished = (page, id) => inState(page, id, "complete");

    /** The bubble says what the server has, to the letter, once both are read without Markdown's marks and white space. */
    async function sameAsServer(page, caseID, id, status = "complete") {
        const { messages } = await amina.snapshot(caseID);
        const message = messages.find((candidate) => candidate.id === id);
        assert.ok(message, "the answer is a message of the case");
        assert.equal(message.reply_id, id);
        assert.equal(message.status, status);
        const shown = () => page.run((css) => document.querySelector(css).textContent, `${item(id)} [data-body]`);
        // The words may still be being revealed when the state is already final.
        await until("the bubble's whole text", async () => bare(await shown()) === bare(plain(message.body)), 5_000)
            .catch(async () => assert.equal(bare(await shown()), bare(plain(message.body))));
        assert.doesNotMatch(await shown(), /\*\*/, "Markdown is shown, not spelled");
        return message;
    }

    /**
     * At each moment the bubble held a beginning of the answer. The finished message replaces whatever stood there, so
     * without this a word lost or doubled on the way would leave no trace.
     */
    async function onlyItsWords(page, id, body) {
        const texts = await page.run((reply) =>
            self.observations.filter((seen) => seen.id === reply).map(({ text }) => text), id);
        const whole = letters(plain(body));
        for (const text of texts) {
            assert.ok(whole.startsWith(letters(text)), `«${text}» is no beginning of «${body}»`);
        }
    }
});

/** In the page, before the app: writes down what every answer looked like whenever it changed, and can hold back questions. */
function observe() {
    // Written down at each change instead of looked for now and then, so that no short state is missed.
    self.observations = [];
    new MutationObserver(() => {
        for (const li of document.querySelectorAll("ol[data-timeline] > li[data-sender]")) {
            const { messageId: id, sender, state } = li.dataset;
            const text = li.querySelector("[data-body]")?.textContent ?? "";
            const last = self.observations.filter((seen) => seen.id === id).at(-1);
            if (last?.state === state && last?.text === text) continue;
            self.observations.push({ id, sender, state, text });
        }
    }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });

    self.heldPosts = 0;
    const ours = self.fetch;
    const released = new Promise((resolve) => { self.releasePosts = resolve; });
    self.fetch = async (resource, init) => {
        const url = resource instanceof Request ? resource.url : String(resource);
        if (self.holdPosts && url.endsWith("/chat")) {
            self.heldPosts += 1;
            await released;
        }
        return ours.call(globalThis, resource, init);
    };
}

/** What is left of Markdown when it is rendered: list numbers and marks become structure, links their text. */
const plain = (markdown) => markdown
    .replace(/^\s*(?:[-*+]|\d+[.)])\s+/gm, "")
    .replace(/^\s*(?:#{1,6}|>)\s+/gm, "")
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\\([^\w\s])/g, "$1");

const bare = (text) => text.replace(/[\s*_`~\u061c\u200e\u200f\u2066-\u2069]/g, "");
const letters = (text) => text.replace(/[^\p{L}]/gu, "");
