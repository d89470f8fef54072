package import CareDesk
import CareDomain

extension SQLStore: RevocationStore {
    package func revoke(_ revocation: Revocation) async throws {
        let (kind, subject) = revocation.subject.columns
        try await database.write { session in
            try session.run(
                "DELETE FROM revocations WHERE revoked_at < $1",
                [SQLValue(revocation.at + (.zero - Revocation.kept))])
            try session.run(
                """
                INSERT INTO revocations (kind, subject, revoked_at) VALUES ($1, $2, $3)
                ON CONFLICT (kind, subject) DO UPDATE SET revoked_at = excluded.revoked_at
                WHERE revocations.revoked_at < excluded.revoked_at
                """,
                [.text(kind), .text(subject), SQLValue(revocation.at)])
        }
    }

    package func revocations() async throws -> [Revocation] {
        try await database.read { session in
            try session.rows("SELECT * FROM revocations ORDER BY kind, subject", []).map { row in
                let at = try row.moment("revoked_at")
                return switch try row.text("kind") {
                case "person": Revocation(.person(try row.id("subject")), at: at)
                default: Revocation(.session(try row.id("subject")), at: at)
                }
            }
        }
    }
}

extension Revocation.Subject {
    fileprivate var columns: (kind: String, subject: String) {
        switch self {
        case .session(let id): ("session", id.rawValue)
        case .person(let id): ("person", id.rawValue)
        }
    }
}
