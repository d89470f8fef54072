// A file on a line that breaks, against a server that is a few lines of this file.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLimit, largestPiece, left, restartLimit, upload } from "../js/wire/upload.js";
import { asProblem } from "../js/wire/api.js";
import { seeded } from "./seeded.js";

/** Time that passes as soon as somebody waits for it; a timeout that is called off never comes. */
const clock = {
    now: () => 0,
    after: (/** @type {number} */ milliseconds, /** @type {() => void} */ run) => {
        if (milliseconds >= 60_000) return () => {};
        const timer = setImmediate(run);
        return () => clearImmediate(timer);
    },
};

/** @typedef {"pass" | "unheard" | "half" | "deaf" | Response} Fate what becomes of a request and its answer */

/** @param {(method: string, count: number) => Fate} fate */
function server(fate = () => "pass") {
    /** @type {Map<string, {bytes: Uint8Array, length: number}>} */
    const uploads = new Map();
    /** @type {Map<string, Uint8Array>} documents, by the ids of their uploads */
    const documents = new Map();
    const told = { created: 0, received: 0, cancelled: 0, methods: /** @type {string[]} */ ([]) };
    let count = 0;
    const base = "/api/v1/patients/amina/uploads";
    /** @param {string} path @param {RequestInit & {headers: Record<string, string>}} init */
    const send = async (path, init) => {
        init.signal?.throwIfAborted();
        const method = init.method ?? "GET", what = fate(method, count++);
        told.methods.push(method);
        if (what instanceof Response) return what;
        if (what === "unheard") throw new TypeError("cut");
        const answer = await handle(method, path, init, what === "half");
        if (what !== "pass") throw new TypeError("cut");
        return answer;
    };
    /** @param {string} method @param {string} path @param {RequestInit & {headers: Record<string, string>}} init @param {boolean} half */
    const handle = async (method, path, init, half) => {
        if (method === "POST") {
            const id = `u${told.created++}`;
            uploads.set(`${base}/${id}`, { bytes: new Uint8Array(), length: Number(init.headers["Upload-Length"]) });
            return new Response(null, { status: 201, headers: { Location: `${base}/${id}` } });
        }
        if (method === "OPTIONS") return new Response(null, { status: 204 });
        if (method === "GET") {
            const is = [...documents.keys()].some((id) => path.endsWith(`/documents/${id}`));
            return Response.json({}, { status: is ? 200 : 404 });
        }
        const one = uploads.get(path);
        if (!one) return Response.json({ code: "not_found" }, { status: 404 });
        if (method === "DELETE") {
            told.cancelled++;
            uploads.delete(path);
            return new Response(null, { status: 204 });
        }
        if (method === "PATCH") {
            if (Number(init.headers["Upload-Offset"]) !== one.bytes.length) {
                return Response.json({ code: "wrong_offset" }, { status: 409 });
            }
            let piece = new Uint8Array(await /** @type {Blob} */ (init.body).arrayBuffer());
            if (half) piece = piece.slice(0, piece.length >> 1);
            told.received += piece.length;
            const bytes = new Uint8Array(one.bytes.length + piece.length);
            bytes.set(one.bytes);
            bytes.set(piece, one.bytes.length);
            one.bytes = bytes;
        }
        /** @type {Record<string, string>} */
        const headers = { "Upload-Offset": String(one.bytes.length) };
        if (method === "PATCH" && one.bytes.length === one.length) {
            uploads.delete(path);
            const id = path.split("/").pop() ?? "";
            documents.set(id, one.bytes);
            headers["Content-Location"] = `/api/v1/patients/amina/documents/${id}`;
        }
        return new Response(null, { status: method === "HEAD" ? 200 : 204, headers });
    };
    return { send, uploads, documents, told, base };
}

/** @param {number} size @param {number} [seed] */
function bytes(size, seed = 1) {
    const random = seeded(seed);
    return Uint8Array.from({ length: size }, () => random() * 256);
}

