package import CareDomain

/// Makes the prompt of a reply out of a case's messages, within a token budget. Pure.
package struct PromptWriter: Sendable {
    /// Messages read from the store for one prompt.
    package static let historyLimit = 200
    /// Estimated tokens of history; the oldest messages are left out beyond it.
    package var tokenBudget: Int
    private let system: @Sendable (Language) -> String

    package init(tokenBudget: Int = 6_000, system: @escaping @Sendable (Language) -> String) {
        self.tokenBudget = tokenBudget
        self.system = system
    }

    /// Estimated tokens that documents may take beside the history.
    package static let papersBudget = 4_000

    /// `messages` oldest first; those meant for staff are never told to a model.
    package func prompt(
        for careCase: CareCase, messages: [Message], papers: [Paper] = [], papersLeftOut: Int = 0
    ) -> Prompt {
        var turns: [Prompt.Turn] = []
        var left = tokenBudget
        for message in messages.reversed() where message.audience == .everyone && !message.body.isEmpty {
            guard let turn = Self.turn(message) else { continue }
            left -= Self.estimate(turn.text)
            guard left >= 0 || turns.isEmpty else { break }
            turns.append(turn)
        }
        turns.reverse()
        turns.removeFirst(turns.firstIndex { $0.speaker == .patient } ?? turns.count)
        // A fixed answer said while this reply waited comes after the question; a prompt that ends with the assistant would
        // be continued instead of answered.
        turns.removeSubrange(((turns.lastIndex { $0.speaker == .patient } ?? -1) + 1)...)
        var prompt = Prompt(
            system: system(careCase.language), turns: turns, language: careCase.language,
            userHash: careCase.id.rawValue)
        prompt.papers = papers
        prompt.papersLeftOut = papersLeftOut
        prompt.material = PapersWriter.text(
            for: papers, leftOut: papersLeftOut, question: turns.last?.text ?? "",
            budget: min(tokenBudget, Self.papersBudget))
        return prompt
    }

    private static func turn(_ message: Message) -> Prompt.Turn? {
        switch message.sender {
        case .patient: Prompt.Turn(.patient, message.body)
        case .ai: Prompt.Turn(.assistant, message.body)
        case .coordinator: Prompt.Turn(.assistant, "[A coordinator wrote:] \(message.body)")
        case .system: nil
        }
    }

    /// About four bytes a token: right for English, high for Arabic in UTF-8, and so on the safe side.
    static func estimate(_ text: String) -> Int { text.utf8.count / 4 + 8 }
}
