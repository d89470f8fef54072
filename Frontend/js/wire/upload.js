// One file on its way to the server, in pieces (tus 1.0.0, docs/protocol/http.md "In pieces"). What the server has is
// what it says it has: after every cut it is asked, and the file goes on from there. A 404 does not tell "it is a document"
// from "it expired"; a document has its upload's id, so that is asked too, and only what is neither begins anew.

/** @import {Clock} from "./clock.js" */
import { delay } from "../model/backoff.js";
import { asProblem, Problem, retryAfter } from "./api.js";

/** A piece, on a line that holds. After a failure it is halved, after a success doubled. */
export const largestPiece = 512 * 1024;
export const smallestPiece = 32 * 1024;
/** A piece without an answer for so long is a cut. */
export const pieceTimeout = 60_000;
/** So often a file begins anew because the server no longer knows it; then somebody has to be asked. */
export const restartLimit = 3;
/** So often the answer that names a new upload may be lost: each leaves one at the server that nobody knows, for a day. */
export const createLimit = 8;
/** Why a page that is left stops: not called off, it goes on when somebody comes back. */
export const left = "left";

/**
 * @typedef {object} Ports
 * @property {(path: string, init: RequestInit & {headers: Record<string, string>}) => Promise<Response>} send with a
 *     token asked for anew each time, and a fresh one after a 401
 * @property {Clock} clock
 * @property {() => number} random
 */

/**
 * @typedef {object} File_
 * @property {string} patient
 * @property {string} caseId
 * @property {string} name
 * @property {Blob} blob
 * @property {string | null} location where it went on before a reload
 * @property {(location: string | null) => void} placed where it goes on after one
 * @property {(sent: number) => void} acknowledged bytes that the server has
 * @property {() => void} stalled a try has failed, and the next one waits
 */

/** The server knows neither the upload nor a document that it has become. */
const expired = "expired";
const version = { "Tus-Resumable": "1.0.0" };

/**
 * Resolves with the document's id (null: the server did not name it). Rejects with a Problem that trying again would not
 * change, or with the signal's reason; an aborted upload is cancelled at the server as far as it can be reached.
 * @param {Ports} ports @param {File_} file @param {AbortSignal} signal @returns {Promise<string | null>}
 */
export async function upload(ports, file, signal) {
    const { blob } = file;
    let { location } = file, offset = 0, known = location === null, piece = largestPiece, failures = 0, restarts = 0;
    let lost = 0;
    for (;;) {
        try {
            signal.throwIfAborted();
            if (location === null) {
                // After an answer that did not come the way must be open first: each that is lost may have made an upload.
                if (lost > 0) await ask(ports, address(file), { method: "OPTIONS", headers: {} }, signal);
                location = await create(ports, file, signal).catch((error) => {
                    // The server's own word says that nothing was made; silence, or a gateway's, does not.
                    if ([0, 502, 504].includes(asProblem(error).status)) lost++;
                    throw error;
                });
                lost = 0;
                file.placed(location);
                offset = 0;
                known = true;
            }
            if (!known) {
                const now = await held(ports, file, location, signal);
                if (typeof now === "string") return now;
                offset = now;
                file.acknowledged(offset);
                known = true;
            }
            const response = await ask(ports, location, {
                method: "PATCH",
                headers: {
                    ...version,
                    "Upload-Offset": String(offset),
                    "Content-Type": "application/offset+octet-stream",
                },
                body: blob.slice(offset, offset + piece),
            }, signal);
            const next = offsetOf(response, blob.size);
            if (next <= offset && offset < blob.size) throw new Problem(502, "not_understood");
            offset = next;
            file.acknowledged(offset);
            failures = 0;
            piece = Math.min(piece * 2, largestPiece);
            if (offset === blob.size) return response.headers.get("Content-Location")?.split("/").pop() || null;
        } catch (error) {
            if (signal.aborted) {
                if (location !== null && signal.reason !== left) await cancel(ports, location);
                throw signal.reason;
            }
            const problem = asProblem(error);
            known = false;
            if (problem.status === 404 && location !== null) {
                if (++restarts > restartLimit) throw problem;
                // Of a piece it says that the upload is over, and not how: that is asked.
                if (problem.code !== expired) continue;
                location = null;
                offset = 0;
                file.placed(null);
                file.acknowledged(0);
                continue;
            }
            // A file that was moved, changed or let go of by what it came from fails as a network does.
            if (problem.status === 0 && !await isReadable(blob, offset)) throw new Problem(422, "unreadable");
            // Its others first; waiting for them would look as if nothing happened.
            if (problem.code === "too_many_uploads") throw problem;
            // Another place than we thought costs one question; one that stays wrong must not become a hot loop.
            const elsewhere = problem.code === "wrong_offset" || problem.code === "upload_busy";
            if (!elsewhere && !problem.transient && problem.status !== 408) throw problem;
            if (lost >= createLimit) throw problem;
            if (problem.code !== "wrong_offset") piece = Math.max(smallestPiece, piece >> 1);
            if (!elsewhere) file.stalled();
            await pause(ports.clock, delay(failures++, ports.random, problem.retryAfter), signal);
        }
    }
}

