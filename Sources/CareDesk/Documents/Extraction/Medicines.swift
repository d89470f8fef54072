import CareDomain

/// Lines that name a medicine: one with a dose, or one in a list under its heading.
enum Medicines {
    private static let nameLimit = 60
    private static let wordLimit = 5
    /// Doses of one line that are looked at.
    private static let doseLimit = 8

    /// `isListed`: it stands under "Medications" or "الأدوية".
    static func items(in line: PaperLine, from begin: Int = 0, isListed: Bool) -> [Extraction.Item] {
        let words = Words(line.text)
        let isTimed = times.first(words) != nil
        var items: [Extraction.Item] = []
        var from = begin
        var index = begin
        while index < line.flat.count, items.count < doseLimit {
            guard PaperLine.isDigit(line.flat[index]), let figure = Figure.at(index, in: line) else {
                index += 1
                continue
            }
            index = figure.range.upperBound
            while index < line.flat.count, line.flat[index] == " " { index += 1 }
            guard let unit = Units.dose(in: line, from: index) else { continue }
            let unitText = line.folded(unit)
            // "1 tablet" is how much of it, not how strong it is, and "50 %" or "7 g" alone are often neither.
            let isStrength = !soft.contains(Units.normal(line.flat[unit]))
            let form = form(in: line, from..<figure.range.lowerBound)
            guard isListed || isStrength && (isTimed || form != nil && unitText != "ml"),
                let name = name(in: line, from..<figure.range.lowerBound)
            else {
                index = unit.upperBound
                continue
            }
            items.append(
                item(line, name, value: line.text(figure.range), unit: line.text(unit), isOdd: figure.isOdd, words))
            index = unit.upperBound
            // One medicine a line, unless another follows a comma: what stands after the dose says how to take it.
            guard let comma = nextName(in: line, from: index) else { break }
            from = comma
            index = comma
        }
        if items.isEmpty, isListed, let item = bare(line, from: begin, isTimed: isTimed, words) { items.append(item) }
        return items
    }

    private static func item(
        _ line: PaperLine, _ name: Range<Int>, value: String?, unit: String?, isOdd: Bool, _ words: Words
    ) -> Extraction.Item {
        // "Stop metformin": told, and never as something that is taken.
        let isStopped = words.all.contains { stops.contains($0.text) }
        return Extraction.Item(
            category: .medicine, name: line.text(name), value: value, unit: unit, page: line.page,
            passage: line.passage, isUncertain: isOdd || isStopped || line.isWeak)
    }

    /// "Aspirin once daily", "- Aspirin": a name without a dose.
    private static func bare(_ line: PaperLine, from begin: Int, isTimed: Bool, _ words: Words) -> Extraction.Item? {
        let mark = ListMark.end(in: line, from: begin)
        guard isTimed || mark != nil, !words.all.contains(where: { nothing.contains($0.text) }) else { return nil }
        var end = line.raw.count
        if let match = times.first(words) {
            // Up to the word that says when.
            let word = words.all[match.range.lowerBound].text
            if let found = firstWord(word, in: line, from: mark ?? begin) { end = found }
        }
        guard let name = name(in: line, (mark ?? begin)..<max(end, mark ?? begin)) else { return nil }
        let item = item(line, name, value: nil, unit: nil, isOdd: !isTimed, words)
        return item
    }

    private static func firstWord(_ word: String, in line: PaperLine, from begin: Int) -> Int? {
        var index = begin
        while index < line.flat.count {
            var end = index
            while end < line.flat.count, !Unmarked.isBlank(line.flat[end]) { end += 1 }
            if end > index, Words(line.folded(index..<end)).all.first?.text == word { return index }
            index = max(end, index) + 1
        }
        return nil
    }

    /// A medicine after "and" or a comma, with a dose of its own further on.
    private static func nextName(in line: PaperLine, from begin: Int) -> Int? {
        let flat = line.flat
        for index in begin..<flat.count {
            if flat[index] == ",", index + 1 < flat.count { return index + 1 }
            if flat[index...].starts(with: " and ".unicodeScalars) { return index + 5 }
            if flat[index...].starts(with: " و".unicodeScalars) { return index + 2 }
        }
        return nil
    }

    private static func form(in line: PaperLine, _ range: Range<Int>) -> Range<Int>? {
        let mark = ListMark.end(in: line, from: range.lowerBound) ?? range.lowerBound
        let inner = line.trimmed(min(mark, range.upperBound)..<range.upperBound)
        var end = inner.lowerBound
        while end < inner.upperBound, !Unmarked.isBlank(line.flat[end]), line.flat[end] != "." { end += 1 }
        let word = PaperLine.text(line.flat[inner.lowerBound..<end])
        guard forms.contains(word) else { return nil }
        return inner.lowerBound..<(end < inner.upperBound && line.flat[end] == "." ? end + 1 : end)
    }

