import CareDomain

/// What stands under "Impression", "Diagnosis", "الخلاصة": a sentence an item. Lines that a page's width broke are put
/// together first, so that "No evidence of" never loses its other half.
struct Findings {
    /// Lines put together at most, and scalars of them.
    private static let lineLimit = 12
    private static let scalarLimit = 1_500

    private var lines: [(line: PaperLine, from: Int)] = []
    private var length = 0
    private(set) var items: [Extraction.Item] = []

    var isEmpty: Bool { lines.isEmpty }

    mutating func read(_ line: PaperLine, from begin: Int = 0) {
        guard begin < line.raw.count, line.raw[begin...].contains(where: PaperLine.isLetter) else { return }
        let mark = ListMark.end(in: line, from: begin)
        let isNext = lines.last.map { Self.goesOn($0.line, line, from: begin) } ?? false
        if mark != nil || !isNext || lines.count >= Self.lineLimit || length > Self.scalarLimit { close() }
        lines.append((line, mark ?? begin))
        length += line.raw.count
    }

    /// A line that has not come to its end goes on in the next one.
    private static func goesOn(_ line: PaperLine, _ next: PaperLine, from begin: Int) -> Bool {
        guard line.page == next.page, let last = line.raw.last else { return false }
        if ".!?؟:;؛".unicodeScalars.contains(last) { return false }
        guard let first = next.raw[begin...].first(where: { !Unmarked.isBlank($0) }) else { return false }
        // A short line that the next begins anew after is one of a list; a long one was broken.
        let isSmall = first.properties.isLowercase || PaperLine.isDigit(first) || first == "("
        let isArabic = (0x620...0x64A).contains(first.value)
        return isSmall || line.raw.count >= (isArabic ? 45 : 40) || last == "," || last == "،" || endsOpen(line)
    }

    /// "No evidence of", "لا يوجد": the next line belongs to it whatever it begins with.
    private static func endsOpen(_ line: PaperLine) -> Bool {
        guard let last = Words(line.text).all.last?.text else { return false }
        return [
            "of", "no", "not", "without", "the", "a", "and", "or", "with", "for", "to", "in", "is", "are", "لا", "يوجد",
            "من",
            "في", "علي", "عدم", "وجود", "بدون", "دون", "ليس", "غير", "او", "توجد",
        ].contains(last)
    }

    /// What was gathered becomes items.
    mutating func close() {
        guard let first = lines.first else { return }
        let isOne = lines.count == 1
        var text: [Unicode.Scalar] = []
        for (line, from) in lines {
            if !text.isEmpty { text.append(" ") }
            text += line.raw[line.trimmed(min(from, line.raw.count)..<line.raw.count)]
        }
        for sentence in Self.sentences(of: text) {
            let words = PaperLine.text(text[sentence])
            guard text[sentence].count(where: PaperLine.isLetter) >= 3 else { continue }
            let passage =
                isOne && first.line.raw.count <= Extraction.passageLimit
                ? first.line.passage : Unmarked.folded(words, limit: Extraction.passageLimit)
            items.append(
                Extraction.Item(
                    category: .finding, name: Extraction.name(words), page: first.line.page, passage: passage,
                    isUncertain: lines.contains { $0.line.isWeak }))
        }
        lines = []
        length = 0
    }

    /// Cut where a stop is followed by a blank and something that begins a sentence.
    static func sentences(of text: [Unicode.Scalar]) -> [Range<Int>] {
        var sentences: [Range<Int>] = []
        var begin = 0
        for index in text.indices {
            guard ".!?؟".unicodeScalars.contains(text[index]), index + 2 < text.count, Unmarked.isBlank(text[index + 1])
            else { continue }
            let next = text[index + 2]
            let begins = next.properties.isUppercase || (0x620...0x64A).contains(next.value) || PaperLine.isDigit(next)
            var word = index
            while word > begin, PaperLine.isLetter(text[word - 1]) { word -= 1 }
            let before = PaperLine.text(text[word..<index]).lowercased()
            guard begins, !abbreviations.contains(before), !(before.isEmpty && index - begin <= 3) else { continue }
            // A bare letter before the stop is an initial, except where Arabic writes it so.
            sentences.append(begin..<index + 1)
            begin = index + 2
        }
        if begin < text.count { sentences.append(begin..<text.count) }
        return sentences
    }

