import CareDesk

/// The schema's history: numbered, forward only. Written for SQLite and PostgreSQL alike: TEXT and BIGINT only, times in
/// milliseconds.
///
/// Several nodes are never all of one version, so a program runs on a schema newer than itself as long as no step since
/// then broke it. Each step is kept with the **floor** that it left: the oldest schema a program must know to go on.
///
///     step    4  5  6  7        A program that knows 5 runs on this schema and may be started on it;
///     breaks  ✓        ✓        one that knows 6 would not, because step 7 raised the floor to 7.
///     floor   4  4  4  7
enum Migrations {
    struct Step {
        let number: Int
        /// A program that does not know it would read or write something wrong. A new table, a new index, or a new column
        /// that may be NULL or has a default breaks nobody: rows are read by the names of their columns.
        var breaksOlder = false
        let statements: [String]
        /// What each database does in its own way, after the statements.
        var search: @Sendable (Dialect) -> [String] = { _ in [] }
    }

    static var newest: Int { all.last?.number ?? 0 }

    static let all: [Step] = [
        Step(
            number: 1,
            statements: [
                """
                CREATE TABLE people (
                  id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, language TEXT NOT NULL)
                """,
                // fence: the handling version of the last takeover; lease: the newest lease number. Both only grow.
                """
                CREATE TABLE cases (
                  id TEXT PRIMARY KEY, patient_id TEXT NOT NULL, client_case_id TEXT, title TEXT NOT NULL,
                  status TEXT NOT NULL, language TEXT NOT NULL, version BIGINT NOT NULL,
                  handling_state TEXT NOT NULL, handling_version BIGINT NOT NULL, handling_by TEXT,
                  fence BIGINT NOT NULL, lease BIGINT NOT NULL, next_sequence BIGINT NOT NULL,
                  next_ordinal BIGINT NOT NULL, last_message TEXT,
                  created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL)
                """,
                "CREATE UNIQUE INDEX cases_by_client_id ON cases (patient_id, client_case_id)",
                "CREATE INDEX cases_by_patient ON cases (patient_id, updated_at)",
                """
                CREATE TABLE messages (
                  id TEXT PRIMARY KEY, case_id TEXT NOT NULL REFERENCES cases (id), sequence BIGINT NOT NULL,
                  version BIGINT NOT NULL, role TEXT NOT NULL, sender TEXT NOT NULL, sender_name TEXT,
                  medium TEXT NOT NULL, audience TEXT NOT NULL, body TEXT NOT NULL, reply_id TEXT,
                  client_message_id TEXT, answered_in TEXT, status TEXT NOT NULL, answered_by TEXT,
                  created_at BIGINT NOT NULL)
                """,
                "CREATE UNIQUE INDEX messages_in_order ON messages (case_id, sequence)",
                "CREATE UNIQUE INDEX messages_by_key ON messages (case_id, client_message_id)",
                "CREATE INDEX messages_by_answer ON messages (answered_in)",
                """
                CREATE TABLE replies (
                  id TEXT PRIMARY KEY, case_id TEXT NOT NULL REFERENCES cases (id), patient_id TEXT NOT NULL,
                  ordinal BIGINT NOT NULL, state TEXT NOT NULL, attempt BIGINT NOT NULL, sequence BIGINT,
                  through BIGINT NOT NULL, body TEXT NOT NULL, fence BIGINT NOT NULL, lease BIGINT NOT NULL,
                  lease_until BIGINT NOT NULL, stop_wanted BIGINT NOT NULL, code TEXT, started_at BIGINT)
                """,
                "CREATE UNIQUE INDEX replies_in_order ON replies (case_id, ordinal)",
                "CREATE INDEX replies_by_state ON replies (state, lease_until)",
                "CREATE TABLE topics (name TEXT PRIMARY KEY, last_fact BIGINT NOT NULL)",
                """
                CREATE TABLE log_outbox (
                  topic TEXT NOT NULL, number BIGINT NOT NULL, event TEXT NOT NULL,
                  fence_takeover BIGINT, fence_lease BIGINT, created_at BIGINT NOT NULL, PRIMARY KEY (topic, number))
                """,
                "CREATE INDEX log_outbox_by_age ON log_outbox (created_at)",
                "CREATE TABLE flags (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
                "CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
            ]),
        Step(
            number: 2,
            statements: [
                // No foreign keys: what was asked for and was not there is a row as well, and a row outlives its case.
                """
                CREATE TABLE audit (
                  number BIGINT NOT NULL PRIMARY KEY, happened_at BIGINT NOT NULL, person_id TEXT NOT NULL,
                  session_id TEXT, verb TEXT NOT NULL, case_id TEXT, patient_id TEXT, outcome TEXT NOT NULL,
                  request_id TEXT NOT NULL, hash TEXT NOT NULL)
                """,
                "CREATE INDEX audit_by_case ON audit (case_id, number)",
                "CREATE INDEX audit_by_person ON audit (person_id, number)",
                "CREATE INDEX audit_by_time ON audit (happened_at)",
                // One row, locked while a row of the trail is added: the number and the hash of the last one.
                "CREATE TABLE audit_chain (name TEXT PRIMARY KEY, number BIGINT NOT NULL, head TEXT NOT NULL)",
                "INSERT INTO audit_chain (name, number, head) VALUES ('staff', 0, '\(AuditHead.none.hash)')",
            ]),
        // Which coordinator has the case; the name beside it is what patients read.
        Step(number: 3, statements: ["ALTER TABLE cases ADD COLUMN handling_person TEXT"]),
        // Settled facts stay a while, for nodes that cannot reach the log. Who does not know the mark would tell them again.
        Step(
            number: 4, breaksOlder: true,
            statements: [
                "ALTER TABLE schema_steps ADD COLUMN floor BIGINT",
                "ALTER TABLE log_outbox ADD COLUMN settled_at BIGINT",
                "CREATE INDEX log_outbox_open ON log_outbox (created_at) WHERE settled_at IS NULL",
                "CREATE INDEX log_outbox_settled ON log_outbox (settled_at) WHERE settled_at IS NOT NULL",
                "CREATE INDEX replies_running ON replies (id) WHERE state = 'running'",
            ]),
        // What is in it is worth nothing after half a minute: it moves nowhere with an installation.
        Step(
            number: 5,
            statements: [
                """
                CREATE TABLE stream_tickets (
                  digest TEXT PRIMARY KEY, person_id TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
                  language TEXT NOT NULL, session_id TEXT, impersonator TEXT, case_id TEXT, expires_at BIGINT NOT NULL,
                  good_until BIGINT NOT NULL)
                """,
                "CREATE INDEX stream_tickets_by_age ON stream_tickets (good_until)",
            ]),
        // Facts about documents are in the outbox from here on: who does not know them could not tell the ones after.
        Step(
            number: 6, breaksOlder: true,
            statements: [
                // claim: grows with each that begins to read it, so that a late one changes nothing. turns: of reading, so that
                // a long document lets the short ones go first.
                """
                CREATE TABLE documents (
                  id TEXT PRIMARY KEY, patient_id TEXT NOT NULL, case_id TEXT NOT NULL REFERENCES cases (id),
                  sequence BIGINT NOT NULL, version BIGINT NOT NULL, name TEXT NOT NULL, media_type TEXT NOT NULL,
                  bytes BIGINT NOT NULL, digest TEXT NOT NULL, stage TEXT NOT NULL, page BIGINT NOT NULL,
                  pages BIGINT NOT NULL, code TEXT, kind TEXT, scanned BIGINT NOT NULL, extraction TEXT,
                  claim BIGINT NOT NULL, lease_until BIGINT NOT NULL, tries BIGINT NOT NULL, turns BIGINT NOT NULL,
                  created_at BIGINT NOT NULL)
                """,
                """
                CREATE UNIQUE INDEX documents_by_digest ON documents (case_id, digest)
                WHERE stage NOT IN ('deleted', 'rejected')
                """,
                "CREATE UNIQUE INDEX documents_in_order ON documents (case_id, sequence)",
                "CREATE INDEX documents_by_patient ON documents (patient_id, created_at)",
                """
                CREATE INDEX documents_open ON documents (turns, created_at)
                WHERE stage IN ('received', 'scanned', 'reading', 'extracting')
                """,
                """
                CREATE TABLE document_pages (
                  document_id TEXT NOT NULL REFERENCES documents (id), number BIGINT NOT NULL, body TEXT NOT NULL,
                  folded TEXT NOT NULL, source TEXT NOT NULL, confidence BIGINT, has_picture BIGINT NOT NULL,
                  PRIMARY KEY (document_id, number))
                """,
                """
                CREATE TABLE uploads (
                  id TEXT PRIMARY KEY, patient_id TEXT NOT NULL, case_id TEXT NOT NULL, name TEXT NOT NULL,
                  bytes BIGINT NOT NULL, touched_at BIGINT NOT NULL)
                """,
                "CREATE INDEX uploads_by_patient ON uploads (patient_id)",
                "CREATE INDEX uploads_by_age ON uploads (touched_at)",
            ], search: { $0.makeSearch }),
        // Who does not know of it lets in who is shut out, as before; so it breaks nobody.
        Step(
            number: 7,
            statements: [
                """
                CREATE TABLE revocations (
                  kind TEXT NOT NULL, subject TEXT NOT NULL, revoked_at BIGINT NOT NULL, PRIMARY KEY (kind, subject))
                """
            ]),
    ]
    /// The first step that knows floors.
    private static let firstWithFloor = 4

