import CareTestKit
import Foundation
import Testing

/// One request that is wrong in one way, and how it is refused.
private struct Refused: CustomStringConvertible {
    var description: String
    var status: Int
    var code: String
    /// After a request whose end nobody can be sure of there is no next one.
    var closes: Bool
    var bytes: @Sendable (Wire) -> [UInt8]

    init(
        _ name: String, _ status: Int, _ code: String, closes: Bool = false,
        _ bytes: @escaping @Sendable (Wire) -> [UInt8]
    ) {
        description = name
        self.status = status
        self.code = code
        self.closes = closes
        self.bytes = bytes
    }

    /// What is not fit to be a request at all.
    static func head(_ name: String, _ head: String) -> Refused { .head(name, 400, "bad_request", head) }
    static func head(_ name: String, _ status: Int, _ code: String, _ head: String) -> Refused {
        Refused(name, status, code, closes: true) { wire in
            Array(head.replacing("{identity}", with: wire.identity).utf8)
        }
    }

    static func body(_ name: String, _ body: String) -> Refused { .body(name, 400, "malformed_json", body) }
    static func body(_ name: String, _ status: Int, _ code: String, _ body: String) -> Refused {
        Refused(name, status, code) { $0.chat(body) }
    }
    static func body(_ name: String, bytes: [UInt8]) -> Refused {
        Refused(name, 400, "malformed_json") { $0.chat(bytes) }
    }
}

