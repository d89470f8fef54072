import Testing

@testable import CareGateways

private typealias Event = ServerSentEventParser.Event

private func events(_ bytes: some Sequence<UInt8>) throws(ServerSentEventParser.Overflow) -> [Event] {
    var parser = ServerSentEventParser()
    var events: [Event] = []
    for byte in bytes {
        if let event = try parser.receive(byte) { events.append(event) }
    }
    return events
}

struct `The parser of event streams` {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: String
        var events: [ServerSentEventParser.Event]
        init(_ name: String, _ bytes: String, _ events: [(String, String)]) {
            testDescription = name
            self.bytes = bytes
            self.events = events.map { .init(name: $0.0, data: $0.1) }
        }
    }

    static let rows = [
        Row("LF", "event: a\ndata: 1\n\n", [("a", "1")]),
        Row("CR", "event: a\rdata: 1\r\r", [("a", "1")]),
        Row("CRLF", "event: a\r\ndata: 1\r\n\r\n", [("a", "1")]),
        Row("all three mixed", "data: 1\r\n\ndata: 2\r\rdata: 3\n\r\n", [("", "1"), ("", "2"), ("", "3")]),
        Row("a byte order mark", "\u{FEFF}data: 1\n\n", [("", "1")]),
        Row("a byte order mark later is text", "data: 1\n\n\u{FEFF}data: 2\n\n", [("", "1")]),
        Row("comments", ": ping\n\n:\n\n: x\ndata: 1\n: y\n\n", [("", "1")]),
        Row("data over two lines", "data: 1\ndata: 2\n\n", [("", "1\n2")]),
        Row("no space after the colon, and only one taken", "data:1\n\ndata:  2\n\n", [("", "1"), ("", " 2")]),
        Row("a field without colon", "data\n\n", [("", "")]),
        Row("a name without data is no event and is forgotten", "event: a\n\ndata: 1\n\n", [("", "1")]),
        Row("id, retry and unknown fields", "id: 7\nretry: 5\nfoo: bar\ndata: 1\n\n", [("", "1")]),
        Row("what the body ends in the middle of", "data: 1\n\ndata: 2\n", [("", "1")]),
        Row(
            "line separators of Unicode are text", "data: a\u{2028}b\u{85}c\u{0B}d\n\n",
            [("", "a\u{2028}b\u{85}c\u{0B}d")]),
        Row("letters of several bytes", "data: سلام 👩‍⚕️\n\n", [("", "سلام 👩‍⚕️")]),
    ]

    @Test(arguments: rows) func `reads`(_ row: Row) throws {
        #expect(try events(row.bytes.utf8) == row.events)
    }

    @Test func `replaces a byte that is no UTF-8 and loses nothing else`() throws {
        #expect(
            try events([UInt8]("data: a".utf8) + [0xFF] + [UInt8]("b\n\n".utf8)) == [
                Event(name: "", data: "a\u{FFFD}b")
            ])
    }

    @Test func `takes a line as long as its bound and not one byte more`() throws {
        let line = "data:" + String(repeating: "x", count: ServerSentEventParser.lineLimit - 5)
        #expect(try events((line + "\n\n").utf8).count == 1)
        #expect(throws: ServerSentEventParser.Overflow.line) { try events((line + "x").utf8) }
        #expect(throws: ServerSentEventParser.Overflow.line) { try events((":" + line).utf8) }
    }

    @Test func `takes no event beyond its bound, be it of many lines or of many empty ones`() throws {
        let line = "data:" + String(repeating: "x", count: 1000) + "\n"
        let lines = ServerSentEventParser.eventLimit / 1000
        #expect(try events((String(repeating: line, count: lines - 1) + "\n").utf8).count == 1)
        #expect(throws: ServerSentEventParser.Overflow.event) {
            try events(String(repeating: line, count: lines + 1).utf8)
        }
        #expect(throws: ServerSentEventParser.Overflow.event) {
            try events(String(repeating: "data\n", count: ServerSentEventParser.eventLimit + 2).utf8)
        }
    }
}
