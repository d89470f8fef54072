import AsyncHTTPClient
import CareDesk
import CareDomain
import CareLog
import CareStore
import CareTestKit
import CareWeb
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

@testable import curaway

/// The whole server on a real socket of loopback, in a folder of its own, for the length of a closure.
func withServer(
    _ options: [String: String] = [:], model: (any LanguageModel)? = nil,
    reader: (any DocumentReader)? = ScriptedReader(), folder: URL? = nil,
    _ body: @escaping @Sendable (Server) async throws -> Void
) async throws {
    let data =
        folder ?? FileManager.default.temporaryDirectory.appendingPathComponent("curaway-\(CaseID.new())")
    defer { if folder == nil { try? FileManager.default.removeItem(at: data) } }
    let frontend = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Frontend")
    var all = ["port": "0", "data": data.path, "frontend": frontend.path, "guide.paceMs": "1", "drain.seconds": "0"]
    all.merge(options) { $1 }
    let settings = try await Settings.read(options: all, environment: [:], file: nil)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let assembly = try await Assembly.make(settings, logger: logger, model: model, reader: reader)
    for person in [Cast.amina, Cast.tom, Cast.priya] { try await assembly.store.save(person) }
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            do { try await assembly.serve(signals: []) { port.yield($0) } } catch is CancellationError {}
            port.finish()
        }
        group.addTask {
            guard let bound = await ports.first(where: { _ in true }) else { return }
            try await body(Server(assembly: assembly, port: bound))
        }
        try await group.next()
        group.cancelAll()
    }
}

struct Server: Sendable {
    let assembly: Assembly
    let port: Int

    func seat(of person: Person) async throws -> Seat {
        guard case .development(let identity, _) = assembly.identity else { throw Unexpected("another identity") }
        return seat(with: try await identity.token(for: person).token)
    }

    func seat(with token: String?) -> Seat { Seat(base: "http://127.0.0.1:\(port)", token: token) }
}

/// A client's seat: what a person's browser can do.
struct Seat: Sendable {
    var base: String
    var token: String?
    var client = HTTPClient.shared

    struct Reply: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: JSONValue
    }

    func send(
        _ method: String, _ path: String, _ json: String? = nil, headers: [(String, String)] = []
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: base + path)
        request.method = .init(rawValue: method)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let json {
            request.body = .bytes(ByteBuffer(string: json))
            if !headers.contains(where: { $0.0 == "Content-Type" }) {
                request.headers.add(name: "Content-Type", value: "application/json")
            }
        }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        let response = try await client.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 10_000_000)
        return Reply(
            status: Int(response.status.code), headers: response.headers,
            body: (try? JSONDecoder().decode(JSONValue.self, from: Data(buffer: bytes))) ?? .null)
    }

    func get(_ path: String) async throws -> Reply { try await send("GET", path) }

    /// The body as text, decompressed if it came so.
    func bytes(_ path: String, headers: [(String, String)] = []) async throws -> String {
        var request = HTTPClientRequest(url: base + path)
        request.headers.add(contentsOf: headers)
        let response = try await client.execute(request, timeout: .seconds(30))
        return String(buffer: try await response.body.collect(upTo: 10_000_000))
    }

    func open(_ title: String = "Knee") async throws -> String {
        try await send("POST", "/api/v1/cases", #"{"title":"\#(title)"}"#).body["id"].text
    }

    func ask(_ text: String, key: String, in caseID: String, async respondAsync: Bool = false) async throws -> Reply {
        let body = JSONValue.object(["message": .string(text), "client_message_id": .string(key)])
        let json = String(decoding: try JSONEncoder().encode(body), as: UTF8.self)
        return try await send(
            "POST", "/api/v1/cases/\(caseID)/chat", json, headers: respondAsync ? [("Prefer", "respond-async")] : [])
    }

    /// Opens a stream for the length of a closure.
    func stream<Answer: Sendable>(
        _ caseID: String, view: String = "events", cursor: String? = nil, lastEventID: String? = nil,
        _ body: @concurrent (inout EventReader) async throws -> Answer
    ) async throws -> Answer {
        var request = HTTPClientRequest(
            url: base + "/api/v1/cases/\(caseID)/\(view)" + (cursor.map { "?cursor=\($0)" } ?? ""))
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let lastEventID { request.headers.add(name: "Last-Event-ID", value: lastEventID) }
        let response = try await client.execute(request, timeout: .seconds(30))
        var reader = EventReader(
            status: Int(response.status.code), headers: response.headers, chunks: response.body.makeAsyncIterator())
        return try await body(&reader)
    }
}

