// Which way a line runs. The first strong character decides; until one has arrived the caller's own direction holds,
// otherwise a streaming Arabic line would begin on the left and jump.

const strong = /\p{L}/u;
const rightToLeft = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** @param {string} text @returns {"ltr" | "rtl" | null} */
export function firstStrong(text) {
    for (const character of text) {
        if (!strong.test(character)) continue;
        return rightToLeft.test(character) ? "rtl" : "ltr";
    }
    return null;
}
