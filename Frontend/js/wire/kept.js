// Files on their way, kept where a reload does not reach them (C87). What a browser does not keep stays in the page's memory, so
// that a view can be made anew without losing it. A file's bytes are written once and never again: browsers hand them out as a Blob that
// stands on what was written, and in Firefox dies with it.

/**
 * `sent`: its owner has sent it, it was not only chosen. `at`: when it was chosen.
 * @typedef {{key: string, patient: string, caseId: string, name: string, location: string | null, sent: boolean, at: number}} Kept
 */
/** @typedef {"uploads" | "bytes"} Place */

export const database = "curaway.papers";
/**
 * Longer than a journey without a network; then a file of somebody's health lies about no more. Where the server has given an
 * upload up before, after a day without a byte, its file begins anew.
 */
export const keptFor = 7 * 24 * 60 * 60 * 1000;

/**
 * One transaction; null when it came to nothing.
 * @template T @param {Place[]} places @param {IDBTransactionMode} mode
 * @param {(store: (place: Place) => IDBObjectStore) => IDBRequest<T>} act @returns {Promise<T | null>}
 */
function within(places, mode, act) {
    return new Promise((resolve) => {
        const opening = self.indexedDB?.open(database, 1);
        if (!opening) return resolve(null);
        opening.onupgradeneeded = () => {
            opening.result.createObjectStore("uploads", { keyPath: "key" });
            opening.result.createObjectStore("bytes");
        };
        opening.onerror = opening.onblocked = () => resolve(null);
        opening.onsuccess = () => {
            const held = opening.result;
            const end = (/** @type {T | null} */ value) => (held.close(), resolve(value));
            try {
                const done = held.transaction(places, mode), asked = act((place) => done.objectStore(place));
                done.oncomplete = () => end(asked.result);
                done.onerror = done.onabort = () => end(null);
            } catch {
                end(null); // what cannot be written at all, for instance
            }
        };
    });
}

/** What could not be written. @type {Map<string, Kept & {blob: Blob}>} */
const unwritten = new Map();

/** A file that has been chosen. @param {Kept} one @param {Blob} blob @returns {Promise<boolean>} whether it will survive a reload */
export async function keep(one, blob) {
    const put = (/** @type {Blob | ArrayBuffer} */ bytes) =>
        within(["uploads", "bytes"], "readwrite", (store) => {
            store("bytes").put(bytes, one.key);
            return store("uploads").put(one);
        });
    if (await put(blob) !== null) return true;
    // WebKit keeps no Blob in a private window, but its bytes it does.
    const bytes = await blob.arrayBuffer().catch(() => null);
    if (bytes !== null && await put(bytes) !== null) return true;
    unwritten.set(one.key, { ...one, blob });
    return false;
}

/** What has become of it since; nothing when it is not kept. @param {string} key @param {Partial<Pick<Kept, "location" | "sent">>} change */
export async function amend(key, change) {
    const one = unwritten.get(key);
    if (one) unwritten.set(key, { ...one, ...change });
    await within(["uploads"], "readwrite", (store) => {
        const uploads = store("uploads"), asked = uploads.get(key);
        asked.onsuccess = () => asked.result && uploads.put({ ...asked.result, ...change });
        return asked;
    });
}

/** @param {string} key */
export async function forget(key) {
    unwritten.delete(key);
    await within(["uploads", "bytes"], "readwrite", (store) => {
        store("uploads").delete(key);
        return store("bytes").delete(key);
    });
}

/** Everybody's, when somebody signs out. */
export function forgetAll() {
    unwritten.clear();
    self.indexedDB?.deleteDatabase(database);
}

/**
 * What stays and what goes: what is old, of which its owner is told, and what is somebody else's, without a word. A device that
 * another patient opens a case on keeps nothing of the first one's health.
 * @param {readonly Kept[]} all @param {string} patient @param {number} now
 */
export function sorted(all, patient, now) {
    const own = all.filter((one) => one.patient === patient).sort((a, b) => a.at - b.at);
    return {
        good: own.filter((one) => now - one.at < keptFor),
        old: own.filter((one) => now - one.at >= keptFor),
        foreign: all.filter((one) => one.patient !== patient),
    };
}

/**
 * Of this patient and case, in the order they were chosen in; and what of this patient's has been forgotten just now.
 * @param {string} patient @param {string} caseId @param {number} now
 * @returns {Promise<{found: (Kept & {blob: Blob})[], forgotten: string[]}>} `forgotten`: names
 */
export async function kept(patient, caseId, now) {
    /** @type {(store: (place: Place) => IDBObjectStore) => IDBRequest<Kept[]>} */
    const everything = (store) => store("uploads").getAll();
    const written = await within(["uploads"], "readonly", everything) ?? [], all = [...written, ...unwritten.values()];
    const { good, old, foreign } = sorted(all, patient, now);
    for (const { key } of [...old, ...foreign]) await forget(key);
    const found = [];
    for (const one of good.filter((one) => one.caseId === caseId)) {
        /** @type {(store: (place: Place) => IDBObjectStore) => IDBRequest<Blob | ArrayBuffer | undefined>} */
        const its = (store) => store("bytes").get(one.key);
        const bytes = unwritten.get(one.key)?.blob ?? await within(["bytes"], "readonly", its);
        if (bytes) found.push({ ...one, blob: bytes instanceof Blob ? bytes : new Blob([bytes]) });
    }
    return { found, forgotten: old.map(({ name }) => name) };
}