    /// The words before the dose, back to a stop or a word no medicine's name has.
    private static func name(in line: PaperLine, _ before: Range<Int>) -> Range<Int>? {
        var begin = before.lowerBound
        if let mark = ListMark.end(in: line, from: begin), mark < before.upperBound { begin = mark }
        if let form = form(in: line, begin..<before.upperBound) { begin = form.upperBound }
        var range = line.trimmed(begin..<before.upperBound)
        while range.upperBound > range.lowerBound,
            ":=-–(,|".unicodeScalars.contains(line.raw[range.upperBound - 1])
                || Unmarked.isBlank(line.raw[range.upperBound - 1])
        {
            range = range.lowerBound..<range.upperBound - 1
        }
        var words: [Range<Int>] = []
        var index = range.upperBound
        while index > range.lowerBound, words.count < wordLimit {
            var first = index
            while first > range.lowerBound, !Unmarked.isBlank(line.raw[first - 1]), line.raw[first - 1] != "|" {
                first -= 1
            }
            let word = first..<index
            if word.isEmpty {
                index -= 1
                continue
            }
            let folded = line.folded(word)
            if stopWords.contains(folded) { break }
            if let last = line.raw[word].last, ",;:.،؛".unicodeScalars.contains(last), !words.isEmpty { break }
            words.append(word)
            index = first
        }
        guard let first = words.last, let last = words.first, last.upperBound - first.lowerBound <= nameLimit else {
            return nil
        }
        let name = line.trimmed(first.lowerBound..<last.upperBound)
        let letters = line.raw[name].count(where: PaperLine.isLetter)
        let known = Words(line.text(name)).all
        guard letters >= 3, !known.allSatisfy({ notNames.contains($0.text) }) else { return nil }
        return name
    }

    private static let soft: Set<String> = [
        "%", "g", "gm", "u", "ml", "tablet", "tablets", "tab", "tabs", "drop", "drops", "capsule", "capsules", "cap",
        "caps", "puff", "puffs", "amp", "vial", "vials", "spray", "sprays", "patch", "mmol", "meq", "حبه", "حبات",
        "قرص",
        "مل", "غ", "جم", "كيس", "ظرف", "وحده", "وحدات",
    ]
    private static let forms: Set<String> = [
        "tab", "tabs", "tablet", "cap", "caps", "capsule", "inj", "injection", "syp", "syr", "syrup", "susp", "cream",
        "oint", "gel", "drops", "inhaler", "rx", "t", "حبوب", "اقراص", "قرص", "كبسول", "كبسولات", "شراب", "حقنه", "حقن",
        "مرهم", "بخاخ", "قطره",
    ]
    private static let stopWords: Set<String> = [
        "with", "on", "of", "took", "takes", "take", "taking", "started", "start", "continue", "continued", "given",
        "received", "received:", "and", "to", "is", "was", "the", "a", "his", "her", "prescribed", "please", "by",
        "for",
        "يتناول", "تتناول", "تناول", "على", "علي", "من", "و", "اخذ", "يؤخذ", "وصف", "مع",
    ]
    private static let notNames: Set<String> = [
        "dose", "tablet", "tablets", "capsule", "capsules", "total", "quantity", "take", "strength", "حبه", "جرعه",
    ]
    private static let nothing: Set<String> = ["none", "nil", "nkda", "unchanged", "below", "لا", "بدون"]
    private static let stops: Set<String> = [
        "stop", "stopped", "discontinue", "discontinued", "hold", "held", "withheld", "avoid", "not", "no", "allergic",
        "ايقاف", "اوقف", "اوقفت", "يوقف", "توقف", "تجنب", "لا",
    ]
    private static let times = PhraseBook<Void>([
        (
            (),
            [
                "once|twice|thrice|daily|nightly|weekly|bd|bid|tds|tid|qid|qds|od|qd|prn|hs|nocte|mane|stat|hourly",
                "every #|day|morning|night|evening|week|other", "# times|hourly", "at night|bedtime",
                "as needed|required",
                "in the morning|evening", "per day|week", "before|after|with meals|food|breakfast|dinner|lunch|sleep",
                "po|oral|orally|sc|iv|subcutaneously", "# tablet|tab|capsule|puffs", "q#h|q6h|q8h|q12h|q24h",
                "يوميا|مره|مرتين|مرات|اسبوعيا|مساء|صباحا|كل ساعات|يوم|مساء|صباح|# ساعات|ساعه", "كل # ساعات|ساعه",
                "عند اللزوم|الحاجه", "قبل|بعد الاكل|الطعام|النوم|الفطور|العشاء|الغداء", "# مرات", "حبه|قرص|كبسوله",
            ]
        )
    ])
}
