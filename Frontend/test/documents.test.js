import assert from "node:assert/strict";
import { test } from "node:test";
import * as documents from "../js/model/documents.js";

/** @param {Partial<documents.Document_>} [over] @returns {documents.Document_} */
function paper(over = {}) {
    return {
        id: "d1",
        patient_id: "amina",
        case_id: "c1",
        sequence: 3,
        version: 1,
        name: "report.pdf",
        media_type: "application/pdf",
        bytes: 10,
        stage: "received",
        page: 0,
        pages: 0,
        code: null,
        retryable: false,
        kind: null,
        virus_scanned: false,
        created_at: "2026-11-27T00:00:00.000Z",
        ...over,
    };
}

test("a lower or equal version changes nothing", () => {
    const now = documents.heard(documents.none, [paper({ version: 4, stage: "ready" })]);
    assert.equal(documents.heard(now, [paper({ version: 4 }), paper({ version: 2 })]), now);
    assert.equal(documents.heard(now, [paper({ version: 5, stage: "deleted" })]).documents.get("d1")?.stage, "deleted");
    assert.equal(now.documents.get("d1")?.stage, "ready");
});

test("a fresh snapshot equals a stale one plus the events since, in whatever order", () => {
    const events = [1, 2, 3].map((version) => paper({ version })).concat(paper({ id: "d2", sequence: 1 }));
    const fresh = documents.inOrder(
        documents.heard(documents.none, [paper({ version: 3 }), paper({ id: "d2", sequence: 1 })]),
    );
    for (const told of [events, [...events].reverse()]) {
        assert.deepEqual(
            documents.inOrder(told.reduce((at, one) => documents.heard(at, [one]), documents.none)),
            fresh,
        );
    }
    assert.deepEqual(fresh.map(({ id }) => id), ["d2", "d1"]);
});

test("ten wait, the eleventh is refused, and one is not chosen twice", () => {
    let papers = documents.none;
    for (let at = 0; at < 12; at++) papers = documents.chosen(papers, { key: `k${at}`, name: "a", size: 1 });
    assert.equal(papers.uploads.length, documents.uploadLimit);
    const less = documents.gone(papers, "k3");
    assert.equal(less.uploads.length, 9);
    assert.equal(documents.chosen(less, { key: "k4", name: "a", size: 1 }), less);
    assert.equal(documents.changed(less, "k4", { sent: 1, state: "uploading" }).uploads[3]?.state, "uploading");
});

test("C87 what is chosen waits for its owner's word", () => {
    let papers = documents.chosen(documents.none, { key: "a", name: "a", size: 1 });
    papers = documents.chosen(papers, { key: "b", name: "b", size: 1 }, "waiting");
    assert.deepEqual(papers.uploads.map(({ state }) => state), ["chosen", "waiting"]);
    assert.equal(documents.unsent(papers), 1);
    const sent = documents.confirmed(documents.changed(papers, "b", { state: "uploading" }));
    assert.deepEqual(sent.uploads.map(({ state }) => state), ["waiting", "uploading"]);
    assert.equal(documents.unsent(sent), 0);
});

test("a hundred percent is every byte", () => {
    const upload = {
        key: "k",
        name: "a",
        size: 1000,
        sent: 999,
        state: /** @type {const} */ ("uploading"),
        code: null,
        kept: true,
        document: null,
    };
    assert.equal(documents.percent(upload), 99);
    assert.equal(documents.percent({ ...upload, sent: 1000 }), 100);
    assert.equal(documents.percent({ ...upload, size: 0 }), 0);
});

test("C83 the type is told by the bytes", () => {
    const head = (/** @type {string} */ text) => Uint8Array.from(text, (one) => one.charCodeAt(0));
    assert.equal(documents.refusal(9, head("%PDF-1.7\n"), 50), null);
    assert.equal(documents.refusal(9, head("\xff\xd8\xff\xe0"), 50), null);
    assert.equal(documents.refusal(9, head("\0\0\0\x18ftypheic"), 50), null);
    assert.equal(documents.refusal(9, head("RIFF\n\n\n\nWEBP"), 50), null);
    assert.equal(documents.refusal(9, head("Dear doctor"), 50), "unsupported_type");
    assert.equal(documents.refusal(0, head(""), 50), "empty");
    assert.equal(documents.refusal(50, head("%PDF"), 50), null);
    assert.equal(documents.refusal(51, head("%PDF"), 50), "too_large");
});

test("every step and every code has a word, tomorrow's too", () => {
    assert.equal(documents.step(paper({ stage: "reading" })), "document.reading");
    assert.equal(documents.step(paper({ stage: "reading", page: 2, pages: 5 })), "document.reading_page");
    assert.equal(documents.step(paper({ stage: "ready" })), "document.ready");
    assert.equal(documents.reason("encrypted"), "document.why.encrypted");
    assert.equal(documents.reason("of_tomorrow"), "document.why.unknown");
    assert.equal(documents.reason(null), "document.why.unknown");
    assert.equal(documents.refused("too_many_documents"), "upload.why.too_many_documents");
    assert.equal(documents.refused("of_tomorrow"), "upload.failed");
    assert.deepEqual([paper(), paper({ stage: "ready" }), paper({ stage: "deleted" })].map(documents.isBusy), [
        true,
        false,
        false,
    ]);
});

test("what has arrived keeps its row until the document is told of", () => {
    const chosen = documents.chosen(documents.none, { key: "a", name: "a", size: 9 });
    const arrived = documents.arrived(chosen, "a", "d1");
    assert.deepEqual(arrived.uploads.map(({ state, sent }) => [state, sent]), [["arrived", 9]]);
    assert.deepEqual(documents.heard(arrived, [paper({ id: "d2" })]).uploads.length, 1);
    assert.deepEqual(documents.heard(arrived, [paper()]).uploads, []);
    assert.deepEqual(documents.arrived(documents.heard(chosen, [paper()]), "a", "d1").uploads, []);
    assert.deepEqual(documents.arrived(chosen, "a", null).uploads, []);
});

test("more is awaited of what is read, and of what has arrived and has no card", () => {
    const { heard, none } = documents;
    for (const stage of /** @type {const} */ (["received", "scanned", "reading", "extracting"])) {
        assert.equal(documents.isAwaited(heard(none, [paper({ stage })])), true, stage);
    }
    for (const stage of /** @type {const} */ (["ready", "failed", "rejected", "deleted"])) {
        assert.equal(documents.isAwaited(heard(none, [paper({ stage })])), false, stage);
    }
    const chosen = documents.chosen(none, { key: "a", name: "a", size: 9 });
    assert.equal(documents.isAwaited(chosen), false);
    const arrived = documents.arrived(chosen, "a", "d1");
    assert.equal(documents.isAwaited(arrived), true);
    assert.equal(documents.isAwaited(heard(arrived, [paper({ stage: "ready" })])), false);
});
