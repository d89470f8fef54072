// Amina gives a paper: what she sees of it in every engine, against the whole server and the tools that read.
//
//     node --test Tests/browser/documents.test.mjs        after `swift build`; names begin with the requirement's number

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { engines } from "./engines.mjs";
import { jpeg, pdf } from "./papers.mjs";
import { action, composer, Patient } from "./patient.mjs";
import { Proxy, streams } from "./proxy.mjs";
import { Room } from "./room.mjs";
import { until } from "./webdriver.mjs";

const patience = 120_000;
const report = ["Blood test report", "Date: 12 March 2026", "Haemoglobin 13.2 g/dL (12.0 - 15.5)"];
const going = (state) => state ? `li[data-upload="${state}"]` : "li[data-upload]";
const card = (stage) => stage ? `li[data-stage="${stage}"]` : "li[data-document]";

/** Words that a card goes through are kept in `self.steps`: she sees each for a moment only. */
const watchSteps = (patient) =>
    patient.run(() => {
        const steps = self.steps = [];
        new MutationObserver(() => {
            for (const one of document.querySelectorAll("li[data-document]")) {
                const now = `${one.dataset.stage}: ${one.querySelector(".step").textContent}`;
                if (steps.at(-1) !== now) steps.push(now);
            }
        }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    });

for (const engine of engines) describe(engine.name, () => {
    let room, server, browser, amina, model, proxy, patient, other;
    before(async () => {
        ({ server, browser, amina, model } = room = await Room.open(engine));
        proxy = await Proxy.start(server.origin);
    });
    after(async () => {
        await room?.close();
        await proxy?.stop();
    });
    afterEach(async () => {
        proxy.clear();
        await other?.page.close();
        await patient?.page.close();
        patient = other = null;
    });

    async function arrive(to = server) {
        const { id } = await amina.newCase({ title: "Papers" });
        patient = await Patient.arrive(browser, to, id);
        await until("the attach button", () => patient.page.has(action("attach")));
        return id;
    }
    const says = (words, who = patient) =>
        until(words, () => who.run((words) => document.body.textContent.includes(words), words), patience);
    const text = (css) => patient.run((css) => document.querySelector(css)?.textContent ?? "", css);

    test("C82 C87 a report is chosen, looked at, sent and read step by step, through reloads, and can be asked about", async () => {
        const id = await arrive();
        await patient.give("report.pdf", "application/pdf", pdf(report, 0, 20));
        await until("it waits for her word", () => patient.page.has(going("chosen")));
        assert.match(await text(`${going()} .step`), /Not sent yet/);
        await patient.write("Here it is");
        await patient.page.reload();
        await until("it still does", () => patient.page.has(going("chosen")));
        assert.equal(await patient.run((css) => document.querySelector(css).value, composer), "Here it is");
        assert.equal(await patient.page.has(card()), false, "nothing was sent unasked");

        await watchSteps(patient);
        await patient.page.click(action("send"));
        await until("its card", () => patient.page.has(card()), patience);
        await until("nothing is on its way", async () => !await patient.page.has(going()));
        await until("it is being read", () => patient.page.has(card("reading")), patience);
        await until("a page of it", () => patient.run(() => self.steps.some((one) => /Reading page [1-9]\d* of 20/.test(one))), patience);
        const seen = await patient.run(() => self.steps);
        await patient.page.reload();
        await watchSteps(patient);
        await until("it is read", () => patient.page.has(card("ready")), patience);
        const steps = [...seen, ...await patient.run(() => self.steps)].map((one) => one.split(":")[0]);
        const order = ["received", "scanned", "reading", "extracting", "ready"];
        const places = steps.map((one) => order.indexOf(one));
        assert.deepEqual(places, places.toSorted((a, b) => a - b), steps.join(" "));
        assert.ok(steps.includes("reading") && steps.at(-1) === "ready", `seen on the way: ${steps.join(" ")}`);

        await patient.page.click(`${card("ready")} summary`);
        await says("It is not advice.");
        await says("13.2 g/dL");
        assert.equal(await text(".quote .range bdi"), "12.0 - 15.5");
        assert.match(await text(`${card()} .kind`), /Laboratory report/);

        let asked = "";
        model.answer = async function* (words) {
            asked = words;
            yield "Your report says: Haemoglobin 13.2 g/dL (page 1).";
        };
        await patient.takeHold();
        await patient.send("What does my report say?");
        await says("Your report says: Haemoglobin 13.2");
        assert.match(asked, /Haemoglobin 13\.2/, "the model was told what the report says");
        const { documents } = await amina.snapshot(id);
        assert.deepEqual(documents.map(({ name, stage }) => `${name} ${stage}`), ["report.pdf ready"]);

        await patient.give("again.pdf", "application/pdf", pdf(report, 0, 20));
        await until("chosen again", () => patient.page.has(going("chosen")));
        await patient.page.click(action("send"));
        await says("You have given this file here before: \u2068again.pdf");
    });

    test("C42 C87 without a stream her report is sent and read all the same: what becomes of it comes by asking", async () => {
        proxy.answer(streams, 503, { body: "{}" });
        await arrive(proxy);
        await patient.give("report.pdf", "application/pdf", pdf(report, 0, 3));
        await until("chosen", () => patient.page.has(going("chosen")));
        await patient.page.click(action("send"));
        await until("it is read", () => patient.page.has(card("ready")), patience);
        assert.equal(await patient.page.has(going()), false);
        assert.deepEqual([proxy.told(streams), proxy.asked(streams).length > 0], [0, true]);
    });

    test("C83 what is no paper is refused before it is sent, by its bytes, and a picture under a wrong name is not", async () => {
        await arrive();
        await patient.give("letter.pdf", "application/pdf", "Dear doctor");
        await says("letter.pdf\u2069: Only PDF files and pictures can be read.");
        await patient.give("nothing.pdf", "application/pdf", "");
        await says("nothing.pdf\u2069: The file is empty.");
        assert.equal(await patient.page.has(going()), false);
        await patient.give("photo.jpg", "image/jpeg", "\0\0\0\x18ftypheic\0\0\0\0mif1heic");
        await until("a HEIC", () => patient.page.has(going("chosen")));
        assert.equal(await patient.run(() => document.querySelector(".hint[role=status]").textContent), "");
    });

    test("C82 there is a way in for files and one for the camera, and text that is pasted stays text", async () => {
        await arrive();
        const inputs = await patient.run(() => Object.fromEntries(
            [...document.querySelectorAll("input[data-input]")].map((one) =>
                [one.dataset.input, { accept: one.accept, capture: one.getAttribute("capture"), multiple: one.multiple }])));
        assert.equal(inputs.files.capture, null);
        assert.equal(inputs.files.multiple, true);
        assert.match(inputs.files.accept, /^image\/jpeg,.*\.heic,application\/pdf$/);
        assert.deepEqual(inputs.camera, { accept: "image/*", capture: "environment", multiple: false });
        const paste = (withText) => patient.run((bytes, withText) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0))], "image.png", { type: "image/png" }));
            if (withText) data.items.add("Metformin 500 mg", "text/plain");
            const event = new Event("paste", { bubbles: true, cancelable: true });
            Object.defineProperty(event, "clipboardData", { value: data });
            return !document.querySelector("curaway-composer textarea").dispatchEvent(event);
        }, jpeg(16, 16).toString("base64"), withText);
        assert.equal(await paste(true), false, "a table out of a text processor is text, with a picture beside it");
        assert.equal(await patient.page.has(going()), false);
        assert.equal(await paste(false), true);
        await until("a picture", () => patient.page.has(going("chosen")));
    });

    test("C85 files that wait while the line is down go when it is back, by themselves", async () => {
        const id = await arrive(proxy);
        for (const [name, words] of [["a.pdf", "One"], ["b.pdf", "Two"], ["c.pdf", "Three"]]) {
            await patient.give(name, "application/pdf", pdf([...report, words]));
        }
        await until("three", () => patient.run(() => document.querySelectorAll('li[data-upload="chosen"]').length === 3));
        await proxy.refuse();
        await patient.page.click(action("send"));
        await until("one waits for the network", () => patient.page.has(going("stalled")), patience);
        assert.equal(await patient.page.has(going("failed")), false);
        await proxy.accept();
        await until("all arrived", async () => !await patient.page.has(going()), patience);
        const { documents } = await amina.snapshot(id);
        assert.deepEqual(documents.map(({ name }) => name), ["a.pdf", "b.pdf", "c.pdf"]);
    });

    test("C87 files survive that the view is made anew, by another language for instance", async () => {
        await arrive();
        await patient.give("one.pdf", "application/pdf", pdf(report));
        await until("chosen", () => patient.page.has(going("chosen")));
        for (const direction of ["rtl", "ltr"]) {
            await patient.page.click(action("language"));
            await until(direction, () => patient.run((now) => document.documentElement.dir === now, direction));
            await until("it is there", () => patient.page.has(going("chosen")));
        }
        await patient.run(() => { location.hash = "#/"; }); // on a phone the way out is beside the list
        await patient.page.click(action("sign-out"));
        await until("the door", () => patient.page.has('button[data-person="amina"]'));
        const left = await patient.run(async () => {
            await new Promise((resolve) => setTimeout(resolve, 300));
            return (await indexedDB.databases()).map(({ name }) => name);
        });
        assert.deepEqual(left, [], "nothing of hers stays on the device");
    });

    test("C84 a photograph of 48 megapixels is chosen, and what is drawn of it is small", async () => {
        await arrive();
        await patient.run(() => {
            self.largest = 0;
            const seen = (canvas) => { self.largest = Math.max(self.largest, canvas.width * canvas.height); };
            const { setAttribute } = Element.prototype;
            HTMLCanvasElement.prototype.setAttribute = function (name, value) {
                setAttribute.call(this, name, value);
                seen(this);
            };
            for (const name of ["width", "height"]) {
                const { get, set } = Object.getOwnPropertyDescriptor(HTMLCanvasElement.prototype, name);
                Object.defineProperty(HTMLCanvasElement.prototype, name, {
                    get,
                    set(value) {
                        set.call(this, value);
                        seen(this);
                    },
                });
            }
        });
        await patient.give("photo.jpg", "image/jpeg", jpeg(8064, 6048));
        await until("its picture", () => patient.page.has(".thumb canvas"), patience);
        const { width, height, largest } = await patient.run(() => {
            const { width, height } = document.querySelector(".thumb canvas");
            return { width, height, largest: self.largest };
        });
        assert.ok(width <= 2048 && height === 144 && width / height > 1.3 && width / height < 1.4, `${width}×${height}`);
        assert.ok(largest > 0 && largest < 16_777_216, String(largest));
    });

    test("C85 a line that breaks half way costs no more than a piece, and the file arrives whole", async () => {
        const id = await arrive(proxy);
        const bytes = pdf(report, 4_000_000);
        proxy.rtt = 150;
        await patient.give("long.pdf", "application/pdf", bytes);
        await until("chosen", () => patient.page.has(going("chosen")));
        await patient.page.click(action("send"));
        const percent = () => patient.run(() =>
            Number(document.querySelector('[role="progressbar"]')?.getAttribute("aria-valuenow") ?? 100));
        await until("half of it", async () => await percent() >= 50, patience);
        proxy.reset(/uploads/);
        await proxy.refuse();
        await until("it says that it waits", () => patient.page.has(going("stalled")), patience);
        assert.match(await text(`${going()} .step`), /Waiting for the network, \d+/);
        await proxy.accept();
        await until("it arrived", async () => !await patient.page.has(going()), patience);
        const sent = (await patient.run(() => self.line.asked)).filter(({ method }) => method === "PATCH");
        const total = sent.reduce((sum, one) => sum + one.bytes, 0);
        assert.ok(total < 1.6 * bytes.length, `${total} of ${bytes.length}`);
        const { documents } = await amina.snapshot(id);
        assert.deepEqual(documents.map((one) => one.bytes), [bytes.length]);
    });

    test("C85 what she calls off is forgotten here and there", async () => {
        const id = await arrive();
        await patient.give("wrong.pdf", "application/pdf", pdf(report, 2_000_000));
        await until("chosen", () => patient.page.has(going("chosen")));
        await patient.page.click(action("cancel-upload"));
        await until("it is gone", async () => !await patient.page.has(going()));
        assert.deepEqual(await patient.asked("POST", "/uploads"), [], "and nothing was sent");

        await patient.give("wrong.pdf", "application/pdf", pdf(report, 2_000_000));
        await until("chosen", () => patient.page.has(going("chosen")));
        await patient.run(() => {
            const ours = self.fetch;
            // Only pieces wait; calling it off goes through.
            self.fetch = (url, init = {}) =>
                init.method === "PATCH"
                    ? new Promise((_, fail) => init.signal.addEventListener("abort", () => fail(new TypeError("called off"))))
                    : ours(url, init);
        });
        await patient.page.click(action("send"));
        await until("it is on its way", () => patient.page.has(going("uploading")));
        await until("the server knows it", async () => (await patient.asked("POST", "/uploads")).length === 1);
        await patient.page.click(action("cancel-upload"));
        await until("it is gone", async () => !await patient.page.has(going()));
        await until("the server is told", () =>
            patient.run(() => self.line.asked.some(({ method, path }) => method === "DELETE" && path.includes("/uploads/"))));
        await patient.page.reload();
        await until("the case", () => patient.page.has(action("attach")));
        assert.equal(await patient.page.has(going()), false);
        assert.deepEqual((await amina.snapshot(id)).documents, []);
    });

    test("C87 what has waited for more than a week is not kept, and she is told; what has for six days is", async () => {
        await arrive();
        for (const name of ["new.pdf", "old.pdf"]) await patient.give(name, "application/pdf", pdf([...report, name]));
        await until("two", () => patient.run(() => document.querySelectorAll('li[data-upload="chosen"]').length === 2));
        /** Makes them old; how many were kept. They are shown before they are: the one kept later would be as new as it was. */
        const aged = () => patient.run(() => new Promise((done) => {
            const day = 24 * 60 * 60 * 1000;
            const opening = indexedDB.open("curaway.papers");
            // Not there yet, and ours must not be the first: the app would find it without its tables.
            opening.onupgradeneeded = () => opening.transaction.abort();
            opening.onerror = () => done(0);
            opening.onsuccess = ({ target: { result: database } }) => {
                const uploads = database.transaction("uploads", "readwrite").objectStore("uploads");
                let count = 0;
                uploads.getAll().onsuccess = ({ target: { result: all } }) => {
                    const ours = all.filter(({ name }) => name === "new.pdf" || name === "old.pdf");
                    count = ours.length;
                    for (const one of ours) uploads.put({ ...one, at: Date.now() - (one.name === "old.pdf" ? 7 : 6) * day });
                };
                uploads.transaction.oncomplete = () => {
                    database.close();
                    done(count);
                };
            };
        }));
        await until("both are kept, and old", async () => await aged() === 2);
        await patient.page.reload();
        await says("old.pdf\u2069 was not sent for a week and is not kept any longer.");
        assert.deepEqual(await patient.run(() => [...document.querySelectorAll("li[data-upload] .name")].map((one) => one.textContent)), ["new.pdf"]);
        await patient.page.reload();
        await until("it is still there", () => patient.page.has(going("chosen")));
        assert.equal(await patient.run(() => document.body.textContent.includes("old.pdf")), false, "told once");
    });

    test("C87 of two tabs one has the file, and the other when it is closed", async () => {
        const id = await arrive();
        await patient.give("one.pdf", "application/pdf", pdf(report));
        await until("chosen", () => patient.page.has(going("chosen")));
        other = await Patient.arrive(browser, server, id);
        await until("the attach button", () => other.page.has(action("attach")));
        await new Promise((resolve) => setTimeout(resolve, 500));
        assert.equal(await other.page.has(going()), false, "two tabs would send it twice");
        await patient.page.close();
        patient = null;
        await other.page.reload();
        await until("it is there", () => other.page.has(going("chosen")));
    });
});
