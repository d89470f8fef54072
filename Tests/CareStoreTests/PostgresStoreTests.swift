#if Postgres
    import CareDesk
    import CareDomain
    import CareTestKit
    import Foundation
    import Testing

    @testable import CareStore

    /// A database of its own on the tests' server.
    func postgres(_ change: (inout PostgresSettings) -> Void = { _ in }) async throws -> PostgresDatabase {
        PostgresDatabase(try settings(try await PostgresServer.database(), change))
    }

    func settings(
        _ address: String, _ change: (inout PostgresSettings) -> Void = { _ in }
    ) throws -> PostgresSettings {
        var settings = PostgresSettings(try #require(PostgresAddress(address)))
        settings.connections = 4
        // Hundreds of tests share a few processors; what is about waiting says how long.
        settings.acquire = .seconds(30)
        settings.connect = .seconds(30)
        change(&settings)
        return settings
    }

    @Suite(.serialized)
    struct `The store on PostgreSQL` {
        @Test(arguments: StoreContract.all.map(\.name))
        func `keeps the contract`(_ name: String) async throws {
            let check = try #require(StoreContract.all.first { $0.name == name }?.check)
            let store = SQLStore(try await postgres())
            try await store.migrate()
            try await check(store)
        }

        @Test(arguments: StoreContract.atOnce.map(\.name))
        func `keeps the contract of two nodes`(_ name: String) async throws {
            let check = try #require(StoreContract.atOnce.first { $0.name == name }?.check)
            let address = try await PostgresServer.database()
            let stores = try (1...2).map { _ in SQLStore(PostgresDatabase(try settings(address))) }
            try await stores[0].migrate()
            try await check(stores[0], stores[1])
        }

        @Test(arguments: [
            ("SELECT $2 AS a, $1 AS b", "two", "one"), ("SELECT $1 AS a, $1 AS b", "one", "one"),
            ("SELECT $2 AS a, $2 AS b WHERE $1 = 'one'", "two", "two"),
        ])
        func `binds placeholders by number, swapped and repeated`(_ sql: String, _ a: String, _ b: String) async throws
        {
            let database = try await postgres()
            let values: [SQLValue] = sql.contains("$2") ? ["one", "two"] : ["one"]
            let rows = try await database.read { try $0.rows(sql, values) }
            #expect(rows.first?.values["a"] == .text(a))
            #expect(rows.first?.values["b"] == .text(b))
        }

        @Test func `gives back what it was given, to the last bit`() async throws {
            let database = try await postgres()
            _ = try await database.write { try $0.run("CREATE TABLE kept (n BIGINT PRIMARY KEY, t TEXT)", []) }
            let texts: [String?] = [
                nil, "", "الركبة", "👩🏽‍⚕️", "\u{1}\u{7f}\u{2028}\r\n\t", "'; DROP TABLE kept; --", "\\x41\\",
                "$1 %s \u{10FFFF}",
                String(repeating: "é", count: 100_000),
            ]
            for (index, text) in texts.enumerated() {
                let key = index == 0 ? Int64.min : index == 1 ? Int64.max : Int64(index)
                _ = try await database.write { session in
                    try session.run("INSERT INTO kept (n, t) VALUES ($1, $2)", [.integer(key), SQLValue(text)])
                }
                let row = try await database.read { try $0.row("SELECT * FROM kept WHERE n = $1", [.integer(key)]) }
                #expect(row?.values == ["n": .integer(key), "t": SQLValue(text)])
            }
        }

        @Test func `refuses U+0000 rather than lose what comes after it`() async throws {
            let store = SQLStore(try await postgres())
            try await store.migrate()
            let person = Person(id: .new(), name: "Amina\u{0}Haddad", role: .patient, language: .english)
            await #expect(throws: StoreError.unstorable) { try await store.save(person) }
            #expect(try await store.people().isEmpty)
            try await store.save(Cast.amina)
        }

        /// The server of the tests sorts as people do; names, ids and keys must be in the order of SQLite all the same.
        @Test func `sorts by bytes whatever the locale of the database`() async throws {
            let store = SQLStore(try await postgres())
            try await store.migrate()
            for name in ["b", "B", "a", "é", "Z", "-"] {
                try await store.save(Person(id: .new(), name: name, role: .patient, language: .english))
            }
            #expect(try await store.people().map(\.name) == ["-", "B", "Z", "a", "b", "é"])
        }

        @Test func `speaks TLS-less TCP with a password, and by its socket without`() async throws {
            let address = try await PostgresServer.database()
            let wrong = address.replacing(/:[0-9a-f]{24}@/, with: ":wrong@")
            let refused = PostgresDatabase(try settings(wrong))
            let shown = try #require(PostgresAddress(wrong)).description
            #expect(!shown.contains("wrong") && shown.hasPrefix("postgres://curaway@127.0.0.1:"), "\(shown)")
            await #expect(throws: StoreUnavailable(.signInRefused, at: shown)) {
                try await refused.read { try $0.rows("SELECT 1 AS one", []).count }
            }
            let nowhere = PostgresDatabase(try settings(address + "gone"))
            await #expect(throws: StoreUnavailable(.noDatabase, at: shown + "gone")) {
                try await nowhere.read { try $0.rows("SELECT 1 AS one", []).count }
            }
        }

        @Test(arguments: ["", "postgres", "mysql://a/b", "host=a", "postgres://a:b@c:port%/d", "postgres://a/b\u{0}c"])
        func `has no address that libpq cannot read`(_ text: String) { #expect(PostgresAddress(text) == nil) }

        @Test(arguments: [
            ("postgres://care:geheim@db.example.org:6432/curaway", "postgres://care@db.example.org:6432/curaway"),
            ("postgresql://care@/curaway?host=/run/pg&password=geheim", "postgres://care@/run/pg/curaway"),
            ("postgres://a:geheim@one,two:5433/c?target_session_attrs=read-write", "postgres://a@one,two:,5433/c"),
        ])
        func `shows its address without the password`(_ text: String, _ shown: String) {
            #expect(PostgresAddress(text)?.description == shown)
        }

        @Test func `keeps as many statements prepared as it may, and forgets the one unused for longest`() async throws
        {
            var cache = StatementCache(limit: 2)
            #expect(cache.use("a") == .new("s1", forgetting: nil))
            #expect(cache.use("b") == .new("s2", forgetting: nil))
            #expect(cache.use("a") == .known("s1"))
            #expect(cache.use("c") == .new("s4", forgetting: "s2"))
            #expect(cache.use("b") == .new("s5", forgetting: "s1"))
            let database = try await postgres { $0.connections = 1 }
            for number in 0...(PostgresSettings.statements + 5) {
                let rows = try await database.read { try $0.rows("SELECT \(number) AS n", []) }
                #expect(rows.first?.values["n"] == .integer(Int64(number)))
            }
            let kept = try await database.read { try $0.rows("SELECT COUNT(*) AS n FROM pg_prepared_statements", []) }
            #expect(kept.first?.values["n"] == .integer(Int64(PostgresSettings.statements)))
        }
    }
#endif
