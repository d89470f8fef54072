import CareDomain
import HTTPTypes
import Hummingbird

/// Finds the token (header, then ticket, then cookie), verifies it, and guards what a cookie alone may do.
struct IdentityMiddleware: RouterMiddleware {
    typealias Context = CareContext

    let verifier: any TokenVerifier
    let cookie: SessionCookie
    let revocations: RevocationList
    /// Where tickets are taken: on streams alone.
    var tickets: StreamTickets?

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.caller = try await caller(of: request, context)
        return try await next(request, context)
    }

    private func caller(of request: Request, _ context: Context) async throws -> Caller {
        if let header = request.headers[.authorization] {
            let parts = header.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw Problem.unauthenticated }
            return try admit(try await verifier.verify(String(parts[1])))
        }
        if let tickets, let ticket = request.uri.queryParameters["ticket"] {
            let caseID = context.parameters.get("case").flatMap { CaseID(rawValue: $0) }
            guard let caller = try await tickets.redeem(String(ticket), for: caseID) else {
                throw Problem.ticketInvalid
            }
            return try admit(caller)
        }
        let cookies = cookie.tokens(in: request.headers)
        guard !cookies.isEmpty else { throw Problem.unauthenticated }
        // A browser sends the cookie with whatever any site makes it send, so changes must come from our pages.
        guard request.isReading ? Provenance.mayRead(request) : Provenance.mayChange(request) else {
            throw Problem.wrongOrigin
        }
        var refusal = Problem.unauthenticated
        for cookie in cookies {
            do {
                return try admit(try await verifier.verify(cookie))
            } catch let problem as Problem where problem.status == .unauthorized {
                // One that is only too old says more than one that was never ours.
                if refusal == .unauthenticated { refusal = problem }
            }
        }
        throw refusal
    }

    /// Who was shut out is told what somebody with an old token is told: come with a fresh one, if you are given it.
    private func admit(_ caller: Caller) throws(Problem) -> Caller {
        guard !revocations.covers(caller) else { throw .tokenExpired }
        return caller
    }
}

extension Request {
    fileprivate var isReading: Bool { method == .get || method == .head }
}
