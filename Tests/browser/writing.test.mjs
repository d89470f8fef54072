// Reading and writing: the view moves only when it is asked to, and what is written is sent, once, in order, or said
// plainly not to be.
//
//     node --test Tests/browser/writing.test.mjs        after `swift build`; names begin with the requirement's number

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { engines } from "./engines.mjs";
import { pdf } from "./papers.mjs";
import { action, composer, entries, Patient } from "./patient.mjs";
import { Room } from "./room.mjs";
import { until } from "./webdriver.mjs";

const paragraph = "You would stay two nights, and somebody may stay with you.\n\n";

for (const engine of engines) describe(engine.name, () => {
    let room, model, server, browser, amina, patient;

    before(async () => { ({ model, server, browser, amina } = room = await Room.open(engine)); });
    after(() => room?.close());

    afterEach(async () => {
        await patient?.page.close();
        patient = null;
    });

    const begin = async () => {
        const { id } = await amina.newCase({ title: "Writing" });
        model.answer = async function* () { yield "Yes."; };
        patient = await Patient.arrive(browser, server, id);
        return id;
    };

    /** Lines that come one after another while `more()` is not called for the last time. */
    const inLines = (line = paragraph) => {
        const wishes = [];
        let ended = false, wake = () => {};
        model.answer = async function* () {
            for (let at = 0;; at++) {
                while (wishes.length === 0) {
                    if (ended) return;
                    await new Promise((resolve) => { wake = resolve; });
                }
                wishes.shift();
                yield `${at}: ${line}`;
            }
        };
        return {
            more: (count = 1) => { for (let at = 0; at < count; at++) wishes.push(1); wake(); },
            end: () => { ended = true; wake(); },
        };
    };

    const scroller = () => patient.run((css) => {
        const { scrollTop, scrollHeight, clientHeight } = document.querySelector(".scroller");
        const edge = document.querySelector(".scroller").getBoundingClientRect();
        const last = [...document.querySelectorAll(css)].at(-1).getBoundingClientRect();
        return { top: scrollTop, left: scrollHeight - scrollTop - clientHeight, height: clientHeight,
            first: last.top - edge.top, bottom: last.bottom - edge.bottom };
    }, entries);

    const lines = (count) => patient.until(`${count} lines`, ({ text }) => text.includes(`${count - 1}: `));

    test("C43 at the end the view follows, line by line", async () => {
        await begin();
        const flow = inLines("short\n");
        await patient.send("Slowly, please");
        for (let count = 1; count <= 8; count++) {
            flow.more();
            await lines(count);
            await until("near the end", async () => (await scroller()).left <= 70, 5_000);
        }
        flow.end();
        await patient.state("complete");
    });

    test("C45 the first line of an answer longer than the window stays, also when it comes all at once", async () => {
        await begin();
        const flow = inLines();
        await patient.send("A long one");
        flow.more(30);
        await lines(30);
        await until("the first line in view", async () => {
            const { first, height } = await scroller();
            return first >= 0 && first < height;
        });
        const { top } = await scroller();
        flow.more(20);
        await lines(50);
        assert.equal((await scroller()).top, top);
        await until("the way to the end", () => patient.page.has(`${action("jump")}:not([hidden])`));
        await patient.page.click(action("jump"));
        assert.ok((await scroller()).left <= 70);
        // Loaded again in the middle of it, it is still that answer whose first line stays.
        await patient.page.reload();
        await until("the long answer again", async () => (await patient.last())?.text.includes("49: "));
        await until("its first line in view", async () => {
            const { first, height } = await scroller();
            return first >= 0 && first < height;
        });
        await patient.takeHold();
        flow.end();
        await patient.state("complete");
        // Without a stream the whole answer arrives at once.
        await patient.line({ status: { "/events": 503 } });
        await patient.run(() => { self.line.cut(); self.line.mend(); });
        model.answer = async function* () { yield paragraph.repeat(40); };
        await patient.send("Another");
        await patient.until("the whole", ({ sender, state, text }) => sender === "ai" && state === "complete" && text.length > 1_000);
        const at = await scroller();
        assert.ok(at.first >= 0 && at.first < at.height, `its first line is at ${at.first}`);
    });

    const ways = {
        "a turn of the wheel": () => {
            document.querySelector(".scroller").dispatchEvent(new WheelEvent("wheel", { deltaY: -40, bubbles: true }));
        },
        "a finger": () => {
            const touch = (type, y) => {
                const event = new Event(type, { bubbles: true });
                Object.defineProperty(event, "touches", { value: [{ clientY: y }] });
                document.querySelector(".scroller").dispatchEvent(event);
            };
            touch("touchstart", 300);
            touch("touchmove", 340);
        },
        "Page Up": () => {
            document.querySelector(".scroller").dispatchEvent(new KeyboardEvent("keydown", { key: "PageUp", bubbles: true }));
        },
        "a selection": () => {
            document.getSelection().selectAllChildren(document.querySelector("[data-body] p"));
        },
    };
    for (const [way, body] of Object.entries(ways)) test(`C44 ${way} and the view is hers`, async () => {
        await begin();
        for (const words of ["One", "Two", "Three", "Four"]) {
            model.answer = async function* () { yield paragraph.repeat(2); };
            await patient.send(words);
            await patient.until("answered", ({ sender, state }) => sender === "ai" && state === "complete");
        }
        const flow = inLines("short\n");
        await patient.send("Go on");
        flow.more(2);
        await lines(2);
        await until("at the end", async () => (await scroller()).left <= 70);
        await patient.run(() => { document.querySelector(".scroller").scrollTop -= 10; });
        await patient.run(body);
        const { top } = await scroller();
        for (let count = 3; count <= 32; count++) flow.more();
        await lines(32);
        const after = await scroller();
        assert.ok(Math.abs(after.top - top) <= 1, `${top} became ${after.top}`);
        await until("the way to the end", () => patient.page.has(`${action("jump")}:not([hidden])`));
        flow.end();
        await patient.state("complete");
        // Something new, beyond what she reads: it is counted.
        model.answer = async function* () { yield "Yes."; };
        await patient.run((words) => fetch(`/api/v1/cases/${location.hash.split("/").at(-1)}/chat`, {
            method: "POST",
            headers: { "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem("curaway.token")}`, Prefer: "respond-async" },
            body: JSON.stringify({ message: words, client_message_id: crypto.randomUUID?.() ?? String(Math.random()) }),
        }).then(() => true), "From another window");
        await until("counted", () => patient.run(() => {
            const count = document.querySelector(".jump .count");
            return !count.hidden && count.textContent === "1";
        }));
    });

    test("C46 older messages and documents come in above, and what she reads does not move", async () => {
        const id = await begin();
        const cards = () => patient.run(() => document.querySelectorAll("li[data-document]").length);
        await patient.give("report.pdf", "application/pdf", pdf(["Blood test report", "Haemoglobin 13.2 g/dL"]));
        await until("a file", () => patient.page.has('li[data-upload="chosen"]'));
        await patient.page.click(action("send"));
        await until("it is read", () => patient.page.has('li[data-stage="ready"]'), 120_000);
        for (let at = 0; at < 70; at++) await amina.say(id, `Question ${at}`);
        await patient.page.reload();
        await patient.takeHold();
        await until("the case", () => patient.page.has(entries));
        await until("documents may be shown", () => patient.page.has(action("attach")));
        await pause(200);
        assert.equal(await cards(), 0, "its place is further up, among messages that are not here yet");
        // What moves while it scrolls is compared with what stood in view.
        const moved = await patient.run(() => {
            const scroller = document.querySelector(".scroller"), list = document.querySelector("[data-timeline]");
            scroller.dispatchEvent(new WheelEvent("wheel", { deltaY: -40 }));
            self.jumps = [];
            let key = null, at = 0, top = 0;
            const look = () => {
                const edge = scroller.getBoundingClientRect().top;
                const anchor = [...list.children].find((one) => one.dataset.messageId && one.getBoundingClientRect().bottom > edge);
                if (key?.isConnected) {
                    // Where it should be now: moved only as far as we scrolled it ourselves.
                    self.jumps.push(Math.abs(key.getBoundingClientRect().top - at));
                }
                key = anchor;
                scroller.scrollTop = Math.max(0, scroller.scrollTop - 150);
                at = anchor.getBoundingClientRect().top;
                top = list.children.length;
                self.most = Math.max(self.most ?? 0, top);
                requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
            return true;
        });
        assert.ok(moved);
        await until("the very first message", () => patient.run(() =>
            document.querySelector("[data-timeline] > li[data-message-id]").textContent.includes("welcome to Curaway")), 60_000);
        assert.equal(await cards(), 1);
        const jumps = await patient.run(() => self.jumps);
        assert.ok(jumps.length > 20);
        assert.ok(Math.max(...jumps) <= 1, `it jumped by ${Math.max(...jumps)}`);
    });

    test("C47 when the window shrinks, as for a keyboard, the last words stay in view", async () => {
        await begin();
        model.answer = async function* () { yield paragraph.repeat(3); };
        await patient.send("And then?");
        await patient.state("complete");
        await until("at the end", async () => (await scroller()).left <= 70);
        await patient.run(() => {
            const app = document.querySelector("curaway-app"), stage = document.querySelector(".stage");
            app.style.height = stage.style.height = `${Math.round(innerHeight / 2)}px`;
        });
        await until("half as high", async () => (await scroller()).height < 250);
        await until("the last line in view", async () => (await scroller()).bottom <= 1);
    });

    test("C47 C64 a tablet that is turned keeps her words, her focus, her file and what she reads", async () => {
        const id = await begin();
        await patient.page.resize(1_100, 700);
        for (let at = 0; at < 12; at++) await amina.say(id, `Question ${at}`);
        const { messages } = await amina.snapshot(id);
        await patient.give("report.pdf", "application/pdf", pdf(["One"]));
        await until("a file", () => patient.page.has('li[data-upload="chosen"]'));
        await patient.write("Not yet");
        await patient.readUpTo(messages[8].id);
        await patient.run(() => { self.held = document.querySelector("curaway-chat"); });
        const before = await patient.reads();
        assert.ok(before.above > 50 && before.below > 300, JSON.stringify(before));
        for (const width of [800, 1_100, 800]) {
            await patient.page.resize(width, 700);
            await until(`${width} pixels`, () => patient.run((wide) =>
                Boolean(document.querySelector(".stage.wide > .side")) === wide, width > 900));
            await until("the same place", async () => {
                const { id, top } = await patient.reads();
                return id === before.id && Math.abs(top - before.top) <= 2;
            });
            assert.deepEqual(await patient.run((css) => {
                const field = document.querySelector(css);
                return [field.value, document.activeElement === field, document.querySelector("curaway-chat") === self.held,
                    document.querySelectorAll('li[data-upload="chosen"]').length];
            }, composer), ["Not yet", true, true, 1]);
            // Each way out once, in view: beside the list or above what is open.
            assert.deepEqual(await patient.run(() => ["back", "language"].map((name) =>
                [...document.querySelectorAll(`[data-action="${name}"]`)].filter((one) => one.offsetParent).length)),
            [width > 900 ? 0 : 1, 1]);
        }
        await patient.page.resize(1_100, 700);
        await until("wide", () => patient.page.has(".stage.wide"));
        // A finger on what goes with the turn: the focus goes to the heading, not nowhere.
        await patient.run(() => document.querySelector(".side [data-action=new-case]").focus());
        await patient.page.resize(800, 700);
        await until("the heading", () => patient.run(() => document.activeElement.matches("main h1")));
    });

    test("C14 loaded anew in the midst of reading, it shows the same place; at the end, the end; and no word of it is kept", async () => {
        const id = await begin();
        for (let at = 0; at < 45; at++) await amina.say(id, `Question ${at}`);
        const messages = await amina.history(id);
        const again = async () => {
            await patient.page.reload();
            await until("the case", () => patient.page.has(entries));
        };
        await again();
        await until("the end", async () => (await patient.reads()).below <= 70);
        await patient.readUpTo(messages[12].id);
        const before = await patient.reads();
        assert.ok(before.above > 300 && before.below > 1_000, JSON.stringify(before));
        for (let time = 0; time < 2; time++) {
            await again();
            await until("the same place", async () => {
                const { id, top } = await patient.reads();
                return id === before.id && Math.abs(top - before.top) <= 2;
            });
        }
        const kept = () => patient.run(() => {
            dispatchEvent(new PageTransitionEvent("pagehide"));
            return Object.entries({ ...sessionStorage }).filter(([key]) => key.startsWith("curaway.place.")).map(([, value]) => value);
        });
        const places = (await kept()).map((value) => JSON.parse(value));
        assert.deepEqual(places.map((place) => [Object.keys(place).sort().join(), place.id]), [["id,top", before.id]]);
        // Engines round where they scroll to, each time anew.
        assert.ok(Math.abs(places[0].top - before.top) <= 3, `${places[0].top} for ${before.top}`);
        await patient.page.click(action("jump"));
        await until("the end", async () => (await patient.reads()).below <= 70);
        assert.deepEqual(await kept(), []);
        await again();
        await until("the end", async () => (await patient.reads()).below <= 70);
        await patient.readUpTo(messages[60].id);
        assert.equal((await kept()).length, 1);
        await patient.run(() => { location.hash = "#/"; });
        await patient.page.click(action("sign-out"));
        await until("the door", () => patient.page.has('button[data-person="amina"]'));
        assert.deepEqual(await kept(), [], "nothing of hers stays behind");
    });

    test("C48 her words stand there, as being sent, before the server has heard them", async () => {
        const id = await begin();
        await patient.line({ hold: { "/chat": true } });
        await patient.send("Is there a lift?");
        const { state, remark, text } = await patient.last();
        assert.deepEqual([state, remark, text], ["sending", "Sending…", "Is there a lift?"]);
        assert.ok(!(await amina.snapshot(id)).messages.some(({ body }) => body === text));
        await patient.later(9_000);
        await patient.remark(/^Not sent yet\. Still trying…$/);
        await patient.run(() => self.line.release("/chat"));
        await patient.state("complete");
    });

    test("C49 a lost reply means the same id again, and one message", async () => {
        const id = await begin();
        await patient.line({ lose: { "/chat": 1 } });
        // Without a stream, or it would tell that the message has arrived before the second try.
        await patient.line({ hold: { "/events": true } });
        await patient.run(() => { self.line.cut(); self.line.mend(); });
        await patient.send("Only once");
        await patient.until("answered", ({ sender, state }) => sender === "ai" && state === "complete");
        const posts = await patient.asked("POST", "/chat");
        assert.equal(posts.length, 2);
        assert.equal(posts[0].key, posts[1].key);
        assert.equal((await amina.snapshot(id)).messages.filter(({ body }) => body === "Only once").length, 1);
        assert.equal((await patient.shown()).filter(({ text }) => text === "Only once").length, 1);
    });

    test("C50 three written without a network: after a reload with one they go out, in order, once each", async () => {
        const id = await begin();
        await patient.run(() => self.line.cut());
        for (const words of ["First", "Second", "Third"]) await patient.send(words);
        await patient.until("told honestly", ({ state, remark }) =>
            state === "failed" && remark.startsWith("Not sent yet. Waiting for a connection."));
        await patient.page.reload();
        await patient.takeHold();
        await until("all three are sent", async () => {
            const { messages } = await amina.snapshot(id);
            return messages.filter(({ sender_type }) => sender_type === "patient").length >= 3;
        });
        const own = async () => (await patient.shown()).filter(({ sender }) => sender === "patient");
        await until("and shown as sent", async () => (await own()).every(({ state }) => state === "sent"));
        const bodies = (await amina.snapshot(id)).messages.filter(({ sender_type }) => sender_type === "patient");
        assert.deepEqual(bodies.map(({ body }) => body), ["First", "Second", "Third"]);
        assert.deepEqual((await own()).map(({ text }) => text), ["First", "Second", "Third"]);
    });

    test("C51 what cannot be sent stays, with Retry and Delete", async () => {
        const id = await begin();
        await patient.line({ status: { "/chat": 500 } });
        await patient.send("Please keep me");
        const failed = await patient.state("failed");
        assert.equal(failed.text, "Please keep me");
        assert.match(failed.remark, /^Not sent yet\. Curaway isn’t answering just now\.RetryDelete$/);
        await patient.send("And throw me away");
        await patient.until("both", ({ text, state }) => text === "And throw me away" && state === "failed");
        await patient.line({ status: {} });
        await patient.page.click(`${entries}:last-of-type ${action("discard")}`);
        await patient.until("gone", ({ text }) => text === "Please keep me");
        if (await patient.page.has(action("send-again"))) await patient.page.click(action("send-again"));
        await patient.until("answered", ({ sender, state }) => sender === "ai" && state === "complete");
        const bodies = (await amina.snapshot(id)).messages.map(({ body }) => body);
        assert.ok(bodies.includes("Please keep me") && !bodies.includes("And throw me away"));
    });

    test("C52 what landed while she looked elsewhere is no error when she comes back", async () => {
        await begin();
        await patient.run(() => {
            self.away = true;
            Object.defineProperty(document, "hidden", { get: () => self.away, configurable: true });
        });
        await patient.line({ lose: { "/chat": 9 } });
        await patient.line({ hold: { "/events": true } });
        await patient.run(() => { self.line.cut(); self.line.mend(); });
        await patient.run(() => {
            self.errors = 0;
            new MutationObserver(() => { self.errors += document.querySelectorAll('[data-state="failed"]').length; })
                .observe(document.querySelector("[data-timeline]"), { subtree: true, attributes: true, childList: true });
        });
        await patient.send("Sent from my pocket");
        await until("two tries", async () => (await patient.asked("POST", "/chat")).length === 2);
        await pause(500);
        await patient.line({ lose: {} });
        await patient.run(() => {
            self.away = false;
            self.line.release("/events");
            document.dispatchEvent(new Event("visibilitychange"));
        });
        await patient.until("answered", ({ sender, state }) => sender === "ai" && state === "complete");
        assert.equal(await patient.run(() => self.errors), 0);
        assert.equal((await patient.shown()).filter(({ text }) => text === "Sent from my pocket").length, 1);
    });

    test("C53 a draft of each case survives a reload, signing in again, and shows in the list", async () => {
        const id = await begin(), { id: other } = await amina.newCase({ title: "Other" });
        await patient.write("My doctor says");
        await patient.open(other);
        await patient.write("Something else");
        await patient.page.reload();
        await until("the field", () => patient.page.has(composer));
        const value = () => patient.run((css) => document.querySelector(css)?.value, composer);
        assert.equal(await value(), "Something else");
        await patient.run(() => sessionStorage.setItem("curaway.token", "not.good.anymore"));
        await patient.page.reload();
        await patient.page.click('button[data-person="amina"]');
        await until("the field", () => patient.page.has(composer));
        assert.equal(await value(), "Something else");
        await patient.open(id);
        await until("her draft", async () => (await value()) === "My doctor says");
        await patient.run(() => { location.hash = "#/"; });
        await until("it shows in the list", () => patient.run((key) =>
            document.querySelector(`a[data-case="${key}"] .excerpt`)?.textContent === "Draft: My doctor says", id));
    });

    test("C54 two clicks, a held Enter, a composing Enter: one message", async () => {
        const id = await begin();
        await patient.write("にほん");
        await patient.run((css) => {
            const field = document.querySelector(css);
            const enter = (more) => field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...more }));
            enter({ isComposing: true });
            enter({ keyCode: 229 });
        }, composer);
        assert.equal((await patient.asked("POST", "/chat")).length, 0);
        await patient.run((css) => {
            const button = document.querySelector(css);
            button.click();
            button.click();
        }, action("send"));
        await patient.until("answered", ({ sender, state }) => sender === "ai" && state === "complete");
        await patient.write("Again");
        await patient.run((css) => {
            const field = document.querySelector(css);
            for (const repeat of [false, true, true]) {
                field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", repeat, bubbles: true, cancelable: true }));
            }
        }, composer);
        if ((await patient.last()).text !== "Again") await patient.page.click(action("send")); // no real keyboard here
        await patient.until("answered", ({ sender, state, text }) => sender === "ai" && state === "complete" && text === "Yes.");
        const posts = await patient.asked("POST", "/chat");
        assert.equal(posts.length, 2);
        assert.equal((await amina.snapshot(id)).messages.filter(({ sender_type }) => sender_type === "patient").length, 2);
    });
});
