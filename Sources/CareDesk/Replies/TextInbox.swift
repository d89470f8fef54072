import CareDomain
import Synchronization

/// Between a model that speaks in small pieces and a writer that appends: what was said and not yet written.
///
/// Words go out at once if nothing went out for a pause; else they wait for each other until 64 characters have come
/// together or the pause is over. Bounded: beyond `capacity` the model waits.
final class TextInbox: Sendable {
    /// Characters that go out without waiting for more.
    static let enough = 64
    /// Bytes that may lie here before the model has to wait.
    static let capacity = 64 * 1024

    /// Why no more comes.
    enum Ending: Sendable, Equatable {
        case finished, stopped, lost, interrupted(String), failed(String)
    }

    private struct State {
        var text = ""
        var lastTaken: Moment?
        var ending: Ending?
        var reader: CheckedContinuation<Void, Never>?
        var writer: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    /// Called by the model's side. Returns when there is room again.
    func put(_ text: String) async {
        let (wake, isFull) = state.withLock { state -> (CheckedContinuation<Void, Never>?, Bool) in
            guard state.ending == nil else { return (nil, false) }
            state.text += text
            return (take(&state.reader), state.text.utf8.count >= Self.capacity)
        }
        wake?.resume()
        if isFull {
            await withCheckedContinuation { continuation in
                let goOn = state.withLock { state in
                    if state.ending != nil || state.text.utf8.count < Self.capacity { return true }
                    state.writer = continuation
                    return false
                }
                if goOn { continuation.resume() }
            }
        }
    }

    /// The first ending counts.
    func close(_ ending: Ending) {
        let waiting = state.withLock { state in
            if state.ending == nil { state.ending = ending }
            return [take(&state.reader), take(&state.writer)]
        }
        for continuation in waiting { continuation?.resume() }
    }

    var ending: Ending? { state.withLock { $0.ending } }

    /// The next words, nil once all are taken and it is closed. At most one in a `pause`, unless there are many.
    func next(pause: Duration, time: Timekeeper) async -> String? {
        await wait { !$0.text.isEmpty }
        let rest = state.withLock { state in
            guard state.ending == nil, let last = state.lastTaken else { return Duration.zero }
            return last + pause - time.now()
        }
        if rest > .zero {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await time.sleep(rest) }
                group.addTask { await self.wait { $0.text.count >= Self.enough } }
                await group.next()
                wakeReader()
                group.cancelAll()
            }
        }
        let (text, writer) = state.withLock { state in
            defer { state.text = "" }
            state.lastTaken = time.now()
            return (state.text, take(&state.writer))
        }
        writer?.resume()
        return text.isEmpty ? nil : text
    }

    /// Waits until this holds, it is closed, or somebody else woke the reader.
    private func wait(until holds: @Sendable (borrowing State) -> Bool) async {
        while true {
            let isOver = state.withLock { $0.ending != nil || holds($0) }
            if isOver || Task.isCancelled { return }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let goOn = state.withLock { state in
                        if state.ending != nil || holds(state) || Task.isCancelled { return true }
                        state.reader = continuation
                        return false
                    }
                    if goOn { continuation.resume() }
                }
            } onCancel: {
                wakeReader()
            }
        }
    }

    private func wakeReader() { state.withLock { take(&$0.reader) }?.resume() }
}

/// Takes what is there and leaves nothing, so that a continuation is resumed once.
private func take(_ slot: inout CheckedContinuation<Void, Never>?) -> CheckedContinuation<Void, Never>? {
    defer { slot = nil }
    return slot
}