    /// Brings the schema up to date in one transaction, alone, and returns the steps it took: none on a newer schema.
    /// Refuses one whose floor is beyond `steps`, rather than writing into tables it does not understand.
    static func run(on database: any SQLDatabase, _ steps: [Step] = all) async throws -> [Int] {
        try await database.writeAlone { session in
            try session.run("CREATE TABLE IF NOT EXISTS schema_steps (number BIGINT PRIMARY KEY)", [])
            let known = steps.last?.number ?? 0
            let done = try session.row("SELECT COALESCE(MAX(number), 0) AS n FROM schema_steps", [])?.int("n") ?? 0
            if done > known {
                // A step without a floor was taken by a program that knew of none, and may have broken anything.
                let floor =
                    known < firstWithFloor
                    ? done
                    : try session.row("SELECT MAX(COALESCE(floor, number)) AS n FROM schema_steps", [])?.int("n")
                        ?? done
                guard floor <= known else { throw StoreError.newerSchema(found: done, known: known) }
                return []
            }
            let open = steps.filter { $0.number > done }
            for step in open {
                for statement in step.statements { try session.run(session.dialect.schema(statement), []) }
                for statement in step.search(session.dialect) { try session.run(statement, []) }
                guard step.number >= firstWithFloor else {
                    try session.run("INSERT INTO schema_steps (number) VALUES ($1)", [SQLValue(step.number)])
                    continue
                }
                let floor = steps.last { $0.breaksOlder && $0.number <= step.number }?.number ?? step.number
                try session.run(
                    "INSERT INTO schema_steps (number, floor) VALUES ($1, $2)",
                    [SQLValue(step.number), SQLValue(floor)])
            }
            return open.map(\.number)
        }
    }

    /// The newest step that a database has taken; `nil` when it has no schema of ours.
    static func current(on database: any SQLDatabase) async throws -> Int? {
        try await database.read { session in
            guard try session.row(session.dialect.hasTable, ["schema_steps"]) != nil else { return nil }
            return try session.row("SELECT MAX(number) AS n FROM schema_steps", [])?.optionalInt("n")
        }
    }
}