/** @param {Uint8Array<ArrayBuffer>} content @param {string | null} [location] */
function file(content, location = null) {
    /** @type {number[]} */
    const progress = [];
    /** @type {(string | null)[]} */
    const places = [], stalls = { count: 0 };
    return {
        patient: "amina",
        caseId: "c1",
        name: "تقرير.pdf",
        blob: new Blob([content]),
        location,
        placed: (/** @type {string | null} */ at) => void places.push(at),
        acknowledged: (/** @type {number} */ sent) => void progress.push(sent),
        stalled: () => void (stalls.count++),
        progress,
        stalls,
        places,
    };
}

/** @param {ReturnType<typeof server>} to @param {ReturnType<typeof file>} one @param {AbortSignal} [signal] */
const run = (to, one, signal = new AbortController().signal) =>
    upload({ send: to.send, clock, random: () => 0 }, one, signal);

test("C85 a file arrives in pieces, and its progress is what the server has", async () => {
    const content = bytes(largestPiece * 2 + 7), to = server(), one = file(content);
    assert.equal(await run(to, one), "u0");
    assert.deepEqual([...to.documents.values()], [content]);
    assert.deepEqual(one.progress, [largestPiece, largestPiece * 2, content.length]);
    assert.deepEqual(one.places, [`${to.base}/u0`]);
});

test("C85 cut anywhere, a file arrives once and whole", async () => {
    for (let seed = 1; seed <= 60; seed++) {
        const random = seeded(seed), content = bytes(300_000 + seed * 7_919, seed);
        const to = server(() => {
            const dice = random();
            return dice < 0.2 ? "unheard" : dice < 0.35 ? "half" : dice < 0.45 ? "deaf" : "pass";
        });
        const id = await run(to, file(content));
        assert.ok(id && to.documents.has(id), `seed ${seed}`);
        assert.equal(to.documents.size, 1, `seed ${seed}`);
        assert.deepEqual([...to.documents.values()][0], content, `seed ${seed}`);
    }
});

test("C85 cut in the middle it goes on from there: less than 1.6 of the file is sent", async () => {
    const content = bytes(largestPiece * 4), to = server((_, count) => count === 2 ? "half" : "pass");
    await run(to, file(content));
    assert.equal(to.told.received, content.length);
});

test("C85 an answer lost after the last byte costs a question, not the file again", async () => {
    const content = bytes(largestPiece + 5),
        to = server((_, count) => count === 2 ? "deaf" : count === 4 ? "unheard" : "pass");
    const one = file(content);
    assert.equal(await run(to, one), "u0");
    assert.deepEqual(to.told.methods, ["POST", "PATCH", "PATCH", "HEAD", "GET", "HEAD", "GET"]);
    assert.equal(to.told.received, content.length);
    assert.equal(one.stalls.count, 2);
});

test("a file that can no longer be read is not taken for a line that is down", async () => {
    const to = server((method) => method === "PATCH" ? "unheard" : "pass"), one = file(bytes(10));
    const gone = { size: 10, slice: () => ({ arrayBuffer: () => Promise.reject(new Error("NotReadableError")) }) };
    const blob = /** @type {Blob} */ (/** @type {unknown} */ (gone));
    await assert.rejects(run(to, { ...one, blob }), (error) => asProblem(error).code === "unreadable");
});

test("C87 after a reload it goes on where the server says", async () => {
    const content = bytes(100_000), to = server();
    to.uploads.set(`${to.base}/u9`, { bytes: content.slice(0, 60_000), length: content.length });
    const one = file(content, `${to.base}/u9`);
    await run(to, one);
    assert.equal(to.told.created, 0);
    assert.equal(to.told.received, 40_000);
    assert.deepEqual(one.progress, [60_000, 100_000]);
});

