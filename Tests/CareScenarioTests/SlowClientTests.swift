import CareTestKit
import CareWeb
import Foundation
import Testing

@testable import curaway

/// Clients that cost us something by doing little. Nothing here says how fast anything is, only that it ends, and that
/// whoever is merely slow is served.
@Suite(.timeLimit(.minutes(6)))
struct `A client that takes its time` {
    private static let hurried = [
        "head.seconds": "1", "body.seconds": "1", "idle.seconds": "1", "stalled.seconds": "1",
    ]

    private func served(
        _ options: [String: String] = hurried, model: ScriptedModel = ScriptedModel([.say("Yes."), .finish]),
        _ body: @escaping @Sendable (Server, Seat, Wire) async throws -> Void
    ) async throws {
        try await withServer(options, model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            try await body(server, amina, Wire(port: server.port, token: amina.token ?? "", caseID: id))
            #expect(try await amina.ask("Hello?", key: "after", in: id).body["reply"]["message"]["body"].text == "Yes.")
        }
    }

    /// Sends it again and again until the server has had enough.
    private func drip(_ part: String, to peer: RawPeer) async throws {
        _ = try await eventually {
            await peer.send(part)
            return peer.isClosed ? true : nil
        }
    }

    @Test func `and says nothing, or its head by drops, is closed on without a word`() async throws {
        try await served { server, _, wire in
            try await RawPeer.at(server.port) { peer in
                try await peer.untilClosed()
                #expect(peer.count == 0)
            }
            try await RawPeer.at(server.port) { peer in
                await peer.send("GET /health HTTP/1.1\r\n\(wire.identity)X: ")
                try await drip("a", to: peer)
                #expect(peer.count == 0)
            }
        }
    }

    @Test func `over its body is told so and closed on`() async throws {
        try await served { server, amina, wire in
            for head in ["Content-Length: 60000", "Transfer-Encoding: chunked"] {
                try await RawPeer.at(server.port) { peer in
                    await peer.send(wire.chatHead("Content-Type: application/json\r\n\(head)\r\n"))
                    try await drip(head.hasPrefix("T") ? "1\r\n \r\n" : " ", to: peer)
                    #expect(peer.statuses == [408])
                    #expect(peer.codes == ["request_too_slow"])
                }
            }
            // Refused before its body: the rest is not read for ever either.
            try await RawPeer.at(server.port) { peer in
                await peer.send("POST /nowhere HTTP/1.1\r\n\(wire.identity)Transfer-Encoding: chunked\r\n\r\n")
                try await drip("1\r\nx\r\n", to: peer)
                #expect(peer.statuses == [404])
            }
            #expect(try await amina.get("/api/v1/cases/\(wire.caseID)").body["messages"].list.count == 1)
        }
    }

    @Test func `between two requests is closed on, and not a moment sooner than it may`() async throws {
        var options = Self.hurried
        options["idle.seconds"] = "4"
        try await served(options) { server, _, wire in
            try await RawPeer.at(server.port) { peer in
                for number in 1...4 {
                    await peer.send(wire.get("/health"))
                    try await peer.untilAnswers(number)
                    try await Task.sleep(for: .milliseconds(1_200))
                    #expect(!peer.isClosed, "closed although it asked within the four seconds, four times")
                }
                try await peer.untilClosed()
                #expect(peer.statuses == [200, 200, 200, 200])
            }
        }
    }

