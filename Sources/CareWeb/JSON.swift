import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationCompat

/// JSON in, with clear errors, and JSON out.
enum JSON {
    /// Bytes of a request body; more is 413.
    static let bodyLimit = 64 * 1024

    static func read<Body: Decodable>(_: Body.Type, from request: Request) async throws -> Body {
        let type = request.headers[.contentType]?.split(separator: ";").first.map {
            $0.lowercased().filter { !$0.isWhitespace }
        }
        guard type == "application/json" else {
            throw Problem(.unsupportedMediaType, "not_json", "Send Content-Type: application/json.")
        }
        guard request.headers[values: .contentEncoding].allSatisfy({ $0.lowercased() == "identity" }) else {
            throw Problem(.unsupportedMediaType, "not_json", "Send the body as it is, not compressed.")
        }
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: bodyLimit)
        } catch is NIOTooManyBytesError {
            throw Problem(.contentTooLarge, "body_too_large", "A body may have \(bodyLimit) bytes.")
        }
        do {
            try StrictJSON.check(buffer.readableBytesView)
            return try JSONDecoder().decode(Body.self, from: Data(buffer: buffer))
        } catch StrictJSON.Fault.tooDeep {
            throw Problem(
                .badRequest, "malformed_json", "A body may have \(StrictJSON.depthLimit) levels of arrays and objects.")
        } catch StrictJSON.Fault.duplicateKey {
            throw Problem(.badRequest, "malformed_json", "The body names a field twice.")
        } catch DecodingError.keyNotFound(let key, _) {
            throw invalid(field: key.stringValue, "is missing")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            throw invalid(field: context.codingPath.isEmpty ? "body" : path(context), "has the wrong type")
        } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
            throw invalid(field: path(context), "has a value that is not allowed")
        } catch {
            throw Problem(.badRequest, "malformed_json", "The body is not JSON.")
        }
    }

    static func invalid(field: String, _ what: String) -> Problem {
        Problem(.badRequest, "invalid_field", "The field \(field) \(what).", field: field)
    }

    static func response(
        _ body: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        var headers = headers
        headers[.contentType] = "application/json"
        headers[.cacheControl] = "no-store"
        let data = try encoder.encode(body)
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }

    private static func path(_ context: DecodingError.Context) -> String {
        context.codingPath.map(\.stringValue).joined(separator: ".")
    }
}
