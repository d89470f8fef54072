package import CareDomain

/// A document of a case that has been read: what it is, what was found in it, and its words.
package struct Paper: Sendable, Hashable {
    /// Documents an answer is given from (`PaperChoice`).
    package static let limit = 6
    /// Documents of a case that they are chosen among; the newest.
    static let choiceLimit = 500
    /// Pages that are looked at for one word of a question.
    static let hitLimit = 30

    package var document: Document
    package var extraction: Extraction?
    package var pages: [PageText]

    package init(document: Document, extraction: Extraction?, pages: [PageText]) {
        self.document = document
        self.extraction = extraction
        self.pages = pages
    }

    var kind: Extraction.Kind? { extraction?.kind ?? document.kind }
}

extension Extraction.Item {
    /// "13.2 g/dL", as far as there is one.
    var amount: String? {
        guard let value else { return nil }
        guard let unit else { return value }
        return unit == "%" || unit == "٪" ? value + unit : value + " " + unit
    }
}

/// The words of a question that may stand in a document, folded as `SearchWords` does, without those every question has.
struct PaperQuestion: Sendable {
    let words: Set<String>
    /// What a store is asked for, one at a time, to find the documents that may have an answer: the first words as they are
    /// written, then what else they may stand under. A search finds the beginnings of words.
    let lookups: [String]

    /// Words of a question that are looked for in a store, and what is looked for in all.
    static let lookedUp = 6
    static let lookupLimit = 12

    init(_ question: String) {
        let bounded = String(String.UnicodeScalarView(question.unicodeScalars.prefix(2_000)))
        var words: Set<String> = []
        var asked: [(written: String, bare: String)] = []
        for word in SearchWords.fold(bounded).split(separator: " ") {
            let bare = Self.bare(word)
            guard bare.unicodeScalars.count > 1, !Self.common.contains(bare), !Self.common.contains(String(word)) else {
                continue
            }
            words.insert(Self.same[bare] ?? bare)
            asked.append((String(word), bare))
            if words.count == SearchWords.limit * 2 { break }
        }
        self.words = words
        lookups = Self.lookups(of: asked)
    }

    private static func lookups(of asked: [(written: String, bare: String)]) -> [String] {
        var lookups: [String] = []
        func add(_ word: String) {
            if word.utf8.count > 1, lookups.count < lookupLimit, !lookups.contains(word) { lookups.append(word) }
        }
        for word in asked where lookups.count < lookedUp { add(beginning(of: word.written)) }
        for word in asked.prefix(lookedUp) {
            add(beginning(of: word.bare))
            if word.bare.unicodeScalars.first?.isASCII == false { add("ال" + word.bare) }
            for name in names[same[word.bare] ?? word.bare] ?? [] { add(name) }
        }
        return lookups
    }

    /// "fractures" is found as "fracture" as well.
    private static func beginning(of word: String) -> String {
        let bounded = String(String.UnicodeScalarView(word.unicodeScalars.prefix(60)))
        let isPlural = bounded.utf8.count >= 5 && bounded.hasSuffix("s") && !bounded.hasSuffix("ss")
        return isPlural ? String(bounded.dropLast()) : bounded
    }

    /// How many of the question's words a text has.
    func matches(_ text: String) -> Int {
        guard !words.isEmpty else { return 0 }
        var found: Set<String> = []
        for word in SearchWords.fold(text).split(separator: " ") {
            let bare = Self.bare(word)
            let word = Self.same[bare] ?? bare
            if words.contains(word) {
                found.insert(word)
            } else if word.utf8.count >= 5 {
                // "platelets" and "platelet", "allergies" and "allergy"
                for asked in words where asked.utf8.count >= 4 {
                    if word.hasPrefix(asked) || asked.hasPrefix(word) || word.utf8.count >= 6 && Self.share(word, asked)
                    {
                        found.insert(asked)
                    }
                }
            }
        }
        return found.count
    }

    /// All but the last three letters are the same, and five at least.
    private static func share(_ one: String, _ other: String) -> Bool {
        let length = zip(one.utf8, other.utf8).prefix { $0 == $1 }.count
        return length >= 5 && length + 3 >= max(one.utf8.count, other.utf8.count)
    }

    /// Without the Arabic article and what is written onto it.
    private static func bare(_ word: Substring) -> String {
        for opening in ["وال", "بال", "فال", "كال", "ال", "لل"] where word.hasPrefix(opening) {
            let rest = word.dropFirst(opening.count)
            if rest.count >= 2 { return String(rest) }
        }
        return String(word)
    }

    /// Names of one thing.
    private static let rows: [[String]] = {
        let rows = [
            "haemoglobin hemoglobin hb hgb هيموغلوبين هيموجلوبين خضاب", "glucose sugar سكر غلوكوز جلوكوز",
            "creatinine creat كرياتينين", "platelets platelet plt صفائح", "potassium k بوتاسيوم", "sodium na صوديوم",
            "hba1c a1c تراكمي", "wbc leucocytes leukocytes leukocyte", "bp pressure ضغط",
            "cholesterol كولسترول كوليسترول",
            "allergy allergies allergic حساسيه", "medicine medicines medication medications tablets دواء ادويه ادويتي",
            "diagnosis diagnoses تشخيص",
        ]
        return rows.map { $0.split(separator: " ").map(String.init) }
    }()
    /// The first name of each.
    private static let same: [String: String] = Dictionary(
        rows.flatMap { row in row.map { ($0, row[0]) } }, uniquingKeysWith: { $1 })
    private static let names: [String: [String]] = Dictionary(rows.map { ($0[0], $0) }, uniquingKeysWith: { $1 })

    private static let common: Set<String> = Set(
        """
        what whats is are was were my the a an of in on to did do does you your have has read report reports result results \
        document documents paper papers scan scans say says said show shows mean means tell me about please can could it \
        this that there and or for with from level value which how much high low test tests page file letter any i \
        now today last latest \
        ما ماذا هل كم هو هي في من عن على علي الي تقرير تقريري نتيجه نتائج يقول تقول قراتم قرات مستوي نسبه قيمه عندي لي هذا هذه \
        التقرير مكتوب وثيقه ملف
        """.split(separator: " ").map(String.init))
}
