package import CareDesk
package import CareDomain
import Synchronization

/// A model that says what a test tells it to, when it is told to.
package final class ScriptedModel: LanguageModel {
    package enum Step: Sendable {
        case say(String)
        /// Waits until the gate opens; cancelling ends it.
        case wait(Gate)
        case fail(ModelFailure)
        case finish
        /// It ends for another reason than that it has said everything.
        case end(ModelEvent.FinishReason)
    }

    package let author: Message.Author
    private let scripts: Mutex<[[Step]]>
    private let seen = Mutex((prompts: [Prompt](), cancelled: 0))

    /// One script a request; the last one is used again.
    package init(author: Message.Author = .openai, _ scripts: [Step]...) {
        self.author = author
        self.scripts = Mutex(scripts)
    }

    package var prompts: [Prompt] { seen.withLock { $0.prompts } }
    /// Requests that were cancelled before their script ended.
    package var cancelled: Int { seen.withLock { $0.cancelled } }

    package func answer(_ prompt: Prompt, emit: @Sendable (ModelEvent) async -> Void) async {
        seen.withLock { $0.prompts.append(prompt) }
        let script = scripts.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? [] }
        for step in script {
            if Task.isCancelled { break }
            switch step {
            case .say(let text): await emit(.text(text))
            case .wait(let gate): await gate.passed()
            case .fail(let failure): return await emit(.failed(failure))
            case .finish: return await emit(.finished(.complete))
            case .end(let reason): return await emit(.finished(reason))
            }
        }
        seen.withLock { $0.cancelled += 1 }
    }
}

/// Something a test opens once, and others wait for.
package final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var last = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    }
    private let state = Mutex(State())

    package init() {}

    package var isOpen: Bool { state.withLock { $0.isOpen } }

    package func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns when it is open or the task is cancelled.
    package func passed() async {
        let id = state.withLock { state in
            state.last += 1
            return state.last
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goOn = state.withLock { state in
                    if state.isOpen || Task.isCancelled { return true }
                    state.waiting[id] = continuation
                    return false
                }
                if goOn { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: id) }?.resume()
        }
    }
}
