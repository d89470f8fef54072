import CareDesk
import CareDomain
import CareStore
import CareTestKit
import Foundation
import NIOHTTP1
import Testing

@testable import curaway

/// Bytes on their way in, over real sockets.
@Suite(.timeLimit(.minutes(6)))
struct `An upload` {
    @Test func `in pieces goes on where it was cut, and becomes a document once`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let id = try await amina.announce(11, name: "a b.txt", in: caseID)
            func offset() async throws -> String? {
                try await amina.tus("HEAD", "\(amina.uploads)/\(id)").headers.first(name: "Upload-Offset")
            }
            #expect(try await offset() == "0")
            #expect(try await amina.piece("Haemo", at: 0, of: id).headers.first(name: "Upload-Offset") == "5")
            #expect(try await offset() == "5")
            let wrong = try await amina.piece("Haemo", at: 0, of: id)
            #expect(wrong.status == 409 && wrong.body["code"].text == "wrong_offset")
            let long = try await amina.piece("globin and more", at: 5, of: id)
            #expect(long.status == 413 && long.body["code"].text == "body_too_large")
            let last = try await amina.piece("globin", at: 5, of: id)
            #expect(last.status == 204)
            #expect(last.headers.first(name: "Content-Location") == "\(amina.papers)/\(id)")
            #expect(try await amina.tus("HEAD", "\(amina.uploads)/\(id)").status == 404)
            let document = try await amina.isRead(id)
            #expect(document["name"].text == "a b.txt" && document["bytes"].int == 11)
            #expect(try await amina.file("\(amina.papers)/\(id)/file").text == "Haemoglobin")
        }
    }

    @Test func `keeps what came before the line broke`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.announce(600_000, in: try await amina.open())
            try await RawPeer.at(server.port) { raw in
                await raw.send(
                    "PATCH \(amina.uploads)/\(id) HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"
                        + "Authorization: Bearer \(amina.token ?? "")\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
                        + "Content-Type: application/offset+octet-stream\r\nContent-Length: 600000\r\n\r\n"
                        + String(repeating: "x", count: 300_000))
            }
            let kept = try await eventually { () -> Int? in
                let head = try await amina.tus("HEAD", "\(amina.uploads)/\(id)")
                return head.headers.first(name: "Upload-Offset").flatMap { Int($0) }.flatMap {
                    $0 > 262_144 ? $0 : nil  // more than what is flushed on the way
                }
            }
            #expect(kept <= 300_000)
            let rest = try await eventually { () -> Seat.Reply? in
                let head = try await amina.tus("HEAD", "\(amina.uploads)/\(id)").headers.first(name: "Upload-Offset")
                let offset = head.flatMap { Int($0) } ?? 0
                let answer = try await amina.piece(String(repeating: "x", count: 600_000 - offset), at: offset, of: id)
                return answer.status == 204 ? answer : nil
            }
            #expect(rest.headers.first(name: "Upload-Offset") == "600000")
            _ = try await amina.isRead(id)
            #expect(try await amina.file("\(amina.papers)/\(id)/file").text == String(repeating: "x", count: 600_000))
        }
    }

    /// A client that hears that all of it is there sends nothing more, and nobody else would have made a document of it.
    @Test func `whose last piece was kept by a node that died is a document when its offset is asked for`() async throws
    {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let id = try await amina.announce(5, name: "a b.txt", in: caseID)
            let name = try #require(DocumentID(rawValue: id))
            let upload = try #require(await server.assembly.store.upload(name))
            try await server.assembly.documents.append(Array("Haemo".utf8), to: upload, at: 0)
            let head = try await amina.tus("HEAD", "\(amina.uploads)/\(id)")
            #expect(head.status == 200 && head.headers.first(name: "Upload-Offset") == "5")
            let pairs =
                "filename \(Data("a b.txt".utf8).base64EncodedString()),case_id \(Data(caseID.utf8).base64EncodedString())"
            #expect(head.headers.first(name: "Upload-Metadata") == pairs)
            #expect(try await amina.isRead(id)["stage"].text == "ready")
            let old = try await amina.send("HEAD", "\(amina.uploads)/\(id)")
            #expect(old.status == 412 && old.headers.first(name: "Tus-Version") == "1.0.0")
        }
    }

    @Test func `that is cancelled is forgotten, bytes and all`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.announce(11, in: try await amina.open())
            _ = try await amina.piece("Haemo", at: 0, of: id)
            #expect(try await amina.tus("DELETE", "\(amina.uploads)/\(id)").status == 204)
            #expect(try await amina.tus("DELETE", "\(amina.uploads)/\(id)").status == 404)
            #expect(try await amina.piece("globin", at: 5, of: id).status == 404)
            let folder = server.assembly.settings.data + "/documents"
            #expect(try `A document that a patient gives`.files(in: folder).isEmpty)
        }
    }

    /// A client that had gone has its upload cancelled; if its last byte had come, that must not cost the document.
    @Test func `that has become a document keeps its bytes, whoever cancels it then`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.announce(5, in: try await amina.open())
            let name = try #require(DocumentID(rawValue: id))
            let upload = try #require(await server.assembly.store.upload(name))
            #expect(try await amina.piece("Haemo", at: 0, of: id).status == 204)
            try await server.assembly.documents.cancel(upload)
            #expect(try await amina.isRead(id)["stage"].text == "ready")
            #expect(try await amina.file("\(amina.papers)/\(id)/file").text == "Haemo")
        }
    }

    @Test func `has bounds, on both sides of each`() async throws {
        let options = ["document.bytes": "1024", "uploads.atOnce": "2", "documents.perPatient": "3"]
        try await withServer(options) { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            func announce(_ length: String) async throws -> Int {
                let pair = "case_id \(Data(caseID.utf8).base64EncodedString())"
                return try await amina.tus(
                    "POST", amina.uploads, [("Upload-Length", length), ("Upload-Metadata", pair)]
                ).status
            }
            #expect(try await announce("0") == 422)
            #expect(try await announce("1025") == 413)
            #expect(try await announce("-1") == 400)
            #expect(try await announce("1024") == 201)
            #expect(try await announce("1") == 201)
            #expect(try await announce("1") == 429, "two may be open")
            let refused = try await amina.giving(String(repeating: "x", count: 1_025), in: caseID)
            #expect(refused.status == 429)
            for upload in try await server.assembly.store.uploads(untouchedSince: .now + .seconds(10), limit: 9) {
                #expect(try await amina.tus("DELETE", "\(amina.uploads)/\(upload.id)").status == 204)
            }
            let tooLarge = try await amina.giving(String(repeating: "x", count: 1_025), in: caseID)
            #expect(tooLarge.status == 413 && tooLarge.body["code"].text == "document_too_large")
            #expect(try await amina.giving(String(repeating: "x", count: 1_024), in: caseID).status == 201)
            #expect(try await amina.giving("", in: caseID).body["code"].text == "document_empty")
            #expect(try await amina.giving("two", in: caseID).status == 201)
            #expect(try await amina.giving("three", in: caseID).status == 201)
            let full = try await amina.giving("four", in: caseID)
            #expect(full.status == 422 && full.body["code"].text == "too_many_documents")
            #expect(try await server.assembly.store.uploads(untouchedSince: .now + .seconds(10), limit: 9).isEmpty)
        }
    }

    /// What stands around the file is read by nobody, and would be taken in for as long as somebody sends it.
    @Test func `in a form is bounded around the file too`() async throws {
        try await withServer(["document.bytes": "1024"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            let good = form("Haemoglobin", in: caseID)
            for (length, status) in [(1_024 + 65_536, 201), (1_024 + 65_536 + 1, 413)] {
                let preamble = String(repeating: "p", count: length - good.utf8.count - 2)
                let answer = try await amina.send(
                    "POST", amina.papers, preamble + "\r\n" + good,
                    headers: [("Content-Type", "multipart/form-data; boundary=xyz")])
                #expect(answer.status == status, "\(length): \(answer.status) \(answer.body["code"].text)")
            }
            #expect(try await amina.get(amina.papers).body["documents"].list.count == 1)
            #expect(try await server.assembly.store.uploads(untouchedSince: .now + .seconds(10), limit: 9).isEmpty)
        }
    }

    @Test func `that is no form, or not all of one, is refused and leaves nothing`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let caseID = try await amina.open()
            func post(_ body: String, _ type: String = "multipart/form-data; boundary=xyz") async throws -> String {
                try await amina.send("POST", amina.papers, body, headers: [("Content-Type", type)]).body["code"].text
            }
            let good = form("Haemoglobin", in: caseID)
            #expect(try await post(good, "text/plain") == "not_a_form")
            #expect(try await post(good, "multipart/form-data") == "not_a_form")
            #expect(try await post(String(good.dropLast(12))) == "malformed_form")
            #expect(try await post("--xyz\r\nnonsense\r\n\r\n\r\n--xyz--\r\n") == "malformed_form")
            #expect(try await post("--xyz--\r\n") == "invalid_field")
            #expect(try await post(good.replacing(caseID, with: "%")) == "invalid_field")
            #expect(try await post(good.replacing(caseID, with: "nowhere")) == "not_found")
            #expect(try await server.assembly.store.uploads(untouchedSince: .now + .seconds(10), limit: 9).isEmpty)
            let folder = server.assembly.settings.data + "/documents"
            #expect(try `A document that a patient gives`.files(in: folder).isEmpty)
            for version in ["", "0.9"] {
                let answer = try await amina.send("HEAD", "\(amina.uploads)/x", headers: [("Tus-Resumable", version)])
                #expect(answer.status == 412)
            }
            let options = try await amina.send("OPTIONS", amina.uploads)
            #expect(options.status == 204 && options.headers.first(name: "Tus-Max-Size") == "50000000")
        }
    }
    /// tus 1.0.0 wants it in every answer, whoever gives it: a route, what stands before all routes, or the list of them.
    @Test func `is answered with its version, also when it is refused`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            for (seat, method, status) in [
                (amina, "HEAD", 404), (amina, "PATCH", 415), (amina, "DELETE", 404), (amina, "PUT", 405),
                (server.seat(with: "nobody"), "HEAD", 401),
            ] {
                let answer = try await seat.tus(method, "\(amina.uploads)/nowhere")
                #expect(answer.status == status, "\(method)")
                #expect(answer.headers["Tus-Resumable"] == ["1.0.0"], "\(method) \(status)")
            }
            let without = try await amina.send("HEAD", "\(amina.uploads)/nowhere")
            #expect(without.status == 412 && without.headers["Tus-Resumable"] == ["1.0.0"])
            #expect(try await amina.get(amina.papers).headers["Tus-Resumable"].isEmpty)
        }
    }
}
