// The parser, cut at every place.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lineLimit, SseParser } from "../js/wire/sse.js";

/** @param {...string} pieces */
function read(...pieces) {
    const parser = new SseParser();
    return pieces.flatMap((piece) => parser.push(piece));
}

const stream = '\uFEFF: a comment\nretry: 1500\nid: e-1\nevent: message\ndata: {"a":1}\ndata: second\n\n' +
    "id: e-2\r\ndata:no space\r\n\r\nid\rdata: مرحبًا 👋\r\revent: empty\n\nid: a\0b\nunknown: x\ndata\n\ndata: cut off";
const expected = [
    { event: "message", data: '{"a":1}\nsecond', id: "e-1" },
    { event: "message", data: "no space", id: "e-2" },
    { event: "message", data: "مرحبًا 👋", id: "" },
    { event: "message", data: "", id: null },
];

test("C22 what is read does not depend on where the text was cut", () => {
    assert.deepEqual(read(stream), expected);
    for (let cut = 0; cut <= stream.length; cut++) {
        assert.deepEqual(read(stream.slice(0, cut), stream.slice(cut)), expected, `cut at ${cut}`);
    }
    assert.deepEqual(read(...stream.split("")), expected, "one by one");
});

test("C22 C23 characters cut in the middle of their bytes arrive whole", () => {
    const bytes = new TextEncoder().encode("data: سلام 👩‍⚕️\n\n");
    for (let cut = 0; cut <= bytes.length; cut++) {
        const decoder = new TextDecoder();
        const pieces = [bytes.slice(0, cut), bytes.slice(cut)].map((part) => decoder.decode(part, { stream: true }));
        assert.equal(read(...pieces)[0]?.data, "سلام 👩‍⚕️");
    }
});

test("C22 a line beyond the bound costs its event and nothing else", () => {
    const parser = new SseParser();
    const events = [];
    events.push(...parser.push("data: "));
    for (let at = 0; at < lineLimit + 100_000; at += 50_000) events.push(...parser.push("x".repeat(50_000)));
    events.push(...parser.push("\ndata: rest of the spoiled one\n\ndata: the next\n\n"));
    assert.deepEqual(events.map((one) => one.data), ["the next"]);
});

test("C22 retry is digits or nothing", () => {
    const parser = new SseParser();
    parser.push("retry: 12a\n\nretry: -1\n\n");
    assert.equal(parser.retry, null);
    parser.push("retry: 1500\n\n");
    assert.equal(parser.retry, 1500);
});
