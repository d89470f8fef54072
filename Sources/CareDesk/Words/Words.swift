package import CareDomain

/// What a person wrote, as the tables see it: lower case, without apostrophes, accents, Arabic vowel signs and tatweel,
/// the spellings of alef, ya and ta marbuta made one, every digit ASCII, cut into words, clauses and sentences.
///
/// Linear in the text, and bounded: a person can send anything.
struct Words: Sendable {
    struct Word: Sendable, Hashable {
        var text: String
        /// The word and, in Arabic, what is left without its attached article and particles (`والصدر` → `صدر`).
        var forms: [String]
        var clause: Int
        var sentence: Int
    }

    /// Letters and digits that are read; what follows is ignored.
    static let limit = 8_000
    /// Scalars looked at, so that a megabyte of vowel signs or blanks ends too.
    static let scalarLimit = 4 * limit

    private(set) var all: [Word] = []
    /// Sentences that end in a question mark.
    private(set) var asking: Set<Int> = []

    init(_ text: String) {
        var clause = 0
        var sentence = 0
        var word = String.UnicodeScalarView()
        var kept = 0

        func close() {
            guard !word.isEmpty else { return }
            let text = String(word)
            all.append(Word(text: text, forms: Self.forms(of: text), clause: clause, sentence: sentence))
            word = String.UnicodeScalarView()
        }

        for scalar in text.unicodeScalars.prefix(Self.scalarLimit) {
            switch Self.kind(of: scalar) {
            case .dropped: continue
            case .kept(let folded):
                guard kept < Self.limit else { break }
                kept += 1
                word.append(folded)
            case .blank: close()
            case .comma:
                close()
                clause += 1
            case .stop(let question):
                close()
                if question { asking.insert(sentence) }
                clause += 1
                sentence += 1
            }
        }
        close()
    }

    var isEmpty: Bool { all.isEmpty }
    var joined: String { all.map(\.text).joined(separator: " ") }

    enum Kind { case dropped, blank, comma, kept(Unicode.Scalar), stop(question: Bool) }

    static func kind(of scalar: Unicode.Scalar) -> Kind {
        switch scalar.value {
        case 0x41...0x5A: return .kept(Unicode.Scalar(UInt8(scalar.value + 0x20)))
        case 0x30...0x39, 0x61...0x7A: return .kept(scalar)
        case 0x3F, 0x61F, 0xFF1F: return .stop(question: true)
        case 0x0A, 0x0D, 0x21, 0x2E, 0x3B, 0x61B, 0x6D4, 0x2026, 0x2028, 0x2029: return .stop(question: false)
        case 0x2C, 0x3A, 0x60C, 0x28, 0x29, 0x2013, 0x2014: return .comma
        // Apostrophes: "don't", "don’t" and "dont" are one word.
        case 0x27, 0x60, 0xB4, 0x2018, 0x2019, 0x2BC, 0xFF07: return .dropped
        // Accents, vowel signs, tatweel, soft hyphens, zero-width and direction marks.
        case 0xAD, 0x300...0x36F, 0x610...0x61A, 0x640, 0x64B...0x65F, 0x670, 0x6D6...0x6ED, 0x200B...0x200F,
            0x202A...0x202E, 0x2060...0x2069, 0xFE00...0xFE0F, 0xFEFF:
            return .dropped
        case 0x622, 0x623, 0x625, 0x671...0x673: return .kept("ا")
        case 0x649, 0x626, 0x6CC, 0x6D2: return .kept("ي")
        case 0x624: return .kept("و")
        case 0x629, 0x6C1, 0x6D5: return .kept("ه")
        case 0x6A9, 0x6AF: return .kept("ك")
        case 0x660...0x669: return digit(scalar.value - 0x660)
        case 0x6F0...0x6F9: return digit(scalar.value - 0x6F0)
        case 0xFF10...0xFF19: return digit(scalar.value - 0xFF10)
        case 0xFF21...0xFF3A: return .kept(Unicode.Scalar(UInt8(scalar.value - 0xFF21 + 0x61)))
        case 0xFF41...0xFF5A: return .kept(Unicode.Scalar(UInt8(scalar.value - 0xFF41 + 0x61)))
        default:
            guard scalar.properties.isAlphabetic else { return .blank }
            let lower = scalar.properties.lowercaseMapping.unicodeScalars
            return .kept(lower.first ?? scalar)
        }
    }

    private static func digit(_ value: UInt32) -> Kind { .kept(Unicode.Scalar(UInt8(0x30 + value))) }

    /// "and", "so", "with", "to", "like" and the article are written onto the Arabic word; at least three letters stay.
    private static func forms(of word: String) -> [String] {
        guard let first = word.unicodeScalars.first, (0x620...0x64A).contains(first.value) else { return [word] }
        var forms = [word]
        func add(_ form: Substring) {
            if form.count >= 3 || form == "ما" || form == "لا", !forms.contains(String(form)) {
                forms.append(String(form))
            }
        }
        func strip(_ form: Substring) {
            if form.hasPrefix("ال") { add(form.dropFirst(2)) }
            if form.hasPrefix("لل") { add(form.dropFirst(2)) }
            if let particle = form.first, "بلكعه".contains(particle) {
                add(form.dropFirst())
                if form.dropFirst().hasPrefix("ال") { add(form.dropFirst(3)) }
            }
        }
        strip(word[...])
        if word.hasPrefix("و") || word.hasPrefix("ف") {
            add(word.dropFirst())
            strip(word.dropFirst())
        }
        return forms
    }
}

extension Language {
    /// The language of what was written, where its script tells: nil is "ask the case".
    package static func written(_ text: String) -> Language? {
        var arabic = 0
        var latin = 0
        for scalar in text.unicodeScalars.prefix(Words.scalarLimit) {
            switch scalar.value {
            case 0x620...0x64A, 0x671...0x6D3, 0xFB50...0xFDFF, 0xFE70...0xFEFC: arabic += 1
            case 0x41...0x5A, 0x61...0x7A: latin += 1
            default: break
            }
        }
        // One Latin name in an Arabic sentence ("Whatsapp") does not make it English, nor the reverse.
        return arabic > 0 && arabic * 2 >= latin ? .arabic : nil
    }
}
