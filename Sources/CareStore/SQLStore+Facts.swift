package import CareDesk
package import CareDomain
package import CareLog

extension SQLStore {
    package func pendingFacts(of topic: Topic, after number: Int, limit: Int) async throws -> [PendingFact] {
        try await database.read { session in
            try session.rows(
                """
                SELECT * FROM log_outbox WHERE topic = $1 AND number > $2 AND settled_at IS NULL
                ORDER BY number LIMIT $3
                """,
                [.text(topic.name), SQLValue(number), SQLValue(limit)]
            ).map(PendingFact.init)
        }
    }

    package func recentFacts(since moment: Moment, limit: Int) async throws -> [(Topic, PendingFact)] {
        try await database.read { session in
            try session.rows(
                """
                SELECT * FROM (SELECT * FROM log_outbox WHERE created_at >= $1
                  ORDER BY created_at, topic, number LIMIT $2) AS recent
                ORDER BY topic, number
                """,
                [SQLValue(moment), SQLValue(limit)]
            ).map { (Topic(name: try $0.text("topic")), try PendingFact($0)) }
        }
    }

    package func topicsWithFacts(olderThan moment: Moment, limit: Int) async throws -> [Topic] {
        try await database.read { session in
            try session.rows(
                "SELECT DISTINCT topic FROM log_outbox WHERE created_at < $1 AND settled_at IS NULL LIMIT $2",
                [SQLValue(moment), SQLValue(limit)]
            ).map { Topic(name: try $0.text("topic")) }
        }
    }

    package func settle(_ topic: Topic, through number: Int) async throws {
        let now = now()
        _ = try await database.write { session in
            // Rows that another node is settling just now are left to it.
            try session.run(
                """
                UPDATE log_outbox SET settled_at = $3 WHERE topic = $1 AND number IN (
                  SELECT number FROM log_outbox WHERE topic = $1 AND number <= $2 AND settled_at IS NULL
                  ORDER BY number\(session.dialect.forUpdateSkippingLocked))
                """,
                [.text(topic.name), SQLValue(number), SQLValue(now)])
        }
    }

    package func purgeSettledFacts(olderThan moment: Moment) async throws {
        while true {
            // Looked at first: asked each second, there is mostly nothing, and a look waits for no writer.
            let some = try await database.read { session in
                try session.row(
                    "SELECT number FROM log_outbox WHERE settled_at < $1 LIMIT 1", [SQLValue(moment)])
            }
            guard some != nil else { return }
            let purged = try await database.write { session in
                try session.run(
                    """
                    DELETE FROM log_outbox WHERE (topic, number) IN (
                      SELECT topic, number FROM log_outbox WHERE settled_at < $1
                      ORDER BY topic, number LIMIT $2\(session.dialect.forUpdateSkippingLocked))
                    """,
                    [SQLValue(moment), SQLValue(Self.purgePage)])
            }
            guard purged == Self.purgePage else { return }
        }
    }

    /// Facts that one transaction purges; what is left waits for the next, and nobody for long.
    static let purgePage = 1_000
}

extension PendingFact {
    fileprivate init(_ row: SQLRow) throws {
        var fence: Fence?
        if let takeover = row.optionalInt("fence_takeover"), let lease = row.optionalInt("fence_lease") {
            fence = Fence(takeover: takeover, lease: lease)
        }
        self.init(
            number: try row.int("number"), event: try CareEvent(json: Array(try row.text("event").utf8)), fence: fence)
    }
}

extension SQLSession {
    /// Puts a fact into the outbox under the topic's next number. The row of the topic stays locked until the
    /// transaction ends, so numbers are in commit order.
    func addFact(_ event: CareEvent, of patient: PersonID, fence: Fence? = nil, at now: Moment) throws {
        let topic = Topic.patient(patient).name
        let row = try row(
            """
            INSERT INTO topics (name, last_fact) VALUES ($1, 1)
            ON CONFLICT (name) DO UPDATE SET last_fact = topics.last_fact + 1 RETURNING last_fact
            """,
            [.text(topic)])
        try run(
            """
            INSERT INTO log_outbox (topic, number, event, fence_takeover, fence_lease, created_at)
            VALUES ($1, $2, $3, $4, $5, $6)
            """,
            [
                .text(topic), SQLValue(try row?.int("last_fact") ?? 1),
                .text(String(decoding: try event.json(), as: UTF8.self)), SQLValue(fence?.takeover),
                SQLValue(fence?.lease), SQLValue(now),
            ])
    }

    /// Lets nobody else open a case of the patient for the rest of the transaction. Locks the row of the topic, which is made if
    /// it is not there: the first fact of a new case waits for it anyway.
    func lockCases(of patient: PersonID) throws {
        try run(
            """
            INSERT INTO topics (name, last_fact) VALUES ($1, 0)
            ON CONFLICT (name) DO UPDATE SET last_fact = topics.last_fact
            """,
            [.text(Topic.patient(patient).name)])
    }

    /// Locks a case for the rest of the transaction. False when there is none.
    func lock(_ caseID: CaseID) throws -> Bool {
        try row("SELECT id FROM cases WHERE id = $1\(dialect.forUpdate)", [SQLValue(caseID)]) != nil
    }

    /// Locks a case unless somebody else has it locked. False then, and when there is none.
    func tryLock(_ caseID: CaseID) throws -> Bool {
        try row("SELECT id FROM cases WHERE id = $1\(dialect.forUpdateSkippingLocked)", [SQLValue(caseID)]) != nil
    }

    func careCase(_ id: CaseID) throws -> CareCase? {
        try row("SELECT * FROM cases WHERE id = $1", [SQLValue(id)]).map(CareCase.init)
    }

    func nextSequence(of caseID: CaseID) throws -> Int {
        try row(
            "UPDATE cases SET next_sequence = next_sequence + 1 WHERE id = $1 RETURNING next_sequence",
            [SQLValue(caseID)])?.int("next_sequence") ?? 0
    }

    /// The case as it is now, with a new version and its fact.
    @discardableResult
    func changed(_ caseID: CaseID, at now: Moment) throws -> CareCase {
        guard
            let row = try row(
                "UPDATE cases SET version = version + 1, updated_at = $2 WHERE id = $1 RETURNING *",
                [SQLValue(caseID), SQLValue(now)])
        else { throw StoreError.unreadable(column: "id") }
        let careCase = try CareCase(row)
        try addFact(.careCase(careCase), of: careCase.patientID, at: now)
        return careCase
    }
}
