import CareDesk
import CareDomain
import CareTestKit
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import curaway

/// An authorisation that ends in the middle of an answer, over real sockets, with Clerk's short tokens.
@Suite(.timeLimit(.minutes(4)))
struct `When an authorisation ends in mid-answer` {
    private static let first = ["Two ", "nights, "]
    private static let rest = ["then ", "a week ", "nearby."]

    /// Reads an answer on one stream until that ends, says the rest while nobody listens, and comes back with another
    /// token: every delta once, in order, and the words together are the answer.
    private func followsToTheEnd(
        _ options: [String: String], expiresBy lifetime: Double,
        as token: @escaping @Sendable (ClerkPeer, Double) throws -> String
    ) async throws {
        let gate = Gate()
        let script =
            Self.first.map { ScriptedModel.Step.say($0) } + [.wait(gate)] + Self.rest.map { .say($0) } + [.finish]
        try await ClerkPeer.listening { clerk in
            let settings = clerk.settings.merging(options.merging(["coalesce.ms": "0"]) { $1 }) { $1 }
            try await withServer(settings, model: ScriptedModel(script)) { server in
                let patient = server.seat(with: try clerk.token("user_1"))
                let id = try await patient.open()
                let reader = server.seat(with: try token(clerk, lifetime))
                let heard = try await reader.stream(id) { stream in
                    _ = try await stream.next()
                    _ = try await patient.ask("How long?", key: "k", in: id, async: true)
                    let events = try await stream.until("auth_expired")
                    #expect(try await stream.next() == nil, "the stream is closed")
                    return events
                }
                #expect(heard.last?.type == "auth_expired")
                #expect(heard.last?.id == nil, "it is no place in the log")
                #expect(heard.words == Self.first.joined())

                // The old token is of no use, and the answer goes on without its reader.
                let stale = server.seat(with: try token(clerk, -6))
                let refused = try await stale.get("/api/v1/cases/\(id)/events")
                #expect(refused.status == 401)
                #expect(refused.body["code"].text == "token_expired")
                gate.open()
                _ = try await eventually {
                    try await patient.get("/api/v1/cases/\(id)").body["reply"] == .null ? true : nil
                }

                let back = server.seat(with: try token(clerk, 60))
                let last = try #require(heard.last { $0.id != nil }?.id)
                let after = try await back.stream(id, lastEventID: last) { try await $0.until("reply.finished") }
                let deltas = (heard + after).filter { $0.type == "reply.delta" }.map { $0.data["n"].int }
                #expect(deltas == Array(1...deltas.count), "each delta once, in order: \(deltas)")
                #expect((heard + after).words == (Self.first + Self.rest).joined())
            }
        }
    }

    @Test func `a patient's stream ends after its time and comes back without a loss`() async throws {
        try await followsToTheEnd(["stream.authorisedSeconds": "4"], expiresBy: 60) { clerk, lifetime in
            try clerk.token("user_1", ["exp": .number(Double(Moment.now.milliseconds / 1000) + lifetime)])
        }
    }

    @Test func `a coordinator's stream ends with the token and comes back without a loss`() async throws {
        try await followsToTheEnd(["stream.staffGraceSeconds": "4"], expiresBy: 1) { clerk, lifetime in
            try clerk.coordinator("user_p", ["exp": .number(Double(Moment.now.milliseconds / 1000) + lifetime)])
        }
    }

    @Test func `a patient's stream outlives the token it was opened with`() async throws {
        try await ClerkPeer.listening { clerk in
            try await withServer(clerk.settings.merging(["heartbeat.seconds": "1"]) { $1 }) { server in
                let now = Double(Moment.now.milliseconds / 1000)
                // Within the leeway for clocks, so over before the fourth heartbeat.
                let patient = server.seat(with: try clerk.token("user_1", ["exp": .number(now - 2)]))
                let id = try await patient.open()
                try await patient.stream(id) { stream in
                    var types: [String] = []
                    while types.count < 5, let event = try await stream.next() { types.append(event.type) }
                    #expect(types == ["ready", "heartbeat", "heartbeat", "heartbeat", "heartbeat"])
                }
                #expect(try await patient.get("/api/v1/me").body["code"].text == "token_expired")
            }
        }
    }

    @Test func `a coordinator whose role ended comes back to nothing`() async throws {
        try await ClerkPeer.listening { clerk in
            try await withServer(clerk.settings.merging(["stream.staffGraceSeconds": "0"]) { $1 }) { server in
                let patient = server.seat(with: try clerk.token("user_1"))
                let id = try await patient.open()
                let soon = Double(Moment.now.milliseconds / 1000) + 1
                let staff = server.seat(with: try clerk.coordinator("user_p", ["exp": .number(soon)]))
                let ended = try await staff.stream(id) { try await $0.until("auth_expired") }
                #expect(ended.types.last == "auth_expired")
                let former = server.seat(with: try clerk.token("user_p"))
                #expect(try await former.get("/api/v1/cases/\(id)/events").status == 404)
            }
        }
    }
}
