import Synchronization

/// Notices when an upstream has been silent for too long. An idle timeout, not a total one: any byte resets it, and the
/// time our own side takes with what was heard does not count.
final class IdleWatch: Sendable {
    private struct State {
        /// Nil while our own side is at work.
        var deadline: ContinuousClock.Instant?
        var hasExpired = false
    }

    private let state: Mutex<State>
    private let timeout: Duration

    init(timeout: Duration) {
        self.timeout = timeout
        state = Mutex(State(deadline: .now + timeout))
    }

    var hasExpired: Bool { state.withLock { $0.hasExpired } }

    /// From now on the upstream's silence counts.
    func listen() { state.withLock { $0.deadline = .now + timeout } }

    /// Something was heard and our own side is at work. False if it came too late.
    func pause() -> Bool {
        state.withLock { state in
            state.deadline = nil
            return !state.hasExpired
        }
    }

    /// Returns when the silence was too long, or when the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            let deadline: ContinuousClock.Instant? = state.withLock { state in
                // While paused, look again after a whole timeout: whatever deadline comes then lies no earlier.
                guard let deadline = state.deadline else { return .now + timeout }
                guard deadline <= .now else { return deadline }
                state.hasExpired = true
                return nil
            }
            guard let deadline else { return }
            try? await Task.sleep(until: deadline, clock: .continuous)
        }
    }
}
