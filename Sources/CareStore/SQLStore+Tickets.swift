package import CareDesk
package import CareDomain

extension SQLStore: TicketShelf {
    package func keep(_ ticket: KeptTicket, at now: Moment) async throws {
        try await database.write { session in
            try session.run("DELETE FROM stream_tickets WHERE good_until <= $1", [SQLValue(now)])
            try session.run(
                """
                INSERT INTO stream_tickets (digest, person_id, name, role, language, session_id, impersonator, case_id,
                  expires_at, good_until)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """,
                [
                    .text(ticket.digest), SQLValue(ticket.person.id), .text(ticket.person.name),
                    SQLValue(ticket.person.role), SQLValue(ticket.person.language), SQLValue(ticket.session),
                    SQLValue(ticket.impersonator), SQLValue(ticket.caseID), SQLValue(ticket.expiresAt),
                    SQLValue(ticket.until),
                ])
        }
    }

    package func takeTicket(_ digest: String) async throws -> KeptTicket? {
        try await database.write { session in
            try session.row("DELETE FROM stream_tickets WHERE digest = $1 RETURNING *", [.text(digest)]).map { row in
                KeptTicket(
                    digest: digest,
                    person: Person(
                        id: try row.id("person_id"), name: try row.text("name"), role: try row.value("role"),
                        language: try row.value("language")),
                    session: row.optionalID("session_id"), impersonator: row.optionalText("impersonator"),
                    expiresAt: try row.moment("expires_at"), caseID: row.optionalID("case_id"),
                    until: try row.moment("good_until"))
            }
        }
    }
}
