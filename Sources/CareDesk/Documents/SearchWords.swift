/// Text as it is searched: small letters and digits, one blank between words. What two databases' own word breakers would
/// see differently is gone before they see it. Pure, linear.
package enum SearchWords {
    /// Words of one search; more are left out.
    package static let limit = 12

    /// Folded as `Words` folds what patients write: one form for the forms of alef, ya and ta marbuta, ASCII digits.
    package static func fold(_ text: String) -> String {
        var folded = String.UnicodeScalarView()
        var isBlank = true
        for scalar in text.unicodeScalars {
            switch Words.kind(of: scalar) {
            case .dropped: continue
            case .kept(let letter):
                folded.append(letter)
                isBlank = false
            case .blank, .comma, .stop:
                if !isBlank { folded.append(" ") }
                isBlank = true
            }
        }
        if folded.last == " " { folded.removeLast() }
        return String(folded)
    }

    /// The words of a question, at most `limit`, each at most 60 scalars.
    package static func words(of question: String) -> [String] {
        fold(question).split(separator: " ").prefix(limit).map {
            String(String.UnicodeScalarView($0.unicodeScalars.prefix(60)))
        }
    }

    /// The line of a text that has most of the words, at most `length` scalars of it.
    package static func passage(with words: [String], in text: String, length: Int = 300) -> String {
        var best = (line: Substring(), found: 0)
        for line in text.split(whereSeparator: \.isNewline) {
            let folded = Set(fold(String(line.prefix(2_000))).split(separator: " "))
            let found = words.count { word in folded.contains { $0.hasPrefix(word) } }
            if found > best.found { best = (line, found) }
        }
        let line = best.line.drop(while: \.isWhitespace)
        return String(String.UnicodeScalarView(line.unicodeScalars.prefix(length)))
    }
}
