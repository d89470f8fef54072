import CareDesk
import CareDomain
import CareTestKit
import Foundation
import Synchronization

/// A model whose answer to each case is laid down beforehand: what it says, how long it thinks in between, and what it
/// tells the test about how far it is.
final class Chatter: LanguageModel {
    /// How far an answer is, as a cut or a takeover may land.
    enum Moment: Int, CaseIterable, CustomStringConvertible {
        case beforeFirstText, inMidText, betweenLastDeltaAndSave, after
        var description: String {
            switch self {
            case .beforeFirstText: "before the first text"
            case .inMidText: "in mid-text"
            case .betweenLastDeltaAndSave: "between last delta and save"
            case .after: "after"
            }
        }
    }

    struct Plan: Sendable {
        var words: [String]
        var middle: Int
        var pauseBefore: Duration
        var pauseEach: Duration
        var pauseAfter: Duration
        let reached: [Gate] = Moment.allCases.map { _ in Gate() }
        var text: String { words.joined() }

        /// Lingers where something is meant to happen, or hardly anything would ever land there.
        /// `patience` times as long where it takes longer to make it happen.
        init(
            _ random: inout SeededRandom, words count: ClosedRange<Int> = 12...40, lingersAt moment: Moment? = nil,
            patience: Int = 1
        ) {
            words = (0..<Int.random(in: count, using: &random)).map { _ in random.words() }
            middle = 1 + random.below(words.count - 1)
            func pause(_ wanted: Moment) -> Duration {
                .microseconds(random.below(800) + (moment == wanted ? patience * (15_000 + random.below(10_000)) : 0))
            }
            pauseBefore = pause(.beforeFirstText)
            pauseAfter = pause(.betweenLastDeltaAndSave)
            pauseEach = .microseconds(random.below(700) + (moment == .inMidText ? patience * 700 : 0))
        }
    }

    let author: Message.Author = .openai
    private let plans = Mutex<[String: Plan]>([:])

    func plan(_ plan: Plan, for caseID: String) { plans.withLock { $0[caseID] = plan } }

    func answer(_ prompt: Prompt, emit: @Sendable (ModelEvent) async -> Void) async {
        guard let plan = plans.withLock({ $0[prompt.userHash] }) else {
            return await emit(.failed(ModelFailure(.malformed)))
        }
        plan.reached[Moment.beforeFirstText.rawValue].open()
        try? await Task.sleep(for: plan.pauseBefore)
        for (index, word) in plan.words.enumerated() {
            if Task.isCancelled { return }
            await emit(.text(word))
            if index == plan.middle { plan.reached[Moment.inMidText.rawValue].open() }
            if plan.pauseEach > .zero { try? await Task.sleep(for: plan.pauseEach) }
        }
        plan.reached[Moment.betweenLastDeltaAndSave.rawValue].open()
        try? await Task.sleep(for: plan.pauseAfter)
        if Task.isCancelled { return }
        await emit(.finished(.complete))
        plan.reached[Moment.after.rawValue].open()
    }
}

/// How often something landed where.
struct Landings: Sendable {
    private(set) var counts: [Chatter.Moment: Int] = [:]
    var total: Int { counts.values.reduce(0, +) }

    mutating func add(_ moment: Chatter.Moment) { counts[moment, default: 0] += 1 }
    static func + (one: Landings, other: Landings) -> Landings {
        Landings(counts: one.counts.merging(other.counts) { $0 + $1 })
    }

    var line: String {
        Chatter.Moment.allCases.map { "\($0) \(counts[$0, default: 0])" }.joined(separator: ", ")
    }
    /// Every kind at least a tenth: or the proof proves less than it says.
    var isSpread: Bool { Chatter.Moment.allCases.allSatisfy { counts[$0, default: 0] * 10 >= total } }
}
