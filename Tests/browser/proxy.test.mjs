// The bad network itself, before anything is concluded from it: each verb as a plain client sees it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Proxy, streams } from "./proxy.mjs";
import { until } from "./webdriver.mjs";

let server, proxy, heard = [];
const open = new Set();
let agent = new Agent({ keepAlive: true });

before(async () => {
    server = createServer(async (asked, answer) => {
        let body = "";
        for await (const piece of asked) body += piece;
        heard.push(`${asked.method} ${asked.url} ${body}`);
        if (!streams.test(asked.url)) return answer.end("as it is: سلام");
        answer.writeHead(200, { "Content-Type": "text/event-stream" });
        answer.write("data: 1\n\n");
        open.add(answer);
        answer.on("close", () => open.delete(answer));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    proxy = await Proxy.start(`http://127.0.0.1:${server.address().port}`);
});

afterEach(async () => {
    proxy.clear();
    await proxy.accept();
    proxy.reset();
    proxy.requests = [];
    heard = [];
    agent.destroy();
    agent = new Agent({ keepAlive: true });
});

after(async () => {
    agent.destroy();
    await proxy.stop();
    server.closeAllConnections();
    server.close();
});

/** @returns {Promise<{status: number, text: string, pieces: number, error: string | null}>} as far as it came */
function ask(path, { method = "GET", body = "", on = () => {} } = {}) {
    return new Promise((resolve) => {
        const got = { status: 0, headers: {}, text: "", pieces: 0, error: null };
        const done = (error) => resolve({ ...got, error: error?.code ?? null });
        const asked = request(proxy.origin + path, { method, agent, headers: { "Content-Length": Buffer.byteLength(body) } });
        asked.on("error", done);
        asked.on("response", (answer) => {
            got.status = answer.statusCode;
            got.headers = answer.headers;
            const bytes = [];
            answer.on("data", (piece) => {
                bytes.push(piece);
                got.pieces++;
                got.text = Buffer.concat(bytes).toString();
                on(got);
            });
            answer.on("end", () => done(null));
            answer.on("error", done);
        });
        asked.end(body);
    });
}

test("what is not spoiled passes as it is, several requests on one connection, each written down", async () => {
    for (const word of ["one", "two"]) {
        assert.equal((await ask("/a", { method: "POST", body: word })).text, "as it is: سلام");
    }
    assert.deepEqual(heard, ["POST /a one", "POST /a two"]);
    const [first] = proxy.asked(/^\/a$/);
    assert.deepEqual([first.line, first.headers["content-length"]], ["POST /a HTTP/1.1", "3"]);
    assert.ok(Math.abs(Date.now() - first.at) < 60_000);
});

test("a cut ends a stream, a reset breaks it, and only those that are meant", async () => {
    for (const [verb, error] of [["cut", "ECONNRESET"], ["reset", "ECONNRESET"]]) {
        const other = ask("/other/stream"), stream = ask("/x/events");
        await until("two streams", () => open.size === 2);
        assert.equal(proxy.open(/events/), 1);
        proxy[verb](/events/);
        const { text, error: got } = await stream;
        assert.deepEqual([text, got], ["data: 1\n\n", error]); // chunks without their end, either way
        await until("the server saw it", () => open.size === 1);
        proxy.cut();
        await other;
        await until("and the other", () => open.size === 0);
    }
});

test("a hole is silence in both directions, and what it swallowed does not come out of it later", async () => {
    let said = "";
    const stream = ask("/x/events", { on: ({ text }) => { said = text; } });
    await until("it began", () => said !== "");
    assert.ok(proxy.told(/events/) >= 1);
    proxy.blackHole();
    for (const one of open) one.write("data: 2\n\n");
    const asking = ask("/a");
    await pause(100);
    proxy.clear();
    for (const one of open) one.write("data: 3\n\n");
    await pause(100);
    assert.deepEqual([said, heard.length], ["data: 1\n\n", 1]);
    proxy.reset();
    assert.ok((await asking).error);
    assert.ok((await stream).error);
});

test("a round trip takes as long as it is told, in order", async () => {
    proxy.delay(120);
    const began = Date.now();
    assert.equal((await ask("/a")).text, "as it is: سلام");
    assert.ok(Date.now() - began >= 118, String(Date.now() - began)); // never early; how late is the machine's affair
});

test("a lost reply was heard all the same, and the next one arrives", async () => {
    proxy.dropNextReply(/^\/a/);
    assert.equal((await ask("/a", { method: "POST", body: "kept" })).error, "ECONNRESET");
    assert.equal((await ask("/a")).status, 200);
    assert.deepEqual(heard, ["POST /a kept", "GET /a "]);
});

test("who is refused finds nobody there, until the same port listens again", async () => {
    await proxy.refuse();
    assert.match((await ask("/a")).error, /ECONNREFUSED|ECONNRESET/);
    assert.equal((await ask("/a")).error, "ECONNREFUSED");
    await proxy.accept();
    assert.equal((await ask("/a")).status, 200);
});

test("what is split arrives whole, in more pieces", async () => {
    proxy.split([0xd8, 0xd9]);
    const { text, pieces } = await ask("/a");
    assert.equal(text, "as it is: سلام");
    assert.ok(pieces >= 4, String(pieces));
});

test("somebody on the way may answer, so many times", async () => {
    proxy.answer(/^\/a/, 503, { headers: { "Retry-After": "3" }, body: "{}", times: 1 });
    const { status, headers } = await ask("/a");
    assert.deepEqual([status, headers["retry-after"], heard.length], [503, "3", 0]);
    assert.equal((await ask("/a")).status, 200);
});
