import CareDomain

/// Whose paper it is: a line near the top of the first page that names a hospital, a clinic or a laboratory.
struct IssuerFinder {
    private static let headLines = 14
    private static let nameLimit = 100

    private(set) var best: Extraction.Quote?
    private var score = 0
    private var seen = 0

    mutating func read(_ line: PaperLine) {
        guard !line.isEmpty, seen < Self.headLines else { return }
        seen += 1
        for cell in line.cells() {
            let name = Self.named(line, cell)
            guard name.count <= Self.nameLimit else { continue }
            let worth = Self.worth(line.text(name), whole: line.folded(cell))
            guard worth > score else { continue }
            score = worth
            best = Extraction.Quote(
                value: line.text(name), page: line.page, passage: line.passage, isUncertain: line.isWeak)
        }
    }

    /// After "Hospital:", "Issued by:", "المستشفى:" only what follows.
    private static func named(_ line: PaperLine, _ cell: Range<Int>) -> Range<Int> {
        guard let colon = cell.first(where: { line.raw[$0] == ":" }), colon - cell.lowerBound <= 24 else { return cell }
        let label = Words(line.folded(cell.lowerBound..<colon)).all
        let isLabel = label.contains { word in
            [
                "hospital", "clinic", "laboratory", "lab", "facility", "issued", "provider", "المستشفي", "العياده",
                "المختبر",
            ]
            .contains(word.text)
        }
        return isLabel ? line.trimmed(colon + 1..<cell.upperBound) : cell
    }

    private static func worth(_ name: String, whole: String) -> Int {
        let words = Words(name).all
        guard (2...12).contains(words.count), !name.hasSuffix("."), !name.contains("@") else { return 0 }
        let all = Set(words.flatMap(\.forms) + Words(whole).all.map(\.text))
        func has(_ any: String) -> Bool { any.split(separator: " ").contains { all.contains(String($0)) } }
        // Titles, the patient's own lines, and who the paper was sent to.
        if has("report results result patient name referred referring reference to dear request form card certificate")
            || has("تقرير نتائج نتيجه المريض مريض الاسم الي طلب summary invoice")
        {
            return 0
        }
        if has("hospital hospitals clinic clinics polyclinic مستشفي مستشفيات عياده عيادات مستوصف") { return 4 }
        if has("laboratory laboratories labs مختبر مختبرات") { return 3 }
        let isCentre = has("center centre centres مركز مجمع")
        if isCentre,
            has("medical imaging radiology diagnostic diagnostics health cancer heart eye dental طبي اشعه صحي تشخيص")
        {
            return 3
        }
        return has("pharmacy صيدليه infirmary hôpital klinik") ? 2 : 0
    }
}
