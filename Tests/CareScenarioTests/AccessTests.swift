import AsyncHTTPClient
import CareDesk
import CareDomain
import CareStore
import CareTestKit
import CareWeb
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Testing

@testable import curaway

/// The table of rights against the real server: every route and every stream of the map, for every asker.
@Suite(.timeLimit(.minutes(1)))
struct `Access over real sockets` {
    /// Amina's case with an answer in it, and everything a path can name there.
    private struct Place {
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

    private func withPlace(_ body: @escaping @Sendable (Place, [Route]) async throws -> Void) async throws {
        try await withServer(model: ScriptedModel([.say("An answer"), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let reply = try await amina.ask("Hi", key: "first", in: id).body["reply"]["id"].text
            let place = Place(server: server, caseID: id, reply: reply, hash: try AssetCatalogHash.of(server))
            try await body(place, try server.assembly.routes().map)
        }
    }

    /// A body that the route takes, so that only the right can be in its way.
    private func body(for route: Route, of asker: Asker) -> String? {
        switch route.right {
        case .ask: #"{"message":"Hi","client_message_id":"by-\#(asker)"}"#
        case .openCase: "{}"
        case .signInForDevelopment: route.method == .post ? #"{"person":"tom"}"# : nil
        default: nil
        }
    }

    private struct Answer: Equatable {
        var status: Int
        var headers: [String]
        var body: String
        var code: String {
            (try? JSONDecoder().decode(JSONValue.self, from: Data(body.utf8)))?["code"].text ?? ""
        }
    }

    /// Everything that can be told from an answer but when it came. Of a stream only the head, for it has no end.
    private func answer(
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

    @Test(arguments: Asker.allCases)
    func `every route answers as the table says`(_ asker: Asker) async throws {
        try await withPlace { place, map in
            let seat = try await place.seat(of: asker)
            let amina = try await place.server.seat(of: Cast.amina)
            let before = try await amina.get("/api/v1/cases/\(place.caseID)").body["case"]
            for route in map {
                // A HEAD has the right of its GET.
                for method in route.method == .get ? [.get, HTTPRequest.Method.head] : [route.method] {
                    let cell = Comment("\(asker) \(method) \(route.path)")
                    let answer = try await answer(seat, method, place.path(route.path), body(for: route, of: asker))
                    switch route.right.access(of: asker) {
                    case .allow: #expect([200, 201, 202, 409].contains(answer.status), cell)
                    case .signIn: #expect(answer.status == 401, cell)
                    case .refuse: #expect(answer.status == 403, cell)
                    case .hide: #expect(answer.status == 404, cell)
                    }
                    guard method != .head else { continue }
                    switch route.right.access(of: asker) {
                    case .allow: break
                    case .signIn: #expect(answer.code == "unauthenticated", cell)
                    case .refuse: #expect(answer.code == "forbidden", cell)
                    case .hide: #expect(answer.code == "not_found", cell)
                    }
                }
            }
            guard asker != .patient else { return }
            // Somebody who may not say anything in a case leaves it as it is. (A coordinator may handle it.)
            let after = try await amina.get("/api/v1/cases/\(place.caseID)").body["case"]
            #expect(asker == .coordinator || after == before)
            #expect(after["last_message"] == before["last_message"])
        }
    }

    @Test func `nothing is routed that is not in the map, and every right opens something`() async throws {
        try await withPlace { place, map in
            let amina = try await place.seat(of: .patient)
            let routed = try place.server.assembly.routes().router(logger: Logger(label: "test")).routes
            #expect(Set(routed.map { "\($0.path)" }) == Set(map.map(\.path)))
            for route in routed {
                let here = map.filter { $0.path == "\(route.path)" }
                let methods = here.map(\.method) + (here.contains { $0.method == .get } ? [.head] : [])
                guard !methods.contains(route.method) else { continue }
                let refused = try await answer(amina, route.method, place.path("\(route.path)"))
                #expect(refused.status == 405, "\(route) is not in the map")
            }
            // Taking a case over has its rights before it has its routes.
            let waiting: Set<Right> = [.acceptCase, .releaseCase]
            #expect(Set(Right.allCases).subtracting(map.map(\.right)).isSubset(of: waiting))
        }
    }

    @Test func `what is another's and what is nowhere cannot be told apart by a single byte`() async throws {
        try await withPlace { place, map in
            let tom = try await place.seat(of: .stranger)
            let toms = try await tom.open()
            let nowhere = CaseID.new().rawValue
            let hidden = try await answer(tom, .get, "/api/v1/cases/\(place.caseID)")
            #expect(hidden.status == 404)
            for route in map where route.right.isAboutCase {
                let body = body(for: route, of: .stranger)
                for id in [place.caseID, nowhere, "x", "%20", String(repeating: "x", count: 65)] {
                    let path = place.path(route.path, caseID: id)
                    #expect(try await answer(tom, route.method, path, body) == hidden, "\(route.method) \(path)")
                }
                // Before anything else is looked at: an error about the body would say that somebody may send one.
                if route.method == .post {
                    let path = place.path(route.path)
                    #expect(try await answer(tom, .post, path, "{") == hidden, "\(path) with half a body")
                }
                guard route.path.contains("{reply}") else { continue }
                for reply in [place.reply, nowhere, "%20"] {
                    let path = place.path(route.path, caseID: toms, reply: reply)
                    #expect(try await answer(tom, route.method, path, body) == hidden, "\(route.method) \(path)")
                }
            }
            // The same for a path that no route has.
            #expect(try await answer(tom, .get, "/api/v1/cases/\(place.caseID)/nothing") == hidden)
            let priya = try await place.seat(of: .coordinator)
            #expect(try await answer(priya, .get, "/api/v1/cases/\(nowhere)") == hidden)
        }
    }
}