/** @param {File_} file */
function address(file) {
    return `/api/v1/patients/${encodeURIComponent(file.patient)}/uploads`;
}

/**
 * Where the server has it from now on. Who calls it off does not wait, but the answer is heard all the same: what has been made
 * by then is called off too, or, where only the page was left, known for the next time.
 * @param {Ports} ports @param {File_} file @param {AbortSignal} signal @returns {Promise<string>}
 */
function create(ports, file, signal) {
    const made = begin(ports, file);
    return new Promise((resolve, reject) => {
        const stop = () => {
            reject(signal.reason);
            made.then((at) => signal.reason === left ? file.placed(at) : cancel(ports, at), () => {});
        };
        if (signal.aborted) stop();
        else signal.addEventListener("abort", stop);
        made.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    });
}

/** @param {Ports} ports @param {File_} file */
async function begin(ports, file) {
    const path = address(file);
    const metadata = `filename ${base64(file.name)},case_id ${base64(file.caseId)}`;
    const headers = { ...version, "Upload-Length": String(file.blob.size), "Upload-Metadata": metadata };
    const response = await ask(ports, path, { method: "POST", headers }, new AbortController().signal);
    const location = response.headers.get("Location");
    if (!location) throw new Problem(502, "not_understood");
    // The token goes along: never to an address outside of the patient's own uploads.
    const { pathname } = new URL(location, "http://here.invalid/");
    if (!pathname.startsWith(`${path}/`)) throw new Problem(502, "not_understood");
    return pathname;
}

/**
 * Bytes that the server has, or the id of the document that it has become.
 * @param {Ports} ports @param {File_} file @param {string} location @param {AbortSignal} signal @returns {Promise<number | string>}
 */
async function held(ports, file, location, signal) {
    try {
        return offsetOf(await ask(ports, location, { method: "HEAD", headers: version }, signal), file.blob.size);
    } catch (error) {
        if (asProblem(error).status !== 404) throw error;
    }
    const id = location.split("/").pop() ?? "";
    const path = `/api/v1/patients/${encodeURIComponent(file.patient)}/documents/${id}`;
    try {
        await ask(ports, path, { method: "GET", headers: {} }, signal);
        return id;
    } catch (error) {
        throw asProblem(error).status === 404 ? new Problem(404, expired) : error;
    }
}

/** @param {Blob} blob @param {number} offset */
function isReadable(blob, offset) {
    return blob.slice(offset, offset + 1).arrayBuffer().then(() => true, () => false);
}

/** What the patient called off. It expires by itself if this does not arrive. @param {Ports} ports @param {string} location */
export async function cancel(ports, location) {
    await ask(ports, location, { method: "DELETE", headers: version }, new AbortController().signal).catch(() => {});
}

/**
 * @param {Ports} ports @param {string} path @param {RequestInit & {headers: Record<string, string>}} init
 * @param {AbortSignal} signal
 */
async function ask(ports, path, init, signal) {
    const abort = new AbortController();
    const stop = () => abort.abort(signal.reason);
    signal.addEventListener("abort", stop);
    const callOff = ports.clock.after(pieceTimeout, () => abort.abort());
    try {
        const response = await ports.send(path, { ...init, signal: abort.signal });
        if (response.ok) return response;
        /** @type {unknown} */
        const said = await response.json().catch(() => null);
        const code = /** @type {{code?: unknown} | null} */ (said)?.code;
        // HEAD has no body to tell a code in; its status is enough.
        throw new Problem(response.status, typeof code === "string" ? code : "", retryAfter(response.headers));
    } finally {
        callOff();
        signal.removeEventListener("abort", stop);
    }
}

/** @param {Response} response @param {number} size */
function offsetOf(response, size) {
    const said = response.headers.get("Upload-Offset"), offset = Number(said);
    if (!said || !Number.isInteger(offset) || offset < 0 || offset > size) throw new Problem(502, "not_understood");
    return offset;
}

/** @param {string} text of any script, as UTF-8 */
function base64(text) {
    return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** @param {Clock} clock @param {number} milliseconds @param {AbortSignal} signal @returns {Promise<void>} */
function pause(clock, milliseconds, signal) {
    return new Promise((resolve) => {
        const done = () => {
            callOff();
            signal.removeEventListener("abort", done);
            resolve();
        };
        const callOff = clock.after(milliseconds, done);
        if (signal.aborted) done();
        else signal.addEventListener("abort", done);
    });
}
