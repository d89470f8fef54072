package import CareDomain
import Synchronization

/// One topic and its readers behind one lock. Short and synchronous inside; readers are woken outside of it.
package final class TopicHost: FollowerSource {
    private struct Reader {
        var state: FollowerState
        var waiting: CheckedContinuation<Void, Never>?
        var isCancelled = false
    }
    private struct Inside {
        var topic: TopicState
        var readers: [Int: Reader] = [:]
        var nextReader = 0
        var isClosed = false

        mutating func wakeAll() -> [CheckedContinuation<Void, Never>] {
            var woken: [CheckedContinuation<Void, Never>] = []
            for id in readers.keys {
                if let waiting = readers[id]?.waiting {
                    woken.append(waiting)
                    readers[id]?.waiting = nil
                }
            }
            return woken
        }
    }

    private let limits: LogLimits
    private let inside: Mutex<Inside>

    package init(epoch: String, limits: LogLimits) {
        self.limits = limits
        inside = Mutex(Inside(topic: TopicState(epoch: epoch, limits: limits)))
    }

    /// `nil` here and in the next ones: the topic was dropped meanwhile; ask for its new host.
    package func append(_ draft: Draft, json: [UInt8]) -> AppendOutcome? {
        let (outcome, woken) = inside.withLock { inside -> (AppendOutcome?, [CheckedContinuation<Void, Never>]) in
            guard !inside.isClosed else { return (nil, []) }
            let outcome = inside.topic.append(draft, json: json)
            if case .appended = outcome { return (outcome, inside.wakeAll()) }
            return (outcome, [])
        }
        for reader in woken { reader.resume() }
        return outcome
    }

    package func tell(_ signal: Signal) -> Void? {
        let woken = inside.withLock { inside -> [CheckedContinuation<Void, Never>]? in
            guard !inside.isClosed else { return nil }
            var woken: [CheckedContinuation<Void, Never>] = []
            for id in inside.readers.keys where inside.readers[id]?.state.hear(signal, limits: limits) == true {
                if let waiting = inside.readers[id]?.waiting {
                    woken.append(waiting)
                    inside.readers[id]?.waiting = nil
                }
            }
            return woken
        }
        return woken.map { for reader in $0 { reader.resume() } }
    }

    /// Changes the topic as a value and wakes who reads it: how a mirror is fed. Whether they go on or are reset is
    /// decided by what they then find.
    package func change<Answer>(_ body: (inout TopicState) -> Answer) -> Answer? {
        let (answer, woken) = inside.withLock { inside -> (Answer?, [CheckedContinuation<Void, Never>]) in
            guard !inside.isClosed else { return (nil, []) }
            return (body(&inside.topic), inside.wakeAll())
        }
        for reader in woken { reader.resume() }
        return answer
    }

    /// Looks at the topic without waking anybody.
    package func look<Answer>(_ body: (TopicState) -> Answer) -> Answer? {
        inside.withLock { $0.isClosed ? nil : body($0.topic) }
    }

    package var isFollowed: Bool { inside.withLock { !$0.readers.isEmpty } }

    package func raiseFence(_ fence: Fence, of caseID: CaseID) -> Void? {
        inside.withLock { $0.isClosed ? nil : $0.topic.raiseFence(fence, of: caseID) }
    }

    package func renew(epoch: String) -> Void? {
        let woken = inside.withLock { inside -> [CheckedContinuation<Void, Never>]? in
            guard !inside.isClosed else { return nil }
            inside.topic = TopicState(epoch: epoch, limits: limits)
            return inside.wakeAll()
        }
        return woken.map { for reader in $0 { reader.resume() } }
    }

    package func follow(from position: Position?, view: StreamView) -> Follower? {
        let id: Int? = inside.withLock { inside in
            guard !inside.isClosed else { return nil }
            inside.nextReader += 1
            inside.readers[inside.nextReader] = Reader(
                state: FollowerState(from: position, view: view, in: inside.topic))
            return inside.nextReader
        }
        return id.map { Follower(source: self, id: $0) }
    }

    package var reading: TopicReading? {
        inside.withLock {
            $0.isClosed ? nil : TopicReading(position: $0.topic.position, running: $0.topic.folds)
        }
    }

    /// Closes it for good if nobody reads it and nobody writes a reply; says whether it did.
    package func closeIfIdle() -> Bool {
        inside.withLock { inside in
            inside.isClosed = inside.readers.isEmpty && !inside.topic.isReplying
            return inside.isClosed
        }
    }

    package func next(_ id: Int) async -> [Follower.Item] {
        while true {
            let items: [Follower.Item]? = inside.withLock { inside in
                guard var reader = inside.readers[id], !reader.isCancelled else { return [] }
                defer { inside.readers[id] = reader }
                return reader.state.take(from: inside.topic, limits: limits)
            }
            if let items { return items }
            await park(id)
        }
    }

    package func beat(_ id: Int) { changeReader(id) { $0.state.wantsHeartbeat() } }

    package func part(_ id: Int, _ parting: Parting) { changeReader(id) { $0.state.part(with: parting) } }

    package func leave(_ id: Int) {
        let waiting = inside.withLock { $0.readers.removeValue(forKey: id)?.waiting }
        waiting?.resume()
    }

    /// Waits until something changed. Looking again happens under the same lock as parking, so that an append between
    /// the look in `next` and here cannot be slept through.
    private func park(_ id: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goOn = inside.withLock { inside in
                    guard var reader = inside.readers[id], !reader.isCancelled else { return true }
                    var ahead = reader.state
                    if ahead.take(from: inside.topic, limits: limits) != nil { return true }
                    reader.state = ahead
                    reader.waiting = continuation
                    inside.readers[id] = reader
                    return false
                }
                if goOn { continuation.resume() }
            }
        } onCancel: {
            changeReader(id) { $0.isCancelled = true }
        }
    }

    private func changeReader(_ id: Int, _ body: (inout Reader) -> Void) {
        let waiting = inside.withLock { inside in
            guard var reader = inside.readers[id] else { return nil as CheckedContinuation<Void, Never>? }
            body(&reader)
            let waiting = reader.waiting
            reader.waiting = nil
            inside.readers[id] = reader
            return waiting
        }
        waiting?.resume()
    }
}
