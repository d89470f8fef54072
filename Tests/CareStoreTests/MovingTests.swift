import CareDesk
import CareDomain
import Foundation
import Testing

@testable import CareStore
@testable import CareTestKit

@Suite(.serialized)
struct `An installation that moves` {
    struct Way: CustomTestStringConvertible {
        var from: Engine
        var to: Engine
        var testDescription: String { "from \(from) to \(to)" }
    }
    static let ways = Engine.allCases.flatMap { from in Engine.allCases.map { Way(from: from, to: $0) } }

    /// Everything that verbs leave behind, and more rows than fit into a batch.
    private func fill(_ database: any SQLDatabase) async throws {
        let store = SQLStore(database)
        try await store.migrate()
        for check in [StoreContract.takeovers, StoreContract.smallThings] { try await check(store) }
        let careCase = try await store.open(
            CaseDraft(
                patient: Cast.amina.id, clientCaseID: "k", title: "الركبة", language: .arabic, greeting: "é\r\n\u{1}",
                at: StoreContract.now)
        ).careCase
        for number in 0..<Moving.batch + 7 {
            _ = try await StoreContract.say("m\(number) 👩🏽‍⚕️ '; \\", key: "\(number)", in: careCase, store) {
                $0.waitingLimit = 999
            }
        }
        for number in 1...3 { try await store.record(StoreContract.entry(number)) }
        try await store.revoke(Revocation(.person(Cast.tom.id), at: StoreContract.now))
        try await store.set(.coordinatorEnabled, to: true)
        _ = try await StoreContract.readThrough(store, "خضاب الدم 13.2\r\n\u{1}", in: careCase, digest: "d")
        _ = try await StoreContract.upload(store, in: careCase)
        try await StoreContract.settleAll(store)
    }

    @Test(arguments: ways)
    func `is the same on the other side, and goes on there`(_ way: Way) async throws {
        try await way.from.withTwo { source, other in
            try await fill(source)
            let before = try await Moving.inventory(of: other)
            try await way.to.withTwo { target, _ in
                let moved = try await Moving.move(from: source, to: target)
                #expect(moved.map(\.name) == Moving.tables.map(\.name))
                #expect(moved == before)
                #expect(try await Moving.inventory(of: target) == before)
                #expect(try await Moving.inventory(of: source) == before, "the source was changed")
                let rows = Dictionary(uniqueKeysWithValues: moved.map { ($0.name, $0.rows) })
                #expect(rows.values.allSatisfy { $0 > 0 }, "a table that the test leaves empty: \(rows)")
                #expect((rows["log_outbox"] ?? 0) > Moving.batch && (rows["messages"] ?? 0) > Moving.batch, "\(rows)")

                let (old, new) = (SQLStore(source), SQLStore(target))
                let list = try await old.cases(of: Cast.amina.id, limit: 100)
                #expect(try await new.cases(of: Cast.amina.id, limit: 100) == list)
                #expect(try await new.verify().fault == nil)
                #expect(try await new.search(["خضاب"], of: Cast.amina.id, limit: 5).count == 1, "words are found there")
                #expect(try await new.auditHead() == old.auditHead())
                let last = try await old.recentFacts(since: Moment(milliseconds: 0), limit: 9_999).last?.1.number ?? 0
                let said = try await StoreContract.say("later", key: "later", in: list[0], new) {
                    $0.waitingLimit = 999
                }
                guard case .stored = said else {
                    Issue.record("\(said)")
                    return
                }
                #expect(try await new.pendingFacts(of: StoreContract.topic, limit: 1).map(\.number) == [last + 1])
            }
        }
    }

