// An answer on her screen, from the wait before its first word to its last, however the line behaves: what is shown is
// so, nothing is lost, nothing shows twice. The model behind the server says exactly what each test wants.
//
//     node --test Tests/browser/answer.test.mjs        after `swift build`; names begin with the requirement's number

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { engines } from "./engines.mjs";
import { gate } from "./model.mjs";
import { action, answers, composer, Patient, withModule } from "./patient.mjs";
import { Room } from "./room.mjs";
import { until } from "./webdriver.mjs";

const paragraph = "You would stay two nights, and somebody may stay with you. ";

for (const engine of engines) describe(engine.name, () => {
    let room, model, server, browser, amina, patient, here;

    before(async () => { ({ model, server, browser, amina } = room = await Room.open(engine)); });
    after(() => room?.close());

    const begin = async () => {
        here = await amina.newCase({ title: "Answer" });
        return patient = await Patient.arrive(browser, server, here.id);
    };

    afterEach(async () => {
        const violations = await patient?.run(() => self.line?.violations ?? 0);
        await patient?.page.close();
        patient = null;
        assert.equal(violations ?? 0, 0, "C88: the policy was never violated");
    });

    /** An answer that says this, waits, and says that. */
    const inTwoParts = (first, second) => {
        const door = gate();
        model.answer = async function* () {
            if (first) yield first;
            await door.passed;
            yield second;
        };
        return door;
    };

    test("C29 thinking stands between the question and the first word, without a caret, and goes as the word comes", async () => {
        await begin();
        const door = inTwoParts("", "Two **nights**.");
        await patient.send("How long?");
        await patient.state("thinking");
        // Looked at after each frame: never both, never neither.
        await patient.run((css) => {
            self.frames = [];
            const look = () => {
                const last = [...document.querySelectorAll(css)].at(-1);
                self.frames.push([Boolean(last.querySelector(".thinking")), last.querySelector("[data-body]").textContent !== ""]);
                requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
            const body = [...document.querySelectorAll(css)].at(-1).querySelector("[data-body]");
            self.caret = getComputedStyle(body, "::after").content;
        }, answers);
        assert.match(await patient.run(() => self.caret), /none|normal/);
        door.open();
        await patient.state("complete");
        const frames = await patient.run(() => self.frames);
        assert.ok(frames.some(([thinking]) => thinking) && frames.some(([, words]) => words));
        assert.deepEqual(frames.filter(([thinking, words]) => thinking === words), []);
    });

    test("C30 the time is told after five seconds, that work goes on after ten, and neither once a word is there", async () => {
        await begin();
        const door = inTwoParts("", "Two nights.");
        await patient.send("How long?");
        await patient.remark(/^Thinking$/);
        await patient.later(5_000);
        await patient.remark(/^Thinking… [5-8] s$/);
        await patient.later(5_000);
        await patient.remark(/^Still working… 1[0-4] s$/);
        door.open();
        await patient.until("no wait any more", ({ remark, text }) => text !== "" && remark === "");
    });

    test("C31 a page that slept tells the true time as it wakes", async () => {
        await begin();
        const door = inTwoParts("", "Two nights.");
        await patient.send("How long?");
        await patient.state("thinking");
        await patient.later(20_000);
        // With patience for less than those seconds, or counting ticks would pass as telling the time.
        await patient.until("the true time", ({ remark }) => /^Still working… 2[0-4] s$/.test(remark), 8_000);
        door.open();
        await patient.state("complete");
    });

    test("C33 five hundred deltas in a second are one change a frame", async (t) => {
        await begin();
        const words = Array.from({ length: 500 }, (_, at) => `${at} ${paragraph}`);
        model.answer = async function* () {
            yield "Now. ";
            for (const [at, piece] of words.entries()) {
                yield piece + (at % 10 === 9 ? "\n\n" : "");
                if (at % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 16));
            }
        };
        await patient.run(() => {
            const seen = self.seen = { frames: 0, batches: 0, longest: 0, state: "" };
            const count = () => (seen.frames++, requestAnimationFrame(count));
            requestAnimationFrame(count);
            new MutationObserver((changes) => {
                if (changes.some(({ target }) => (target.nodeType === 3 ? target.parentElement : target)?.closest("[data-body]"))) seen.batches++;
            }).observe(document.querySelector("[data-timeline]"), { subtree: true, childList: true, characterData: true });
            try {
                new PerformanceObserver((list) => {
                    for (const { duration } of list.getEntries()) seen.longest = Math.max(seen.longest, Math.round(duration));
                }).observe({ type: "longtask" });
            } catch { /* not every engine tells */ }
        });
        await patient.send("All of it, please");
        const { text } = await patient.state("complete", 60_000);
        const { frames, batches, longest } = await patient.run(() => self.seen);
        t.diagnostic(`${engine.name}: ${batches} changes in ${frames} frames, longest task ${longest} ms`);
        assert.ok(text.includes("499"));
        assert.ok(batches >= 10, `it came in pieces: ${batches}`);
        assert.ok(batches <= frames + 2, `${batches} changes in ${frames} frames`);
    });

    test("C34 a finished paragraph is never touched again: node and selection stay until the end", async () => {
        await begin();
        const door = inTwoParts("The **first** paragraph.\n\nThe second", " one grows.\n\n- and\n- a list");
        await patient.send("Tell me");
        await patient.until("two paragraphs", ({ text }) => text.includes("second"));
        await patient.run((css) => {
            const first = self.first = [...document.querySelectorAll(css)].at(-1).querySelector("[data-body] p");
            document.getSelection().selectAllChildren(first);
        }, answers);
        door.open();
        await patient.state("complete");
        assert.deepEqual(await patient.run((css) => [
            [...document.querySelectorAll(css)].at(-1).querySelector("[data-body] p") === self.first,
            document.getSelection().toString().trim(),
        ], answers), [true, "The first paragraph."]);
    });

    test("C35 C36 C67 in this engine too: at every prefix no raw mark, no broken link, the right direction; at the end the whole", async () => {
        await begin();
        const found = await withModule(patient.page, "js/view/live-markdown.js", (corpus) => {
            const { LiveMarkdown } = self.module, wrong = [];
            const show = (pieces) => {
                const root = document.createElement("div");
                const live = new LiveMarkdown(root, () => "rtl");
                for (const [text, open] of pieces) {
                    live.show(text, open);
                    const seen = [...root.querySelectorAll("*")].filter((one) => !one.closest("code"));
                    const words = seen.flatMap((one) => [...one.childNodes].filter(({ nodeType }) => nodeType === 3)
                        .map(({ data }) => data)).join(" ");
                    if (open && /\*\*|~~|```|\]\(/.test(words)) wrong.push(["raw", words]);
                    for (const link of root.querySelectorAll("a")) {
                        if (!/^(https:\/\/example\.org\/ok|tel:\+49301234567)$/.test(link.getAttribute("href"))) wrong.push(["link", link.outerHTML]);
                    }
                    const block = root.firstElementChild, first = /\p{L}/u.exec(block?.textContent ?? "")?.[0];
                    const want = first && !/\p{Script=Arabic}/u.test(first) ? "ltr" : "rtl";
                    if (block && block.dir !== want) wrong.push(["direction", block.outerHTML, want]);
                }
                return root.innerHTML;
            };
            for (const text of corpus) {
                const prefixes = Array.from({ length: text.length }, (_, at) => [text.slice(0, at + 1), true]);
                const grown = show([...prefixes, [text, false]]);
                if (grown !== show([[text, false]])) wrong.push(["whole", grown]);
            }
            return wrong.slice(0, 5);
        }, [
            "# What **you** need\n\n1. The *report*\n2. A [form](https://example.org/ok) ~~soon~~ now\n\n```\n**raw**\n```\nDone.",
            "12. مرحبًا **أمينة**، اتصلي بـ Dr. Weber على [+49 30 1234567](tel:+49301234567) في 24/11/2026.\n\nThen `MRI` here.",
            "| a | b |\n|---|---|\n| **1** | 2 |\n\n> «مرحبًا» said أمينة حداد, 54.",
            "What is *never closed **is only a mark in the end",
        ]);
        assert.deepEqual(found, []);
    });

    test("C37 C88 hostile text is only text, also when it comes in pieces", async () => {
        await begin();
        const hostile = [
            "<script>globalThis.hacked = 1</script>",
            '<img src=x onerror="globalThis.hacked = 2"> <svg onload="globalThis.hacked = 3"></svg>',
            "[a](javascript:globalThis.hacked=4) [b](data:text/html,<script>hacked</script>) [c](JaVaScRiPt:alert(1))",
            "<javascript:globalThis.hacked=5> ![d](https://example.org/track.png) [e](//example.org) [f](vbscript:x)",
            '<a href="javascript:globalThis.hacked=6">x</a> <iframe srcdoc="<script>parent.hacked=7</script>"></iframe>',
            '<style>body{display:none}</style> <p style="position:fixed">y</p> <math><mi xlink:href="data:x">z</mi></math>',
            "```html\n<script>globalThis.hacked = 8</script>\n```",
        ].join("\n\n");
        model.answer = async function* () {
            for (let at = 0; at < hostile.length; at += 3) yield hostile.slice(at, at + 3);
        };
        await patient.send(`<b onclick="globalThis.hacked = 9">me</b> <script>globalThis.hacked = 10</script>`);
        await patient.state("complete", 60_000);
        const found = await patient.run((css) => {
            const list = document.querySelector("[data-timeline]"), last = [...list.querySelectorAll(css)].at(-1);
            return {
                hacked: self.hacked ?? null,
                forbidden: list.querySelectorAll("script, iframe, style, svg:not(.icon), math, [onerror], [onload], [onclick], [style], [srcdoc]").length,
                images: last.querySelectorAll("[data-body] img").length,
                links: [...last.querySelectorAll("a")].map((one) => one.href),
                visible: last.textContent.includes("<script>globalThis.hacked = 1</script>"),
            };
        }, answers);
        assert.deepEqual(found, { hacked: null, forbidden: 0, images: 0, links: [], visible: true });
    });

    test("C38 Stop asks once, and what was said stands as it is", async () => {
        await begin();
        const door = inTwoParts("Two nights, and", " then home.");
        await patient.send("How long?");
        const { text } = await patient.until("some words", ({ text }) => text.includes("and"));
        await patient.page.click(action("stop"));
        const stopped = await patient.state("stopped");
        door.open();
        assert.equal(stopped.text, text);
        assert.match(stopped.remark, /^Stopped/);
        assert.equal((await patient.asked("POST", "/stop")).length, 1);
        await until("sending is possible again", () => patient.page.has(action("send")));
        assert.equal((await patient.asked("POST", "/retry")).length, 0);
        assert.equal((await patient.last()).text, text);
    });

    test("C38 C66 Try again says that it was asked and, where nothing came of it, says so and stays", async () => {
        await begin();
        const door = inTwoParts("Two nights, and", " then home.");
        await patient.send("How long?");
        await patient.until("some words", ({ text }) => text.includes("and"));
        await patient.page.click(action("stop"));
        await patient.state("stopped");
        const offer = `${answers} ${action("retry")}`;
        const press = () => patient.run((css) => {
            const button = document.querySelector(css);
            button.focus();
            button.click();
            button.click(); // an impatient finger
        }, offer);
        const has = () => patient.run((css) => document.activeElement === document.querySelector(css), offer);
        await patient.line({ hold: { "/retry": true }, status: { "/retry": 503 } });
        await press();
        await patient.remark(/^StoppedAsking again…$/);
        assert.equal(await has(), true, "the focus stays where it was used");
        await patient.run(() => self.line.release("/retry"));
        await patient.remark(/^StoppedThat didn’t work just now\.Try again$/);
        assert.equal(await has(), true);
        assert.equal((await patient.asked("POST", "/retry")).length, 1);
        await patient.line({ status: {} });
        await press();
        door.open();
        assert.equal((await patient.state("complete")).text, "Two nights, and then home.");
    });

    test("C39 C40 a line lost in mid-answer keeps the words and offers a hand, and goes on in the same bubble", async () => {
        await begin();
        const door = inTwoParts("Two nights, and", " then **home**.");
        await patient.send("How long?");
        await patient.until("some words", ({ text }) => text.includes("and"));
        const before = await patient.shown();
        await patient.run(() => self.line.cut());
        await patient.later(3_000);
        assert.equal((await patient.last()).remark, "", "not yet: it may come back by itself");
        await patient.later(5_500);
        const lost = await patient.remark(/^Connection lost — tap to retry$/);
        assert.equal(lost.text, "Two nights, and");
        const hand = `${answers}[data-lost] ${action("reconnect")}`;
        assert.equal(await patient.run((css) => {
            const button = document.querySelector(css);
            button.focus();
            return document.activeElement === button;
        }, hand), true);
        await patient.run((css) => {
            self.line.mend();
            document.querySelector(css).click(); // at once: it may come back by itself before a driver finds the button
        }, hand);
        door.open();
        const whole = await patient.state("complete");
        assert.equal(whole.text, "Two nights, and then home.");
        assert.deepEqual((await patient.shown()).map(({ id }) => id), before.map(({ id }) => id));
    });

    test("C39 what is lost below the window is told of above it; in the window, where it is lost", async () => {
        const told = () => patient.run(() => {
            const banner = document.querySelector("[data-banner]");
            return banner.dataset.level === "lost" && getComputedStyle(banner).display !== "none";
        });
        for (const [words, above] of [["Two nights, and", false], [paragraph.repeat(60), true]]) {
            await begin();
            const door = inTwoParts(words, " then home.");
            await patient.send("How long?");
            await patient.until("some words", ({ sender, state, text }) => sender === "ai" && state === "streaming" && text.length > 10);
            await patient.run(() => self.line.cut());
            await patient.later(8_500);
            await patient.remark(/^Connection lost — tap to retry$/);
            assert.equal(await told(), above, `${words.length} letters`);
            await patient.run(() => self.line.mend());
            door.open();
            await patient.state("complete");
            if (!above) await patient.page.close();
        }
    });

    for (const [first, held] of [["the stream", "/chat"], ["the POST", "/events"]]) {
        test(`C41 when ${first} is first, the other only agrees: one bubble for each message`, async () => {
            await begin();
            model.answer = async function* () { yield "Two nights."; };
            if (held === "/events") {
                // Its stream is broken, and the next one waits.
                await patient.line({ hold: { "/events": true } });
                await patient.run(() => { self.line.cut(); self.line.mend(); });
                await patient.send("How long?");
                await patient.until("heard", ({ sender }) => sender === "ai");
            } else {
                await patient.run(() => {
                    // It reaches the server; its answer waits.
                    const ours = self.fetch;
                    self.fetch = async (url, init) => {
                        const response = await ours(url, init);
                        if (String(url).endsWith("/chat")) await new Promise((open) => { self.letGo = open; });
                        return response;
                    };
                });
                await patient.send("How long?");
            }
            await patient.state("complete");
            if (held === "/events") await patient.run(() => self.line.release("/events"));
            else await patient.run(() => self.letGo());
            await patient.run(() => { self.letGo = null; });
            await pause(300); // whatever was late has arrived
            const shown = await patient.shown();
            // Their states too: words that stand there once and are "being sent" for ever were not recognised.
            const after = shown.slice(1).map(({ text, state }) => [text, state]);
            assert.deepEqual(after, [["How long?", "sent"], ["Two nights.", "complete"]], "after the greeting");
            assert.equal(new Set(shown.map(({ id }) => id)).size, shown.length);
        });
    }

    test("C42 without a stream the answer comes all the same, once, and nothing is called lost", async () => {
        await begin();
        const door = inTwoParts("", "Two nights.");
        await patient.line({ status: { "/events": 503 } });
        await patient.run(() => { self.line.cut(); self.line.mend(); });
        await patient.send("How long?");
        await patient.state("thinking");
        door.open();
        const { remark, text } = await patient.state("complete");
        assert.deepEqual([text, remark], ["Two nights.", ""]);
        assert.equal((await patient.shown()).filter(({ text }) => text === "Two nights.").length, 1);
    });

    if (engine.name === "chromium") test("C32 the first word fades in by opacity, 200 ms at most, and not at all for who wants no motion", async () => {
        await begin();
        const door = inTwoParts("Two nights", " and home.");
        await patient.send("How long?");
        await patient.state("streaming");
        const fade = () => patient.run((css) => {
            const { animationName, animationDuration } = getComputedStyle([...document.querySelectorAll(css)].at(-1).querySelector("[data-body] p"));
            const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
                .filter((rule) => rule.type === CSSRule.KEYFRAMES_RULE && rule.name === animationName);
            return { seconds: parseFloat(animationDuration), name: animationName,
                changes: [...new Set(rules.flatMap((rule) => [...rule.cssRules].flatMap(({ style }) => [...style])))] };
        }, answers);
        const { seconds, changes } = await fade();
        assert.ok(seconds > 0 && seconds <= 0.2, `${seconds} s`);
        assert.deepEqual(changes, ["opacity"]);
        await patient.page.cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-reduced-motion", value: "reduce" }] });
        assert.equal((await fade()).name, "none");
        await patient.page.cdp("Emulation.setEmulatedMedia", { features: [] });
        door.open();
        await patient.state("complete");
    });

    test("C64 while an answer comes the focus stays where she writes", async () => {
        await begin();
        const door = inTwoParts("Two nights,", " and then home."), { id } = here;
        await patient.run((css) => {
            document.querySelector(css).focus();
            self.left = 0;
            document.addEventListener("focusout", () => self.left++);
        }, composer);
        // Asked from somewhere else, so that nothing she does here moves the focus.
        const said = amina.say(id, "From my laptop");
        await patient.state("streaming");
        door.open();
        await patient.state("complete");
        await said;
        assert.deepEqual(await patient.run((css) => [document.activeElement.matches(css), self.left], composer), [true, 0]);
    });
});
