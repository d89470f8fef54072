package import CareDesk
import CareDomain
import Crypto

extension SQLStore: AuditTrail {
    @discardableResult
    package func record(_ entry: AuditEntry) async throws -> AuditRow {
        try await database.write { try $0.add(entry) }
    }

    package func auditRows(_ query: AuditQuery) async throws -> [AuditRow] {
        var conditions: [String] = []
        var values: [SQLValue] = []
        func filter(_ condition: String, _ value: SQLValue?) {
            guard let value else { return }
            values.append(value)
            conditions.append("\(condition) $\(values.count)")
        }
        filter("case_id =", query.caseID.map { SQLValue($0) })
        filter("person_id =", query.person.map { SQLValue($0) })
        filter("happened_at >=", query.since.map { SQLValue($0) })
        values.append(SQLValue(query.limit))
        let sql =
            "SELECT * FROM audit \(conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")) "
            + "ORDER BY number DESC LIMIT $\(values.count)"
        return try await database.read { [values] in try $0.rows(sql, values).map(AuditRow.init).reversed() }
    }

    package func auditPage(after number: Int?, limit: Int) async throws -> AuditPage {
        try await database.read { session in
            let rows = try session.rows(
                "SELECT * FROM audit WHERE number > $1 ORDER BY number LIMIT $2",
                [SQLValue(number ?? .min), SQLValue(limit)])
            return AuditPage(rows: rows.map { try? AuditRow($0) }, head: try session.auditHead())
        }
    }

    package func auditHead() async throws -> AuditHead? { try await database.read { try $0.auditHead() } }

    package func auditCount() async throws -> (rows: Int, head: AuditHead?) {
        try await database.read { session in
            let rows = try session.row("SELECT COUNT(*) AS n FROM audit", [])?.int("n") ?? 0
            return (rows, try session.auditHead())
        }
    }

    package func digest(_ bytes: [UInt8]) -> String { sha256(bytes) }
}

extension SQLSession {
    /// For verbs by which staff change something: the row in the same transaction as the change. The UPDATE comes first
    /// because it locks the chain, so that two transactions cannot follow the same row.
    @discardableResult
    func add(_ entry: AuditEntry) throws -> AuditRow {
        try run("UPDATE audit_chain SET number = number + 1 WHERE name = 'staff'", [])
        guard let kept = try auditHead() else { throw StoreError.unreadable(column: "audit_chain") }
        var chain = AuditChain(after: AuditHead(number: kept.number - 1, hash: kept.hash), digest: sha256)
        let row = chain.add(entry)
        try run(
            """
            INSERT INTO audit (number, happened_at, person_id, session_id, verb, case_id, patient_id, outcome, request_id,
              hash)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            """,
            [
                SQLValue(row.number), SQLValue(row.at), .text(row.person), SQLValue(row.session), .text(row.verb),
                SQLValue(row.caseID), SQLValue(row.patientID), .text(row.outcome), .text(row.request), .text(row.hash),
            ])
        try run("UPDATE audit_chain SET head = $1 WHERE name = 'staff'", [.text(row.hash)])
        return row
    }

    func auditHead() throws -> AuditHead? {
        try row("SELECT number, head FROM audit_chain WHERE name = 'staff'", []).map {
            AuditHead(number: try $0.int("number"), hash: try $0.text("head"))
        }
    }
}

extension AuditRow {
    /// Strict: a value of another type than was written is not the row that was written.
    fileprivate init(_ row: SQLRow) throws {
        func orNull(_ column: String) throws -> String? {
            if case .null? = row.values[column] { nil } else { try row.text(column) }
        }
        self.init(
            number: try row.int("number"), at: try row.moment("happened_at"), person: try row.text("person_id"),
            session: try orNull("session_id"), verb: try row.text("verb"), caseID: try orNull("case_id"),
            patientID: try orNull("patient_id"), outcome: try row.text("outcome"), request: try row.text("request_id"),
            hash: try row.text("hash"))
    }
}

@Sendable private func sha256(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
        decoding: SHA256.hash(data: bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