    @Test(arguments: ways)
    func `goes nowhere where there is something`(_ way: Way) async throws {
        try await way.from.withTwo { source, _ in
            try await fill(source)
            for table in ["people", "secrets", "audit_chain"] {
                try await way.to.withTwo { target, _ in
                    let store = SQLStore(target)
                    try await store.migrate()
                    #expect(await store.health() == .ok)
                    switch table {
                    case "people": try await store.save(Cast.tom)
                    case "secrets": _ = try await store.secret("key") { "other" }
                    default: _ = try await target.write { try $0.run("UPDATE audit_chain SET number = 1", []) }
                    }
                    let before = try await Moving.inventory(of: target)
                    await #expect(throws: Moving.Refusal.notEmpty(table: table)) {
                        try await Moving.move(from: source, to: target)
                    }
                    #expect(try await Moving.inventory(of: target) == before)
                }
            }
        }
    }

    @Test(arguments: ways)
    func `goes where nothing of it is but a schema and the mark of health`(_ way: Way) async throws {
        try await way.from.withTwo { source, _ in
            try await fill(source)
            try await way.to.withTwo { target, _ in
                try await SQLStore(target).migrate()
                #expect(await SQLStore(target).health() == .ok)
                let moved = try await Moving.move(from: source, to: target)
                #expect(try await Moving.inventory(of: target) == moved)
            }
        }
    }

    /// Something between here and there that changes one letter of one message.
    @Test(arguments: ways)
    func `is not left half there, or wrong there`(_ way: Way) async throws {
        try await way.from.withTwo { source, _ in
            try await fill(source)
            try await way.to.withTwo { target, _ in
                try await SQLStore(target).migrate()
                let empty = try await Moving.inventory(of: target)
                try await corrupt(target, way.to)
                await #expect(throws: Moving.Refusal.differs(table: "messages")) {
                    try await Moving.move(from: source, to: target)
                }
                #expect(try await Moving.inventory(of: target) == empty)
            }
        }
    }

    private func corrupt(_ target: any SQLDatabase, _ engine: Engine) async throws {
        let statements =
            switch engine {
            case .sqlite:
                [
                    """
                    CREATE TRIGGER corrupts AFTER INSERT ON messages WHEN new.body LIKE 'm100 %'
                    BEGIN UPDATE messages SET body = 'M' || substr(body, 2) WHERE id = new.id; END
                    """
                ]
            #if Postgres
                case .postgres:
                    [
                        """
                        CREATE FUNCTION corrupt() RETURNS trigger LANGUAGE plpgsql AS
                        'BEGIN new.body = replace(new.body, ''m100 '', ''M100 ''); RETURN new; END'
                        """,
                        """
                        CREATE TRIGGER corrupts BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION corrupt()
                        """,
                    ]
            #endif
            }
        try await target.write { session in for statement in statements { try session.run(statement, []) } }
    }

    @Test(arguments: Engine.allCases)
    func `comes from a database of this version only`(_ engine: Engine) async throws {
        try await engine.withTwo { source, _ in
            let target = try SQLiteDatabase(path: nil)
            await #expect(throws: Moving.Refusal.sourceSchema(found: nil, wanted: Migrations.newest)) {
                try await Moving.move(from: source, to: target)
            }
            _ = try await Migrations.run(on: source, Array(Migrations.all[..<3]))
            await #expect(throws: Moving.Refusal.sourceSchema(found: 3, wanted: Migrations.newest)) {
                try await Moving.move(from: source, to: target)
            }
        }
    }

    /// A table that is not in the list would be left behind without a word.
    @Test(arguments: Engine.allCases)
    func `takes every table there is`(_ engine: Engine) async throws {
        try await engine.withTwo { database, _ in
            try await SQLStore(database).migrate()
            let sql =
                engine == .sqlite
                ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                : "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'"
            let names = try await database.read { try $0.rows(sql, []).map { try $0.text("name") } }
            // What the search of SQLite keeps is made of `document_pages`, by its trigger.
            #expect(
                Set(names.filter { !$0.hasPrefix("document_search") })
                    == Set(Moving.tables.map(\.name) + ["schema_steps", "stream_tickets"]))
        }
    }

    @Test func `does not bring what it could not hold`() async throws {
        let source = try SQLiteDatabase(path: nil)
        try await fill(source)
        _ = try await source.write { try $0.run("UPDATE people SET name = x'41'", []) }
        await #expect(throws: StoreError.unreadable(column: "name")) {
            try await Moving.move(from: source, to: try SQLiteDatabase(path: nil))
        }
    }

    /// Another process, because a process does not see its own locks.
    @Test func `knows who has the file open`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("test.sqlite").path
        #expect(SQLiteDatabase.holder(of: path) == nil, "there is no file")
        do { try await SQLStore(try SQLiteDatabase(path: path)).migrate() }
        #expect(SQLiteDatabase.holder(of: path) == nil, "nobody has it open")
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        python.arguments = [
            "python3", "-c",
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM people').fetchall(); "
                + "print('open', flush=True); sys.stdin.read()", path,
        ]
        let (said, end) = (Pipe(), Pipe())
        python.standardOutput = said
        python.standardInput = end
        try python.run()
        defer {
            try? end.fileHandleForWriting.close()
            python.waitUntilExit()
        }
        #expect(try said.fileHandleForReading.read(upToCount: 4) == Data("open".utf8))
        #expect(SQLiteDatabase.holder(of: path) == python.processIdentifier)
        // And what is only read is read all the same, and not changed.
        let reader = try SQLiteDatabase(path: path, readOnly: true)
        #expect(try await Moving.inventory(of: reader).count == Moving.tables.count)
        #expect(await SQLStore(reader).health() == .readOnly)
    }
}
