/// One pattern over `Words`, written in the resource tables:
///
///     chest pain|pains       these words, one of these words
///     breath*                a word that begins so
///     #                      a number
///     my? chest              an optional word
///     chest ..3 hurts        up to three words between
///     no !doubt|idea         not followed by one of these
///     ^ agent $              the beginning and the end of a clause; `now|$`: the word or the end
///     @body hurts            a named list of the same table
///
/// A match stays in its sentence. Gaps are short and few, so trying one phrase at one word costs a constant.
struct Phrase: Sendable {
    enum Form: Sendable, Hashable {
        case word(String), beginning(String), number

        func matches(_ word: Words.Word) -> Bool {
            switch self {
            case .word(let text): word.forms.contains(text)
            case .beginning(let text): word.forms.contains { $0.hasPrefix(text) }
            case .number: word.text.utf8.allSatisfy { (0x30...0x39).contains($0) }
            }
        }
    }

    private enum Piece: Sendable {
        case one(Set<String>, [Form], optional: Bool, orEnd: Bool)
        case gap(Int)
        case notNext([Form])
        case start, end
    }

    static let gapLimit = 6

    private var pieces: [Piece] = []
    /// What a match can begin with; empty when the first piece may be absent.
    private(set) var openings: [Form] = []

    init(_ source: String, classes: [String: [String]]) {
        for part in source.split(separator: " ") {
            switch part {
            case "^": pieces.append(.start)
            case "$": pieces.append(.end)
            case _ where part.hasPrefix(".."):
                pieces.append(.gap(min(Int(part.dropFirst(2)) ?? 0, Self.gapLimit)))
            case _ where part.hasPrefix("!"):
                pieces.append(.notNext(Self.forms(part.dropFirst(), classes)))
            default:
                let optional = part.hasSuffix("?")
                let forms = Self.forms(optional ? part.dropLast() : part, classes)
                var exact: Set<String> = []
                var others: [Form] = []
                for form in forms {
                    if case .word(let text) = form { exact.insert(text) } else { others.append(form) }
                }
                let orEnd = (optional ? part.dropLast() : part).split(separator: "|").contains("$")
                pieces.append(.one(exact, others, optional: optional, orEnd: orEnd))
            }
        }
        for piece in pieces {
            if case .start = piece { continue }
            if case .one(let exact, let others, optional: false, orEnd: false) = piece {
                openings = exact.sorted().map(Form.word) + others
            }
            break
        }
    }

    /// The word after the last matched one, for a match that begins at `index`.
    func end(in words: [Words.Word], at index: Int) -> Int? { end(in: words, from: index, piece: 0, begin: index) }

    private func end(in words: [Words.Word], from index: Int, piece: Int, begin: Int) -> Int? {
        guard piece < pieces.count else { return index > begin ? index : nil }
        let here = index < words.count && words[index].sentence == words[begin].sentence ? words[index] : nil
        switch pieces[piece] {
        case .start:
            guard index == 0 || words[index - 1].clause != words[index].clause else { return nil }
            return end(in: words, from: index, piece: piece + 1, begin: begin)
        case .end:
            guard index > begin, here == nil || here?.clause != words[index - 1].clause else { return nil }
            return end(in: words, from: index, piece: piece + 1, begin: begin)
        case .notNext(let forms):
            if let here, forms.contains(where: { $0.matches(here) }) { return nil }
            return end(in: words, from: index, piece: piece + 1, begin: begin)
        case .one(let exact, let others, let optional, let orEnd):
            if let here, here.forms.contains(where: exact.contains) || others.contains(where: { $0.matches(here) }),
                let end = end(in: words, from: index + 1, piece: piece + 1, begin: begin)
            {
                return end
            }
            let ended = orEnd && index > begin && here?.clause != words[index - 1].clause
            return optional || ended ? end(in: words, from: index, piece: piece + 1, begin: begin) : nil
        case .gap(let most):
            for skipped in 0...most {
                let next = index + skipped
                guard next < words.count, words[next].sentence == words[begin].sentence else { return nil }
                if let end = end(in: words, from: next, piece: piece + 1, begin: begin) { return end }
            }
            return nil
        }
    }

    private static func forms(_ part: Substring, _ classes: [String: [String]]) -> [Form] {
        part.split(separator: "|").flatMap { choice -> [Form] in
            if choice == "#" { return [.number] }
            if choice == "$" { return [] }
            if choice.hasPrefix("@") {
                return (classes[String(choice.dropFirst())] ?? []).flatMap { forms($0[...], [:]) }
            }
            let text = Words(String(choice)).all.map(\.text).joined()
            return choice.hasSuffix("*") ? [.beginning(text)] : [.word(text)]
        }
    }
}

/// Many phrases, each with what it stands for, looked for at once: a word is only tried with phrases that can begin there.
struct PhraseBook<Meaning: Sendable>: Sendable {
    struct Match: Sendable {
        var meaning: Meaning
        var range: Range<Int>
    }

    private var phrases: [(phrase: Phrase, meaning: Meaning)] = []
    private var byWord: [String: [Int]] = [:]
    private var byLetter: [Unicode.Scalar: [Int]] = [:]
    private var anywhere: [Int] = []

    init() {}

    init(_ entries: [(meaning: Meaning, sources: [String])], classes: [String: [String]] = [:]) {
        for entry in entries { add(entry.sources, classes: classes, as: entry.meaning) }
    }

    mutating func add(_ sources: [String], classes: [String: [String]] = [:], as meaning: Meaning) {
        for source in sources {
            let phrase = Phrase(source, classes: classes)
            let index = phrases.count
            phrases.append((phrase, meaning))
            if phrase.openings.isEmpty { anywhere.append(index) }
            for opening in phrase.openings {
                switch opening {
                case .word(let text): byWord[text, default: []].append(index)
                case .beginning(let text):
                    if let letter = text.unicodeScalars.first { byLetter[letter, default: []].append(index) }
                case .number: anywhere.append(index)
                }
            }
        }
    }

    /// Calls `found` for each match, by place and then by the table's order, until it says `false`.
    func scan(_ words: Words, _ found: (Match) -> Bool) {
        for index in words.all.indices {
            for candidate in candidates(words.all[index]) {
                guard let end = phrases[candidate].phrase.end(in: words.all, at: index) else { continue }
                guard found(Match(meaning: phrases[candidate].meaning, range: index..<end)) else { return }
            }
        }
    }

    func matches(_ words: Words) -> [Match] {
        var matches: [Match] = []
        scan(words) {
            matches.append($0)
            return true
        }
        return matches
    }

    func first(_ words: Words) -> Match? {
        var first: Match?
        scan(words) {
            first = $0
            return false
        }
        return first
    }

    private func candidates(_ word: Words.Word) -> [Int] {
        var found = anywhere
        for form in word.forms {
            if let exact = byWord[form] { found += exact }
            if let letter = form.unicodeScalars.first, let prefixed = byLetter[letter] { found += prefixed }
        }
        return found.count > 1 ? Set(found).sorted() : found
    }
}
