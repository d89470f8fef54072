import CareDesk
import CareDomain
import CareLog
import CareTestKit
import Testing

@testable import CareStore

/// The publisher over a real store: what it settles stays for a while, and is not told again.
struct `Facts on their way to the log` {
    @Test func `stay in the store when they are in the log, until the sweep has left them long enough`() async throws {
        let store = SQLStore(try SQLiteDatabase(path: nil))
        try await store.migrate()
        let log = MemoryEventLog()
        let publisher = FactPublisher(store: store, log: log)
        let topic = Topic.patient(Cast.amina.id)
        let opened = Moment.now
        _ = try await store.open(
            CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: opened))
        #expect(try await store.pendingFacts(of: topic, limit: 9).count == 2)
        await publisher.sweep(olderThan: opened)
        #expect(
            try await store.pendingFacts(of: topic, limit: 9).count == 2, "they are young: who committed tells them")
        await publisher.sweep(olderThan: opened + .milliseconds(1))
        #expect(try await store.pendingFacts(of: topic, limit: 9).isEmpty)
        let told = try await log.reading(of: topic).position
        #expect(told.offset == 2)

        // Both sides of the while; a minute on either is more than this test takes.
        for _ in 0..<2 {
            await publisher.sweep(olderThan: opened + FactPublisher.keptSettled + .seconds(-60))
            #expect(try await store.recentFacts(since: opened, limit: 9).map(\.1.number) == [1, 2])
        }
        await publisher.sweep(olderThan: opened + FactPublisher.keptSettled + .seconds(60))
        #expect(try await store.recentFacts(since: opened, limit: 9).isEmpty)
        await publisher.publish(topic)
        #expect(try await log.reading(of: topic).position == told, "something was told twice")
    }

    /// Was: an older node could not read it, and told nobody anything of this patient any more.
    @Test func `are told as they were written when a newer version wrote them`() async throws {
        let database = try SQLiteDatabase(path: nil)
        let store = SQLStore(database)
        try await store.migrate()
        let event = try Say.unknown("receipt", audience: .everyone)
        try await database.write { try $0.addFact(event, of: Cast.amina.id, at: .now) }
        try await database.write { try $0.addFact(Say.message("Known"), of: Cast.amina.id, at: .now) }
        let log = MemoryEventLog()
        let topic = Topic.patient(Cast.amina.id)
        let follower = try await log.follow(topic, from: nil, view: StreamView(caseID: nil))
        await FactPublisher(store: store, log: log).publish(topic)
        let items = await EventLogContract.take(3, from: follower)
        #expect(EventLogContract.bodies(items) == ["ready at", "1:receipt", "2:message"])
        #expect(try await store.pendingFacts(of: topic, limit: 9).isEmpty)
    }
}
