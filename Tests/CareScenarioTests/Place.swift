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

    func path(_ template: String, caseID: String? = nil, reply: String? = nil) -> String {
        template.replacing("{case}", with: caseID ?? self.caseID).replacing("{reply}", with: reply ?? self.reply)
            .replacing("{hash}", with: hash).replacing("**", with: "js/app.js")
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
        let place = Place(server: server, caseID: id, reply: reply, hash: try AssetCatalogHash.of(server))
        try await body(place, try server.assembly.routes().map)
    }
}

/// A body that the route takes, so that only the right can be in its way.
func body(for route: Route, of asker: Asker) -> String? {
    switch route.right {
    case .ask: #"{"message":"Hi","client_message_id":"by-\#(asker)"}"#
    case .openCase, .takeTicket: "{}"
    case .signInForDevelopment: route.method == .post ? #"{"person":"tom"}"# : nil
    default: nil
    }
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
    if let token = seat.token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
    if let json {
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: json))
    }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    let isStream = response.headers.first(name: "Content-Type")?.hasPrefix("text/event-stream") == true
    return Answer(
        status: Int(response.status.code),
        headers: response.headers.filter { $0.name.lowercased() != "date" }.map { "\($0.name): \($0.value)" }
            .sorted(),
        body: isStream ? "" : String(buffer: try await response.body.collect(upTo: 10_000_000)))
}
