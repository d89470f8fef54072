// The watch itself, before silence is taken for a good sign: it sees each kind of trouble, in each engine, and a page that
// has any fails its test when it is closed.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { engines } from "./engines.mjs";
import { Server } from "./server.mjs";
import { until } from "./webdriver.mjs";

/** In the page's own code: what a driver's script throws is the driver's affair. */
function misbehaviour() {
    self.misbehave = (foreign) => {
        setTimeout(() => { throw new Error("a thrown word"); });
        Promise.reject(new Error("a rejected word"));
        console.error("a printed word");
        const image = document.createElement("img");
        image.src = `${foreign}/icon.svg`;
        document.head.append(image);
        try { document.createElement("div").innerHTML = "<b>x</b>"; } catch { /* Trusted Types */ }
        fetch(`${foreign}/health`).catch(() => {});
    };
}

for (const engine of engines) describe(engine.name, () => {
    let server, elsewhere, browser;

    before(async () => {
        server = await Server.start({ first: [misbehaviour] });
        elsewhere = await Server.start();
        browser = await engine.start();
    });

    after(async () => {
        await browser?.stop();
        await server?.stop();
        await elsewhere?.stop();
    });

    test("C88 C89 C95 an error, a rejection, a broken policy, another site: none goes unseen, over a reload too", async () => {
        const page = await browser.window();
        await page.open(server.origin);
        await until("the door", () => page.has("button[data-person]"));
        assert.deepEqual(await page.complaints(), [], "the app itself is quiet");
        await page.run((foreign) => self.misbehave(foreign), elsewhere.origin);
        const wanted = [/error: .*a thrown word/, /rejection: .*a rejected word/, /console: a printed word/,
            /policy: img-src/, /policy: connect-src/, /policy: require-trusted-types-for/];
        const seen = [];
        await until("all of it", async () => {
            seen.push(...await page.complaints());
            return wanted.every((pattern) => seen.some((one) => pattern.test(one)));
        }).catch(() => assert.fail(`seen: ${seen.join(" | ")}`));

        await page.run(() => self.console.error("before the reload"));
        await page.reload();
        await until("the door again", () => page.has("button[data-person]"));
        await assert.rejects(page.close([/another/]), /the page complains: console: before the reload/);
    });

    test("C89 what another site is asked for is written down, also where no policy forbids it", async () => {
        const page = await browser.window();
        await page.open(server.origin);
        const names = await page.run(() => performance.getEntriesByType("resource").map(({ name }) => name));
        assert.ok(names.some((name) => name.endsWith("/js/app.js")), "the list of requests is kept in this engine");
        await page.close();
    });
});
