import CareDomain
import Hummingbird

/// Tickets for whoever opens a stream without headers.
struct TicketRoutes {
    let tickets: StreamTickets

    private struct Wanted: Decodable {
        var caseID: String?
        enum CodingKeys: String, CodingKey { case caseID = "case_id" }
    }
    private struct Made: Encodable {
        var ticket: String
        var expiresAt: Moment
        enum CodingKeys: String, CodingKey {
            case ticket
            case expiresAt = "expires_at"
        }
    }

    /// Whether the case is the caller's to read is asked by the stream itself, with the right of that moment.
    func issue(_ request: Request, _ context: CareContext) async throws -> Response {
        let caller = try context.required()
        let wanted = try await JSON.read(Wanted.self, from: request)
        let caseID = try wanted.caseID.map {
            guard let id = CaseID(rawValue: $0) else { throw JSON.invalid(field: "case_id", "is not an id") }
            return id
        }
        let (ticket, until) = try await tickets.issue(to: caller, for: caseID)
        return try JSON.response(Made(ticket: ticket, expiresAt: until), status: .created)
    }
}
