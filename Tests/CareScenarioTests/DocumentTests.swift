import CareDesk
import CareDocuments
import CareDomain
import CareStore
import CareTestKit
import Foundation
import NIOHTTP1
import Testing

@testable import curaway

/// Documents through the whole server, read by a scripted reader: no tool decides what is seen here.
@Suite(.timeLimit(.minutes(6)))
struct `A document that a patient gives` {
    @Test func `is seen step by step on both streams, and stands in the snapshot`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let cursor = try await amina.get("/api/v1/cases/\(caseID)").body["cursor"].text
            let id = try await amina.give(
                "Laboratory report\nHaemoglobin: 13.2 g/dL\u{c}Ferritin: 40 ug/L", name: "../a/labor.pdf", in: caseID)
            let ready = try await amina.isRead(id)
            #expect(ready["stage"].text == "ready")
            #expect(ready["name"].text == "labor.pdf")
            #expect(ready["kind"].text == "laboratory")
            #expect(ready["virus_scanned"] == .bool(false))
            #expect(ready["page"].int == 2 && ready["pages"].int == 2)
            for path in ["/api/v1/cases/\(caseID)/events", amina.papers + "/stream"] {
                let events = try await amina.events(path + "?cursor=\(cursor)") { events in
                    events.contains { $0.data["stage"].text == "ready" }
                }
                let seen = events.filter { $0.type == "document" }
                #expect(
                    seen.map { $0.data["stage"].text }
                        == ["received", "scanned", "reading", "reading", "reading", "extracting", "ready"])
                #expect(seen.map { $0.data["version"].int } == Array(1...7))
                #expect(seen.map { $0.data["page"].int } == [0, 0, 0, 1, 2, 2, 2])
                #expect(seen.allSatisfy { $0.id != nil && $0.data["case_id"].text == caseID })
            }
            let snapshot = try await amina.get("/api/v1/cases/\(caseID)").body
            #expect(snapshot["documents"].list == [ready])
            #expect(try await amina.get(amina.papers).body["documents"].list == [ready])
            _ = try await amina.ask("Hello", key: "after", in: caseID)
            let messages = try await amina.events("/api/v1/cases/\(caseID)/messages/stream?cursor=\(cursor)") {
                events in
                events.contains { $0.data["client_message_id"].text == "after" }
            }
            #expect(!messages.contains { $0.type == "document" })
        }
    }

    @Test func `says what it says, page by page, in ranges, and is found by its words`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let text = "Haemoglobin: 13.2 g/dL\u{c}Second page"
            let id = try await amina.give(text, name: "Lab \"1\" مختبر.txt", in: try await amina.open())
            _ = try await amina.isRead(id)
            let detail = try await amina.get("\(amina.papers)/\(id)").body
            #expect(detail["pages"].list.map { $0["text"].text } == ["Haemoglobin: 13.2 g/dL", "Second page"])
            let short = try await amina.get("\(amina.papers)/\(id)?text=none").body
            #expect(short["pages"].list.map { $0["text"] } == [.null, .null] && short["pages"].list.count == 2)
            #expect(short["pages"].list.map { $0["number"].int } == [1, 2])
            #expect(short["extraction"] == detail["extraction"] && short["document"] == detail["document"])
            for wish in ["", "all", "None", "none%20"] {
                let refused = try await amina.get("\(amina.papers)/\(id)?text=\(wish)")
                #expect(refused.status == 400 && refused.body["code"].text == "invalid_field", "\(wish)")
            }
            let item = detail["extraction"]["items"].list.first
            #expect(item?["value"].text == "13.2" && item?["unit"].text == "g/dL" && item?["page"].int == 1)
            #expect(item?["passage"].text == "Haemoglobin: 13.2 g/dL")
            #expect(try await amina.file("\(amina.papers)/\(id)/text").text == text)
            let whole = try await amina.file("\(amina.papers)/\(id)/file")
            #expect(whole.status == 200 && whole.text == text)
            #expect(whole.headers.first(name: "Content-Disposition")?.hasPrefix("attachment; filename=") == true)
            #expect(whole.headers.first(name: "Content-Disposition")?.contains("UTF-8''Lab%20%221%22%20%D9%85") == true)
            #expect(whole.headers.first(name: "X-Content-Type-Options") == "nosniff")
            #expect(whole.headers.first(name: "Content-Security-Policy") == "default-src 'none'; sandbox")
            let part = try await amina.file("\(amina.papers)/\(id)/file", [("Range", "bytes=0-10")])
            #expect(part.status == 206 && part.text == "Haemoglobin")
            #expect(part.headers.first(name: "Content-Range") == "bytes 0-10/\(text.utf8.count)")
            let beyond = try await amina.file("\(amina.papers)/\(id)/file", [("Range", "bytes=999-")])
            #expect(beyond.status == 416 && beyond.headers.first(name: "Content-Range") == "bytes */\(text.utf8.count)")
            #expect(try await amina.file("\(amina.papers)/\(id)/pages/2").status == 200)
            for page in ["0", "3", "01", "x", "-1"] {
                #expect(try await amina.file("\(amina.papers)/\(id)/pages/\(page)").status == 404)
            }
            for question in ["%20", "%2D", "%22%20OR%201"] {
                #expect(try await amina.get("\(amina.papers)/search?q=\(question)").status == 200)
            }
            let hits = try await amina.get("\(amina.papers)/search?q=haemo").body["results"].list
            #expect(hits.map { $0["document_id"].text } == [id])
            #expect(hits.first?["passage"].text == "Haemoglobin: 13.2 g/dL")
            for question in ["", String(repeating: "x", count: 201)] {
                #expect(try await amina.get("\(amina.papers)/search?q=\(question)").status == 400)
            }
        }
    }

    @Test func `is one however often it is given, until it is deleted, and then leaves its place alone`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let id = try await amina.give("Haemoglobin", in: caseID)
            let again = try await amina.giving("Haemoglobin", name: "other.txt", in: caseID)
            #expect(again.status == 200 && again.body["id"].text == id)
            _ = try await amina.isRead(id)
            let folder = server.assembly.settings.data + "/documents"
            #expect(try Self.files(in: folder).count == 2, "the original and a page, and nothing of the second")
            #expect(try await amina.send("DELETE", "\(amina.papers)/\(id)").status == 204)
            #expect(try await amina.send("DELETE", "\(amina.papers)/\(id)").status == 204)
            for path in ["", "/text", "/file", "/pages/1"] {
                #expect(try await amina.get("\(amina.papers)/\(id)\(path)").status == 404)
            }
            #expect(try Self.files(in: folder).isEmpty)
            #expect(try await amina.get("\(amina.papers)/search?q=haemoglobin").body["results"].list.isEmpty)
            let left = try await amina.get("/api/v1/cases/\(caseID)").body["documents"].list
            #expect(left.map { $0["stage"].text } == ["deleted"] && left.first?["name"].text == "")
            let third = try await amina.give("Haemoglobin", in: caseID)
            #expect(third != id)
        }
    }

    @Test func `that is long lets a short one that came later go first`() async throws {
        try await withServer(reader: ScriptedReader(pause: .milliseconds(60))) { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let pages = (1...45).map { "page \($0)" }.joined(separator: "\u{c}")
            let long = try await amina.give("SLOW " + pages, in: caseID)
            let short = try await amina.give("Haemoglobin", in: caseID)
            #expect(try await amina.isRead(short)["stage"].text == "ready")
            #expect(try await amina.get("\(amina.papers)/\(long)").body["document"]["stage"].text == "reading")
            let read = try await amina.isRead(long)
            #expect(read["stage"].text == "ready" && read["page"].int == 45)
        }
    }

    @Test func `of more words than a book is too big, before all of them are kept`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let page = String(repeating: "word ", count: 200_000)
            let fine = try await amina.give(page + "\u{c}" + page, in: caseID)
            #expect(try await amina.isRead(fine)["stage"].text == "ready")
            let big = try await amina.give(page + "\u{c}" + page + "\u{c}x", in: caseID)
            let rejected = try await amina.isRead(big)
            #expect(rejected["stage"].text == "rejected" && rejected["code"].text == "too_big_to_open")
            #expect(rejected["page"].int == 2)
        }
    }

    @Test func `waits, and does not fail, while the folder of documents is away`() async throws {
        try await withServer(
            ["document.leaseMs": "1000"], reader: ScriptedReader(pause: .milliseconds(1_500))
        ) { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let folder = server.assembly.settings.data + "/documents"
            _ = try await eventually { FileManager.default.fileExists(atPath: folder + "/.owner") ? true : nil }
            let first = try await amina.give("SLOW page", in: caseID)
            let second = try await amina.give("Haemoglobin", in: caseID)
            try FileManager.default.moveItem(atPath: folder, toPath: folder + "-away")
            try await Task.sleep(for: .seconds(5))
            let stage = try await amina.get("\(amina.papers)/\(second)").body["document"]["stage"].text
            #expect(["received", "scanned"].contains(stage))
            try? FileManager.default.removeItem(atPath: folder)
            try FileManager.default.moveItem(atPath: folder + "-away", toPath: folder)
            #expect(try await amina.isRead(second)["stage"].text == "ready")
            _ = try await amina.isRead(first)
        }
    }

    @Test func `deleted while it is read stops being read, and leaves nothing`() async throws {
        try await withServer(reader: ScriptedReader(pause: .seconds(30))) { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let slow = try await amina.give("SLOW page\u{c}two", in: caseID)
            _ = try await eventually {
                try await amina.get("\(amina.papers)/\(slow)").body["document"]["stage"].text == "reading" ? true : nil
            }
            #expect(try await amina.send("DELETE", "\(amina.papers)/\(slow)").status == 204)
            // One is read at a time: the next can only be ready if nobody waits for the slow one any more.
            let next = try await amina.give("Haemoglobin", in: caseID)
            #expect(try await amina.isRead(next)["stage"].text == "ready")
            #expect(try Self.files(in: server.assembly.settings.data + "/documents").count == 2)
        }
    }

    /// Nobody tells this node to stop: the page that it reads is written after the bytes went.
    @Test func `deleted on another node while it is read here leaves nothing either`() async throws {
        try await withServer(reader: ScriptedReader(pause: .seconds(2))) { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let slow = try await amina.give("SLOW page", in: caseID)
            _ = try await eventually {
                try await amina.get("\(amina.papers)/\(slow)").body["document"]["stage"].text == "reading" ? true : nil
            }
            let folder = server.assembly.settings.data + "/documents"
            let id = try #require(DocumentID(rawValue: slow))
            _ = try await server.assembly.store.delete(id, at: .now, noting: nil)
            try await DirectoryBlobStore(root: folder).removeAll(of: id)
            #expect(try Self.files(in: folder).isEmpty)
            // Read one at a time: when the next is ready, the page of the first has been written.
            let next = try await amina.give("Haemoglobin", in: caseID)
            #expect(try await amina.isRead(next)["stage"].text == "ready")
            #expect(try Self.files(in: folder).count == 2)
        }
    }

    @Test func `is handed back only once it has been checked`() async throws {
        try await withServer(reader: ScriptedReader(pause: .seconds(30))) { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let slow = try await amina.give("SLOW page", in: caseID)
            let waiting = try await amina.give("Haemoglobin", in: caseID)
            let early = try await amina.get("\(amina.papers)/\(waiting)/file")
            #expect(early.status == 409 && early.body["code"].text == "document_not_checked")
            #expect(try await amina.send("DELETE", "\(amina.papers)/\(slow)").status == 204)
            _ = try await amina.isRead(waiting)
            #expect(try await amina.file("\(amina.papers)/\(waiting)/file").text == "Haemoglobin")
        }
    }

    @Test func `is not handed back while the scanner is away`() async throws {
        try await withServer(["clamd.address": "/nonexistent/clamd.sock"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.give("Haemoglobin", in: try await amina.open())
            #expect(try await amina.isRead(id)["code"].text == "scanner_unavailable")
            let answer = try await amina.get("\(amina.papers)/\(id)/file")
            #expect(answer.status == 409 && answer.body["code"].text == "document_not_checked")
        }
    }

    @Test(arguments: [
        ("ENCRYPTED x", "rejected", "encrypted"), ("DAMAGED x", "rejected", "damaged"),
        (" \u{c} ", "rejected", "nothing_to_read"), ("FAIL x", "failed", "reader_unavailable"),
    ])
    func `that cannot be read says why`(_ text: String, _ stage: String, _ code: String) async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.give(text, in: try await amina.open())
            let over = try await amina.isRead(id)
            #expect(over["stage"].text == stage && over["code"].text == code)
            #expect(over["retryable"] == .bool(stage == "failed"))
            let retried = try await amina.send("POST", "\(amina.papers)/\(id)/retry")
            #expect(retried.status == (stage == "failed" ? 202 : 409))
            if stage == "failed" {
                #expect(retried.body["stage"].text == "received")
                #expect(try await amina.isRead(id)["stage"].text == "failed")
            } else {
                #expect(retried.body["code"].text == "document_not_failed")
            }
        }
    }

    @Test func `is told to the assistant, which answers from it with the page`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            _ = try await amina.isRead(try await amina.give("Haemoglobin: 13.2 g/dL", in: caseID))
            let answer = try await amina.ask("What does my report say?", key: "q", in: caseID)
            #expect(answer.body["reply"]["message"]["body"].text.contains("13.2"))
        }
    }

    @Test func `that is old is answered from when it is asked about, and nothing unseen is denied`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            _ = try await amina.isRead(try await amina.give("Ferritin: 40 ug/L", in: caseID))
            for number in 1...7 {
                _ = try await amina.isRead(try await amina.give("Sodium: 13\(number) mmol/L", in: caseID))
            }
            let found = try await amina.ask("What is my ferritin?", key: "old", in: caseID)
            #expect(found.body["reply"]["message"]["body"].text.contains("40"))
            let missed = try await amina.ask("What is my cholesterol?", key: "none", in: caseID)
            #expect(missed.body["reply"]["message"]["body"].text.contains("There are 2 more"))
        }
    }

    @Test func `is another patient's to nobody else`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let tom = try await server.seat(of: Cast.tom)
            let id = try await amina.give("Haemoglobin", in: try await amina.open())
            // Under his own name, with her document.
            for path in ["", "/text", "/file", "/pages/1"] {
                #expect(try await tom.get("/api/v1/patients/tom/documents/\(id)\(path)").status == 404)
            }
            #expect(try await tom.send("DELETE", "/api/v1/patients/tom/documents/\(id)").status == 404)
            #expect(try await tom.send("POST", "/api/v1/patients/tom/documents/\(id)/retry").status == 404)
            #expect(try await tom.get("/api/v1/patients/tom/documents").body["documents"].list.isEmpty)
            let upload = try await amina.announce(5, in: try await amina.open())
            #expect(try await tom.tus("HEAD", "/api/v1/patients/tom/uploads/\(upload)").status == 404)
        }
    }

    static func files(in folder: String) throws -> [String] {
        let all = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return all.filter { path in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: folder + "/" + path, isDirectory: &isFolder)
                && !isFolder.boolValue && path != ".owner"
        }
    }
}
