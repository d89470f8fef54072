import CareDesk
import CareDomain
import CareTestKit
import CareWeb
import HTTPTypes
import Hummingbird
import Logging
import Testing

@testable import curaway

/// The table of rights against the real server: every route and every stream of the map, for every asker.
@Suite(.timeLimit(.minutes(4)))
struct `Access over real sockets` {
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
                    let answer = try await answer(
                        seat, method, place.path(route.path), place.body(for: route, of: asker))
                    switch route.right.access(of: asker) {
                    case .allow: #expect([200, 201, 202, 204, 409].contains(answer.status), cell)
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
            #expect(Set(map.map(\.right)) == Set(Right.allCases), "a right without a route")
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
                let body = place.body(for: route, of: .stranger)
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
            for route in map where route.right.isAboutPatient {
                let body = place.body(for: route, of: .stranger)
                for id in ["amina", nowhere, "%20", String(repeating: "x", count: 65)] {
                    let path = place.path(route.path, patient: id)
                    let refused = try await answer(tom, route.method, path, body)
                    guard route.method != .head else {
                        #expect(refused.status == 404, "HEAD \(path)")
                        continue
                    }
                    #expect(refused == hidden, "\(route.method) \(path)")
                }
            }
            // The same for a path that no route has.
            #expect(try await answer(tom, .get, "/api/v1/cases/\(place.caseID)/nothing") == hidden)
            let priya = try await place.seat(of: .coordinator)
            #expect(try await answer(priya, .get, "/api/v1/cases/\(nowhere)") == hidden)
        }
    }
}
