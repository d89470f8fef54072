// The papers of one case: those the server has, and those on their way to it. Pure: no DOM, no clock, no network.

/** @typedef {"received" | "scanned" | "reading" | "extracting" | "ready" | "failed" | "rejected" | "deleted"} Stage */

/**
 * @typedef {object} Document_
 * @property {string} id
 * @property {string} patient_id
 * @property {string} case_id
 * @property {number} sequence
 * @property {number} version
 * @property {string} name
 * @property {string} media_type
 * @property {number} bytes
 * @property {Stage} stage
 * @property {number} page
 * @property {number} pages 0 while unknown
 * @property {string | null} code
 * @property {boolean} retryable
 * @property {string | null} kind
 * @property {boolean} virus_scanned
 * @property {string} created_at
 */

/**
 * chosen: looked at by its owner, not yet sent. stalled: on its way, and the network does not carry it just now. arrived: the
 * server has all of it, and has not yet told of the document.
 * @typedef {"chosen" | "waiting" | "uploading" | "stalled" | "arrived" | "failed"} UploadState
 */
/**
 * `kept`: it would survive a reload. `document`: what it has become.
 * @typedef {{key: string, name: string, size: number, sent: number, state: UploadState, code: string | null, kept: boolean,
 *     document: string | null}} Upload
 */
/** @typedef {{documents: ReadonlyMap<string, Document_>, uploads: readonly Upload[]}} Papers */

/** @type {Papers} */
export const none = { documents: new Map(), uploads: [] };

/** So many files wait in a tab; the next is refused. */
export const uploadLimit = 10;

/** What the server said, by whatever way and however late. @param {Papers} papers @param {readonly Document_[]} told */
export function heard(papers, told) {
    let documents = papers.documents;
    for (const one of told) {
        if (one.version <= (documents.get(one.id)?.version ?? -1)) continue;
        if (documents === papers.documents) documents = new Map(documents);
        /** @type {Map<string, Document_>} */ (documents).set(one.id, one);
    }
    return documents === papers.documents ? papers : withoutArrived({ ...papers, documents });
}

/** The server has all of it. Its row stays until the document is told of. @param {Papers} papers @param {string} key @param {string | null} id @returns {Papers} */
export function arrived(papers, key, id) {
    if (id === null) return gone(papers, key);
    const uploads = papers.uploads.map((one) =>
        one.key === key ? { ...one, sent: one.size, state: /** @type {const} */ ("arrived"), document: id } : one
    );
    return withoutArrived({ ...papers, uploads });
}

/** @param {Papers} papers @returns {Papers} */
function withoutArrived(papers) {
    return { ...papers, uploads: papers.uploads.filter((one) => !one.document || !papers.documents.has(one.document)) };
}

/**
 * @param {Papers} papers @param {Pick<Upload, "key" | "name" | "size">} file @param {UploadState} [state] after a reload
 * @returns {Papers} the same when there is no room
 */
export function chosen(papers, { key, name, size }, state = "chosen") {
    if (papers.uploads.length >= uploadLimit || papers.uploads.some((one) => one.key === key)) return papers;
    return {
        ...papers,
        uploads: [...papers.uploads, { key, name, size, sent: 0, state, code: null, kept: true, document: null }],
    };
}

/** Its owner has looked at them and sends them. @param {Papers} papers @returns {Papers} */
export function confirmed(papers) {
    return {
        ...papers,
        uploads: papers.uploads.map((one) => one.state === "chosen" ? { ...one, state: "waiting" } : one),
    };
}

/** Files that wait for their owner's word. @param {Papers} papers */
export function unsent(papers) {
    return papers.uploads.filter(({ state }) => state === "chosen").length;
}

/** @param {Papers} papers @param {string} key @param {Partial<Pick<Upload, "sent" | "state" | "code" | "kept">>} change @returns {Papers} */
export function changed(papers, key, change) {
    return { ...papers, uploads: papers.uploads.map((one) => one.key === key ? { ...one, ...change } : one) };
}

/** It is a document, or it was called off. @param {Papers} papers @param {string} key @returns {Papers} */
export function gone(papers, key) {
    return { ...papers, uploads: papers.uploads.filter((one) => one.key !== key) };
}

/** Documents in their places in the talk. @param {Papers} papers @returns {Document_[]} */
export function inOrder(papers) {
    return [...papers.documents.values()].sort((a, b) => a.sequence - b.sequence);
}

/** @param {Upload} upload whole percent; 100 only when the server has every byte */
export function percent({ sent, size }) {
    return size > 0 ? Math.min(100, Math.floor(sent / size * 100)) : 0;
}

/** @param {Document_} document whether the server is still busy with it */
export function isBusy({ stage }) {
    return stage === "received" || stage === "scanned" || stage === "reading" || stage === "extracting";
}

/** Whether the server has more to say soon: of what it reads, or of what has arrived and is not a document yet. @param {Papers} papers */
export function isAwaited({ documents, uploads }) {
    return uploads.some(({ state }) => state === "arrived") || [...documents.values()].some(isBusy);
}

/**
 * Why a file is not worth sending; null when it is. Types are told by the first bytes, not by the name.
 * @param {number} size @param {Uint8Array} head the first 16 bytes @param {number} largest bytes the server takes
 * @returns {"empty" | "too_large" | "unsupported_type" | null}
 */
export function refusal(size, head, largest) {
    if (size === 0) return "empty";
    if (size > largest) return "too_large";
    const text = String.fromCharCode(...head.subarray(0, 16));
    // A PDF may have a little before its header (PDF 32000 annex H): those the server looks at.
    const known = text.includes("%PDF") || text.startsWith("\xff\xd8\xff") || text.startsWith("\x89PNG") ||
        text.startsWith("RIFF") && text.slice(8, 12) === "WEBP" ||
        /^.{4}ftyp(hei[cxms]|mif1)/s.test(text) ||
        text.startsWith("II*\0") || text.startsWith("MM\0*");
    return known ? null : "unsupported_type";
}

const codes = new Set([
    "unreadable",
    "empty",
    "too_large",
    "unsupported_type",
    "ambiguous_type",
    "encrypted",
    "damaged",
    "too_many_pages",
    "too_big_to_open",
    "infected",
    "nothing_to_read",
    "reading_took_too_long",
    "reader_unavailable",
    "scanner_unavailable",
]);

/** The word for why, in the catalogue; tomorrow's codes have one of their own. @param {string | null} code */
export function reason(code) {
    return code !== null && codes.has(code) ? `document.why.${code}` : "document.why.unknown";
}

const refusals = new Set([
    "document_too_large",
    "document_empty",
    "too_many_documents",
    "too_many_uploads",
    "case_closed",
    "not_found",
    "unreadable",
]);

/** The same for a file that the server did not take. @param {string | null} code */
export function refused(code) {
    return code !== null && refusals.has(code) ? `upload.why.${code}` : "upload.failed";
}

/** The word for where it is. @param {Document_} document */
export function step({ stage, pages }) {
    return stage === "reading" && pages > 0 ? "document.reading_page" : `document.${stage}`;
}
