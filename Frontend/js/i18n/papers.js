// The words for documents, in both languages, fetched with the code that shows them.
import { language, number, tag } from "./language.js";

/** @type {Record<string, readonly [string, string]>} */
const words = {
    attach: ["Add a document", "إضافة مستند"],
    camera: ["Take a photo of a document", "تصوير مستند"],
    cancel: ["Cancel", "إلغاء"],
    remove: ["Remove", "إزالة"],
    "remove.named": ["Remove {name}", "إزالة {name}"],
    retry: ["Try again", "إعادة المحاولة"],
    delete: ["Delete", "حذف"],
    sure: [
        "Delete this document and everything read from it? Answers that quoted it stay in the conversation.",
        "حذف هذا المستند وكل ما قُرئ منه؟ تبقى الإجابات التي اقتبست منه في المحادثة.",
    ],
    full: [
        "Ten files are here already. Wait until some have arrived, or remove one.",
        "هنا عشرة ملفات بالفعل. انتظر حتى يصل بعضها، أو أزل أحدها.",
    ],
    unkept: ["Keep this page open until it has arrived.", "أبقِ هذه الصفحة مفتوحة حتى يصل."],
    forgotten: [
        "{name} was not sent for a week and is not kept any longer. Please choose it again.",
        "لم يُرسل {name} منذ أسبوع ولم يعد محفوظًا. يُرجى اختياره مرة أخرى.",
    ],
    already: ["You have given this file here before: {name}", "سبق أن قدّمت هذا الملف هنا: {name}"],
    chosen: ["Not sent yet", "لم يُرسل بعد"],
    stalled: ["Waiting for the network, {percent} %", "في انتظار الشبكة، {percent} %"],
    arrived: ["Arrived", "وصل"],
    waiting: ["Waiting", "في الانتظار"],
    uploading: ["Uploading {percent} %", "جارٍ الرفع {percent} %"],
    "upload.failed": ["This file could not be sent.", "تعذّر إرسال هذا الملف."],
    "upload.why.document_too_large": ["The file is too large.", "الملف كبير جدًا."],
    "upload.why.document_empty": ["The file is empty.", "الملف فارغ."],
    "upload.why.too_many_documents": [
        "You have given as many documents as we can keep. Delete one to add another.",
        "وصلتَ إلى الحد الأقصى للمستندات. احذف مستندًا لتضيف آخر.",
    ],
    "upload.why.too_many_uploads": [
        "Too many of your files are on their way. Try again when some have arrived.",
        "كثير من ملفاتك قيد الإرسال. حاول مرة أخرى بعد وصول بعضها.",
    ],
    "upload.why.case_closed": ["This conversation is closed.", "هذه المحادثة مغلقة."],
    "upload.why.not_found": ["This conversation is not there any more.", "لم تعد هذه المحادثة موجودة."],
    "upload.why.unreadable": [
        "Your device cannot read this file any more. Please choose it again.",
        "لم يعد جهازك قادرًا على قراءة هذا الملف. يُرجى اختياره مرة أخرى.",
    ],
    "document.why.unreadable": ["Your device cannot read this file.", "لا يستطيع جهازك قراءة هذا الملف."],
    "document.received": ["Received", "تم الاستلام"],
    "document.scanned": ["Checked", "تم الفحص"],
    "document.reading": ["Reading", "جارٍ القراءة"],
    "document.reading_page": ["Reading page {page} of {pages}", "قراءة الصفحة {page} من {pages}"],
    "document.extracting": ["Finding what it says", "نستخرج ما ورد فيه"],
    "document.ready": ["Read", "تمت القراءة"],
    "document.failed": ["Could not be read", "تعذّرت قراءته"],
    "document.rejected": ["Could not be read", "تعذّرت قراءته"],
    "document.deleted": ["Deleted", "تم الحذف"],
    "document.why.empty": ["The file is empty.", "الملف فارغ."],
    "document.why.too_large": ["The file is too large.", "الملف كبير جدًا."],
    larger: ["The file is larger than {most}.", "الملف أكبر من {most}."],
    "document.why.unsupported_type": ["Only PDF files and pictures can be read.", "يمكن قراءة ملفات PDF والصور فقط."],
    "document.why.ambiguous_type": ["The file is not what it says it is.", "نوع الملف غير واضح."],
    "document.why.encrypted": ["It is protected by a password.", "الملف محمي بكلمة مرور."],
    "document.why.damaged": ["The file is damaged.", "الملف تالف."],
    "document.why.too_many_pages": ["It has too many pages.", "عدد صفحاته كبير جدًا."],
    "document.why.too_big_to_open": ["It is too big to open.", "الملف أكبر من أن يُفتح."],
    "document.why.infected": ["A virus was found in it.", "عُثر فيه على فيروس."],
    "document.why.nothing_to_read": ["There is nothing to read in it.", "لا يوجد فيه ما يُقرأ."],
    "document.why.reading_took_too_long": ["Reading took too long.", "استغرقت القراءة وقتًا طويلًا."],
    "document.why.reader_unavailable": ["We cannot read documents just now.", "لا يمكننا قراءة المستندات الآن."],
    "document.why.scanner_unavailable": ["We cannot check documents just now.", "لا يمكننا فحص المستندات الآن."],
    "document.why.unknown": ["Something went wrong.", "حدث خطأ ما."],
    scanned: ["Checked for viruses", "فُحص بحثًا عن الفيروسات"],
    unscanned: ["Not checked for viruses: no scanner here", "لم يُفحص بحثًا عن الفيروسات: لا يوجد فاحص هنا"],
    "request.failed": ["That did not work. Please try again.", "لم ينجح ذلك. حاول مرة أخرى."],
    open: ["What was read", "ما قُرئ"],
    opening: ["Loading…", "جارٍ التحميل…"],
    unopened: ["This could not be loaded.", "تعذّر التحميل."],
    original: ["Save the original", "حفظ الأصل"],
    advice: ["This is what the paper says. It is not advice.", "هذا ما ورد في المستند، وليس نصيحة طبية."],
    check: ["please check", "يُرجى التحقق"],
    page: ["Page {page}", "الصفحة {page}"],
    reference: ["reference", "النطاق المرجعي"],
    date: ["Date", "التاريخ"],
    issuer: ["From", "الجهة المُصدِرة"],
    finding: ["Findings", "النتائج"],
    medicine: ["Medicines", "الأدوية"],
    allergy: ["Allergies", "الحساسية"],
    measurement: ["Measurements", "القياسات"],
    "kind.laboratory": ["Laboratory report", "تقرير مختبر"],
    "kind.imaging": ["Imaging report", "تقرير أشعة"],
    "kind.discharge": ["Discharge letter", "تقرير خروج"],
    "kind.prescription": ["Prescription", "وصفة طبية"],
    "kind.referral": ["Referral", "إحالة"],
    "kind.vaccination": ["Vaccination record", "سجل تطعيم"],
    "kind.invoice": ["Invoice", "فاتورة"],
    "kind.identity": ["Identity document", "وثيقة هوية"],
    "kind.other": ["Document", "مستند"],
    kilobytes: ["{count} KB", "{count} كيلوبايت"],
    megabytes: ["{count} MB", "{count} ميغابايت"],
};

/** @param {number} bytes */
export function size(bytes) {
    if (bytes < 950_000) return p("kilobytes", { count: Math.ceil(bytes / 1000) });
    return p("megabytes", { count: Math.round(bytes / 100_000) / 10 });
}

/** Somebody else's words inside a sentence of ours: neither turns the other around (UAX #9). @param {string} text */
export function isolated(text) {
    return `\u2068${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "")}\u2069`;
}

/** @param {string} word @param {Record<string, string | number>} [values] texts are isolated */
export function p(word, values = {}) {
    const said = words[word]?.[language() === "ar" ? 1 : 0] ?? "";
    return said.replace(/\{(\w+)\}/g, (whole, name) => {
        const value = values[name];
        return typeof value === "number" ? number(value) : value === undefined ? whole : isolated(value);
    });
}

/** A day as the protocol has it, in words. @param {string} value YYYY-MM-DD, or whatever else stands there */
export function date(value) {
    if (!/^\d{4}-\d\d-\d\d$/.test(value) || Number.isNaN(Date.parse(value))) return value;
    return new Intl.DateTimeFormat(tag(), { dateStyle: "long", timeZone: "UTC" }).format(new Date(value));
}
