import HTTPTypes
import Hummingbird
import Logging

/// The one place where errors become answers, and where every answer gets its security headers.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = CareContext

    let logger: Logger

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let problem as Problem {
            response = problem.response()
        } catch let error as HTTPError where error.status == .notFound {
            response = Problem.notFound.response()
        } catch let error as HTTPError {
            response = Problem(error.status, "bad_request", error.status.reasonPhrase).response()
        } catch is CancellationError {
            response = Problem.shuttingDown.response()
        } catch {
            // The type only: a description could quote what a patient said.
            logger.error("request failed", metadata: ["error": "\(type(of: error))"])
            response = Problem(.internalServerError, "internal", "Something went wrong on our side.").response()
        }
        // A problem has a body, and after a HEAD its bytes would be read as the beginning of the next answer.
        if request.method == .head { response = response.createHeadResponse() }
        for (name, value) in Self.security where response.headers[name] == nil { response.headers[name] = value }
        return response
    }

    /// No inline script, no foreign source, no framing; Trusted Types on, with no policy allowed at all.
    private static let security: [(HTTPField.Name, String)] = [
        (
            .contentSecurityPolicy,
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
                + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        (.xContentTypeOptions, "nosniff"),
        (.named("Referrer-Policy"), "no-referrer"),
        (.named("Cross-Origin-Opener-Policy"), "same-origin"),
        (.named("Cross-Origin-Resource-Policy"), "same-origin"),
        (.named("Permissions-Policy"), "camera=(self), microphone=(), geolocation=(), payment=()"),
    ]
}
