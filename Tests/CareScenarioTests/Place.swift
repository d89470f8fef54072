import AsyncHTTPClient
import CareDesk
import CareDomain
import CareTestKit
import CareWeb
import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1

@testable import curaway

/// Amina's case with an answer in it, and everything a path can name there.
struct Place {
    var server: Server
    var caseID: String
    var reply: String
    var hash: String
    var document: String
    var upload: String

    func path(
        _ template: String, caseID: String? = nil, reply: String? = nil, patient: String? = nil
    ) -> String {
        template.replacing("{case}", with: caseID ?? self.caseID).replacing("{reply}", with: reply ?? self.reply)
            .replacing("{hash}", with: hash).replacing("**", with: "js/app.js")
            .replacing("{patient}", with: patient ?? "amina").replacing("{document}", with: document)
            .replacing("{upload}", with: upload).replacing("{page}", with: "1")
            .replacing("/search", with: "/search?q=haemoglobin")
    }

    /// A body that the route takes, so that only the right can be in its way.
    func body(for route: Route, of asker: Asker) -> String? {
        switch route.right {
        case .ask: #"{"message":"Hi","client_message_id":"by-\#(asker)"}"#
        case .openCase, .takeTicket: "{}"
        case .signInForDevelopment: route.method == .post ? #"{"person":"tom"}"# : nil
        case .addDocument where route.method == .patch: "12345"
        // Sent in a header; see `answer`.
        case .addDocument where route.path.hasSuffix("/uploads") && route.method == .post: caseID
        case .addDocument where route.path.hasSuffix("/documents"): form("haemoglobin by \(asker)", in: caseID)
        default: nil
        }
    }

    func seat(of asker: Asker) async throws -> Seat {
        switch asker {
        case .nobody: Seat(base: "http://127.0.0.1:\(server.port)", token: nil)
        case .patient: try await server.seat(of: Cast.amina)
        case .stranger: try await server.seat(of: Cast.tom)
        case .coordinator: try await server.seat(of: Cast.priya)
        }
    }
}

func withPlace(_ body: @escaping @Sendable (Place, [Route]) async throws -> Void) async throws {
    try await withServer(model: ScriptedModel([.say("An answer"), .finish])) { server in
        let amina = try await server.seat(of: Cast.amina)
        let id = try await amina.open()
        let reply = try await amina.ask("Hi", key: "first", in: id).body["reply"]["id"].text
        let document = try await amina.give("Haemoglobin 13.2 g/dL", in: id)
        _ = try await amina.isRead(document)
        let place = Place(
            server: server, caseID: id, reply: reply, hash: try AssetCatalogHash.of(server), document: document,
            upload: try await amina.announce(10, in: id))
        try await body(place, try server.assembly.routes().map)
    }
}

/// A file in a form, as a browser sends it.
func form(_ text: String, name: String = "report.txt", in caseID: String) -> String {
    [
        "--xyz", #"Content-Disposition: form-data; name="case_id""#, "", caseID, "--xyz",
        #"Content-Disposition: form-data; name="file"; filename="\#(name.replacing("\"", with: "%22"))""#,
        "Content-Type: text/plain", "", text,
        "--xyz--", "",
    ].joined(separator: "\r\n")
}

struct Answer: Equatable {
    var status: Int
    var headers: [String]
    var body: String
    var code: String {
        (try? JSONDecoder().decode(JSONValue.self, from: Data(body.utf8)))?["code"].text ?? ""
    }
}

/// Everything that can be told from an answer but when it came. Of a stream only the head, for it has no end.
func answer(
    _ seat: Seat, _ method: HTTPRequest.Method, _ path: String, _ json: String? = nil
) async throws -> Answer {
    var request = HTTPClientRequest(url: seat.base + path)
    request.method = .init(rawValue: method.rawValue)
    request.headers.add(name: "Accept-Encoding", value: "identity")
    request.headers.add(name: "Prefer", value: "respond-async")
    // Everywhere: what is asked in the same words must be refused in the same words.
    request.headers.add(name: "Tus-Resumable", value: "1.0.0")
    if let token = seat.token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
    let isAnnouncement = path.hasSuffix("/uploads") && method == .post
    if let json, !isAnnouncement {
        let type =
            json.hasPrefix("--xyz")
            ? "multipart/form-data; boundary=xyz"
            : method == .patch ? "application/offset+octet-stream" : "application/json"
        request.headers.add(name: "Content-Type", value: type)
        request.body = .bytes(ByteBuffer(string: json))
    }
    if path.contains("/uploads") {
        if isAnnouncement {
            request.headers.add(name: "Upload-Length", value: "10")
            let caseID = Data((json ?? "").utf8).base64EncodedString()
            request.headers.add(name: "Upload-Metadata", value: "case_id \(caseID)")
        }
        if method == .patch { request.headers.add(name: "Upload-Offset", value: "0") }
    }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    let isStream = response.headers.first(name: "Content-Type")?.hasPrefix("text/event-stream") == true
    return Answer(
        status: Int(response.status.code),
        headers: response.headers.filter { $0.name.lowercased() != "date" }.map { "\($0.name): \($0.value)" }
            .sorted(),
        body: isStream ? "" : String(buffer: try await response.body.collect(upTo: 10_000_000)))
}