test("a wrong offset is asked about, and no byte is doubled", async () => {
    const content = bytes(50_000), wrong = () => Response.json({ code: "wrong_offset" }, { status: 409 });
    const to = server((_, count) => count === 1 ? wrong() : "pass");
    await run(to, file(content));
    assert.deepEqual(to.told.methods, ["POST", "PATCH", "HEAD", "PATCH"]);
    assert.deepEqual([...to.documents.values()], [content]);
});

test("one that expired begins anew, and not for ever", async () => {
    const content = bytes(1_000), to = server(), one = file(content, `${to.base}/long-gone`);
    assert.equal(await run(to, one), "u0");
    assert.deepEqual(one.places, [null, `${to.base}/u0`]);
    const never = server((method) => method === "POST" ? "pass" : Response.json({}, { status: 404 }));
    await assert.rejects(run(never, file(content)), (error) => asProblem(error).status === 404);
    assert.ok(never.told.created > 1 && never.told.created <= restartLimit + 1, String(never.told.created));
});

test("what the server refuses for good is not sent again", async () => {
    for (
        const [status, code] of /** @type {const} */ ([[413, "document_too_large"], [422, "too_many_documents"], [
            401,
            "unauthenticated",
        ]])
    ) {
        const to = server(() => Response.json({ code }, { status }));
        await assert.rejects(run(to, file(bytes(10))), (error) => asProblem(error).code === code);
        assert.equal(to.told.methods.length, 1);
    }
});

test("C85 cancelled, it is called off at the server too", async () => {
    const abort = new AbortController(),
        to = server((method) => {
            if (method === "PATCH") abort.abort(new Error("called off"));
            return "pass";
        });
    await assert.rejects(run(to, file(bytes(largestPiece * 3)), abort.signal), /called off/);
    assert.equal(to.told.cancelled, 1);
    assert.equal(to.documents.size, 0);
});

test("a place outside of the patient's uploads is not believed", async () => {
    let count = 0;
    const elsewhere = () => new Response(null, { status: 201, headers: { Location: "https://evil.example/steal" } });
    const to = server(() => count++ === 0 ? elsewhere() : "pass");
    const one = file(bytes(10));
    await run(to, one);
    assert.deepEqual(one.places, [`${to.base}/u0`]);
});

// Each lost answer to a creation left an upload at the server that nobody knew of, and the next was made at once: twenty of
// them, and the patient could give nothing for a day.
test("answers to creations that are lost on an open way come to an end", async () => {
    const to = server((method) => method === "POST" ? "deaf" : "pass"), one = file(bytes(10));
    await assert.rejects(run(to, one), (error) => asProblem(error).status === 0);
    assert.equal(to.told.created, createLimit);
    assert.equal(one.stalls.count, createLimit - 1);
});

test("while the way is shut nothing is created, however long it takes", async () => {
    const to = server((_, count) => count < 200 ? "unheard" : "pass"), one = file(bytes(10));
    assert.equal(await run(to, one), "u0");
    assert.equal(to.told.methods.filter((method) => method === "POST").length, 2);
    assert.equal(to.told.created, 1);
});

test("a server that is not ready for so long is asked on: it says itself that nothing was made", async () => {
    const busy = () => Response.json({ code: "store_unavailable" }, { status: 503 });
    const to = server((method, count) => method === "POST" && count < 20 ? busy() : "pass");
    assert.equal(await run(to, file(bytes(10))), "u0");
});

test("C85 called off before its creation is answered, what has been made is called off when the answer comes", async () => {
    for (const [why, cancelled] of /** @type {const} */ ([["called off", 1], [left, 0]])) {
        const abort = new AbortController(), one = file(bytes(10));
        const to = server((method) => {
            if (method === "POST") abort.abort(why);
            return "pass";
        });
        await assert.rejects(run(to, one, abort.signal), (reason) => reason === why);
        await new Promise((resolve) => setTimeout(resolve, 5));
        assert.deepEqual([to.told.created, to.told.cancelled], [1, cancelled], why);
        assert.deepEqual(
            one.places,
            why === left ? [`${to.base}/u0`] : [],
            "and where it was only left, it goes on from there",
        );
    }
});
