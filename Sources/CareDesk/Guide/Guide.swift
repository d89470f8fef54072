package import CareDomain

/// The intake assistant that needs no model: tables and a pure function. It asks, one thing at a time, for what a
/// coordinator needs, answers what may be answered without one, and never diagnoses or names a price, a doctor or a
/// hospital. It remembers nothing: every answer is derived from the turns alone, so any node and any restart says the
/// same.
package struct Guide: LanguageModel {
    /// Five words' worth of time before the first one, and no more than this.
    private static let breath: Duration = .milliseconds(600)
    private let pace: Duration
    private let sleep: @Sendable (Duration) async throws -> Void

    package init(
        pace: Duration = .milliseconds(45),
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.pace = pace
        self.sleep = sleep
    }

    package var author: Message.Author { .guide }

    package func answer(_ prompt: Prompt, emit: @Sendable (ModelEvent) async -> Void) async {
        guard !Task.isCancelled else { return }
        await emit(.started(requestID: nil, model: nil))
        // A breath before the first word: an answer that stands there at once is not believed to have been read.
        var pause = min(pace * 5, Self.breath)
        for piece in Self.pieces(of: words(for: prompt)) {
            do {
                try await sleep(pause)
            } catch {
                return
            }
            guard !Task.isCancelled else { return }
            pause = pace
            await emit(.text(piece))
        }
        guard !Task.isCancelled else { return }
        await emit(.finished(.complete))
    }

    package func words(for prompt: Prompt) -> String {
        let question = prompt.turns.last { $0.speaker == .patient }?.text ?? ""
        let language = Language.written(question) ?? prompt.language
        return ReportAnswer.text(
            to: question, in: language, papers: prompt.papers, leftOut: prompt.papersLeftOut)
            ?? Interview(prompt).answer()
    }

    /// The first message of a case, before the patient has written.
    package func greeting(in language: Language, name: String?) -> String {
        let table = GuideTable.of(language)
        guard let name, !name.isEmpty else { return table.line("hello") }
        return table.line("helloNamed").replacing("{name}", with: Quote(name).text)
    }

    /// Words with the blanks that follow them.
    static func pieces(of text: String) -> [String] {
        var pieces: [String] = []
        var piece = ""
        var blank = false
        for character in text {
            if blank, !character.isWhitespace {
                pieces.append(piece)
                piece = ""
            }
            blank = character.isWhitespace
            piece.append(character)
        }
        if !piece.isEmpty { pieces.append(piece) }
        return pieces
    }
}

/// What every model is told, whoever made it.
package enum SystemPrompt {
    package static func text(in language: Language) -> String { GuideTable.of(language).systemPrompt }
}

/// A patient's own words, fit to be said back: one line, bounded, without Markdown, amounts or titles.
struct Quote {
    static let limit = 160
    let text: String

    init(_ source: String) {
        var words: [Substring] = []
        var length = 0
        for word in source.prefix(Words.limit).split(whereSeparator: \.isWhitespace) {
            guard length + word.count <= Self.limit else {
                words.append("…")
                break
            }
            length += word.count + 1
            words.append(word)
        }
        let plain = words.joined(separator: " ").filter { !"*_`#<>[]()|~\\".contains($0) }
        text = Self.withoutMoney(plain).replacing("Dr.", with: "doctor").replacing("dr.", with: "doctor")
    }

    private static let currencies = PhraseBook<Void>([
        (
            (),
            [
                "dollar|dollars|usd|euro|euros|eur|riyal|riyals|sar|dirham|dirhams|aed|gbp|pounds|lira|dinar|dinars|kwd|egp|sr",
                "دولار|يورو|ريال|درهم|جنيه|دينار|ليرة",
            ]
        )
    ])

    static func mentionsMoney(_ text: String) -> Bool {
        text.contains { "$€£¥₹﷼".contains($0) } || currencies.first(Words(text)) != nil
    }

    /// Budgets belong to the coordinator: with money in it, the figures are left out.
    private static func withoutMoney(_ text: String) -> String {
        guard mentionsMoney(text) else { return text }
        return text.filter { !$0.isNumber && !"$€£¥₹﷼".contains($0) }
    }
}
