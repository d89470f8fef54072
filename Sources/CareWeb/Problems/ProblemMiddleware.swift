import HTTPTypes
import Hummingbird
import Logging

/// The one place where errors become answers, and where every answer gets its security headers.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = CareContext

    let logger: Logger
    let policy: ContentPolicy

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
        if response.headers[.contentSecurityPolicy] == nil {
            response.headers[.contentSecurityPolicy] = policy.header
        }
        for (name, value) in Self.security where response.headers[name] == nil { response.headers[name] = value }
        return response
    }

    private static let security: [(HTTPField.Name, String)] = [
        (.xContentTypeOptions, "nosniff"),
        (.named("Referrer-Policy"), "no-referrer"),
        (.named("Cross-Origin-Opener-Policy"), "same-origin"),
        (.named("Cross-Origin-Resource-Policy"), "same-origin"),
        (.named("Permissions-Policy"), "camera=(self), microphone=(), geolocation=(), payment=()"),
    ]
}
