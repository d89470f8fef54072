import Foundation
package import HTTPTypes
package import Hummingbird
import NIOCore

/// What went wrong, in the one form every error leaves the server: `application/problem+json` (RFC 9457) with a stable
/// `code`. The sentences are for people and carry nothing of what a patient said.
package struct Problem: Error, Sendable, Equatable {
    package var status: HTTPResponse.Status
    package var code: String
    package var detail: String
    package var field: String?
    package var retryAfter: Int?
    package var allow: [HTTPRequest.Method] = []
    /// Headers that this one carries beside its own.
    package var more: HTTPFields = [:]

    package init(
        _ status: HTTPResponse.Status, _ code: String, _ detail: String, field: String? = nil, retryAfter: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.retryAfter = retryAfter
    }

    static let notFound = Problem(.notFound, "not_found", "There is nothing here, or it is not yours to see.")
    static let unauthenticated = Problem(.unauthorized, "unauthenticated", "Sign in: no valid token came with this.")
    static let tokenExpired = Problem(.unauthorized, "token_expired", "The token has expired; sign in again.")
    static let identityUnavailable = Problem(
        .serviceUnavailable, "identity_unavailable",
        "Nobody can be recognised now: the identity provider does not answer. Try again.", retryAfter: 5)
    static let ticketInvalid = Problem(
        .unauthorized, "ticket_invalid",
        "The ticket was used, is too old or is for something else; ask for another at /api/v1/stream-tickets.")
    static let ticketsExhausted = Problem(
        .serviceUnavailable, "tickets_exhausted", "This node has made all the tickets it can hold; try again.",
        retryAfter: 1)
    static let readOnlySession = Problem(
        .forbidden, "read_only_session", "Who acts as somebody else may look, and change nothing.")
    static let forbidden = Problem(.forbidden, "forbidden", "Only the patient of a case may do this.")
    static let coordinatorsOnly = Problem(.forbidden, "forbidden", "Only a coordinator may do this.")
    static let wrongOrigin = Problem(
        .forbidden, "wrong_origin", "A request authorised by a cookie must come from this site's own pages.")
    static let invalidCursor = Problem(
        .badRequest, "invalid_cursor", "The cursor is not one this server gave: <epoch>-<offset>.")
    static let shuttingDown = Problem(
        .serviceUnavailable, "shutting_down", "This node is restarting; try again in a moment.", retryAfter: 1)
    static let storeUnavailable = Problem(
        .serviceUnavailable, "store_unavailable",
        "This cannot be stored or looked up now, and nothing of it was. Send the same again in a moment.",
        retryAfter: 2)

    static let blobsUnavailable = Problem(
        .serviceUnavailable, "documents_unavailable",
        "Files cannot be kept or fetched now; what was kept is safe. Go on in a moment.", retryAfter: 5)

    static let tooManyConnections = Problem(
        .serviceUnavailable, "too_many_connections", "This node has all the connections it can hold; try again.",
        retryAfter: 1)
    static let requestTooSlow = Problem(
        .requestTimeout, "request_too_slow", "The body of this request did not arrive in time.")
    static let headTooLarge = Problem(
        .requestHeaderFieldsTooLarge, "head_too_large", "The address and headers of this request are too large.")
    static let malformedRequest = Problem.badRequest("This is not a request in HTTP/1.1.")
    static let wrongHost = Problem(
        .misdirectedRequest, "wrong_host", "This server does not answer to that name (CURAWAY_HOSTS).")
    static let expectationFailed = Problem(
        .expectationFailed, "expectation_failed", "The only expectation known here is 100-continue.")

    static func badRequest(_ detail: String) -> Problem { Problem(.badRequest, "bad_request", detail) }
    static func notImplemented(_ detail: String) -> Problem { Problem(.notImplemented, "not_implemented", detail) }

    static func methodNotAllowed(_ allow: [HTTPRequest.Method]) -> Problem {
        var problem = Problem(
            .methodNotAllowed, "method_not_allowed",
            "Only \(allow.map(\.rawValue).joined(separator: ", ")) can be used here.")
        problem.allow = allow
        return problem
    }

    private struct Body: Encodable {
        let type = "about:blank"
        let title: String
        let status: Int
        let code: String
        let detail: String
        let field: String?
    }

    package func response() -> Response {
        Response(status: status, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: json)))
    }

    var fields: HTTPFields {
        var fields: HTTPFields = [.contentType: "application/problem+json", .cacheControl: "no-store"]
        if let retryAfter { fields[.retryAfter] = String(retryAfter) }
        if status == .unauthorized {
            // RFC 6750 §3: what to come with, and whether what came was no longer good.
            fields[.wwwAuthenticate] = code == "token_expired" ? #"Bearer error="invalid_token""# : "Bearer"
        }
        fields.append(contentsOf: more)
        if !allow.isEmpty { fields[.allow] = allow.map(\.rawValue).joined(separator: ", ") }
        return fields
    }

    var json: Data {
        let body = Body(
            title: status.reasonPhrase, status: status.code, code: code, detail: detail, field: field)
        let encoder = JSONEncoder()
        // The same problem is the same bytes, whatever it was about.
        encoder.outputFormatting = [.sortedKeys]
        return (try? encoder.encode(body)) ?? Data()
    }
}
