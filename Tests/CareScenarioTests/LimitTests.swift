import CareDesk
import CareDomain
import CareStore
import CareTestKit
import Foundation
import Testing

@testable import curaway

/// Each limit of the web, from both sides. The other limits have their tests beside the type that has them
/// (docs/guides/testing.md lists all).
@Suite(.timeLimit(.minutes(4)))
struct `At its limit` {
    private func served(
        _ options: [String: String] = [:], _ body: @escaping @Sendable (Server, Seat, Wire) async throws -> Void
    ) async throws {
        try await withServer(options, model: ScriptedModel([.say("Yes."), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            try await body(server, amina, Wire(port: server.port, token: amina.token ?? "", caseID: id))
        }
    }

    @Test func `a body is taken, and one byte more is not`() async throws {
        try await served { server, _, wire in
            let question = Wire.question(#""x""#)
            for (bytes, status) in [(65_536, 202), (65_537, 413)] {
                let body = question + String(repeating: " ", count: bytes - question.utf8.count)
                let chunks = "\(String(bytes, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
                for request in [wire.chat(body), wire.chunked(chunks)] {
                    try await RawPeer.at(server.port) { peer in
                        await peer.send(request)
                        try await peer.untilAnswers(1)
                        #expect(peer.statuses == [status], "\(bytes)")
                        await peer.send(wire.get("/health"))
                        try await peer.untilAnswers(2)
                        #expect(peer.statuses == [status, 200], "the connection goes on")
                    }
                }
            }
        }
    }

    /// Nine Unicode scalars each, whatever their bytes or what the eye counts as letters.
    @Test(arguments: [
        String(repeating: "x", count: 9), String(repeating: "é", count: 9), String(repeating: "م", count: 9),
        String(repeating: "👍", count: 9), "e" + String(repeating: "\u{301}", count: 8), "👩‍⚕️👩‍⚕️x", "🇸🇦🇸🇦🇸🇦🇸🇦x",
    ]) func `a message is counted in Unicode scalars`(_ nine: String) async throws {
        try #require(nine.unicodeScalars.count == 9)
        try await served(["message.characters": "9"]) { _, amina, wire in
            let taken = try await amina.ask(nine, key: "9", in: wire.caseID)
            #expect(taken.status == 200)
            #expect(taken.body["message"]["body"].text.unicodeScalars.elementsEqual(nine.unicodeScalars))
            let refused = try await amina.ask(nine + "x", key: "10", in: wire.caseID)
            #expect(refused.status == 422)
            #expect(refused.body["code"].text == "message_too_long")
            #expect(try await amina.ask("  \(nine)\n ", key: "trimmed", in: wire.caseID).status == 200)
        }
    }

    /// Was counted in letters: one letter with 60,000 accents was a title.
    @Test(arguments: [("x", 120), ("👍", 120), ("e\u{301}", 60)])
    func `a title is counted like a message`(_ part: String, _ count: Int) async throws {
        try await served { _, amina, _ in
            let title = String(repeating: part, count: count)
            #expect(try await amina.send("POST", "/api/v1/cases", #"{"title":"\#(title)"}"#).status == 201)
            let refused = try await amina.send("POST", "/api/v1/cases", #"{"title":"\#(title)x"}"#)
            #expect(refused.status == 400)
            #expect(refused.body["field"].text == "title")
        }
    }

    @Test func `an id of a case to open is taken, and a letter more is not`() async throws {
        try await served { _, amina, _ in
            for (length, status) in [(64, 201), (65, 400)] {
                let key = String(repeating: "c", count: length)
                let opened = try await amina.send("POST", "/api/v1/cases", #"{"client_case_id":"\#(key)"}"#)
                #expect(opened.status == status)
            }
        }
    }

    @Test func `a head is taken, and a byte or a header more is not`() async throws {
        try await served(["head.bytes": "2048", "head.fields": "20"]) { server, _, _ in
            // Counted: the path, and each header's name and value.
            let taken = "/health".utf8.count + "Hostlocalhost".utf8.count + "X".utf8.count
            for (bytes, status) in [(2_048, 200), (2_049, 431)] {
                let value = String(repeating: "v", count: bytes - taken)
                try await RawPeer.at(server.port) { peer in
                    await peer.send("GET /health HTTP/1.1\r\nHost: localhost\r\nX: \(value)\r\n\r\n")
                    try await peer.untilAnswers(1)
                    #expect(peer.statuses == [status], "\(bytes)")
                    #expect(peer.codes == (status == 200 ? [] : ["head_too_large"]))
                }
            }
            for (count, status) in [(20, 200), (21, 431)] {
                let more = String(repeating: "X: y\r\n", count: count - 1)
                try await RawPeer.at(server.port) { peer in
                    await peer.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\(more)\r\n")
                    try await peer.untilAnswers(1)
                    #expect(peer.statuses == [status], "\(count)")
                }
            }
            // Headers after the last chunk are headers.
            try await RawPeer.at(server.port) { peer in
                let trailers = String(repeating: "X: y\r\n", count: 200)
                await peer.send(
                    "GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\(trailers)\r\n")
                try await peer.untilClosed()
                #expect((peer.statuses.first ?? 0) == 200 || peer.statuses == [400])
            }
        }
    }

    @Test func `a page of history holds so many, and a longer one cannot be asked for`() async throws {
        try await served { _, amina, wire in
            let path = "/api/v1/cases/\(wire.caseID)/messages"
            for (query, status) in [
                ("limit=1", 200), ("limit=200", 200), ("limit=0", 400), ("limit=201", 400), ("before=1", 200),
                ("before=2147483647", 200), ("before=2147483648", 400), ("before=0", 400), ("limit=1&limit=999", 200),
                ("limit=%31", 200), ("limit=1%00", 400), ("limit=+1", 400), ("limit=1e1", 400), ("limit=", 400),
                ("limit=%D9%A1", 400),
            ] {
                let page = try await amina.get("\(path)?\(query)")
                #expect(page.status == status, "\(query)")
            }
        }
    }

    /// Was without one: a patient could open cases for as long as the disk had room.
    @Test func `a patient opens 50 cases, and another one when one is closed`() async throws {
        try await served { server, amina, wire in
            for number in 2...50 {
                let opening = #"{"client_case_id":"key-\#(number)"}"#
                let made = try await amina.send("POST", "/api/v1/cases", opening)
                #expect(made.status == 201, "\(number): \(made.body)")
            }
            let refused = try await amina.send("POST", "/api/v1/cases", "{}")
            #expect(refused.status == 409)
            #expect(refused.body["code"].text == "too_many_cases")
            let again = try await amina.send("POST", "/api/v1/cases", #"{"client_case_id":"key-50"}"#)
            #expect(again.status == 200, "who lost the answer finds the case")
            let tom = try await server.seat(of: Cast.tom)
            #expect(try await tom.send("POST", "/api/v1/cases", "{}").status == 201)

            let file = try SQLiteDatabase(path: server.assembly.settings.databasePath)
            _ = try await file.write {
                try $0.run("UPDATE cases SET status = 'closed' WHERE id = $1", [.text(wire.caseID)])
            }
            #expect(try await amina.send("POST", "/api/v1/cases", "{}").status == 201)
            #expect(try await amina.send("POST", "/api/v1/cases", "{}").status == 409)
        }
    }

    @Test func `a list of cases holds 200, the last changed`() async throws {
        try await served(["cases.perPatient": "201"]) { server, amina, _ in
            for number in 2...201 {
                _ = try await server.assembly.intake.open(
                    for: Cast.amina, title: "Case \(number)", language: .english, clientCaseID: nil)
            }
            let listed = try await amina.get("/api/v1/cases").body["cases"].list
            #expect(listed.count == 200)
            #expect(listed.first?["title"].text == "Case 201")
            #expect(listed.last?["title"].text == "Case 2")
        }
    }
}
