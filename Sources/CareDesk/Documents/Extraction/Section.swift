/// The part of a document a line stands in, as its headings tell.
enum Section: Sendable, Equatable {
    case findings, medicines, allergies, other

    /// A heading's longest name, and what stands before a colon.
    private static let nameLimit = 48
    private static let wordLimit = 5

    /// The section a line opens, and where what it says itself begins (its end, for a heading alone). "Impression: no
    /// fracture" is both.
    static func opened(by line: PaperLine) -> (section: Section, rest: Int)? {
        let flat = line.flat
        guard !flat.isEmpty else { return nil }
        let colon = flat.prefix(nameLimit).firstIndex { $0 == ":" || $0 == "؛" || $0 == "：" }
        // "1. IMPRESSION", "## Findings"
        guard let begin = flat.firstIndex(where: PaperLine.isLetter) else { return nil }
        let end: Int
        if let colon, colon > begin {
            end = colon
        } else {
            // Without a colon a heading stands alone.
            guard flat.count - begin <= nameLimit, flat.last != ".", flat.last != "," else { return nil }
            end = flat.count
        }
        let words = Words(line.folded(begin..<end)).all.map(\.text)
        guard (1...wordLimit).contains(words.count) else { return nil }
        let name = words.joined(separator: " ")
        let rest = colon == end ? end + 1 : end
        if let section = names[name] { return (section, rest) }
        // "INR:", "Date:": a field, not a heading; a short line that ends in its colon is one.
        return colon == end && rest >= flat.count ? (.other, rest) : nil
    }

    private static let names: [String: Section] = {
        let table: [(Section, String)] = [
            (
                .findings,
                """
                impression,impressions,conclusion,conclusions,diagnosis,diagnoses,findings,opinion,assessment,
                final diagnosis,discharge diagnosis,discharge diagnoses,principal diagnosis,primary diagnosis,
                admission diagnosis,secondary diagnosis,secondary diagnoses,clinical diagnosis,final diagnoses,
                diagnosis on discharge,summary of findings,radiological findings,comment,interpretation,result,
                الخلاصة,التشخيص,الانطباع,الاستنتاج,النتيجة,الموجودات,المشاهدات,التشخيص النهائي,تشخيص الخروج,
                التشخيص عند الخروج,الرأي,خلاصة التقرير,النتائج,الوصف,التشخيصات,التفسير,التعليق,الخلاصة والتوصيات
                """
            ),
            (
                .medicines,
                """
                medications,medication,medicines,current medications,discharge medications,medications on discharge,
                regular medications,medication list,home medications,current medicines,treatment,rx,prescription,drugs,
                discharge medication,drug,medications at discharge,prescribed medications,take home medications,
                الأدوية,الادوية الحالية,أدوية الخروج,العلاج,الوصفة,الأدوية الموصوفة,الأدوية عند الخروج,الدواء,العلاجات,
                الوصفة الطبية
                """
            ),
            (
                .allergies,
                """
                allergies,allergy,known allergies,drug allergies,drug allergy,allergies and intolerances,
                medication allergies,allergic history,الحساسية,حساسية,الحساسيات,حساسية الأدوية,الحساسية الدوائية
                """
            ),
            (
                .other,
                """
                technique,clinical history,history,indication,comparison,procedure,plan,follow up,recommendations,
                recommendation,hospital course,course in hospital,investigations,examination,vital signs,signature,
                laboratory results,past medical history,social history,family history,instructions,advice,doctor,
                referring doctor,contrast,physician,radiologist,consultant,signed,reported by,electronically signed by,
                التقنية,التاريخ المرضي,الطريقة,المتابعة,التوصيات,التوقيع,الطبيب,تعليمات,سبب الفحص,القصة المرضية,
                الطبيب المعالج,دواعي الفحص,سير المرض
                """
            ),
        ]
        var names: [String: Section] = [:]
        for (section, list) in table {
            for name in list.split(whereSeparator: { $0 == "," || $0 == "\n" }) {
                let key = Words(String(name)).joined
                if !key.isEmpty { names[key] = section }
            }
        }
        return names
    }()
}

/// A line's mark as part of a list: "1.", "2)", "-", "•". What follows begins at the index.
enum ListMark {
    static func end(in line: PaperLine, from begin: Int = 0) -> Int? {
        let flat = line.flat
        var index = begin
        while index < flat.count, Unmarked.isBlank(flat[index]) { index += 1 }
        guard index < flat.count else { return nil }
        if "-•·*▪●◦‣–".unicodeScalars.contains(flat[index]), index + 1 < flat.count {
            let next = flat[index + 1]
            return Unmarked.isBlank(next) || PaperLine.isLetter(next) ? index + 1 : nil
        }
        var end = index
        while end < flat.count, end - index < 2, PaperLine.isDigit(flat[end]) { end += 1 }
        guard end > index, end + 1 < flat.count, ".)-".unicodeScalars.contains(flat[end]),
            !PaperLine.isDigit(flat[end + 1])
        else { return nil }
        return end + 1
    }
}
