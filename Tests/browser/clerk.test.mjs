// The app with Clerk, in every engine: Layla signs in on Clerk's page, asks, and goes on while her tokens of two seconds
// expire one after another and her stream is ended in mid-answer. Clerk is a fake on loopback (clerk.mjs).
//
//     node --test Tests/browser/clerk.test.mjs        after `swift build`

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { FakeClerk } from "./clerk.mjs";
import { engines } from "./engines.mjs";
import { gate } from "./model.mjs";
import { Server } from "./server.mjs";
import { until } from "./webdriver.mjs";

const answerPatience = 120_000;
const answers = 'ol[data-timeline] > li[data-sender="ai"]';
const action = (name) => `button[data-action="${name}"]`;

/** In the page, before the app: every request, with what authorised it. */
function noteCalls() {
    self.asked = [];
    const ours = self.fetch;
    self.fetch = (url, init) => {
        self.asked.push({ url: String(url), authorization: init?.headers?.Authorization ?? null });
        return ours.call(self, url, init);
    };
}

for (const engine of engines) describe(engine.name, () => {
    let clerk, server, browser, layla, page;

    before(async () => {
        clerk = await FakeClerk.start();
        server = await Server.start({
            pace: 120,
            first: [noteCalls],
            settings: (origin) => ({ ...clerk.settings(origin), CURAWAY_STREAM_AUTHORISED_SECONDS: "2" }),
        });
        browser = await engine.start();
        layla = server.as(clerk.token("user_layla"));
    });

    after(async () => {
        await browser?.stop();
        await server?.stop();
        await clerk?.stop();
    });

    afterEach(async () => {
        const urls = (await page?.run(() => [...self.asked.map(({ url }) => url), ...performance.getEntriesByType("resource").map(({ name }) => name)])
            .catch(() => null)) ?? [];
        const allowed = [...expected, new RegExp(`^foreign: ${clerk.origin}/`)];
        expected = [];
        await page?.close(allowed).finally(() => { page = null; });
        for (const url of urls) assert.ok([server.origin, clerk.origin].includes(new URL(url, server.origin).origin), `asked ${url}`);
        const addresses = [...urls, ...clerk.asked].join("\n");
        for (const token of clerk.issued) assert.ok(!addresses.includes(token), "no token in an address");
    });
    /** What the page may complain of because a test made it so. */
    let expected = [];

    async function signIn(person = "user_layla") {
        clerk.forget();
        page = await browser.window();
        await page.open(server.origin + "/");
        await page.click(action("sign-in"));
        await page.click(`#${person}`);
        await until("the app again", () => page.has(action("sign-out")));
    }

    async function openCase(id) {
        await page.run((hash) => { location.hash = hash; }, `#/cases/${id}`);
        await until("the composer", () => page.has('textarea[name="message"]'));
        await until("the greeting", () => page.has(answers));
    }

    /** @returns the id of the answer that ends up below these words */
    async function ask(words) {
        await page.type('textarea[name="message"]', words);
        await page.click(action("send"));
        return until("the answer's bubble", () =>
            page.run((text, css) => {
                const items = [...document.querySelectorAll("ol[data-timeline] > li")];
                const asked = items.findLastIndex((li) => li.textContent.includes(text));
                const answer = items.slice(asked + 1).find((li) => asked >= 0 && li.matches(css));
                return ["streaming", "complete"].includes(answer?.dataset.state) && answer.dataset.messageId;
            }, words, answers));
    }

    const bare = (text) => text.replace(/[^\p{L}]/gu, "");

    test("Layla signs in on Clerk's page, and her answer survives the end of every token and stream", async () => {
        const { id: caseID } = await layla.newCase({ title: "Knee" });
        await signIn();
        assert.equal(await page.run(() => self.clerkPiece), true, "Trusted Types let Clerk's own pieces through");
        await openCase(caseID);
        // Whatever the bubble shows must only ever grow: nothing lost, nothing twice.
        await page.run((css) => {
            self.seen = [];
            new MutationObserver(() => {
                const li = [...document.querySelectorAll(css)].at(-1);
                const text = li?.querySelector("[data-body]")?.textContent ?? "";
                const last = self.seen.at(-1);
                if (last?.id !== li?.dataset.messageId || last?.text !== text) {
                    self.seen.push({ id: li?.dataset.messageId, text });
                }
            }).observe(document.body, { subtree: true, childList: true, characterData: true });
        }, answers);
        const before = clerk.issued.length;
        const id = await ask("How long would I stay?");
        await until("the whole answer", () =>
            page.run((css) => document.querySelector(css)?.dataset.state === "complete",
                `${answers}[data-message-id="${id}"]`), answerPatience);
        assert.ok(clerk.issued.length > before, "a token was renewed meanwhile");
        const { messages } = await layla.snapshot(caseID);
        const { body } = messages.find((message) => message.id === id);
        const shown = () => page.run((css) => document.querySelector(css).textContent, `${answers}[data-message-id="${id}"] [data-body]`);
        await until("its last word", async () => bare(await shown()) === bare(body), 5_000);
        const texts = (await page.run(() => self.seen)).filter((one) => one.id === id).map(({ text }) => bare(text));
        assert.ok(texts.length > 10, "it was watched");
        for (const text of texts) assert.ok(bare(body).startsWith(text), `«${text}» is no beginning of the answer`);
        assert.equal(await page.run(() => document.querySelectorAll('ol[data-timeline] > li[data-sender="ai"]').length), 2);

        // Long past the token she came with, and the five seconds of leeway.
        await pause(8_000);
        await ask("And what do you need from me?");
        assert.equal(await page.has(action("sign-in")), false);
        const calls = await page.run(() => self.asked.filter(({ url }) => url.endsWith("/events")));
        const tokens = new Set(calls.map(({ authorization }) => authorization));
        assert.ok(calls.length >= 3, `the stream was ended and resumed in mid-answer: ${calls.length}`);
        assert.ok(tokens.size >= 2, "with another token");
    });

    test("while Clerk's script is on its way no button is offered that would do nothing", async () => {
        const door = gate(), asked = clerk.asked.length;
        clerk.forget();
        clerk.scriptMayCome = door.passed;
        page = await browser.window();
        await page.open(server.origin + "/");
        await until("the script is asked for", () => clerk.asked.slice(asked).some((one) => one.includes("clerk.headless.browser.js")));
        // Drawn anew it used to stand there already: the configuration was known, the script was not here, and a tap was lost.
        await page.click(action("language"));
        await until("the other language", () => page.run(() => document.documentElement.lang === "ar"));
        await until("the door", () => page.has(".people"));
        assert.equal(await page.has(action("sign-in")), false);
        door.open();
        await page.click(action("sign-in"));
        await page.click("#user_layla");
        await until("the app again", () => page.has(action("sign-out")));
        await page.run(() => localStorage.clear());
    });

    test("a token refused once is exchanged without a word; refused twice the door is shown, and the draft kept", async () => {
        const { id: caseID } = await layla.newCase({ title: "Refused" });
        await signIn();
        await openCase(caseID);
        await page.run((jwt) => self.Clerk.spoil(jwt), clerk.token("user_layla", -60));
        await ask("Is there a lift?");
        assert.equal(await page.has(action("sign-in")), false);

        await page.type('textarea[name="message"]', "half a sentence");
        clerk.lifetime = -60;
        try {
            await page.run((jwt) => self.Clerk.spoil(jwt), clerk.token("user_layla", -60));
            await until("the door", () => page.has(action("sign-in")));
        } finally {
            clerk.lifetime = 2;
        }
        await page.click(action("sign-in"));
        await page.click("#user_layla");
        await openCase(caseID);
        assert.equal(await page.run(() => document.querySelector('textarea[name="message"]').value), "half a sentence");
    });

    test("what ends in another tab ends here, and signing out leaves nothing behind", async () => {
        await signIn("user_omar");
        await page.run(() => self.Clerk.vanish());
        await until("the door", () => page.has(action("sign-in")));
        await page.reload();
        await until("Omar again: the fake only pretended", () => page.has(action("sign-out")));
        await page.run(() => { self.before = true; });
        await page.click(action("sign-out"));
        // Clerk loads the page anew. The old one shows the door too, for a moment: a reload then would cut the new one short.
        await until("the new page", () => page.run(() => self.before === undefined));
        await until("the door", () => page.has(action("sign-in")));
        assert.deepEqual(await page.run(() => Object.keys(sessionStorage).filter((key) => key.startsWith("curaway."))), []);
        await page.reload();
        await until("the door still", () => page.has(action("sign-in")));
    });

    test("no other script and no HTML passes Trusted Types, and without Clerk the door offers another try", async () => {
        await signIn();
        const tries = await page.run(() => {
            const attempt = (body) => { try { body(); return "passed"; } catch (error) { return error.name; } };
            return [
                attempt(() => { document.createElement("script").src = "https://evil.example/x.js"; }),
                attempt(() => { document.createElement("script").src = "/x.js"; }),
                attempt(() => { document.createElement("div").innerHTML = "<b>x</b>"; }),
                attempt(() => { document.createElement("script").text = "1"; }),
            ];
        });
        assert.ok(tries.every((outcome) => /TypeError/.test(outcome)), `${tries}`);
        expected = [/^policy: require-trusted-types-for|^policy: script-src|^error: script /];
        clerk.isDown = true;
        try {
            await page.reload();
            await until("an apology", () => page.has('[role="alert"]'));
        } finally {
            clerk.isDown = false;
        }
        await page.click("button.primary");
        await until("signed in", () => page.has(action("sign-out")));
    });
});
