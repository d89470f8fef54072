import CareDesk
import CareDomain
import CareLog
import CareStore
import CareTestKit
import Synchronization
import Testing

/// A snapshot is read from the log and from the store, and anything may be committed between two reads.
@Suite(.timeLimit(.minutes(4)))
struct `A snapshot` {
    /// The case was read last. A takeover that was committed just before that was in the snapshot, and so was the answer it had
    /// ended, as one that runs: pages showed a person's name and the AI's words going on.
    @Test func `never shows a person and an answer that runs, wherever a takeover falls`() async throws {
        // One undisturbed, to know how many reads there are to fall between.
        let reads = try await look(takenOverBefore: .max).reads
        #expect(reads >= 1)
        for read in 1...reads + 1 {
            var (picture, later, _) = try await look(takenOverBefore: read)
            expectOneVoice(picture, "taken over before read \(read)")
            for event in later {
                picture.apply(event)
                expectOneVoice(picture, "taken over before read \(read), after \(event.type)")
            }
            #expect(picture.handling.state == .coordinator && !picture.needsSnapshot)
            #expect(picture.messages.values.contains { $0.body == "It takes" && $0.status == .stopped })
        }
    }

    private func expectOneVoice(_ picture: ClientPicture, _ when: String) {
        #expect(picture.handling.state == .ai || picture.shown.reply == nil, "\(when): \(picture.shown)")
    }

    /// What a page makes of a snapshot during which a person takes over, and what its stream then tells it.
    private func look(
        takenOverBefore read: Int
    ) async throws -> (picture: ClientPicture, later: [CareEvent], reads: Int) {
        let database = try SQLiteDatabase(path: nil)
        let store = SQLStore(database)
        try await store.migrate()
        let log = MemoryEventLog()
        let publisher = FactPublisher(store: store, log: log)
        let opened = try await store.open(
            CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: .now)
        ).careCase
        let topic = Topic.patient(Cast.amina.id)
        let received = try await store.receive(
            PatientMessage(caseID: opened.id, patient: Cast.amina, body: "Long?", clientMessageID: "k", at: .now))
        guard case .stored(_, let id?) = received,
            let started = try await store.start(id, lease: .now + .seconds(60), at: .now)
        else { throw Unexpected("\(received)") }
        await publisher.publish(topic)
        try await log.loadFence(started.fence, of: opened.id, in: topic)
        for event in [
            CareEvent.replyStarted(started.attempt, sequence: started.sequence),
            .replyDelta(started.attempt, n: 1, text: "It takes"),
        ] {
            _ = try await log.append(.reply(event, under: started.fence), to: topic)
        }

        let disturbed = Disturbed(database, before: read) {
            guard let fence = try await store.fenceOff(opened.id) else { throw Unexpected("no case") }
            try await log.loadFence(fence, of: opened.id, in: topic)
            let takeover = Takeover(
                caseID: opened.id, person: Cast.priya, fencedOff: fence,
                shown: try await log.reading(of: topic).running, at: .now)
            guard case .changed = try await store.takeOver(takeover) else { throw Unexpected("not taken over") }
            await publisher.publish(topic)
        }
        let slow = SQLStore(disturbed)
        guard
            let snapshot = try await CaseReader(store: slow, log: log, documents: slow)
                .snapshot(of: opened, audience: .everyone)
        else { throw Unexpected("no snapshot") }
        let reads = disturbed.reads
        if read != .max { try await disturbed.happen() }

        var picture = ClientPicture()
        picture.apply(
            ClientPicture.Snapshot(
                careCase: snapshot.careCase, messages: snapshot.messages, documents: snapshot.documents,
                reply: snapshot.reply))
        let follower = try await log.follow(
            topic, from: snapshot.cursor, view: StreamView(caseID: opened.id, part: .everything))
        let last = try await log.reading(of: topic).position
        var later: [CareEvent] = []
        var isBehind = last != snapshot.cursor
        while isBehind {
            for item in await follower.next() {
                guard case .entry(let entry, let position) = item else { continue }
                later.append(entry.event)
                if position == last { isBehind = false }
            }
        }
        return (picture, later, reads)
    }
}

/// A database in which something happens, once, just before a certain read, or when it is told that there are no more.
private final class Disturbed: SQLDatabase {
    private let base: any SQLDatabase
    private let moment: Int
    private let event: @Sendable () async throws -> Void
    private let state = Mutex((reads: 0, hasHappened: false))

    init(_ base: any SQLDatabase, before read: Int, _ event: @escaping @Sendable () async throws -> Void) {
        self.base = base
        moment = read
        self.event = event
    }

    var reads: Int { state.withLock { $0.reads } }

    func happen() async throws {
        let isDue = state.withLock { state in
            defer { state.hasHappened = true }
            return !state.hasHappened
        }
        if isDue { try await event() }
    }

    func read<Answer: Sendable>(_ body: @escaping @Sendable (any SQLSession) throws -> Answer) async throws -> Answer {
        let count = state.withLock { state in
            state.reads += 1
            return state.reads
        }
        if count == moment { try await happen() }
        return try await base.read(body)
    }
    func write<Answer: Sendable>(_ body: @escaping @Sendable (any SQLSession) throws -> Answer) async throws -> Answer {
        try await base.write(body)
    }
    func writeAlone<Answer: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> Answer
    ) async throws -> Answer { try await base.writeAlone(body) }
}
