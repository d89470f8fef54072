// What is only said aloud, in both languages, fetched with the code that says it.
import { language, number } from "./language.js";

/** @type {Record<string, readonly [string, string]>} */
const words = {
    replying: ["The assistant is replying", "المساعد يكتب الرد"],
    stopped: ["The answer was stopped", "تم إيقاف الإجابة"],
    several: ["{count} new messages. The latest:", "رسائل جديدة: {count}. آخرها:"],
    not_sent: ["Your message was not sent", "لم تُرسل رسالتك"],
};

/** @param {string} word @param {number} [count] */
export function aloud(word, count = 0) {
    return (words[word]?.[language() === "ar" ? 1 : 0] ?? "").replace("{count}", number(count));
}
