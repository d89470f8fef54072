package import CareDomain
import Synchronization

/// Gets an answer from the model, and from the guide when the model fails before its first word.
///
///     model ─ retry while nothing was shown, 20 s in all ─▶ guide (marked guide_fallback)
///     model ─ fails after its first word ─▶ interrupted: two half answers are never glued together
package struct Answering: Sendable {
    /// All tries before the first text together; then the guide answers.
    package static let patience: Duration = .seconds(20)

    package let model: any LanguageModel
    package let guide: any LanguageModel
    private let time: Timekeeper
    private let jitter: @Sendable () -> Double

    package init(
        model: any LanguageModel, guide: any LanguageModel, time: Timekeeper = .system,
        jitter: @escaping @Sendable () -> Double = { .random(in: 0.75...1) }
    ) {
        self.model = model
        self.guide = guide
        self.time = time
        self.jitter = jitter
    }

    package struct Outcome: Sendable, Equatable {
        package enum End: Sendable, Equatable { case finished, interrupted(String), failed(String) }
        package var end: End
        package var author: Message.Author
    }

    /// Returns when the answer is over or the task is cancelled.
    func answer(_ prompt: Prompt, emit: @escaping @Sendable (String) async -> Void) async -> Outcome {
        guard model.author != .guide else { return await ask(guide, prompt, as: .guide, emit: emit) }
        let begun = time.now()
        var tries = 0
        while !Task.isCancelled {
            let left = begun + Self.patience - time.now()
            guard left > .zero else { break }
            let told = Told()
            await ask(prompt, firstTextWithin: left, told, emit: emit)
            switch (told.hasText, told.end) {
            // Words that stop in mid-sentence are no answer: they stay, and another try is offered.
            case (true, .finished(.length)?):
                return Outcome(end: .interrupted("model_length"), author: model.author)
            case (true, .finished(.refusal)?):
                return Outcome(end: .interrupted("model_declined"), author: model.author)
            case (true, .finished?): return Outcome(end: .finished, author: model.author)
            case (true, .failed(let failure)?):
                return Outcome(end: .interrupted("model_\(failure.kind.rawValue)"), author: model.author)
            case (true, _): return Outcome(end: .interrupted("model_truncated"), author: model.author)
            case (false, .failed(let failure)?) where failure.mayRetry:
                let backoff = Duration.milliseconds(500 << min(tries, 4)) * jitter()
                let pause = failure.retryAfter ?? backoff
                guard pause < begun + Self.patience - time.now() else { break }
                tries += 1
                try? await time.sleep(pause)
                continue
            case (false, _): break
            }
            break
        }
        if Task.isCancelled { return Outcome(end: .failed("cancelled"), author: model.author) }
        return await ask(guide, prompt, as: .guideFallback, emit: emit)
    }

    private func ask(
        _ guide: any LanguageModel, _ prompt: Prompt, as author: Message.Author,
        emit: @escaping @Sendable (String) async -> Void
    ) async -> Outcome {
        let told = Told()
        await guide.answer(prompt) { event in
            if let text = told.heard(event) { await emit(text) }
        }
        guard case .finished = told.end, told.hasText else {
            return Outcome(end: told.hasText ? .interrupted("guide_failed") : .failed("no_answer"), author: author)
        }
        return Outcome(end: .finished, author: author)
    }

    /// One request, given up when not a word has come in time. The model's own idle timeout holds after that.
    private func ask(
        _ prompt: Prompt, firstTextWithin limit: Duration, _ told: Told,
        emit: @escaping @Sendable (String) async -> Void
    ) async {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await model.answer(prompt) { event in
                    if let text = told.heard(event) { await emit(text) }
                }
                return true
            }
            group.addTask {
                try? await time.sleep(limit)
                return false
            }
            while let isOver = await group.next() {
                if isOver || told.giveUpUnlessSpeaking() { break }
            }
            group.cancelAll()
        }
    }

    /// What one request has told so far.
    private final class Told: Sendable {
        private struct State {
            var hasText = false
            var isGivenUp = false
            var end: ModelEvent?
        }
        private let state = Mutex(State())

        var hasText: Bool { state.withLock { $0.hasText } }
        var end: ModelEvent? { state.withLock { $0.end } }

        /// The text to show, if the event has any that still may be shown.
        func heard(_ event: ModelEvent) -> String? {
            state.withLock { state in
                guard !state.isGivenUp else { return nil }
                switch event {
                case .text(let text):
                    state.hasText = true
                    return text
                case .finished, .failed: state.end = event
                case .started, .usage: break
                }
                return nil
            }
        }

        func giveUpUnlessSpeaking() -> Bool {
            state.withLock { state in
                state.isGivenUp = !state.hasText
                return state.isGivenUp
            }
        }
    }
}
