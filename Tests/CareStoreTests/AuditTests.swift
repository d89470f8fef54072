import CareDesk
import CareDomain
import CareTestKit
import Foundation
import Testing

@testable import CareStore

/// A trail of five rows in a file, and somebody who can write into that file.
struct `The audit trail` {
    private func withTrail(_ body: (SQLStore, SQLiteDatabase) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let database = try SQLiteDatabase(path: folder.appendingPathComponent("test.sqlite").path)
        let store = SQLStore(database)
        try await store.migrate()
        for number in 1...5 { try await store.record(entry(number)) }
        try await body(store, database)
    }

    private func entry(_ number: Int) -> AuditEntry {
        AuditEntry(
            at: Moment(milliseconds: Int64(number)), person: Cast.priya.id, session: Cast.id("s"), right: .readCase,
            caseID: Cast.id("c"), patientID: Cast.amina.id, outcome: .allowed, request: "r\(number)")
    }

    private static let row = "'p', 's', 'read_case', 'c', 'amina', 'allowed', 'r'"
    private static let hash = "'\(String(repeating: "a", count: 64))'"

    @Test(arguments: [
        // A changed row, in each of its fields.
        ("UPDATE audit SET happened_at = 7 WHERE number = 3", 3, AuditFault.What.altered),
        ("UPDATE audit SET person_id = 'tom' WHERE number = 1", 1, .altered),
        ("UPDATE audit SET session_id = 't' WHERE number = 3", 3, .altered),
        ("UPDATE audit SET session_id = NULL WHERE number = 3", 3, .altered),
        ("UPDATE audit SET verb = 'ask' WHERE number = 3", 3, .altered),
        ("UPDATE audit SET case_id = 'd' WHERE number = 3", 3, .altered),
        ("UPDATE audit SET patient_id = 'tom' WHERE number = 3", 3, .altered),
        ("UPDATE audit SET outcome = 'refused' WHERE number = 5", 5, .altered),
        ("UPDATE audit SET request_id = 'r4' WHERE number = 3", 3, .altered),
        ("UPDATE audit SET hash = \(hash) WHERE number = 3", 3, .altered),
        ("UPDATE audit SET session_id = x'73' WHERE number = 3", 3, .unreadable),
        ("UPDATE audit SET happened_at = 'yesterday' WHERE number = 3", 3, .unreadable),
        // A deleted one, also with the numbers closed up behind it.
        ("DELETE FROM audit WHERE number = 1", 1, .missing(found: 2)),
        ("DELETE FROM audit WHERE number = 3", 3, .missing(found: 4)),
        ("DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 WHERE number > 3", 3, .altered),
        // An inserted one: at the end, before the beginning, and between others.
        ("INSERT INTO audit VALUES (6, 6, \(row), \(hash))", 6, .beyondHead),
        ("INSERT INTO audit VALUES (0, 6, \(row), \(hash))", 1, .missing(found: 0)),
        ("INSERT INTO audit VALUES (-9223372036854775808, 6, \(row), \(hash))", 6, .uncounted(6)),
        (
            "UPDATE audit SET number = 6 WHERE number = 5; INSERT INTO audit VALUES (5, 5, \(row), \(hash))", 5,
            .altered
        ),
        // Two that changed places.
        (
            "UPDATE audit SET number = 9 WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3; "
                + "UPDATE audit SET number = 3 WHERE number = 9", 2, .altered
        ),
        // A truncated tail.
        ("DELETE FROM audit WHERE number > 3", 4, .endsEarly(head: 5)),
        ("DELETE FROM audit", 1, .endsEarly(head: 5)),
        ("UPDATE audit_chain SET number = 3", 4, .beyondHead),
        ("UPDATE audit_chain SET head = \(hash)", 5, .headAltered),
        ("DELETE FROM audit WHERE number > 3; UPDATE audit_chain SET number = 3", 3, .headAltered),
        ("DELETE FROM audit_chain", 5, .headAltered),
        ("DELETE FROM audit; UPDATE audit_chain SET number = 0", 0, .headAltered),
    ])
    func `shows where somebody wrote into the file`(_ sql: String, _ row: Int, _ what: AuditFault.What) async throws {
        try await withTrail { store, database in
            #expect(try await store.verify(page: 2).fault == nil)
            try await database.write { session in
                for statement in sql.split(separator: ";") { try session.run(String(statement), []) }
            }
            for page in [1, 2, 5, 100] {
                #expect(try await store.verify(page: page).fault == AuditFault(row: row, what: what))
            }
        }
    }

    /// What no chain can show by itself, and why a head is noted outside.
    @Test func `is whole to itself when its tail and its head are cut together, but not to who noted the head`()
        async throws
    {
        try await withTrail { store, database in
            let noted = try await store.auditHead()
            let third = try #require(try await store.auditRows(AuditQuery()).dropFirst(2).first)
            try await database.write { session in
                try session.run("DELETE FROM audit WHERE number > 3", [])
                try session.run("UPDATE audit_chain SET number = 3, head = $1", [.text(third.hash)])
            }
            #expect(try await store.verify().fault == nil)
            #expect(try await store.verify(noted: noted).fault == AuditFault(row: 4, what: .endsEarly(head: 5)))
            // It goes on with other rows, and still is not what was noted.
            for number in 4...6 { try await store.record(entry(number + 10)) }
            #expect(try await store.verify().fault == nil)
            #expect(try await store.verify(noted: noted).fault == AuditFault(row: 5, what: .notAsNoted))
        }
    }

    @Test func `has a change and its row together or neither`() async throws {
        struct Refused: Error {}
        try await withTrail { store, database in
            let done = entry(6)
            await #expect(throws: Refused.self) {
                try await database.write { session in
                    try session.run("UPDATE flags SET value = 1", [])
                    try session.add(done)
                    throw Refused()
                }
            }
            #expect(try await store.auditHead()?.number == 5)
            try await database.write { session in
                try session.run("INSERT INTO flags (name, value) VALUES ('x', 1)", [])
                try session.add(done)
            }
            #expect(try await store.verify().head.number == 6)
            #expect(try await store.verify().fault == nil)
        }
    }

    @Test func `is not written without the head it has to follow`() async throws {
        try await withTrail { store, database in
            _ = try await database.write { try $0.run("DELETE FROM audit_chain", []) }
            await #expect(throws: StoreError.unreadable(column: "audit_chain")) { try await store.record(entry(6)) }
            #expect(try await store.auditRows(AuditQuery()).count == 5)
        }
    }

    @Test func `begins empty in a database that was there before it`() async throws {
        let database = try SQLiteDatabase(path: nil)
        try await database.write { session in
            try session.run("CREATE TABLE schema_steps (number BIGINT PRIMARY KEY)", [])
            for statement in Migrations.all[0].statements { try session.run(statement, []) }
            try session.run("INSERT INTO schema_steps (number) VALUES (1)", [])
        }
        let store = SQLStore(database)
        try await store.save(Cast.amina)
        #expect(try await store.migrate() == Array(2...SQLStore.newestSchema))
        #expect(try await store.person(Cast.amina.id) == Cast.amina)
        #expect(try await store.auditHead() == AuditHead.none)
        #expect(try await store.record(entry(1)).number == 1)
        #expect(try await store.verify().fault == nil)
    }
}
