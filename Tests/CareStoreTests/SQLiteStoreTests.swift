import CareDesk
import CareDomain
import CareStore
import CareTestKit
import Foundation
import Testing

struct `The store on SQLite` {
    @Test(arguments: StoreContract.all.map(\.name))
    func `keeps the contract`(_ name: String) async throws {
        let check = try #require(StoreContract.all.first { $0.name == name }?.check)
        let store = SQLStore(try SQLiteDatabase(path: nil))
        try await store.migrate()
        try await check(store)
    }

    @Test(arguments: StoreContract.atOnce.map(\.name))
    func `keeps the contract of two nodes`(_ name: String) async throws {
        let check = try #require(StoreContract.atOnce.first { $0.name == name }?.check)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("test.sqlite").path
        let stores = try (1...2).map { _ in SQLStore(try SQLiteDatabase(path: path)) }
        try await stores[0].migrate()
        try await check(stores[0], stores[1])
    }

    @Test(arguments: [
        ("SELECT $2 AS a, $1 AS b", "two", "one"), ("SELECT $1 AS a, $1 AS b", "one", "one"),
        ("SELECT $2 AS a, $2 AS b WHERE $1 = 'one'", "two", "two"),
    ])
    func `binds placeholders by number, swapped and repeated`(_ sql: String, _ a: String, _ b: String) async throws {
        let database = try SQLiteDatabase(path: nil)
        let values: [SQLValue] = sql.contains("$2") ? ["one", "two"] : ["one"]
        let rows = try await database.read { try $0.rows(sql, values) }
        #expect(rows.first?.values["a"] == .text(a))
        #expect(rows.first?.values["b"] == .text(b))
    }

    @Test func `is the same after closing and opening, and migrates once`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("test.sqlite").path
        let first = SQLStore(try SQLiteDatabase(path: path))
        #expect(try await first.migrate() == Array(1...SQLStore.newestSchema))
        #expect(try await first.migrate().isEmpty)
        try await first.save(Cast.amina)
        let second = SQLStore(try SQLiteDatabase(path: path))
        #expect(try await second.migrate().isEmpty)
        #expect(try await second.person(Cast.amina.id) == Cast.amina)
    }

    @Test func `of a newer version is refused, not written to`() async throws {
        let database = try SQLiteDatabase(path: nil)
        try await SQLStore(database).migrate()
        _ = try await database.write { try $0.run("INSERT INTO schema_steps (number) VALUES ($1)", [9_999]) }
        await #expect(throws: StoreError.newerSchema(found: 9_999, known: SQLStore.newestSchema)) {
            try await SQLStore(database).migrate()
        }
    }
}
