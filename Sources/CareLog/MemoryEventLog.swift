package import CareDomain
import Synchronization

/// The log of one process: the reference for every other one, and the default of a small installation.
///
/// It forgets everything when the process ends, so each process has epochs of its own; a topic that was dropped for
/// room begins a new one too. It shares nothing, so it never answers `alone` or `unvouched`.
package final class MemoryEventLog: EventLog {
    private struct Topics {
        var hosts: [Topic: (host: TopicHost, touched: Int)] = [:]
        var made = 0
        var clock = 0
    }
    private let limits: LogLimits
    private let boot: String
    private let topics = Mutex(Topics())

    package init(limits: LogLimits = LogLimits()) {
        self.limits = limits
        boot = String(UInt64.random(in: 0..<(1 << 40)), radix: 36)
    }

    package func append(_ draft: Draft, to topic: Topic) async throws -> AppendOutcome {
        let json = try draft.event.json()
        return on(topic) { $0.append(draft, json: json) }
    }

    package func loadFence(_ fence: Fence, of caseID: CaseID, in topic: Topic) async throws {
        on(topic) { $0.raiseFence(fence, of: caseID) }
    }

    package func renew(_ topic: Topic) async throws {
        let epoch = topics.withLock { newEpoch(&$0) }
        on(topic) { $0.renew(epoch: epoch) }
    }

    package func follow(_ topic: Topic, from position: Position?, view: StreamView) async throws -> Follower {
        on(topic) { $0.follow(from: position, view: view) }
    }

    package func reading(of topic: Topic) async throws -> TopicReading { on(topic) { $0.reading } }

    package func tell(_ signal: Signal, to topic: Topic) async { on(topic) { $0.tell(signal) } }

    /// A host that was dropped between finding and using it answers nil; its successor does not.
    private func on<Answer>(_ topic: Topic, _ body: (TopicHost) -> Answer?) -> Answer {
        while true {
            if let answer = body(host(topic)) { return answer }
        }
    }

    private func host(_ topic: Topic) -> TopicHost {
        topics.withLock { topics in
            topics.clock += 1
            if let host = topics.hosts[topic]?.host {
                topics.hosts[topic]?.touched = topics.clock
                return host
            }
            if topics.hosts.count >= limits.topics { makeRoom(&topics) }
            let host = TopicHost(epoch: newEpoch(&topics), limits: limits)
            topics.hosts[topic] = (host, topics.clock)
            return host
        }
    }

    private func newEpoch(_ topics: inout Topics) -> String {
        topics.made += 1
        return boot + String(topics.made, radix: 36)
    }

    /// Drops the longest untouched idle topics, a tenth at a time so that the sorting is rare.
    private func makeRoom(_ topics: inout Topics) {
        let oldest = topics.hosts.sorted { $0.value.touched < $1.value.touched }
        var room = max(1, limits.topics / 10)
        for (topic, held) in oldest where room > 0 && held.host.closeIfIdle() {
            topics.hosts[topic] = nil
            room -= 1
        }
    }
}
