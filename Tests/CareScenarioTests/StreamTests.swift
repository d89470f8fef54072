import CareDesk
import CareDomain
import CareLog
import CareStore
import CareTestKit
import CareWeb
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import curaway

@Suite(.timeLimit(.minutes(4)))
struct `A stream` {
    @Test func `continues after every entry, each once, whichever view`() async throws {
        try await withServer(model: ScriptedModel([.say("One "), .say("two."), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let start = try await amina.get("/api/v1/cases/\(id)").body["cursor"].text
            _ = try await amina.ask("Count", key: "k", in: id)
            for (view, last) in [("events", "case"), ("chat/stream", "reply.finished"), ("messages/stream", "case")] {
                let all = try await amina.stream(id, view: view, cursor: start) { stream in
                    var events = try await stream.until(view == "chat/stream" ? last : "case")
                    if view != "chat/stream" { events += try await stream.until(last) }
                    return events
                }
                for (index, event) in all.enumerated() {
                    guard let cursor = event.id, index + 1 < all.count else { continue }
                    let rest = try await amina.stream(id, view: view, lastEventID: cursor) { stream in
                        var events: [EventReader.Event] = []
                        while events.count < all.count - index, let event = try await stream.next() {
                            events.append(event)
                        }
                        return events
                    }
                    #expect(rest.first?.type == "ready")
                    #expect(Array(rest.dropFirst()) == Array(all.dropFirst(index + 1)), "\(view) after \(cursor)")
                }
            }
        }
    }

    @Test(arguments: ["nonsense", "a-b", "1", "-", "a-01", "a-1%0Aid:x"])
    func `with a cursor we never gave is refused`(_ cursor: String) async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let good = try await amina.get("/api/v1/cases/\(id)").body["cursor"].text
            let path = "/api/v1/cases/\(id)/events?cursor="
            let inHeader = cursor.removingPercentEncoding?.replacing("\n", with: "") ?? ""
            for refused in [
                try await amina.get(path + cursor),
                try await amina.send("GET", path + cursor, headers: [("Last-Event-ID", good)]),
                try await amina.send("GET", path + good, headers: [("Last-Event-ID", inHeader)]),
            ] {
                #expect(refused.status == 400)
                #expect(refused.body["code"].text == "invalid_cursor")
            }
        }
    }

    @Test func `of an epoch before a restart, or trimmed away, is told to reset and goes on`() async throws {
        try await withServer(["log.kept": "8"], model: ScriptedModel([.say("x"), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let early = try await amina.get("/api/v1/cases/\(id)").body["cursor"].text
            for number in 0..<4 { _ = try await amina.ask("m\(number)", key: "k\(number)", in: id) }
            for (cursor, reason) in [("0otherepoch-3", "unknown_epoch"), (early, "trimmed")] {
                try await amina.stream(id, cursor: cursor) { stream in
                    let ready = try #require(await stream.next())
                    #expect(ready.type == "ready")
                    #expect(ready.id == nil, "a native client must not take now for what it asked")
                    let reset = try #require(await stream.next())
                    #expect(reset.type == "reset")
                    #expect(reset.data["reason"].text == reason)
                    _ = try await amina.ask("after \(reason)", key: reason, in: id)
                    #expect(try await stream.until("reply.finished").words == "x")
                }
            }
        }
    }

    @Test func `lives by heartbeats, which carry the position only when it moved unseen`() async throws {
        try await withServer(["heartbeat.seconds": "1"], model: ScriptedModel([.say("x"), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let other = try await amina.open("Other")
            try await amina.stream(id) { stream in
                let quiet = try await stream.until("heartbeat")
                #expect(quiet.types == ["ready", "heartbeat"])
                #expect(quiet.last?.id == nil)
                _ = try await amina.ask("elsewhere", key: "k", in: other)
                let now = try Position(parsing: try await amina.get("/api/v1/cases/\(id)").body["cursor"].text)
                // A beat in the middle of that answer carries a position of its middle; one after it may be further.
                var told = 0
                while told < now.offset {
                    let moved = try await stream.until("heartbeat")
                    #expect(moved.types == ["heartbeat"], "nothing of another case is shown")
                    let id = try #require(moved.last?.id, "it moved, and the beat does not say so")
                    told = try Position(parsing: id).offset
                }
            }
        }
    }

    @Test func `ends when its authorisation does, and comes back without a loss`() async throws {
        try await withServer(["stream.authorisedSeconds": "2"], model: ScriptedModel([.say("x"), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let ended = try await amina.stream(id) { stream in
                let events = try await stream.until("auth_expired")
                #expect(try await stream.next() == nil, "the stream is closed")
                return events
            }
            #expect(ended.types == ["ready", "auth_expired"])
            _ = try await amina.ask("meanwhile", key: "k", in: id)
            let back = try await amina.stream(id, lastEventID: ended.first?.id) { try await $0.until("reply.finished") }
            #expect(back.words == "x")
        }
    }

    @Test func `says goodbye when the server does, and new ones are refused`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            try await amina.stream(id) { stream in
                _ = try await stream.next()
                server.assembly.board.close()
                let bye = try #require(await stream.next())
                #expect(bye.type == "bye")
                #expect(bye.data["reason"].text == "restarting")
                #expect((250...400).contains(bye.data["retry_ms"].int), "spread over no time here")
                #expect(try await stream.next() == nil)
            }
            let refused = try await amina.get("/api/v1/cases/\(id)/events")
            #expect(refused.status == 503)
            #expect(refused.body["code"].text == "shutting_down")
            #expect(try await amina.get("/ready").status == 503)
        }
    }

    @Test func `is one of a bounded number for each person`() async throws {
        try await withServer(["streams.perPerson": "2"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            let tom = try await server.seat(of: Cast.tom)
            let id = try await amina.open()
            let other = try await tom.open()
            try await amina.stream(id) { first in
                _ = try await first.next()
                try await amina.stream(id) { second in
                    #expect(try await second.next()?.type == "ready")
                    let third = try await amina.get("/api/v1/cases/\(id)/events")
                    #expect(third.status == 429)
                    #expect(third.body["code"].text == "too_many_streams")
                    let toms = try await tom.stream(other) { try await $0.next() }
                    #expect(toms?.type == "ready")
                }
            }
            _ = try await eventually { server.assembly.board.count == 0 ? true : nil }
        }
    }
}