/// Something a test needs in order to go on is not so.
struct Unexpected: Error {
    var what: String
    init(_ what: String) { self.what = what }
}

/// Server-Sent Events as they come.
struct EventReader {
    struct Event: Sendable, Equatable {
        var id: String?
        var type: String
        var data: JSONValue
    }
    let status: Int
    let headers: HTTPHeaders
    var chunks: HTTPClientResponse.Body.AsyncIterator
    private var parser = Frames()
    private var frames: [Frames.Frame] = []

    init(status: Int, headers: HTTPHeaders, chunks: HTTPClientResponse.Body.AsyncIterator) {
        self.status = status
        self.headers = headers
        self.chunks = chunks
    }

    /// The next event, nil at the end of the stream.
    @concurrent
    mutating func next() async throws -> Event? {
        while true {
            if !frames.isEmpty {
                let frame = frames.removeFirst()
                return Event(
                    id: frame.id, type: frame.type,
                    data: try JSONDecoder().decode(JSONValue.self, from: Data(frame.data)))
            }
            guard let chunk = try await chunks.next() else { return nil }
            frames = parser.feed(Array(buffer: chunk))
        }
    }

    /// Events up to and with the first of this type.
    @concurrent
    mutating func until(_ type: String) async throws -> [Event] {
        var events: [Event] = []
        while let event = try await next() {
            events.append(event)
            if event.type == type { break }
        }
        return events
    }
}

/// SSE by the bytes: what is not a whole frame when the connection is cut never was.
struct Frames {
    struct Frame {
        var id: String?
        var type = "message"
        var data: [UInt8] = []
    }
    private var left: [UInt8] = []

    mutating func feed(_ bytes: [UInt8]) -> [Frame] {
        left += bytes
        var frames: [Frame] = []
        while let end = left.firstRange(of: [10, 10]) {
            let lines = left[..<end.lowerBound].split(separator: 10)
            left.removeSubrange(..<end.upperBound)
            var frame = Frame()
            for line in lines {
                let text = String(decoding: line, as: UTF8.self)
                if text.hasPrefix("id: ") { frame.id = String(text.dropFirst(4)) }
                if text.hasPrefix("event: ") { frame.type = String(text.dropFirst(7)) }
                if text.hasPrefix("data: ") { frame.data = Array(line.dropFirst(6)) }
            }
            if !frame.data.isEmpty { frames.append(frame) }
        }
        return frames
    }
}

extension [EventReader.Event] {
    var types: [String] { map(\.type) }
    var words: String { filter { $0.type == "reply.delta" }.map { $0.data["text"].text }.joined() }
}

/// JSON as a value, so that a test reads like the wire.
enum JSONValue: Sendable, Equatable, Codable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    subscript(_ key: String) -> JSONValue { if case .object(let object) = self { object[key] ?? .null } else { .null } }
    subscript(_ index: Int) -> JSONValue {
        if case .array(let array) = self, array.indices.contains(index) { array[index] } else { .null }
    }
    var text: String { if case .string(let text) = self { text } else { "" } }
    var int: Int { if case .number(let number) = self { Int(number) } else { -1 } }
    var list: [JSONValue] { if case .array(let array) = self { array } else { [] } }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}
