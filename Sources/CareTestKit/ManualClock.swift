package import CareDesk
package import CareDomain
import Synchronization

/// Time that stands still until a test moves it.
package final class ManualClock: Sendable {
    private struct Sleeper {
        var until: Moment
        var wake: CheckedContinuation<Void, any Error>
    }
    private struct State {
        var now = Moment(milliseconds: 1_800_000_000_000)
        var sleepers: [Int: Sleeper] = [:]
        var last = 0
        var cancelled: Set<Int> = []
    }
    private let state = Mutex(State())

    package init() {}

    package var now: Moment { state.withLock { $0.now } }
    package var sleeping: Int { state.withLock { $0.sleepers.count } }

    package var timekeeper: Timekeeper {
        Timekeeper(now: { self.now }, sleep: { try await self.sleep($0) })
    }

    /// Returns once somebody sleeps for exactly this long from now: what is tested has come to rest there, and time may
    /// be moved.
    package func until(sleepingFor duration: Duration) async throws {
        while !state.withLock({ state in state.sleepers.values.contains { $0.until == state.now + duration } }) {
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    package func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now = state.now + duration
            let due = state.sleepers.filter { $0.value.until <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.until < $1.until }
        }
        for sleeper in woken { sleeper.wake.resume() }
    }

    private func sleep(_ duration: Duration) async throws {
        let id = state.withLock { state in
            state.last += 1
            return state.last
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(id) != nil || Task.isCancelled { return .failure(CancellationError()) }
                    if duration <= .zero { return .success(()) }
                    state.sleepers[id] = Sleeper(until: state.now + duration, wake: continuation)
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                if let sleeper = state.sleepers.removeValue(forKey: id) { return sleeper as Sleeper? }
                state.cancelled.insert(id)
                return nil
            }
            sleeper?.wake.resume(throwing: CancellationError())
        }
    }
}
