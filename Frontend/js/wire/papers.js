// What the protocol says of documents, decoded. Fetched with the code that shows them, not with the start.

/** @import {Document_, Stage} from "../model/documents.js" */
import { fields } from "./decode.js";

/** @typedef {{value: string, page: number, passage: string, uncertain: boolean}} Quote */
/** @typedef {{category: string, name: string, value: string, unit: string, reference: string, page: number, passage: string, uncertain: boolean}} Finding */
/** @typedef {{date: Quote | null, issuer: Quote | null, items: Finding[]}} Extraction */

const stages = ["received", "scanned", "reading", "extracting", "ready", "failed", "rejected", "deleted"];
/** @param {unknown} value */
const text = (value) => typeof value === "string" ? value : "";
/** @param {unknown} value */
const count = (value) => typeof value === "number" && Number.isFinite(value) ? value : 0;

/** @param {unknown} value @returns {Document_ | null} */
export function document_(value) {
    const from = fields(value);
    if (!from || typeof from.id !== "string" || !stages.includes(text(from.stage))) return null;
    return {
        id: from.id,
        patient_id: text(from.patient_id),
        case_id: text(from.case_id),
        sequence: count(from.sequence),
        version: count(from.version),
        name: text(from.name),
        media_type: text(from.media_type),
        bytes: count(from.bytes),
        stage: /** @type {Stage} */ (from.stage),
        page: count(from.page),
        pages: count(from.pages),
        code: text(from.code) || null,
        retryable: from.retryable === true,
        kind: text(from.kind) || null,
        virus_scanned: from.virus_scanned === true,
        created_at: text(from.created_at),
    };
}

/** @param {unknown} value @returns {Quote | null} */
function quote(value) {
    const from = fields(value);
    return from && {
        value: text(from.value),
        page: count(from.page),
        passage: text(from.passage),
        uncertain: from.uncertain === true,
    };
}

/** @param {unknown} value @returns {Extraction | null} */
export function extraction(value) {
    const from = fields(fields(value)?.extraction);
    if (!from) return null;
    const items = Array.isArray(from.items) ? from.items.map(fields).filter((one) => one !== null) : [];
    return {
        date: quote(from.date),
        issuer: quote(from.issuer),
        items: items.slice(0, 200).map((one) => ({
            category: text(one.category),
            name: text(one.name),
            value: text(one.value),
            unit: text(one.unit),
            reference: text(one.reference),
            page: count(one.page),
            passage: text(one.passage),
            uncertain: one.uncertain === true,
        })),
    };
}
