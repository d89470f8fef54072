import CareDesk
import CareDomain
import CareLog
import CareTestKit
import Testing

@testable import CareStore

@Suite(.serialized)
struct `The schema` {
    /// What a newer version may have added; the numbers go on from ours.
    private func newer(_ count: Int = 1, breaks: Bool) -> [Migrations.Step] {
        (1...count).map { step in
            Migrations.Step(
                number: Migrations.newest + step, breaksOlder: breaks && step == count,
                statements: [
                    "CREATE TABLE future_\(step) (id TEXT PRIMARY KEY, n BIGINT)",
                    "ALTER TABLE cases ADD COLUMN future_\(step) TEXT",
                    "ALTER TABLE messages ADD COLUMN future_\(step) BIGINT NOT NULL DEFAULT 7",
                ])
        }
    }

    @Test(arguments: Engine.allCases)
    func `is brought up to date by one of many nodes that start at once`(_ engine: Engine) async throws {
        try await engine.withTwo { one, two in
            let taken = try await withThrowingTaskGroup(of: [Int].self) { group in
                for database in [one, two, one, two, two, one] {
                    group.addTask { try await Migrations.run(on: database) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(taken.filter { !$0.isEmpty } == [Array(1...Migrations.newest)])
            #expect(try await Migrations.current(on: two) == Migrations.newest)
        }
    }

    @Test(arguments: Engine.allCases)
    func `is not there before, and then is at the newest step`(_ engine: Engine) async throws {
        try await engine.withTwo { one, _ in
            #expect(try await Migrations.current(on: one) == nil)
            try await SQLStore(one).migrate()
            #expect(try await Migrations.current(on: one) == Migrations.newest)
        }
    }

    /// A rolling upgrade: the new node has migrated while the old one runs, and the old one is even started again.
    @Test(arguments: Engine.allCases)
    func `that a newer node has migrated is used by an older one that runs, and by one that starts`(
        _ engine: Engine
    ) async throws {
        try await engine.withTwo { old, new in
            let running = SQLStore(old)
            try await running.migrate()
            let careCase = try await running.open(
                CaseDraft(
                    patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello",
                    at: Moment(milliseconds: 0))
            ).careCase
            let steps = Migrations.all + newer(3, breaks: false)
            #expect(try await Migrations.run(on: new, steps) == steps.suffix(3).map(\.number))
            #expect(try await running.careCase(careCase.id) == careCase)
            #expect(try await running.migrate().isEmpty)
            for check in StoreContract.all {
                // Each expects a store to itself.
                if engine == .sqlite { _ = try await new.write { try $0.run("DELETE FROM document_search", []) } }
                for table in [
                    "document_pages", "documents", "uploads", "messages", "replies", "cases", "topics", "log_outbox",
                    "people", "secrets", "flags",
                ] {
                    _ = try await new.write { try $0.run("DELETE FROM \(table)", []) }
                }
                _ = try await new.write { session in
                    try session.run("DELETE FROM audit", [])
                    try session.run(
                        "UPDATE audit_chain SET number = 0, head = $1", [.text(AuditHead.none.hash)])
                }
                try await check.check(running)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func `that a newer node has changed beyond an older one is refused by it, and not touched`(
        _ engine: Engine
    ) async throws {
        try await engine.withTwo { old, new in
            let steps = Migrations.all + newer(2, breaks: true)
            _ = try await Migrations.run(on: new, steps)
            let found = Migrations.newest + 2
            await #expect(throws: StoreError.newerSchema(found: found, known: Migrations.newest)) {
                try await SQLStore(old).migrate()
            }
            // One that knows the step before is too old as well; one that knows it is not, whatever comes after.
            await #expect(throws: StoreError.newerSchema(found: found, known: found - 1)) {
                try await Migrations.run(on: old, Array(steps.dropLast()))
            }
            let after = Migrations.Step(number: found + 1, statements: ["CREATE TABLE later (id TEXT PRIMARY KEY)"])
            #expect(try await Migrations.run(on: new, steps + [after]) == [found + 1])
            #expect(try await Migrations.run(on: old, steps).isEmpty)
        }
    }

    /// What was taken before there were floors may have broken anything.
    @Test(arguments: Engine.allCases)
    func `with a step of unknown floor is refused`(_ engine: Engine) async throws {
        try await engine.withTwo { one, _ in
            try await SQLStore(one).migrate()
            _ = try await one.write { try $0.run("INSERT INTO schema_steps (number) VALUES ($1)", [9_999]) }
            await #expect(throws: StoreError.newerSchema(found: 9_999, known: Migrations.newest)) {
                try await SQLStore(one).migrate()
            }
            await #expect(throws: StoreError.newerSchema(found: 9_999, known: 3)) {
                try await Migrations.run(on: one, Array(Migrations.all[..<3]))
            }
        }
    }

    /// The outbox of a program that knew no mark: what waits in it still waits.
    @Test(arguments: Engine.allCases)
    func `keeps what waited in the outbox before settled facts stayed`(_ engine: Engine) async throws {
        try await engine.withTwo { one, _ in
            _ = try await Migrations.run(on: one, Array(Migrations.all[..<3]))
            try await one.write { session in
                try session.addFact(
                    .handling(Cast.id("c"), Handling(state: .ai, version: 0)), of: Cast.amina.id,
                    at: Moment(milliseconds: 1))
            }
            #expect(try await SQLStore(one).migrate() == Array(4...Migrations.newest))
            #expect(try await SQLStore(one).pendingFacts(of: .patient(Cast.amina.id), limit: 9).map(\.number) == [1])
        }
    }
}
