package import CareDesk
package import CareDomain
package import CareLog

/// The repositories, in SQL that SQLite and PostgreSQL both understand. One verb, one transaction.
package struct SQLStore: CaseStore {
    let database: WatchedDatabase
    /// When facts were settled; everything else is told the time by who calls.
    let now: @Sendable () -> Moment = { .now }

    /// `report` hears when the database stops taking writes, and when it goes on.
    package init(_ database: any SQLDatabase, report: @escaping @Sendable (String) -> Void = { _ in }) {
        self.database = WatchedDatabase(database, report: report)
    }

    /// Brings the schema up to date; the numbers of the steps taken.
    @discardableResult
    package func migrate() async throws -> [Int] { try await Migrations.run(on: database) }

    package static var newestSchema: Int { Migrations.newest }
    /// The newest step the database has taken; `nil` when there is nothing of ours in it.
    package func schema() async throws -> Int? { try await Migrations.current(on: database) }

    // MARK: Cases

    package func open(_ draft: CaseDraft, atMost limit: Int) async throws -> Opened? {
        try await database.write { session in
            func opened() throws -> CareCase? {
                guard let key = draft.clientCaseID else { return nil }
                return try session.row(
                    "SELECT * FROM cases WHERE patient_id = $1 AND client_case_id = $2",
                    [SQLValue(draft.patient), .text(key)]
                ).map(CareCase.init)
            }
            // Before the lock, because it is a write, and a store that takes none can still say what is there.
            if let known = try opened() { return .existing(known) }
            try session.lockCases(of: draft.patient)
            if let known = try opened() { return .existing(known) }
            let open = try session.row(
                "SELECT COUNT(*) AS n FROM cases WHERE patient_id = $1 AND status <> $2",
                [SQLValue(draft.patient), SQLValue(CareCase.Status.closed)])
            guard try open?.int("n") ?? 0 < limit else { return nil }
            let careCase = CareCase(
                id: draft.id, patientID: draft.patient, title: draft.title, language: draft.language,
                createdAt: draft.at, updatedAt: draft.at)
            try session.run(
                """
                INSERT INTO cases (id, patient_id, client_case_id, title, status, language, version, handling_state,
                  handling_version, handling_by, fence, lease, next_sequence, next_ordinal, last_message, created_at,
                  updated_at)
                VALUES ($1, $2, $3, $4, $5, $6, 1, $7, 0, NULL, 0, 0, 1, 1, NULL, $8, $8)
                """,
                [
                    SQLValue(careCase.id), SQLValue(draft.patient), SQLValue(draft.clientCaseID), .text(careCase.title),
                    SQLValue(careCase.status), SQLValue(careCase.language), SQLValue(careCase.handling.state),
                    SQLValue(draft.at),
                ])
            try session.add(
                Message(
                    id: .new(), caseID: careCase.id, sequence: try session.nextSequence(of: careCase.id),
                    role: .assistant, sender: .ai, body: draft.greeting, answeredBy: .guide, createdAt: draft.at),
                of: draft.patient)
            return .opened(try session.changed(careCase.id, at: draft.at))
        }
    }

    package func cases(of patient: PersonID, limit: Int) async throws -> [CareCase] {
        try await database.read { session in
            try session.rows(
                "SELECT * FROM cases WHERE patient_id = $1 ORDER BY updated_at DESC, id DESC LIMIT $2",
                [SQLValue(patient), SQLValue(limit)]
            ).map(CareCase.init)
        }
    }

    package func careCase(_ id: CaseID) async throws -> CareCase? {
        try await database.read { try $0.careCase(id) }
    }

    package func fence(of caseID: CaseID) async throws -> Fence? {
        try await database.read { session in
            try session.row("SELECT fence, lease FROM cases WHERE id = $1", [SQLValue(caseID)]).map {
                Fence(takeover: try $0.int("fence"), lease: try $0.int("lease"))
            }
        }
    }

    // MARK: People and small things

    package func person(_ id: PersonID) async throws -> Person? {
        try await database.read { session in
            try session.row("SELECT * FROM people WHERE id = $1", [SQLValue(id)]).map(Person.init)
        }
    }

    package func people() async throws -> [Person] {
        try await database.read { session in
            try session.rows("SELECT * FROM people ORDER BY role DESC, name", []).map(Person.init)
        }
    }

    package func save(_ person: Person) async throws {
        _ = try await database.write { session in
            try session.run(
                """
                INSERT INTO people (id, name, role, language) VALUES ($1, $2, $3, $4)
                ON CONFLICT (id) DO UPDATE SET name = $2, role = $3, language = $4
                """,
                [SQLValue(person.id), .text(person.name), SQLValue(person.role), SQLValue(person.language)])
        }
    }

    package func secret(_ name: String, make: @Sendable () throws -> String) async throws -> String {
        let found = try await database.read { session in
            try session.row("SELECT value FROM secrets WHERE name = $1", [.text(name)])?.text("value")
        }
        if let found { return found }
        let made = try make()
        return try await database.write { session in
            try session.run(
                "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                [.text(name), .text(made)])
            // Another node may have been first; everybody uses what stands.
            return try session.row("SELECT value FROM secrets WHERE name = $1", [.text(name)])?.text("value") ?? made
        }
    }

    /// For both questions of `health` together; what is not known by then is no.
    static let healthPatience: Duration = .seconds(5)

    package func health() async -> StoreHealth {
        let database = database
        return await within(Self.healthPatience) {
            guard (try? await database.read({ try $0.rows("SELECT 1 AS one", []).count })) == 1 else {
                return .unavailable
            }
            // It must differ from what is there: SQLite writes nothing when a row stays the same.
            let mark = SQLValue.text(Identifier<StoreHealth>.new().rawValue)
            let takesWrites = await database.takesWrites { session in
                try session.run(
                    "INSERT INTO secrets (name, value) VALUES ('write_probe', $1) ON CONFLICT (name) DO UPDATE SET value = $1",
                    [mark])
            }
            return takesWrites ? .ok : .readOnly
        }
    }

    /// It is cancelled when it takes longer, and the drivers end what is cancelled.
    private func within(
        _ patience: Duration, _ question: @escaping @Sendable () async -> StoreHealth
    ) async -> StoreHealth {
        await withTaskGroup(of: StoreHealth.self) { group in
            group.addTask { await question() }
            group.addTask {
                try? await Task.sleep(for: patience)
                return .unavailable
            }
            defer { group.cancelAll() }
            return await group.next() ?? .unavailable
        }
    }
}

extension SQLStore: Flags {
    package func value(of flag: Flag) async throws -> Bool {
        try await database.read { session in
            try session.row("SELECT value FROM flags WHERE name = $1", [SQLValue(flag)])?.bool("value")
                ?? flag.byDefault
        }
    }

    package func set(_ flag: Flag, to value: Bool?) async throws {
        try await database.write { session in
            guard let value else {
                try session.run("DELETE FROM flags WHERE name = $1", [SQLValue(flag)])
                return
            }
            try session.run(
                "INSERT INTO flags (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
                [SQLValue(flag), SQLValue(value)])
        }
    }
}
