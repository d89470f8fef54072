import CareDesk
import CareDomain
import CareLog
import CareStore
import CareTestKit
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(4)))
struct `A request that waits for an answer` {
    /// The end of an answer is heard on the log. A log that lost it never says it again, and the request waited until its
    /// patience was over although the answer stood in the store.
    @Test func `looks into the store when the log has lost entries`() async throws {
        let store = SQLStore(try SQLiteDatabase(path: nil))
        try await store.migrate()
        let listening = Gate()
        let log = Overheard(opens: listening)
        let opened = try await store.open(
            CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: .now))
        let received = try await store.receive(
            PatientMessage(
                caseID: opened.careCase.id, patient: Cast.amina, body: "Hi", clientMessageID: "k", at: .now))
        guard case .stored(_, let id?) = received,
            let started = try await store.start(id, lease: .now + .seconds(60), at: .now)
        else { throw Unexpected("\(received)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await CaseReader(store: store, log: log).waitForEnd(of: started.reply) }
            group.addTask {
                await listening.passed()
                let ending = ReplyEnding(state: .finished, text: "Yes.", through: 1, author: .guide)
                #expect(try await store.end(started, ending, at: .now))
                // The log is not told, and what it has is lost.
                try await log.renew(started.topic)
            }
            try await group.waitForAll()
        }
    }
}

/// A log that says when its reader, past the beginning, has come to wait for more.
private final class Overheard: EventLog, FollowerSource {
    private let base = MemoryEventLog()
    private let inner = Mutex<Follower?>(nil)
    private let asked = Mutex(0)
    private let listening: Gate

    init(opens gate: Gate) { listening = gate }

    func follow(_ topic: Topic, from position: Position?, view: StreamView) async throws -> Follower {
        let follower = try await base.follow(topic, from: position, view: view)
        inner.withLock { $0 = follower }
        return Follower(source: self, id: 0)
    }

    func next(_ id: Int) async -> [Follower.Item] {
        if asked.withLock({
            $0 += 1; return $0
        }) == 2 {
            listening.open()
        }
        return await inner.withLock { $0 }?.next() ?? []
    }

    func beat(_ id: Int) {}
    func part(_ id: Int, _ parting: Parting) {}
    func leave(_ id: Int) { inner.withLock { $0 = nil } }

    func append(_ draft: Draft, to topic: Topic) async throws -> AppendOutcome {
        try await base.append(draft, to: topic)
    }
    func loadFence(_ fence: Fence, of caseID: CaseID, in topic: Topic) async throws {
        try await base.loadFence(fence, of: caseID, in: topic)
    }
    func renew(_ topic: Topic) async throws { try await base.renew(topic) }
    func tell(_ signal: Signal, to topic: Topic) async { await base.tell(signal, to: topic) }
    func reading(of topic: Topic) async throws -> TopicReading { try await base.reading(of: topic) }
}
