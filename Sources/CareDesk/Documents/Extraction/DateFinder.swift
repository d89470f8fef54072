import CareDomain

/// Which of a document's dates is its own: the one a label calls so, never a birth's or an expiry's.
struct DateFinder {
    /// Lines from the top in which a date without a label may be the document's.
    private static let headLines = 15

    private enum Label: Int {
        /// Not the document's, whatever else stands beside it.
        case foreign = -1
        case none = 0, stay, examined, dated, reported
    }

    private(set) var best: Extraction.Quote?
    private var score = 0
    private var seen = 0
    private var previous = ""

    mutating func read(_ line: PaperLine) {
        seen += 1
        // Nothing beats the first date of a report that calls itself so.
        guard score <= Label.reported.rawValue else { return }
        var labelBegin = 0
        for date in PaperDate.all(in: line) {
            var label = line.folded(labelBegin..<date.range.lowerBound)
            labelBegin = date.range.upperBound
            // A table's cell may have its label above it.
            if !label.unicodeScalars.contains(where: PaperLine.isLetter) { label = previous }
            let kind = Self.label(label)
            guard kind != .foreign, kind != .none || seen <= Self.headLines, kind.rawValue + 1 > score else { continue }
            score = kind.rawValue + 1
            best = Extraction.Quote(
                value: date.iso ?? line.text(date.range), page: line.page, passage: line.passage,
                isUncertain: date.iso == nil || line.isWeak)
        }
        if !line.isEmpty { previous = line.raw.count <= 60 ? line.folded(0..<line.raw.count) : "" }
    }

    private static func label(_ text: String) -> Label {
        let words = Set(Words(text).all.map(\.text))
        func has(_ any: String) -> Bool { any.split(separator: " ").contains { words.contains(String($0)) } }
        if has("birth dob born birthday age expiry expires expiration until valid lmp ميلاد الميلاد مولود المولود")
            || has("الولاده ولاده انتهاء الانتهاء العمر صلاحيه الصلاحيه next appointment القادم الموعد")
            || text.contains("d.o.b")
        {
            return .foreign
        }
        let isDate = has("date dated تاريخ التاريخ بتاريخ")
        if has("report reported issue issued printed signed discharge discharged letter prescription invoice")
            || has("التقرير الاصدار الخروج خروج اصدار الوصفه الفاتوره"), isDate || has("reported issued discharged on")
        {
            return .reported
        }
        if has("exam examination study scan collected collection sample received performed visit")
            || has("الفحص فحص الاشعه العينه عينه الزياره التصوير")
        {
            return .examined
        }
        if has("admission admitted الدخول دخول") { return .stay }
        return isDate ? .dated : .none
    }
}

extension PaperLine {
    /// What is told of a line as the place something was found.
    var passage: String { Unmarked.folded(text, limit: Extraction.passageLimit) }
}
