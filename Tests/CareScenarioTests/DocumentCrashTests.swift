import CareDesk
import CareDomain
import CareStore
import CareTestKit
import Foundation
import NIOHTTP1
import Testing

@testable import curaway

/// `kill -9` while a document is on its way, and a new process on the same folder: it ends ready, never stuck and never twice.
@Suite(.timeLimit(.minutes(6)))
struct `A kill in the middle of a document` {
    static let settings = ["CURAWAY_DOCUMENT_LEASE_MS": "1000", "CURAWAY_DRAIN_SECONDS": "0"]
    /// Several pages of plain text, which no tool has to be there for.
    static let text = (1...400).map { "Line \($0): Haemoglobin 13.2 g/dL" }.joined(separator: "\n")

    @Test(arguments: ["received", "scanned", "reading", "extracting", "ready"])
    func `leaves a document that is read in the end, once`(_ stage: String) async throws {
        try await withProgram { program in
            let (caseID, id) = try await program.serve(Self.settings, ending: Program.killed) { server in
                let amina = server.amina
                let caseID = try await amina.open()
                let cursor = try await amina.get("/api/v1/cases/\(caseID)").body["cursor"].text
                async let seen = amina.events("/api/v1/cases/\(caseID)/events?cursor=\(cursor)") { events in
                    events.contains { $0.data["stage"].text == stage }
                }
                let id = try await amina.give(Self.text, in: caseID)
                _ = try await seen
                try server.kill()
                return (caseID, id)
            }
            try await program.serve(Self.settings) { server in
                let amina = server.amina
                let document = try await amina.isRead(id)
                #expect(document["stage"].text == "ready")
                #expect(document["page"] == document["pages"])
                let detail = try await amina.get("\(amina.papers)/\(id)").body
                let pages = detail["pages"].list
                #expect(pages.map { $0["number"].int } == Array(1...document["pages"].int))
                #expect(detail["extraction"]["items"].list.count > 0)
                #expect(try await amina.file("\(amina.papers)/\(id)/file").text == Self.text)
                let again = try await amina.giving(Self.text, in: caseID)
                #expect(again.status == 200 && again.body["id"].text == id)
                #expect(try await amina.get("/api/v1/cases/\(caseID)").body["documents"].list.count == 1)
            }
        }
    }

    @Test func `keeps the bytes of an upload that the server had said were kept`() async throws {
        try await withProgram { program in
            let (caseID, id) = try await program.serve(Self.settings, ending: Program.killed) { server in
                let caseID = try await server.amina.open()
                let id = try await server.amina.announce(11, in: caseID)
                #expect(try await server.amina.piece("Haemo", at: 0, of: id).status == 204)
                try server.kill()
                return (caseID, id)
            }
            try await program.serve(Self.settings) { server in
                let amina = server.amina
                let head = try await amina.tus("HEAD", "\(amina.uploads)/\(id)")
                #expect(head.headers.first(name: "Upload-Offset") == "5")
                #expect(try await amina.piece("globin", at: 5, of: id).status == 204)
                #expect(try await amina.isRead(id)["stage"].text == "ready")
                #expect(try await amina.get("/api/v1/cases/\(caseID)").body["documents"].list.count == 1)
            }
        }
    }
}
