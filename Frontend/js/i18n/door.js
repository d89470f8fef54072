// The words of the door, in both languages: who is signed in does not fetch them before there is time.
import { language } from "./language.js";

/** @type {Record<string, readonly [string, string]>} */
const words = {
    title: ["Your care, in good hands", "رعايتك في أيدٍ أمينة"],
    lead: [
        "Ask about treatment abroad, share what matters, and see at any time what happens next.",
        "اسأل عن العلاج في الخارج، وأخبرنا بما يهمّك، واعرف في أي وقت ما هي الخطوة التالية.",
    ],
    choose: ["Continue as", "المتابعة باسم"],
    enter: ["Sign in or create an account", "سجّل الدخول أو أنشئ حسابًا"],
    development: [
        "Development sign-in. Choose a person to try Curaway.",
        "تسجيل دخول للتجربة. اختر شخصًا لتجربة كيوراواي.",
    ],
    unavailable: [
        "Signing in isn’t possible right now. Please try again in a moment.",
        "تسجيل الدخول غير ممكن الآن. يُرجى المحاولة بعد قليل.",
    ],
    expired: ["You were signed out for your safety. Your draft is kept.", "سُجّل خروجك حفاظًا على أمانك. مسودتك محفوظة."],
};

/** @param {string} word */
export function d(word) {
    return words[word]?.[language() === "ar" ? 1 : 0] ?? "";
}