    /// Who has asked and waits does nothing wrong, however long it is.
    @Test func `because we do is left alone`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.say("Slow "), .wait(gate), .say("words."), .finish], [.say("Yes."), .finish])
        try await served(model: model) { server, _, wire in
            try await RawPeer.at(server.port) { peer in
                let body = Wire.question(#""How long?""#)
                await peer.send(
                    "POST /api/v1/cases/\(wire.caseID)/chat HTTP/1.1\r\n\(wire.identity)"
                        + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
                // The next question is already on its way, half of it.
                await peer.send(Array(wire.chat(Wire.question(#""And then?""#, key: "2")).dropLast(10)))
                try await Task.sleep(for: .milliseconds(2_500))
                #expect(!peer.isClosed && peer.count == 0)
                gate.open()
                try await peer.until("Slow words.")
                #expect(peer.statuses == [200])
                await peer.send(Array(wire.chat(Wire.question(#""And then?""#, key: "2")).suffix(10)))
                try await peer.untilAnswers(2)
                #expect(peer.statuses == [200, 202])
            }
        }
    }

    @Test func `to read its answers is cut off, and one that reads is not`() async throws {
        try await served { server, _, wire in
            let path = "/assets/\(try AssetCatalogHash.of(server))/css/chat.css"
            let size = try await Seat(base: "http://127.0.0.1:\(server.port)").bytes(path).utf8.count
            let asked = 4_000_000 / size
            let requests = (1...asked).flatMap { _ in wire.get(path) }
            try await RawPeer.at(server.port, reads: false, receiveBuffer: 4_096) { deaf in
                async let sent: Void = deaf.send(requests)
                try await RawPeer.at(server.port, receiveBuffer: 4_096) { peer in
                    await peer.send(requests)
                    _ = try await eventually { peer.count > asked * size ? true : nil }
                }
                try await Task.sleep(for: .milliseconds(2_500))
                // Cut off already, it may have nothing left to read.
                try? await deaf.startReading()
                try await deaf.untilClosed()
                #expect(deaf.count < 2_000_000, "everything was kept for one who did not read")
                await sent
            }
        }
    }

    /// All of it, 50 KiB, would have room in the 64 KiB that we hold at the default; a fold says that we held less and waited.
    @Test func `to read a stream is held no more for than the setting says`() async throws {
        let chatter = Chatter()
        let options = ["send.bufferBytes": "4096", "follower.lagBytes": "8000", "coalesce.ms": "0"]
        try await withServer(options, model: chatter) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            var random = SeededRandom(seed: 1)
            var plan = Chatter.Plan(&random)
            plan.words = Array(repeating: "word ", count: 320)
            plan.pauseEach = .milliseconds(2)
            plan.pauseAfter = .seconds(5)
            chatter.plan(plan, for: id)
            let wire = Wire(port: server.port, token: amina.token ?? "", caseID: id)
            try await RawPeer.at(server.port, receiveBuffer: 4_096) { deaf in
                await deaf.send(wire.get("/api/v1/cases/\(id)/events"))
                try await deaf.until("event: ready")
                try await deaf.stopReading()
                _ = try await amina.ask("Question", key: "k", in: id, async: true)
                await plan.reached[Chatter.Moment.betweenLastDeltaAndSave.rawValue].passed()
                try await deaf.startReading()
                try await deaf.until("event: reply.snapshot")
                #expect(deaf.count < 65_536, "the frames alone were more than is held at the default")
            }
        }
    }

    @Test func `is one of a bounded number, and whoever is one too many is told`() async throws {
        try await withServer(["connections.atOnce": "2"]) { server in
            func health(_ peer: RawPeer) async { await peer.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") }
            try await RawPeer.at(server.port) { first in
                try await RawPeer.at(server.port) { second in
                    await health(first)
                    await health(second)
                    try await first.untilAnswers(1)
                    try await second.untilAnswers(1)
                    try await RawPeer.at(server.port) { third in
                        try await third.untilClosed()
                        #expect(third.statuses == [503])
                        #expect(third.codes == ["too_many_connections"])
                        #expect(third.text.lowercased().contains("retry-after: 1"))
                    }
                    await health(second)
                    try await second.untilAnswers(2)
                    #expect(second.statuses == [200, 200])
                }
                _ = try await eventually {
                    var isIn = false
                    try await RawPeer.at(server.port) { again in
                        await health(again)
                        try await again.untilAnswers(1)
                        isIn = again.statuses == [200]
                    }
                    return isIn ? true : nil
                }
            }
        }
    }
}
