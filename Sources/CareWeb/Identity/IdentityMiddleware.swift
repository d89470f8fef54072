import HTTPTypes
import Hummingbird

/// Finds the token (header before cookie), verifies it, and guards what a cookie alone may do.
struct IdentityMiddleware: RouterMiddleware {
    typealias Context = CareContext

    let verifier: any TokenVerifier
    let cookieName: String

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var context = context
        if let header = request.headers[.authorization] {
            let parts = header.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw Problem.unauthenticated }
            context.caller = try await verifier.verify(String(parts[1]))
        } else if let cookie = request.cookies[cookieName]?.value {
            let isReading = request.method == .get || request.method == .head
            guard isReading ? Provenance.mayRead(request) : Provenance.mayChange(request) else {
                throw Problem.wrongOrigin
            }
            context.caller = try await verifier.verify(cookie)
        } else {
            throw Problem.unauthenticated
        }
        return try await next(request, context)
    }
}
