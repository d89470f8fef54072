import CareDomain

/// What a document seems to be, by the words it uses: each counts a few times only, and more near the top.
struct KindFinder {
    private static let headLines = 12
    /// Lines looked at; a document says early what it is.
    private static let lineLimit = 400
    private static let repeats = 3

    private var scores: [Extraction.Kind: Int] = [:]
    private var counts: [String: Int] = [:]
    private var seen = 0

    mutating func read(_ line: PaperLine) {
        guard !line.isEmpty, seen < Self.lineLimit else { return }
        seen += 1
        let words = Words(line.text)
        var last = 0
        for match in Self.book.matches(words) where match.range.lowerBound >= last {
            last = match.range.upperBound
            let key = words.all[match.range].map(\.text).joined(separator: " ")
            counts[key, default: 0] += 1
            guard counts[key, default: 0] <= Self.repeats else { continue }
            scores[match.meaning.kind, default: 0] += match.meaning.weight * (seen <= Self.headLines ? 2 : 1)
        }
    }

    /// Rows that are measurements speak for a laboratory, lines that are doses for a prescription.
    mutating func count(_ item: Extraction.Item) {
        switch item.category {
        case .measurement: scores[.laboratory, default: 0] += 1
        case .medicine: scores[.prescription, default: 0] += 1
        case .finding, .allergy: break
        }
    }

    var kind: Extraction.Kind {
        var best: (kind: Extraction.Kind, score: Int) = (.other, 3)
        // In the order of the cases, so that a tie is decided the same way everywhere.
        for kind in Extraction.Kind.allCases where scores[kind, default: 0] > best.score {
            best = (kind, scores[kind, default: 0])
        }
        return best.kind
    }

    private struct Sign: Sendable {
        var kind: Extraction.Kind
        var weight: Int
    }

    private static let book: PhraseBook<Sign> = {
        let table: [(Extraction.Kind, Int, [String])] = [
            (
                .laboratory, 5,
                [
                    "laboratory|lab report|results|result",
                    "laboratory|lab|blood|urine test|tests report|results|result",
                    "complete blood count",
                    "reference range|interval|ranges|values", "نتائج|نتيجه مختبر|التحاليل|تحاليل|المختبر|فحص",
                    "تقرير المختبر|مختبر|مخبري", "صوره دم كامله", "تعداد الدم", "القيم المرجعيه",
                    "المدي|المعدل الطبيعي|المرجعي",
                    "التحاليل الطبيه",
                ]
            ),
            (
                .laboratory, 2,
                [
                    "laboratory", "haematology|hematology", "biochemistry", "specimen", "cbc", "serology",
                    "lipid profile",
                    "تحليل|تحاليل", "مختبر", "كيمياء", "urinalysis", "microbiology",
                ]
            ),
            (
                .imaging, 6,
                [
                    "mri|ct|cat|pet|ultrasound|xray|mammography|mammogram|radiology|imaging report|scan|study", "x ray",
                    "magnetic resonance", "computed tomography", "تقرير الاشعه|اشعه", "رنين مغناطيسي",
                    "الرنين المغناطيسي",
                    "اشعه مقطعيه|سينيه", "تصوير طبقي|مقطعي|بالرنين|مغناطيسي", "موجات فوق صوتيه",
                ]
            ),
            (
                .imaging, 2,
                [
                    "mri", "ct", "radiologist", "radiology", "ultrasound", "contrast", "sagittal|axial|coronal",
                    "technique",
                    "impression", "doppler", "echocardiography|echocardiogram", "الاشعه|اشعه", "سونار", "ايكو",
                ]
            ),
            (
                .discharge, 9,
                [
                    "discharge summary|letter|report|note", "date of discharge", "discharge date",
                    "تقرير|ملخص خروج|الخروج",
                    "تاريخ الخروج",
                ]
            ),
            (
                .discharge, 3,
                [
                    "discharge|discharged", "date of admission", "admission date", "hospital course", "was admitted",
                    "discharge medications|medication|diagnosis", "تاريخ الدخول", "ادخل الي",
                ]
            ),
            (
                .prescription, 8,
                ["prescription", "rx", "وصفه طبيه", "الوصفه الطبيه", "روشته"]
            ),
            (
                .prescription, 2,
                [
                    "dispense|dispensed", "refill|refills", "sig", "pharmacy|pharmacist", "صيدليه|الصيدلي",
                    "tab|tabs|cap|caps",
                ]
            ),
            (
                .referral, 8,
                [
                    "referral letter|form|note|report", "letter of referral", "i am|we are referring",
                    "thank you for seeing",
                    "تقرير|خطاب|نموذج تحويل|احاله", "referral",
                ]
            ),
            (
                .referral, 2,
                ["referred|refer to|for", "second opinion", "dear doctor|colleague|dr", "تحويل|احاله", "kindly"]
            ),
            (
                .vaccination, 8,
                [
                    "vaccination|immunization|immunisation|vaccine card|record|certificate|history",
                    "شهاده|بطاقه|سجل تطعيم|التطعيم|التطعيمات|تلقيح|لقاح",
                ]
            ),
            (
                .vaccination, 3,
                [
                    "vaccination|vaccine|immunization|immunisation", "lot|batch number|no", "تطعيم|التطعيمات|لقاح",
                    "booster",
                ]
            ),
            (
                .invoice, 8,
                [
                    "invoice", "receipt", "bill to", "proforma", "amount due", "فاتوره", "سند قبض", "المبلغ المستحق",
                    "quotation",
                ]
            ),
            (
                .invoice, 3,
                [
                    "total|subtotal amount|due|sar|usd|aed|eur", "vat", "subtotal", "payment", "unit price", "iban",
                    "ضريبه القيمه", "الاجمالي|المجموع", "السعر", "qty",
                ]
            ),
            (
                .identity, 9,
                [
                    "passport", "identity|id card", "national id", "residence permit", "driving licence|license",
                    "جواز سفر",
                    "هويه وطنيه", "الهويه الوطنيه", "بطاقه هويه|شخصيه|الهويه", "رخصه اقامه",
                ]
            ),
            (
                .identity, 2,
                [
                    "nationality", "place of birth", "date of expiry|issue", "surname", "given names", "الجنسيه",
                    "مكان الميلاد|الولاده", "تاريخ الانتهاء",
                ]
            ),
        ]
        return PhraseBook(table.map { (meaning: Sign(kind: $0.0, weight: $0.1), sources: $0.2) })
    }()
}
