// For everybody: by ear, by key, in Arabic, enlarged, on a narrow screen, in high contrast.
//
//     node --test Tests/browser/access.test.mjs        after `swift build`; names begin with the requirement's number

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { engines } from "./engines.mjs";
import { gate } from "./model.mjs";
import { action, answers, composer, Patient, withModule } from "./patient.mjs";
import { pdf } from "./papers.mjs";
import { Room } from "./room.mjs";
import { until } from "./webdriver.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** axe-core, out of the package that `scripts/setup test` brings; it is not ours to commit. */
function axe() {
    const lib = `${root}.venv/lib`;
    const python = readdirSync(lib).find((name) => name.startsWith("python"));
    return readFileSync(`${lib}/${python}/site-packages/axe_playwright_python/axe.min.js`, "utf8");
}

const arabic = "شكرًا يا **أمينة**، راجعي Dr. Weber على +49 30 1234567 في 24/11/2026.\n\n`MRI` ثم X-ray.";

for (const engine of engines) describe(engine.name, () => {
    let room, model, server, browser, amina, patient;

    before(async () => { ({ model, server, browser, amina } = room = await Room.open(engine)); });
    after(() => room?.close());

    afterEach(async () => {
        await patient?.page.close();
        patient = null;
    });

    const begin = async (fields = {}) => {
        const { id } = await amina.newCase({ title: "Access", ...fields });
        model.answer = async function* () { yield "Yes."; };
        patient = await Patient.arrive(browser, server, id);
        return id;
    };

    const answered = () => patient.until("answered", ({ sender, state }) => sender === "ai" && state === "complete");

    test("C62 by ear: that an answer begins, and the answer, once; no live region holds the words that grow", async () => {
        await begin();
        await patient.run(() => {
            self.said = [];
            const region = document.querySelector('[aria-live="polite"]');
            new MutationObserver(() => self.said.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
        });
        const door = gate();
        model.answer = async function* () {
            yield "It begins. ";
            await door.passed;
            for (let at = 0; at < 300; at++) yield `word${at} ${"and so on ".repeat(7)}\n\n`;
        };
        await patient.send("Read it to me");
        await patient.state("streaming");
        assert.equal(await patient.run((css) => {
            const last = [...document.querySelectorAll(css)].at(-1);
            return last.closest('[aria-live]:not([aria-live="off"]), [role="log"], [role="status"], [role="alert"]') === null;
        }, answers), true);
        door.open();
        await answered();
        await until("the answer is told", () => patient.run(() => self.said.at(-1)?.includes("word299")));
        const said = await patient.run(() => self.said);
        assert.ok(said.length <= 2, `${said.length} changes`);
        assert.match(said[0], /^The assistant is replying/);
    });

    test("C63 aria-busy while it is written, and at no other time", async () => {
        await begin();
        const think = gate(), write = gate();
        model.answer = async function* () {
            await think.passed;
            yield "Two nights";
            await write.passed;
            yield ".";
        };
        const busy = () => patient.run((css) => [...document.querySelectorAll(css)].map((li) => li.getAttribute("aria-busy")), answers);
        await patient.send("How long?");
        await patient.state("thinking");
        assert.deepEqual(await busy(), [null, null]);
        think.open();
        await patient.state("streaming");
        assert.deepEqual(await busy(), [null, "true"]);
        write.open();
        await answered();
        assert.deepEqual(await busy(), [null, null]);
    });

    test("C66 everything by key: write, send, stop, try again, jump, attach, remove, read, delete; and the focus is seen", async () => {
        await begin();
        const tab = "\uE004", enter = "\uE007", shift = "\uE008";
        const active = (css) => patient.run((selector) => document.activeElement.matches(selector), css);
        const press = (keys) => patient.page.keys(keys);
        const reach = async (css, keys = tab) => {
            for (let at = 0; at < 25; at++) {
                if (await active(css)) {
                    assert.equal(await patient.run(() => {
                        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
                        const box = getComputedStyle(document.activeElement.closest(".box") ?? document.activeElement);
                        return (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) ||
                            (box.outlineStyle !== "none" && parseFloat(box.outlineWidth) >= 2);
                    }), true, `the focus is seen on ${css}`);
                    return;
                }
                await press(keys);
            }
            assert.fail(`${css} cannot be reached`);
        };
        const door = gate();
        model.answer = async function* () {
            yield "Two nights, and ";
            await door.passed;
            yield "then home.\n\n".repeat(60);
        };
        await reach(composer);
        await press("How long?");
        await reach(action("send"));
        await press(enter);
        await patient.state("streaming");
        await reach(action("stop"));
        await press(enter);
        await patient.state("stopped");
        await reach(action("retry"), shift + tab + shift);
        door.open();
        await press(enter);
        await answered();
        assert.equal(await patient.run(() => document.activeElement !== document.body), true, "the focus is somewhere");
        await until("the way to the end", () => patient.page.has(`${action("jump")}:not([hidden])`));
        await reach(action("jump"));
        await press(enter);
        await until("at the end", () => patient.run(() => {
            const { scrollTop, scrollHeight, clientHeight } = document.querySelector(".scroller");
            return scrollHeight - scrollTop - clientHeight < 70;
        }));
        assert.equal(await active(".scroller"), true);

        const back = shift + tab + shift, row = 'li[data-upload="chosen"]', ready = 'li[data-stage="ready"]';
        await patient.run(() => {
            // The browser's own dialogs are nobody's to press keys in.
            HTMLInputElement.prototype.click = function () { self.asked = this.dataset.input; };
            self.confirm = (words) => { self.asked = words; return true; };
        });
        const asked = (pattern) => until(String(pattern), async () => pattern.test(await patient.run(() => self.asked ?? "")));
        await reach(action("attach"));
        await press(enter);
        await asked(/^files$/);
        const paper = pdf(["Blood test report", "Haemoglobin 13.2 g/dL (12.0 - 15.5)"]);
        await patient.give("wrong.pdf", "application/pdf", paper);
        await until("a file", () => patient.page.has(row));
        await reach(action("cancel-upload"), back);
        await press(enter);
        await until("it is gone", async () => !await patient.page.has(row));
        assert.equal(await active(action("attach")), true, "the focus goes to the next thing of its kind");
        await patient.give("report.pdf", "application/pdf", paper);
        await until("a file", () => patient.page.has(row));
        await reach(action("send"));
        await press(enter);
        await until("it is read", () => patient.page.has(ready), 120_000);
        await reach(`${ready} summary`, back);
        await press(enter);
        await until("what was read", () => patient.page.has(".quote"));
        await reach(`${ready} ${action("original")}`);
        await reach(`${ready} ${action("delete-document")}`);
        await press(enter);
        await asked(/^Delete this document and everything read from it\? Answers that quoted it stay/);
        await until("it is deleted", () => patient.page.has('li[data-stage="deleted"]'));
        assert.equal(await active('li[data-stage="deleted"]'), true, "the focus stays with what it was about");
    });

    // Chromium knows of a hidden control for a moment longer that it has the focus, and then nothing has it.
    test("C64 C66 what had the focus and goes hands it on: Stop to the field, a paper's to the paper, a row's to its neighbour", async () => {
        await begin();
        const door = gate();
        model.answer = async function* () {
            yield "Two nights, ";
            await door.passed;
            yield "then home.";
        };
        await patient.send("How long?");
        await patient.state("streaming");
        await patient.run((css) => document.querySelector(css).focus(), action("stop"));
        door.open();
        await answered();
        const settled = () => patient.run(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50))));
        await settled();
        assert.equal(await patient.run((css) => document.activeElement.matches(css), composer), true);

        const paper = { id: "d", patient_id: "amina", case_id: "c", sequence: 1, version: 1, name: "a.pdf", media_type: "", bytes: 1,
            page: 0, pages: 0, code: null, retryable: true, kind: null, virus_scanned: false, created_at: "" };
        await withModule(patient.page, "js/view/paper-card.js", () => {
            self.card = new self.module.Card({});
            document.body.append(self.card.element);
        });
        for (const [stage, control, next] of [["failed", "retry-document", "reading"], ["ready", "delete-document", "deleted"]]) {
            await patient.run((paper, stage, control) => {
                self.card.show({ ...paper, stage });
                self.card.element.querySelector(`[data-action="${control}"]`).focus();
            }, paper, stage, control);
            await settled();
            await patient.run((paper, stage) => self.card.show({ ...paper, stage }), paper, next);
            await settled();
            assert.equal(await patient.run(() => document.activeElement === self.card.element), true, next);
        }
        await patient.run(() => self.card.element.remove());

        const upload = { key: "k", name: "a.pdf", size: 9, sent: 0, code: null, kept: true, document: null };
        await withModule(patient.page, "js/view/paper-tray.js", (css) => {
            const leave = () => document.querySelector(css).focus();
            self.tray = new self.module.Tray({ remove() {}, retry() {}, leave });
            document.body.append(self.tray.element);
        }, composer);
        for (const [state, control, next, has] of [
            ["failed", "retry-upload", "uploading", "cancel-upload"],
            ["uploading", "cancel-upload", "arrived", null],
        ]) {
            await patient.run((upload, state, control) => {
                self.tray.draw([{ ...upload, state }]);
                self.tray.element.querySelector(`[data-action="${control}"]`).focus();
            }, upload, state, control);
            await settled();
            await patient.run((upload, state) => self.tray.draw([{ ...upload, state }]), upload, next);
            await settled();
            assert.equal(await patient.run((css) => document.activeElement.matches(css), has ? action(has) : composer), true, next);
        }
        await patient.run(() => self.tray.element.remove());
    });

    test("C67 Arabic: blocks from the right, code and names and numbers apart, and a line that begins with a mark does not flip", async () => {
        await begin({ language: "ar" });
        await patient.page.click(action("language"));
        await until("right to left", () => patient.run(() => document.documentElement.dir === "rtl"));
        await patient.run((css) => {
            self.ways = [];
            new MutationObserver(() => {
                for (const block of [...document.querySelectorAll(css)].at(-1)?.querySelectorAll("[data-body] > *") ?? []) {
                    self.ways.push(`${block.tagName} ${getComputedStyle(block).direction}`);
                }
            }).observe(document.querySelector("[data-timeline]"), { subtree: true, childList: true, characterData: true, attributes: true });
        }, answers);
        model.answer = async function* () {
            for (const one of `«12» ${arabic}`) {
                yield one;
                await new Promise((resolve) => setTimeout(resolve, 3));
            }
        };
        await patient.send("متى؟");
        await answered();
        const ways = await patient.run(() => [...new Set(self.ways)].filter((way) => way.startsWith("P")));
        assert.deepEqual(ways, ["P rtl"]);
        const apart = await patient.run((css) => [...[...document.querySelectorAll(css)].at(-1).querySelectorAll("[data-body] bdi, [data-body] code")]
            .map((one) => `${one.tagName} ${one.textContent} ${getComputedStyle(one).direction} ${getComputedStyle(one).unicodeBidi}`), answers);
        assert.deepEqual(apart.map((one) => one.replace(/ (isolate|isolate-override|-webkit-isolate)$/, " isolate")), [
            "BDI Dr. Weber ltr isolate",
            "BDI +49 30 1234567 ltr isolate",
            "BDI 24/11/2026 ltr isolate",
            "CODE MRI ltr isolate",
            "BDI X-ray ltr isolate",
        ]);
        await patient.page.click(action("language"));
        await until("left to right", () => patient.run(() => document.documentElement.dir === "ltr"));
    });

    test("C68 on 320 pixels, and with letters twice as large, nothing is cut off and she can write", async () => {
        await begin();
        await patient.page.resize(700, 800); // narrow enough for the phone's layout; what is narrower is done inside
        await until("the narrow layout", () => patient.run(() => !document.querySelector(".stage.wide")));
        model.answer = async function* () {
            yield "| One | Two | Three | Four |\n|---|---|---|---|\n| aaaaaaaaaaaaaa | bbbbbbbbbbbbbbb | cccccccccccc | ddddddddddd |\n\n";
            yield "https://example.org/a/very/long/address/that/does/not/end/so/soon/at/all/and/goes/on \n\n```\nlong = long long long long long long long long long\n```\n";
            yield "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle";
        };
        await patient.send("Show me");
        await answered();
        await patient.give("Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsbescheid.pdf", "application/pdf", pdf(["One"]));
        await until("a file", () => patient.page.has('li[data-upload="chosen"]'));
        for (const { width, letters } of [{ width: 320, letters: 16 }, { width: 390, letters: 32 }]) {
            const wrong = await patient.run((pixels, size) => {
                document.documentElement.style.fontSize = `${size}px`;
                const app = document.querySelector("curaway-app"), stage = document.querySelector(".stage");
                app.style.width = stage.style.width = `${pixels}px`;
                const wide = [document.querySelector(".scroller"), stage, document.querySelector(".bar"), document.querySelector(".foot")]
                    .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.className);
                const outside = [...stage.querySelectorAll("button:not([hidden]), textarea, .message, .about")].filter((one) => {
                    const box = one.getBoundingClientRect(), edge = stage.getBoundingClientRect();
                    return box.width > 0 && (box.right > edge.right + 1 || box.left < edge.left - 1);
                }).map((one) => one.outerHTML.slice(0, 80));
                const field = document.querySelector("textarea").getBoundingClientRect();
                return [...wide, ...outside, ...(field.width < 120 || field.bottom > innerHeight ? ["no room to write"] : [])];
            }, width, letters);
            assert.deepEqual(wrong, [], `${width} px, letters of ${letters} px`);
        }
    });

    if (engine.name !== "webkit") test("C65 C69 axe-core finds nothing serious in any state, light and dark, in both languages", async () => {
        await begin();
        const source = axe(), found = [];
        const look = async (what) => {
            if (!(await patient.run(() => Boolean(self.axe)))) await patient.page.inject(source);
            await pause(250); // a word that is still fading in has no contrast yet
            await patient.run(() => {
                self.verdict = null;
                self.axe.run(document, { resultTypes: ["violations"] }).then((verdict) => {
                    self.verdict = verdict.violations.filter(({ impact }) => impact === "serious" || impact === "critical")
                        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
                }, (error) => { self.verdict = [String(error)]; });
            });
            await until("axe", () => patient.run(() => self.verdict !== null));
            for (const one of await patient.run(() => self.verdict)) found.push(`${what}: ${one}`);
        };
        const both = async (what) => {
            if (engine.name !== "chromium") return look(what);
            for (const scheme of ["light", "dark"]) {
                await patient.page.cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
                await look(`${what}, ${scheme}`);
            }
        };
        const door = gate();
        model.answer = async function* () {
            yield "# What\n\n1. One `code`\n2. **Two**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nfence\n```\n[link](https://example.org)";
            await door.passed;
            yield " end";
        };
        await both("a new conversation");
        await patient.send("Show me");
        await patient.state("streaming");
        await both("streaming");
        await patient.page.click(action("stop"));
        await patient.state("stopped");
        await both("stopped");
        await patient.give("report.pdf", "application/pdf", pdf(["Blood test report", "Haemoglobin 13.2 g/dL (12.0 - 15.5)"]));
        await until("a file", () => patient.page.has('li[data-upload="chosen"]'));
        await both("a file, not sent yet");
        await patient.page.click(action("send"));
        await until("it is read", () => patient.page.has('li[data-stage="ready"]'), 120_000);
        await patient.page.click('li[data-stage="ready"] summary');
        await until("what was read", () => patient.page.has(".quote"));
        await both("a document, open");
        door.open();
        await patient.send("I have chest pain and my left arm hurts");
        await until("the notice", () => patient.page.has('li[data-answered-by="emergency"]'));
        await both("an emergency");
        await patient.page.click(action("language"));
        await until("right to left", () => patient.run(() => document.documentElement.dir === "rtl"));
        await both("Arabic");
        await patient.page.click(action("language"));
        await until("left to right", () => patient.run(() => document.documentElement.dir === "ltr"));
        await patient.run(() => self.line.cut());
        await patient.send("Not now");
        await patient.state("failed");
        await patient.later(9_000);
        await until("the banner", () => patient.run(() => document.querySelector("[data-banner]").hidden === false));
        await both("offline");
        await patient.run(() => { location.hash = "#/"; });
        await both("the cases");
        await patient.run(() => self.line.mend());
        await patient.page.click(action("sign-out"));
        await until("the door", () => patient.page.has('button[data-person="amina"]'));
        await both("the door");
        assert.deepEqual(found, []);
        if (engine.name === "chromium") await patient.page.cdp("Emulation.setEmulatedMedia", { features: [] });
    });

    if (engine.name === "chromium") test("C69 with forced colours every part still has its shape", async () => {
        await begin();
        const door = gate();
        model.answer = async function* () {
            yield "Two nights";
            await door.passed;
            yield ".";
        };
        await patient.page.cdp("Emulation.setEmulatedMedia", { features: [{ name: "forced-colors", value: "active" }] });
        await patient.send("How long?");
        await patient.state("streaming");
        const seen = await patient.run((css) => {
            const style = (selector, pseudo) => getComputedStyle(document.querySelector(selector), pseudo);
            const caret = getComputedStyle([...document.querySelectorAll(css)].at(-1).querySelector("[data-body] > :last-child"), "::after");
            return {
                bubble: style(".from-patient .body").borderTopStyle,
                box: style(".box").borderTopStyle,
                stop: style('[data-action="stop"]').borderTopStyle,
                caret: caret.backgroundColor !== style("body").backgroundColor && caret.backgroundColor !== "rgba(0, 0, 0, 0)",
            };
        }, answers);
        assert.deepEqual(seen, { bubble: "solid", box: "solid", stop: "solid", caret: true });
        door.open();
        await answered();
        await patient.page.cdp("Emulation.setEmulatedMedia", { features: [] });
    });
});
