package import CareDesk
package import CareDomain
package import CareLog

extension SQLStore {
    package func pendingFacts(of topic: Topic, limit: Int) async throws -> [PendingFact] {
        try await database.read { session in
            try session.rows(
                "SELECT * FROM log_outbox WHERE topic = $1 ORDER BY number LIMIT $2",
                [.text(topic.name), SQLValue(limit)]
            ).map { row in
                var fence: Fence?
                if let takeover = row.optionalInt("fence_takeover"), let lease = row.optionalInt("fence_lease") {
                    fence = Fence(takeover: takeover, lease: lease)
                }
                return PendingFact(
                    number: try row.int("number"), event: try CareEvent(json: Array(try row.text("event").utf8)),
                    fence: fence)
            }
        }
    }

    package func topicsWithFacts(olderThan moment: Moment, limit: Int) async throws -> [Topic] {
        try await database.read { session in
            try session.rows(
                "SELECT DISTINCT topic FROM log_outbox WHERE created_at < $1 LIMIT $2",
                [SQLValue(moment), SQLValue(limit)]
            ).map { Topic(name: try $0.text("topic")) }
        }
    }

    package func settle(_ topic: Topic, through number: Int) async throws {
        _ = try await database.write { session in
            try session.run(
                "DELETE FROM log_outbox WHERE topic = $1 AND number <= $2", [.text(topic.name), SQLValue(number)])
        }
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

    /// Locks a case for the rest of the transaction. False when there is none.
    func lock(_ caseID: CaseID) throws -> Bool {
        try run("UPDATE cases SET lease = lease WHERE id = $1", [SQLValue(caseID)]) == 1
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
