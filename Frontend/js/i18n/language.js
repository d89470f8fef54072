// Which language the app speaks now. A choice made by hand is remembered; otherwise the person's own language holds. Only
// the words of that language are fetched.

/** @import {Language} from "../wire/types.js" */
/** @import {Word} from "./en.js" */

const key = "curaway-language";
const catalogues = { en: () => import("./en.js"), ar: () => import("./ar.js") };

/** @type {Language} */
let current = "en";
/** @type {Partial<Record<string, string>>} */
let words = {};

export function language() {
    return current;
}

/** @returns {"ltr" | "rtl"} */
export function direction() {
    return current === "ar" ? "rtl" : "ltr";
}

/** Brings the words in. Where they cannot be had the language stays as it is. @param {Language} chosen */
export async function learn(chosen) {
    ({ words } = await catalogues[chosen]());
    current = chosen;
}

/** @param {Language} chosen */
export async function speak(chosen) {
    await learn(chosen).catch(() => {});
    document.documentElement.lang = current;
    document.documentElement.dir = direction();
    document.title = t("app.name");
}

/** @param {Language} chosen */
export async function choose(chosen) {
    try {
        localStorage.setItem(key, chosen);
    } catch {
        // Not remembered, still spoken.
    }
    await speak(chosen);
}

/** @param {string | null | undefined} wanted the person's, or the browser's @returns {Language} */
export function preferred(wanted) {
    let stored = null;
    try {
        stored = localStorage.getItem(key);
    } catch {
        // As if nothing had been chosen.
    }
    return (stored ?? wanted ?? "en").startsWith("ar") ? "ar" : "en";
}

/** @param {Word} word @param {Record<string, string | number>} [values] @returns {string} */
export function t(word, values = {}) {
    return (words[word] ?? "").replace(/\{(\w+)\}/g, (whole, name) => {
        const value = values[name];
        return typeof value === "number" ? number(value) : value ?? whole;
    });
}

/** Where a case is on its way; a status of tomorrow's server has no words here. @param {string} status */
export function statusWord(status) {
    return words[`status.${status}`] ?? "";
}

/** Arabic with the digits patients abroad can compare with their papers. */
export const tag = () => current === "ar" ? "ar-u-nu-latn" : "en-GB";

/** @param {number} value */
export function number(value) {
    return new Intl.NumberFormat(tag()).format(value);
}

/** @param {number} at */
export function timeOfDay(at) {
    return new Intl.DateTimeFormat(tag(), { hour: "2-digit", minute: "2-digit" }).format(at);
}

/** @param {number} at @param {number} now */
export function day(at, now) {
    const days = Math.round((midnight(now) - midnight(at)) / 86_400_000);
    if (days === 0) return t("message.today");
    if (days === 1) return t("message.yesterday");
    const year = new Date(at).getFullYear() === new Date(now).getFullYear() ? undefined : "numeric";
    return new Intl.DateTimeFormat(tag(), { day: "numeric", month: "long", year }).format(at);
}

/** @param {number} at */
export function midnight(at) {
    return new Date(at).setHours(0, 0, 0, 0);
}

// The page names this file apart, so that the words come while the rest of the app is still on its way.
if (typeof document !== "undefined") catalogues[preferred(navigator.language)]().catch(() => {});