    private static let abbreviations: Set<String> = [
        "dr", "mr", "mrs", "ms", "prof", "approx", "no", "vs", "e.g", "i.e", "g", "e", "i", "fig", "st", "cf", "ca",
        "max",
        "min", "incl", "د",
    ]
}

/// What a document says of allergies, with its own denial kept in the name.
enum Allergies {
    private static let limit = 12

    /// What stands after "Allergies:", or on a line under it.
    static func items(in line: PaperLine, from begin: Int) -> [Extraction.Item] {
        let from = ListMark.end(in: line, from: begin) ?? begin
        let whole = line.trimmed(min(from, line.raw.count)..<line.raw.count)
        guard line.raw[whole].contains(where: PaperLine.isLetter) else { return [] }
        // "No known drug allergies, including penicillin": a list that begins with a denial is one thing.
        if isDenial(line.text(whole)) { return [item(line, whole)] }
        var items: [Extraction.Item] = []
        var start = whole.lowerBound
        func close(_ end: Int) {
            var range = line.trimmed(start..<max(start, end))
            while range.upperBound > range.lowerBound, ".,;".unicodeScalars.contains(line.raw[range.upperBound - 1]) {
                range = range.lowerBound..<range.upperBound - 1
            }
            guard items.count < limit, line.raw[range].count(where: PaperLine.isLetter) >= 2 else { return }
            items.append(item(line, range))
        }
        var depth = 0
        var index = whole.lowerBound
        while index < whole.upperBound {
            switch line.raw[index] {
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            case ",", ";", "،", "؛":
                if depth <= 0 {
                    close(index)
                    start = index + 1
                }
            default: break
            }
            for joint in [" and ", " و"] where depth <= 0 && line.flat[index...].starts(with: joint.unicodeScalars) {
                close(index)
                start = index + joint.unicodeScalars.count
            }
            index += 1
        }
        close(whole.upperBound)
        return items
    }

    /// "She is allergic to penicillin", "NKDA", "لديه حساسية من البنسلين" anywhere.
    static func spoken(in line: PaperLine) -> [Extraction.Item] {
        guard let match = book.first(Words(line.text)) else { return [] }
        let text = Array(line.raw)
        for sentence in Findings.sentences(of: text) {
            let range = line.trimmed(sentence)
            let words = Words(line.text(range))
            guard book.first(words) != nil else { continue }
            if match.meaning || isDenial(line.text(range)) { return [item(line, range)] }
            for opening in ["allergic to ", "allergy to ", "حساسيه من ", "حساسيه ل", "حساسيه تجاه "] {
                let opening = Array(opening.unicodeScalars)
                for index in range where line.flat[index..<range.upperBound].starts(with: opening) {
                    let rest = PaperLine(
                        Array(line.raw[..<range.upperBound]), page: line.page, isWeak: line.isWeak)
                    return items(in: rest, from: index + opening.count).map { found in
                        var found = found
                        found.passage = line.passage
                        return found
                    }
                }
            }
        }
        return []
    }

    static func isDenial(_ text: String) -> Bool {
        Words(text).all.contains { word in
            [
                "no", "not", "nkda", "nka", "nkfa", "none", "nil", "denies", "denied", "without", "unknown", "never",
                "لا", "ليس", "ليست",
                "غير", "بدون", "ينفي", "تنفي", "عدم", "لم",
            ].contains(word.text)
        }
    }

    private static func item(_ line: PaperLine, _ range: Range<Int>) -> Extraction.Item {
        var range = range
        if line.raw[range].last == "." { range = range.lowerBound..<range.upperBound - 1 }
        return Extraction.Item(
            category: .allergy, name: Extraction.name(line.text(range)), page: line.page, passage: line.passage,
            isUncertain: line.isWeak)
    }

    /// True: the sentence itself says that there is none.
    private static let book = PhraseBook<Bool>([
        (
            true,
            [
                "nkda", "nka", "nkfa", "no known ..2 allergies|allergy", "no allergies|allergy",
                "denies ..3 allergies|allergy",
                "no history of allergy|allergies", "لا يوجد|توجد|يعاني|تعاني ..3 حساسيه", "ليس لديه|لديها ..1 حساسيه",
                "غير مصاب بحساسيه",
            ]
        ),
        (false, ["allergic to", "allergy to", "حساسيه من|تجاه|ل*"]),
    ])
}
