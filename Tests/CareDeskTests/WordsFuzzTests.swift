import CareDomain
import CareTestKit
import Testing

@testable import CareDesk

/// People can write anything, and some will.
@Suite(.timeLimit(.minutes(10)))
struct `The tables, given nonsense` {
    /// As long as a message may ever be.
    private static let longest = 15_000
    private static let scalars: [Unicode.Scalar] = [
        "a", "z", "0", "9", " ", "\n", ".", "?", "!", ",", "'", "’", "-", "ا", "ل", "و", "ب", "ة", "؟", "،", "ـ", "٣",
        "\u{301}",
        "\u{64B}", "\u{200B}", "\u{200D}", "\u{202E}", "\u{FEFF}", "\u{0}", "\u{FFFD}", "👩", "🇸", "ﬁ", "İ", "ß",
        "\u{10FFFF}", "ﷺ", "<", "*", "{", "}",
    ]
    private static let phrases = [
        "chest pain", "I can't breathe", "no chest pain", "I want to die", "talk to a real person", "my name is",
        "I am 58 years old",
        "allergic to penicillin", "how much does it cost", "ألم في الصدر", "أريد التحدث مع شخص", "لا أستطيع التنفس",
        "اسمي", "عمري ٥٨ سنة",
        "and", "not", "no", "very", "my", "the", "don't", "والصدر",
    ]

    private static func text(_ fuzz: inout Mutator) -> String {
        var text = String.UnicodeScalarView()
        let length = fuzz.one(of: [1, 20, 200, 2_000, longest])
        let same = fuzz.one(of: scalars)
        let kind = fuzz.below(4)
        while text.count < length {
            switch kind {
            case 0: text.append(fuzz.one(of: scalars))
            case 1: text.append(same)
            case 2: text.append(contentsOf: fuzz.one(of: phrases).unicodeScalars)
            default:
                text.append(
                    contentsOf: (fuzz.below(2) == 0 ? String(fuzz.one(of: scalars)) : fuzz.one(of: phrases) + " ")
                        .unicodeScalars)
            }
        }
        return String(String.UnicodeScalarView(text.prefix(length)))
    }

    @Test func `always answer, and the same again`() {
        Fuzz.run("the guide and the intent", 40) { fuzz in
            let texts = (0...fuzz.below(3)).map { _ in Self.text(&fuzz) }
            let intent = Intent()
            #expect(intent.of(texts[0]) == intent.of(texts[0]), "seed \(fuzz.seed)")
            let prompt = Prompt(
                system: "", turns: texts.map { .init(.patient, $0) }, language: fuzz.below(2) == 0 ? .english : .arabic,
                userHash: "u")
            let answer = Guide().words(for: prompt)
            #expect(!answer.isEmpty && answer.utf8.count < 8_000, "seed \(fuzz.seed)")
            #expect(answer == Guide().words(for: prompt), "seed \(fuzz.seed)")
        }
    }
}
