import AsyncHTTPClient
import CareTestKit
import Foundation
import NIOCore
import NIOHTTP1

/// What a patient's app does with documents.
extension Seat {
    var papers: String { "/api/v1/patients/amina/documents" }
    var uploads: String { "/api/v1/patients/amina/uploads" }

    /// Sends a file in a form; its id.
    func give(_ text: String, name: String = "report.txt", in caseID: String) async throws -> String {
        let answer = try await giving(text, name: name, in: caseID)
        guard answer.status == 201 else { throw Unexpected("\(answer.status) \(answer.body)") }
        return answer.body["id"].text
    }

    func giving(_ text: String, name: String = "report.txt", in caseID: String) async throws -> Reply {
        try await send(
            "POST", papers, form(text, name: name, in: caseID),
            headers: [("Content-Type", "multipart/form-data; boundary=xyz")])
    }

    /// Announces a file in pieces; its id.
    func announce(_ length: Int, name: String = "report.txt", in caseID: String) async throws -> String {
        let pair = { (key: String, value: String) in "\(key) \(Data(value.utf8).base64EncodedString())" }
        let answer = try await tus(
            "POST", uploads,
            [
                ("Upload-Length", "\(length)"),
                ("Upload-Metadata", "\(pair("filename", name)),\(pair("case_id", caseID))"),
            ])
        guard answer.status == 201, let location = answer.headers.first(name: "Location") else {
            throw Unexpected("\(answer.status) \(answer.body)")
        }
        return location.split(separator: "/").last.map(String.init) ?? ""
    }

    func tus(
        _ method: String, _ path: String, _ headers: [(String, String)] = [], _ body: String? = nil
    ) async throws -> Reply {
        try await send(method, path, body, headers: [("Tus-Resumable", "1.0.0")] + headers)
    }

    func piece(_ text: String, at offset: Int, of upload: String) async throws -> Reply {
        try await tus(
            "PATCH", "\(uploads)/\(upload)",
            [("Content-Type", "application/offset+octet-stream"), ("Upload-Offset", "\(offset)")], text)
    }

    struct File: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var text: String
    }

    func file(_ path: String, _ headers: [(String, String)] = []) async throws -> File {
        var request = HTTPClientRequest(url: base + path)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        request.headers.add(contentsOf: headers)
        let response = try await client.execute(request, timeout: .seconds(30))
        return File(
            status: Int(response.status.code), headers: response.headers,
            text: String(decoding: Array(buffer: try await response.body.collect(upTo: 10_000_000)), as: UTF8.self))
    }

    /// A stream's events until there are enough.
    func events(
        _ path: String, until isEnough: @Sendable ([EventReader.Event]) -> Bool
    ) async throws -> [EventReader.Event] {
        var request = HTTPClientRequest(url: base + path)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        let response = try await client.execute(request, timeout: .seconds(30))
        var reader = EventReader(
            status: Int(response.status.code), headers: response.headers, chunks: response.body.makeAsyncIterator())
        var events: [EventReader.Event] = []
        while !isEnough(events), let event = try await reader.next() { events.append(event) }
        return events
    }

    /// Waits until a document's reading is over, longer than a tool may take; the document.
    func isRead(_ id: String) async throws -> JSONValue {
        for _ in 0..<7_000 {
            let document = try await get("\(papers)/\(id)").body["document"]
            if ["ready", "failed", "rejected"].contains(document["stage"].text) { return document }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw NeverCame()
    }
}