@Suite(.timeLimit(.minutes(6)))
struct `A hostile client` {
    private static let framing: [Refused] =
        [
            .head("garbage", "\u{0}\u{1}\u{2} garbage\r\n\r\n"),
            .head("HTTP/0.9", "GET /health\r\n\r\n"),
            .head("HTTP/2.0", "GET /health HTTP/2.0\r\n{identity}\r\n"),
            .head("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            Refused("a TLS hello", 400, "bad_request", closes: true) { _ in
                [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3] + [UInt8](repeating: 7, count: 100)
            },
            .head("no host", "GET /health HTTP/1.1\r\n\r\n"),
            .head("two hosts", "GET /health HTTP/1.1\r\n{identity}Host: 127.0.0.1\r\n\r\n"),
            .head("another's name", 421, "wrong_host", "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
            .head("an address of another", "GET http://evil.example/health HTTP/1.1\r\n{identity}\r\n"),
            .head("our own address in full", "GET http://127.0.0.1/health HTTP/1.1\r\n{identity}\r\n"),
            .head("*", "OPTIONS * HTTP/1.1\r\n{identity}\r\n"),
            .head("a path without a beginning", "GET health HTTP/1.1\r\n{identity}\r\n"),
            .head("a tunnel", 501, "not_implemented", "CONNECT 127.0.0.1:80 HTTP/1.1\r\n{identity}\r\n"),
            .head("a verb of WebDAV", 501, "not_implemented", "PROPFIND /health HTTP/1.1\r\n{identity}\r\n"),
            .head("a verb of nobody", "BREW /health HTTP/1.1\r\n{identity}\r\n"),
            .head("a line folded", "GET /health HTTP/1.1\r\n{identity}X: a\r\n b\r\n\r\n"),
            .head("lines ended by LF alone", "GET /health HTTP/1.1\nHost: 127.0.0.1\n\n"),
            .head("CR inside a header", "GET /health HTTP/1.1\r\n{identity}X: a\rY: b\r\n\r\n"),
            .head("NUL inside a header", "GET /health HTTP/1.1\r\n{identity}X: a\u{0}b\r\n\r\n"),
            .head("a header without a colon", "GET /health HTTP/1.1\r\n{identity}X a\r\n\r\n"),
            .head("a header with a blank before the colon", "GET /health HTTP/1.1\r\n{identity}X : a\r\n\r\n"),
            .head(
                "an expectation we cannot meet", 417, "expectation_failed",
                "POST /api/v1/cases HTTP/1.1\r\n{identity}Expect: a miracle\r\nContent-Length: 0\r\n\r\n"),
            Refused("both lengths", 400, "bad_request", closes: true) {
                $0.chunked("0\r\n\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")
            },
            Refused("both lengths, the other way round", 400, "bad_request", closes: true) {
                $0.chunked("0\r\n\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
            },
            Refused("a coding before chunked", 501, "not_implemented", closes: true) {
                $0.chunked("0\r\n\r\n", "Transfer-Encoding: gzip, chunked\r\n")
            },
            Refused("a coding that only looks like chunked", 501, "not_implemented", closes: true) {
                $0.chunked("0\r\n\r\n", "Transfer-Encoding: xchunked\r\n")
            },
            Refused("chunked twice", 400, "bad_request", closes: true) {
                $0.chunked("0\r\n\r\n", "Transfer-Encoding: chunked, chunked\r\n")
            },
            Refused("a coding after chunked", 400, "bad_request", closes: true) {
                $0.chunked("0\r\n\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")
            },
            .head(
                "chunks in HTTP/1.0",
                "POST /api/v1/cases HTTP/1.0\r\n{identity}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        ]

    private static let lengths: [Refused] = ["2, 2", "-2", "+2", "0x2", "2 2", "", "99999999999999999999999"].map {
        length in
        Refused("the length \(length)", 400, "bad_request", closes: true) {
            $0.chatHead("Content-Type: application/json\r\nContent-Length: \(length)\r\n") + Array("{}".utf8)
        }
    }

    private static let pairs: [Refused] = [3, 2].map { second in
        Refused("two lengths, 2 and \(second)", 400, "bad_request", closes: true) {
            let lengths = "Content-Length: 2\r\nContent-Length: \(second)\r\n"
            return $0.chatHead("Content-Type: application/json\r\n\(lengths)") + Array("{}".utf8)
        }
    }

    private static let chunks: [Refused] = [
        "ZZ\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n{}\r\n", "2\n{}\n0\n\n",
        "1\r\n{}\r\n0\r\n\r\n",
    ].map { chunks in
        Refused("the chunks \(chunks.debugDescription)", 400, "bad_request", closes: true) { $0.chunked(chunks) }
    }

    private static let bodies: [Refused] =
        [
            .body("the same field twice", #"{"message":"one","message":"two","client_message_id":"k"}"#),
            .body(
                "the same field in two spellings", #"{"message":"one","\u006dessage":"two","client_message_id":"k"}"#),
            .body("a field twice, deep inside", #"{"message":"x","client_message_id":"k","z":[{"a":1,"a":1}]}"#),
            .body("10,000 arrays", levels(10_000)),
            .body("arrays without end", String(repeating: "[", count: 60_000)),
            .body("objects without end", String(repeating: #"{"a":"#, count: 10_000)),
            .body("17 levels", levels(17)),
            .body("NaN", #"{"message":"x","client_message_id":"k","z":NaN}"#),
            .body("Infinity", #"{"message":"x","client_message_id":"k","z":-Infinity}"#),
            .body("a number with a leading zero", #"{"message":"x","client_message_id":"k","z":01}"#),
            .body("a number without digits", #"{"message":"x","client_message_id":"k","z":-}"#),
            .body("half a surrogate pair", Wire.question(#""a\ud800b""#)),
            .body("the other half", Wire.question(#""a\udc00b""#)),
            .body("two first halves", Wire.question(#""\ud800\ud800""#)),
            .body("an escape of no meaning", Wire.question(#""\x41""#)),
            .body("a comma too many", #"{"message":"x","client_message_id":"k",}"#),
            .body("a comment", #"{"message":"x",/* c */"client_message_id":"k"}"#),
            .body("single quotes", "{'message':'x','client_message_id':'k'}"),
            .body("something after the end", Wire.question(#""x""#) + " {}"),
            .body("a line break in a text", Wire.question("\"a\nb\"")),
            .body("NUL in a text", Wire.question("\"a\u{0}b\"")),
            .body("a byte order mark", "\u{FEFF}" + Wire.question(#""x""#)),
            .body("nothing", ""), .body("blanks", "   "), .body("half", #"{"message":"x"#),
            .body("a list", 400, "invalid_field", "[]"), .body("a text", 400, "invalid_field", #""message""#),
            .body("null", 400, "invalid_field", "null"),
            .body("a number for a text", 400, "invalid_field", Wire.question("1e999")),
            .body("an object for a text", 400, "invalid_field", Wire.question("{}")),
            .body("null for a text", 400, "invalid_field", Wire.question("null")),
            .body("bytes that are not UTF-8", bytes: with([0xFF, 0xFE])),
            .body("an overlong slash", bytes: with([0xC0, 0xAF])),
            .body("a surrogate in UTF-8", bytes: with([0xED, 0xA0, 0x80])),
            .body("UTF-16", bytes: utf16),
            Refused("a compressed body", 415, "not_json") {
                $0.chat(Wire.question(#""x""#), "Content-Encoding: gzip\r\n")
            },
            Refused("a form", 415, "not_json") { $0.chat(Array("message=x".utf8), type: "text/plain") },
            Refused("a type that begins like ours", 415, "not_json") {
                $0.chat(Array(Wire.question(#""x""#).utf8), type: "application/jsonx")
            },
            Refused("two types", 415, "not_json") { $0.chat(Wire.question(#""x""#), "Content-Type: text/plain\r\n") },
        ]

    private static let keys: [Refused] = [
        "a\\r\\nSet-Cookie: x=y", "a\\u0000", "a b", "a/b", "../a", "%61", "ä", "", String(repeating: "k", count: 65),
    ].map { key in
        .body("the key \(key.prefix(20))", 400, "invalid_field", Wire.question(#""x""#, key: key))
    }

    /// Arrays in the object, so that this many are open at once.
    fileprivate static func levels(_ count: Int) -> String {
        let arrays = String(repeating: "[", count: count - 1) + String(repeating: "]", count: count - 1)
        return #"{"message":"z","client_message_id":"levels","z":\#(arrays)}"#
    }

    private static func with(_ bytes: [UInt8]) -> [UInt8] {
        Array(#"{"message":""#.utf8) + bytes + Array(#"","client_message_id":"k"}"#.utf8)
    }

    private static let utf16: [UInt8] = Wire.question(#""x""#).utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }

    private static let paths: [Refused] = [
        "/assets/x/../../../../etc/passwd", "/assets/x/%2e%2e/%2e%2e/Package.swift", "/assets/x/..%2f..%2fetc/passwd",
        "/assets/x/js/app.js%00", "/assets/x/js/app.js%00.css", "/assets/x//etc/passwd", "/assets/..", "/../etc/passwd",
        "/api/v1/cases/a%0d%0aSet-Cookie:%20x", "/api/v1/cases/%zz", "/api/v1/cases/a%2fb", "/api/v1/cases/..",
        "/api/v1/cases/%00", "/api/v1/cases/%ff%fe", "/%", long("/api/v1/cases/", "a", 65),
        long("/api/v1/cases/", "a/", 5_000), long("/nothing?", "a=b&", 5_000),
    ].map { path in Refused("the path \(path.prefix(50))", 404, "not_found") { $0.get(path) } }

    private static func long(_ start: String, _ part: String, _ count: Int) -> String {
        start + String(repeating: part, count: count)
    }

    /// Each on a connection of its own, against one server that must be as it was when all are done.
    @Test(arguments: ["framing", "bodies", "paths"])
    func `is refused with a clear code, changes nothing and harms nobody`(_ table: String) async throws {
        let rows =
            switch table {
            case "framing": Self.framing + Self.lengths + Self.pairs + Self.chunks
            case "bodies": Self.bodies + Self.keys
            default: Self.paths
            }
        try await withServer(["messages.perMinute": "1000"], model: ScriptedModel([.say("Yes."), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let before = try await amina.get("/api/v1/cases/\(id)").body
            let wire = Wire(port: server.port, token: amina.token ?? "", caseID: id)
            for row in rows {
                try await RawPeer.at(server.port) { peer in
                    await peer.send(row.bytes(wire))
                    if row.closes { try await peer.untilClosed() } else { try await peer.until("\r\n\r\n{") }
                    #expect(peer.statuses == [row.status], "\(row)")
                    #expect(peer.codes == [row.code], "\(row)")
                    #expect(peer.text.contains("application/problem+json"), "\(row)")
                    #expect(peer.text.contains("nosniff"), "\(row)")
                    #expect(!peer.text.contains("Set-Cookie"), "\(row)")
                    if !row.closes {
                        await peer.send(wire.get("/health"))
                        try await peer.untilAnswers(2)
                        #expect(peer.statuses == [row.status, 200], "\(row): the connection cannot go on")
                    }
                }
            }
            #expect(try await amina.get("/api/v1/cases/\(id)").body == before, "something was stored")
            #expect(try await amina.get("/api/v1/cases").body["cases"].list.count == 1)
            #expect(try await amina.ask("Hello?", key: "after", in: id).body["reply"]["message"]["body"].text == "Yes.")
        }
    }

    /// The rows that look alike and are right.
    @Test func `is not taken for one who is only unusual`() async throws {
        try await withServer(["messages.perMinute": "1000", "messages.waiting": "100"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let wire = Wire(port: server.port, token: amina.token ?? "", caseID: id)
            let blanks = String(repeating: " ", count: 64 * 1024 - Wire.question(#""x""#).utf8.count)
            let bytewise = Wire.question(#""c""#, key: "5").map { "1\r\n\($0)\r\n" }.joined() + "0\r\n\r\n"
            let rows: [(String, [UInt8], String)] = [
                ("a body as large as it may be", wire.chat(Wire.question(#""x""#) + blanks), "x"),
                ("a pair of surrogates", wire.chat(Wire.question(#""\ud83d\ude00""#, key: "1")), "😀"),
                ("NUL escaped, which no database keeps", wire.chat(Wire.question(#""a\u0000b""#, key: "2")), "ab"),
                (
                    "a huge number where nobody looks",
                    wire.chat(#"{"message":"y","client_message_id":"3","z":1e999}"#), "y"
                ),
                ("16 levels", wire.chat(Self.levels(16)), "z"),
                ("chunks of one byte", wire.chunked(bytewise), "c"),
                ("one who asks first", wire.chat(Wire.question(#""e""#, key: "6"), "Expect: 100-continue\r\n"), "e"),
                (
                    "a key as long as it may be",
                    wire.chat(Wire.question(#""l""#, key: String(repeating: "k", count: 64))), "l"
                ),
                (
                    "text that looks like a header",
                    wire.chat(Wire.question(#""\r\nSet-Cookie: a=b\r\n\r\n""#, key: "7")), "Set-Cookie: a=b"
                ),
            ]
            for (name, bytes, body) in rows {
                try await RawPeer.at(server.port) { peer in
                    await peer.send(bytes)
                    try await peer.until("\"reply\":{")
                    #expect(peer.statuses.last == 202, "\(name)")
                    #expect(
                        peer.text.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202")
                            == (name == "one who asks first"))
                    let said = try JSONDecoder().decode(
                        JSONValue.self,
                        from: Data("{\(peer.text.split(separator: "\r\n\r\n{", maxSplits: 1).last ?? "")".utf8))
                    #expect(said["message"]["body"].text == body, "\(name)")
                }
            }
            try await RawPeer.at(server.port) { peer in
                await peer.send(
                    wire.get("/health") + wire.get("/api/v1/me") + wire.get("/nowhere", "Connection: close\r\n")
                        + wire.get("/health"))
                try await peer.untilClosed()
                #expect(peer.statuses == [200, 200, 404], "in order, and none after the one that was the last")
            }
            for (version, headers) in [
                ("1.0", ""), ("1.1", "Connection: Close, x\r\n"), ("1.0", "Connection: keep-alive\r\n"),
            ] {
                try await RawPeer.at(server.port) { peer in
                    await peer.send("GET /health HTTP/\(version)\r\n\(wire.identity)\(headers)\r\n")
                    try await peer.untilAnswers(1)
                    if headers.contains("keep-alive") {
                        await peer.send("GET /health HTTP/1.0\r\n\(wire.identity)\r\n")
                    }
                    try await peer.untilClosed()
                    #expect(peer.text.hasSuffix(#"{"status":"ok"}"#))
                    #expect(peer.statuses.count == (headers.contains("keep-alive") ? 2 : 1))
                }
            }
            // A proxy that speaks HTTP/1.0 knows no chunks: such a stream ends where its connection does.
            try await RawPeer.at(server.port) { peer in
                await peer.send("GET /api/v1/cases/\(id)/events HTTP/1.0\r\n\(wire.identity)\r\n")
                try await peer.until("event: ready\n")
                #expect(!peer.text.lowercased().contains("chunked"))
            }
        }
    }

    @Test func `hides no second request in the first`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let wire = Wire(port: server.port, token: amina.token ?? "", caseID: id)
            let hidden =
                "POST /api/v1/cases HTTP/1.1\r\n\(wire.identity)Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            for head in [
                "Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4",
                "Transfer-Encoding: xchunked\r\nContent-Length: 4", "Transfer-Encoding : chunked\r\nContent-Length: 4",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
                "Content-Length: 0\r\nContent-Length: \(hidden.utf8.count)",
                "Content-Length: 0, \(hidden.utf8.count)", "X: y\nContent-Length: 0\r\nTransfer-Encoding: chunked",
            ] {
                try await RawPeer.at(server.port) { peer in
                    await peer.send("POST /api/v1/me HTTP/1.1\r\n\(wire.identity)\(head)\r\n\r\n0\r\n\r\n\(hidden)")
                    try await peer.untilClosed()
                    #expect(peer.statuses.count == 1 && (peer.statuses.first ?? 0) >= 400, "\(head)")
                }
            }
            #expect(try await amina.get("/api/v1/cases").body["cases"].list.count == 1)
        }
    }
}
