import CareDomain
import CareTestKit
import Synchronization
import Testing

@testable import CareDesk

/// Who answers, and after what wait, on a clock that only the test moves.
@Suite(.timeLimit(.minutes(4)))
struct `Getting an answer` {
    private let clock = ManualClock()
    private let heard = Heard()
    private let guide = ScriptedModel([.say("Guide."), .finish])

    private func answer(by model: any LanguageModel) async -> Answering.Outcome {
        await Answering(model: model, guide: guide, time: clock.timekeeper, jitter: { 1 })
            .answer(Self.prompt) { heard.add($0) }
    }

    private static let prompt = Prompt(
        system: "", turns: [Prompt.Turn(.patient, "Hello")], language: .english, userHash: "case")
    private static let fallback = Answering.Outcome(end: .finished, author: .guideFallback)

    private static func busy(after: Duration? = nil) -> ScriptedModel.Step {
        .fail(ModelFailure(.busy, retryAfter: after, status: 529))
    }

    @Test func `gives up a silent model after 20 s, not before, and the guide answers`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.wait(gate), .say("late"), .finish])
        async let outcome = answer(by: model)
        try await clock.until(sleepingFor: Answering.patience)
        clock.advance(by: Answering.patience - .milliseconds(1))
        #expect(clock.sleeping == 1, "it gave up early")
        #expect(model.cancelled == 0)
        clock.advance(by: .milliseconds(1))
        #expect(await outcome == Self.fallback)
        #expect(heard.text == "Guide.")
        #expect(model.cancelled == 1, "the request was left open")
    }

    @Test func `leaves a model alone that has begun to speak, however long it pauses`() async throws {
        let begin = Gate()
        let end = Gate()
        let model = ScriptedModel([.wait(begin), .say("Slow "), .wait(end), .say("words"), .finish])
        async let outcome = answer(by: model)
        try await clock.until(sleepingFor: Answering.patience)
        clock.advance(by: Answering.patience - .milliseconds(1))
        begin.open()
        while heard.text.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        clock.advance(by: .seconds(60))
        end.open()
        #expect(await outcome == Answering.Outcome(end: .finished, author: .openai))
        #expect(heard.text == "Slow words")
    }

    @Test func `shows nothing of a model that speaks after it was given up`() async throws {
        let model = Stubborn()
        async let outcome = answer(by: model)
        try await clock.until(sleepingFor: Answering.patience)
        clock.advance(by: Answering.patience)
        #expect(await outcome == Self.fallback)
        #expect(heard.text == "Guide.")
    }

    @Test func `asks a busy model again after 0.5, 1, 2, 4 and 8 s, then the guide`() async throws {
        let model = ScriptedModel([Self.busy()])
        let begun = clock.now
        async let outcome = answer(by: model)
        for (tries, pause) in [500, 1_000, 2_000, 4_000, 8_000].enumerated() {
            try await clock.until(sleepingFor: .milliseconds(pause))
            #expect(model.prompts.count == tries + 1)
            clock.advance(by: .milliseconds(pause - 1))
            #expect(model.prompts.count == tries + 1, "asked again before \(pause) ms")
            clock.advance(by: .milliseconds(1))
        }
        #expect(await outcome == Self.fallback, "a pause that ends after 20 s is not waited for")
        #expect(model.prompts.count == 6)
        #expect(clock.now - begun == .milliseconds(15_500))
    }

    @Test func `waits as long as the upstream says, when that is within 20 s`() async throws {
        let model = ScriptedModel([Self.busy(after: .milliseconds(19_999))], [.say("Here."), .finish])
        async let outcome = answer(by: model)
        try await clock.until(sleepingFor: .milliseconds(19_999))
        clock.advance(by: .milliseconds(19_998))
        #expect(model.prompts.count == 1)
        clock.advance(by: .milliseconds(1))
        #expect(await outcome == Answering.Outcome(end: .finished, author: .openai))
        #expect(heard.text == "Here.")
    }

    @Test func `does not wait longer than 20 s for an upstream that says so`() async {
        let model = ScriptedModel([Self.busy(after: Answering.patience)])
        #expect(await answer(by: model) == Self.fallback)
        #expect(model.prompts.count == 1)
    }

    @Test(arguments: [ModelFailure.Kind.refused, .malformed])
    func `does not repeat what cannot help`(kind: ModelFailure.Kind) async {
        let model = ScriptedModel([.fail(ModelFailure(kind))])
        #expect(await answer(by: model) == Self.fallback)
        #expect(model.prompts.count == 1)
    }

    @Test(arguments: [ModelFailure.Kind.busy, .idle, .truncated, .unreachable, .malformed, .refused])
    func `never glues a second answer to words already shown`(kind: ModelFailure.Kind) async {
        let model = ScriptedModel([.say("Half"), .fail(ModelFailure(kind))])
        let outcome = await answer(by: model)
        #expect(outcome == Answering.Outcome(end: .interrupted("model_\(kind.rawValue)"), author: .openai))
        #expect(heard.text == "Half")
        #expect(model.prompts.count == 1)
        #expect(guide.prompts.isEmpty)
    }

    /// Was: kept as a complete answer, of which no other try was offered.
    @Test(arguments: [(ModelEvent.FinishReason.length, "model_length"), (.refusal, "model_declined")])
    func `takes words that stop in mid-sentence for no answer`(reason: ModelEvent.FinishReason, code: String) async {
        let outcome = await answer(by: ScriptedModel([.say("Half a sen"), .end(reason)]))
        #expect(outcome == Answering.Outcome(end: .interrupted(code), author: .openai))
        #expect(heard.text == "Half a sen")
        #expect(guide.prompts.isEmpty)
    }

    @Test func `takes an end without an end mark for a truncated answer`() async {
        #expect(
            await answer(by: ScriptedModel([.say("Half")]))
                == Answering.Outcome(end: .interrupted("model_truncated"), author: .openai))
    }

    @Test func `has the guide answer when the model finishes without a word`() async {
        #expect(await answer(by: ScriptedModel([.finish])) == Self.fallback)
    }

    @Test func `fails plainly when not even the guide answers`() async {
        let mute = Answering(
            model: ScriptedModel([.finish]), guide: ScriptedModel([.fail(ModelFailure(.busy))]),
            time: clock.timekeeper)
        #expect(
            await mute.answer(Self.prompt) { heard.add($0) }
                == Answering.Outcome(end: .failed("no_answer"), author: .guideFallback))
        let halting = Answering(
            model: ScriptedModel([.finish]), guide: ScriptedModel([.say("Half")]), time: clock.timekeeper)
        #expect(
            await halting.answer(Self.prompt) { heard.add($0) }
                == Answering.Outcome(end: .interrupted("guide_failed"), author: .guideFallback))
    }

    @Test func `ends at once when it is cancelled while it waits to ask again`() async throws {
        let model = ScriptedModel([Self.busy()])
        let asking = Task { await answer(by: model) }
        try await clock.until(sleepingFor: .milliseconds(500))
        asking.cancel()
        #expect(await asking.value == Answering.Outcome(end: .failed("cancelled"), author: .openai))
        #expect(guide.prompts.isEmpty)
    }

    private final class Heard: Sendable {
        private let words = Mutex("")
        var text: String { words.withLock { $0 } }
        func add(_ more: String) { words.withLock { $0 += more } }
    }

    /// Speaks only once it has been told to stop, against its port's promise.
    private struct Stubborn: LanguageModel {
        let author: Message.Author = .openai
        func answer(_ prompt: Prompt, emit: @Sendable (ModelEvent) async -> Void) async {
            await Gate().passed()
            await emit(.text("too late"))
            await emit(.finished(.complete))
        }
    }
}
