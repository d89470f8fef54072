import CareDesk
import CareDomain
import CareTestKit
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import curaway

@Suite(.timeLimit(.minutes(4)))
struct `With a ticket in its address a stream` {
    private func ticket(_ seat: Seat, for caseID: String? = nil) async throws -> String {
        let made = try await seat.send(
            "POST", "/api/v1/stream-tickets", caseID.map { #"{"case_id":"\#($0)"}"# } ?? "{}")
        #expect(made.status == 201)
        #expect(made.headers.first(name: "Cache-Control") == "no-store")
        let ticket = made.body["ticket"].text
        #expect(ticket.count == 43)
        return ticket
    }

    @Test func `opens once, in each of the three views`() async throws {
        try await withServer(model: ScriptedModel([.say("x"), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let bare = server.seat(with: nil)
            for view in ["events", "chat/stream", "messages/stream"] {
                let ticket = try await ticket(amina, for: id)
                let first = try await bare.stream(id, view: "\(view)?ticket=\(ticket)") { try await $0.next() }
                #expect(first?.type == "ready", "\(view)")
                let again = try await bare.get("/api/v1/cases/\(id)/\(view)?ticket=\(ticket)")
                #expect(again.status == 401)
                #expect(again.body["code"].text == "ticket_invalid")
            }
            // It goes on from a cursor like any other.
            let start = try await amina.get("/api/v1/cases/\(id)").body["cursor"].text
            _ = try await amina.ask("Hi", key: "k", in: id)
            let view = "events?ticket=\(try await ticket(amina))&cursor=\(start)"
            let events = try await bare.stream(id, view: view) { try await $0.until("reply.finished") }
            #expect(events.words == "x")
        }
    }

    @Test func `opens nobody else's case, no other case, and nothing but a stream`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let tom = try await server.seat(of: Cast.tom)
            let id = try await amina.open()
            let other = try await amina.open("Hip")
            let bare = server.seat(with: nil)
            // What opens has no end, so only its head is looked at.
            func events(_ caseID: String, _ ticket: String) async throws -> Int {
                try await bare.stream(caseID, view: "events?ticket=\(ticket)") { $0.status }
            }
            let toms = try await ticket(tom)
            #expect(try await events(id, toms) == 404, "a ticket is not a right")
            let bound = try await ticket(amina, for: id)
            #expect(try await events(other, bound) == 401)
            #expect(try await events(id, bound) == 401, "spent by the attempt")
            for path in ["/api/v1/me", "/api/v1/cases", "/api/v1/cases/\(id)", "/api/v1/cases/\(id)/messages"] {
                let ticket = try await ticket(amina)
                let refused = try await bare.get("\(path)?ticket=\(ticket)")
                #expect(refused.status == 401, "\(path)")
                #expect(refused.body["code"].text == "unauthenticated")
                #expect(try await events(id, ticket) == 200, "it was not looked at there")
            }
            let ticket = try await ticket(amina)
            let headers = [("Authorization", "Bearer \(ticket)")]
            #expect(try await bare.send("GET", "/api/v1/me", headers: headers).status == 401)
            #expect(try await bare.send("POST", "/api/v1/stream-tickets?ticket=\(ticket)", "{}").status == 401)
            #expect(try await events(id, "") == 401)
            #expect(try await events(id, "nonsense") == 401)
        }
    }

    @Test func `is refused after the ticket's time`() async throws {
        try await withServer(["ticket.seconds": "1"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let ticket = try await ticket(amina)
            try await Task.sleep(for: .milliseconds(1_050))
            #expect(try await server.seat(with: nil).get("/api/v1/cases/\(id)/events?ticket=\(ticket)").status == 401)
        }
    }

    @Test func `needs a ticket that is one of a bounded number`() async throws {
        try await withServer(["tickets.perPerson": "2", "tickets.inAll": "3"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            let tom = try await server.seat(of: Cast.tom)
            for _ in 1...2 { _ = try await ticket(amina) }
            let third = try await amina.send("POST", "/api/v1/stream-tickets", "{}")
            #expect(third.status == 429)
            #expect(third.body["code"].text == "too_many_tickets")
            #expect((1...30).contains(third.headers.first(name: "Retry-After").flatMap { Int($0) } ?? 0))
            _ = try await ticket(tom)
            let fourth = try await tom.send("POST", "/api/v1/stream-tickets", "{}")
            #expect(fourth.status == 503)
            #expect(fourth.body["code"].text == "tickets_exhausted")
        }
    }

    @Test(arguments: [
        ("", "malformed_json"), ("[]", "invalid_field"), (#"{"case_id":1}"#, "invalid_field"),
        (#"{"case_id":""}"#, "invalid_field"), (#"{"case_id":"a b"}"#, "invalid_field"),
    ]) func `needs a ticket that was asked for well`(_ body: String, _ code: String) async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let refused = try await amina.send("POST", "/api/v1/stream-tickets", body)
            #expect(refused.status == 400)
            #expect(refused.body["code"].text == code)
            #expect(try await amina.send("GET", "/api/v1/stream-tickets").status == 405)
        }
    }
}
