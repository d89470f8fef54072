import CareDesk
import CareDomain
import CareLog
import CareTestKit
import Foundation
import Testing

@testable import curaway

/// The test of tests: a fresh snapshot shows what a stale one and the entries since show. After every use case, for every
/// snapshot that was taken since the case was opened, in mid-answer too.
@Suite(.timeLimit(.minutes(6)))
struct `A snapshot of any age` {
    @Test func `and the entries since it show what a fresh one shows, after every use case`() async throws {
        let gates = (0..<4).map { _ in Gate() }
        let model = ScriptedModel(
            [.say("A whole answer."), .finish],
            [.say("Half of "), .wait(gates[0])],
            [.say("Half of it, and then "), .wait(gates[1]), .say("the rest."), .finish],
            [.say("Not now "), .wait(gates[2])],
            [.say("Both of you: "), .wait(gates[3])],
            [.say("Welcome back."), .finish])
        try await withServer(["coalesce.ms": "0"], model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let priya = try await server.seat(of: Cast.priya)
            let id = try await amina.open()
            let path = "/api/v1/cases/\(id)"
            var album = Album(server: server, seat: amina, caseID: id)
            try await album.compare("a case is opened")

            _ = try await amina.ask("A question", key: "1", in: id)
            try await album.compare("a question is answered")

            let stopped = try await amina.ask("Another", key: "2", in: id, async: true).body["reply"]["id"].text
            try await album.wait(for: "Half of ")
            try await album.compare("an answer is being written")
            #expect(try await amina.send("POST", path + "/replies/\(stopped)/stop").status == 200)
            try await album.waitForQuiet()
            try await album.compare("it is stopped")

            #expect(try await amina.send("POST", path + "/replies/\(stopped)/retry").status == 202)
            try await album.wait(for: "Half of it, and then ")
            try await album.compare("it is tried again")
            gates[1].open()
            try await album.waitForQuiet()
            try await album.compare("the second try is complete")

            _ = try await amina.ask("Can I talk to a person?", key: "3", in: id)
            try await album.compare("a person is asked for")

            _ = try await amina.ask("And the cost?", key: "4", in: id, async: true)
            try await album.wait(for: "Not now ")
            _ = try await amina.ask("I have severe chest pain right now", key: "5", in: id)
            try await album.waitForQuiet()
            try await album.compare("an emergency silences an answer")

            _ = try await amina.ask("One", key: "6", in: id, async: true)
            try await album.wait(for: "Both of you: ")
            _ = try await amina.ask("Two", key: "7", in: id, async: true)
            _ = try await amina.ask("Three", key: "8", in: id, async: true)
            try await album.compare("two more wait")
            #expect(try await priya.send("POST", path + "/accept").status == 200)
            try await album.waitForQuiet()
            try await album.compare("a coordinator takes over in mid-answer")
            _ = try await amina.ask("Are you there?", key: "9", in: id)
            try await album.compare("the patient writes to a person")
            #expect(try await priya.send("POST", path + "/release").status == 200)
            try await album.compare("the case is given back")
            _ = try await amina.ask("Thank you", key: "10", in: id)
            try await album.compare("the assistant answers again")

            #expect(album.comparisons == 78, "thirteen use cases, each beside every snapshot before it")
            #expect(album.resets == 0, "no snapshot is too old here, or the comparison is with itself")
        }
    }
}

/// Every snapshot taken so far.
private struct Album {
    let server: Server
    let seat: Seat
    let caseID: String
    var snapshots: [WireSnapshot] = []
    var comparisons = 0
    var resets = 0

    func snapshot() async throws -> WireSnapshot {
        let body = try await seat.bytes(
            "/api/v1/cases/\(caseID)", headers: [("Authorization", "Bearer \(seat.token ?? "")")])
        return try JSONDecoder().decode(WireSnapshot.self, from: Data(body.utf8))
    }

    func wait(for words: String) async throws {
        _ = try await eventually { try await snapshot().reply?.text == words ? true : nil }
    }

    func waitForQuiet() async throws {
        _ = try await eventually { try await snapshot().reply.map { $0.state.isOver } ?? true ? true : nil }
    }

    mutating func compare(_ useCase: String) async throws {
        // A snapshot may know more than the entries up to its cursor, until what was committed has been told.
        _ = try await eventually {
            try await server.assembly.store.pendingFacts(of: .patient(Cast.amina.id), limit: 1).isEmpty ? true : nil
        }
        let fresh = try await snapshot()
        let end = try Position(parsing: fresh.cursor)
        var expected = ClientPicture()
        expected.apply(fresh.picture)
        for (age, stale) in snapshots.enumerated() {
            var picture = ClientPicture()
            picture.apply(stale.picture)
            let start = try Position(parsing: stale.cursor)
            if start.offset < end.offset {
                picture = try await seat.stream(caseID, cursor: stale.cursor) { [picture] stream in
                    var picture = picture
                    while let event = try await stream.next() {
                        if event.type == "reset" { picture.reset() }
                        if event.type != "ready", event.type != "heartbeat", event.type != "reset" {
                            picture.apply(try CareEvent(json: Array(JSONEncoder().encode(event.data))))
                        }
                        if let at = try event.id.map({ try Position(parsing: $0) }), at.offset >= end.offset { break }
                    }
                    return picture
                }
            }
            if picture.needsSnapshot { resets += 1 }
            #expect(
                picture.shown == expected.shown, "\(useCase): snapshot \(age) and the entries since show another thing")
            comparisons += 1
        }
        snapshots.append(fresh)
    }
}
