import CareDesk
import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

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
        } catch is HTTPParserError {
            response = Problem.malformedRequest.response()
        } catch is StoreUnavailable {
            // Not logged here: the store says once that it began and once that it is over.
            response = Problem.storeUnavailable.response()
        } catch let error as BlobStoreUnavailable {
            logger.error("documents cannot be kept", metadata: ["reason": "\(error.reason)"])
            response = Problem.blobsUnavailable.response()
        } catch is NoSuchBlob {
            response = Problem.notFound.response()
        } catch is CancellationError {
            response = Problem.shuttingDown.response()
        } catch {
            // The type only: a description could quote what a patient said.
            logger.error("request failed", metadata: ["error": "\(type(of: error))"])
            response = Problem(.internalServerError, "internal", "Something went wrong on our side.").response()
        }
        // A problem has a body, and after a HEAD its bytes would be read as the beginning of the next answer.
        if request.method == .head { response = response.createHeadResponse() }
        // tus 1.0.0: in every answer to whoever speaks it, also where no route was reached.
        if request.headers[.tusResumable] != nil { response.headers[.tusResumable] = UploadRoutes.version }
        if response.headers[.contentSecurityPolicy] == nil {
            response.headers[.contentSecurityPolicy] = policy.header
        }
        for field in SecurityHeaders.all where response.headers[field.name] == nil {
            response.headers[field.name] = field.value
        }
        return response
    }
}

/// What every answer tells a browser, whoever says it.
enum SecurityHeaders {
    /// No inline script, no foreign source, no framing; Trusted Types on, with no policy allowed at all. Never a word of
    /// CORS: what this server says is for its own pages. `Strict-Transport-Security` is the proxy's, who has the TLS.
    static let all: HTTPFields = [
        .contentSecurityPolicy:
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
            + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        .xContentTypeOptions: "nosniff",
        .named("X-Frame-Options"): "DENY",
        .named("Referrer-Policy"): "no-referrer",
        .named("Cross-Origin-Opener-Policy"): "same-origin",
        .named("Cross-Origin-Resource-Policy"): "same-origin",
        .named("Permissions-Policy"): "camera=(self), microphone=(), geolocation=(), payment=()",
    ]
}
