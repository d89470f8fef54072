import Testing

@testable import CareLoad

/// A measuring stick that cannot be wrong in silence: what it counts as lost or doubled, it must see.
struct `The load generator` {
    private let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    private func chunked(_ text: String, by size: Int) -> String {
        var left = Substring(text)
        var body = ""
        while !left.isEmpty {
            let part = left.prefix(size)
            left = left.dropFirst(size)
            body += String(part.utf8.count, radix: 16) + "\r\n\(part)\r\n"
        }
        return body + "0\r\n\r\n"
    }

    @Test(arguments: [1, 2, 7, 1_000])
    func `reads the same events however the bytes are cut into chunks`(size: Int) throws {
        let text =
            "retry: 900\nid: a-1\nevent: ready\ndata: {}\n\n"
            + "id: a-2\nevent: reply.delta\ndata: {\"text\":\"0@5 1@7 \",\"n\":3}\n\nevent: heartbeat\ndata: {}\n\n"
        var bytes = EventBytes()
        var events: [EventBytes.Event] = []
        for byte in (head + chunked(text, by: size)).utf8 { try bytes.feed([byte]) { events.append($0) } }
        #expect(events.map(\.kind) == [.ready, .delta, .heartbeat])
        #expect(events.map { String(decoding: $0.id, as: UTF8.self) } == ["a-1", "a-2", ""])
        #expect(Token.all(in: events[1].data) == [Token(sequence: 0, writtenAt: 5), Token(sequence: 1, writtenAt: 7)])
    }

    @Test func `does not take a refusal for a stream`() {
        var bytes = EventBytes()
        #expect(throws: EventBytes.Unexpected(what: "HTTP/1.1 429 Too Many Requests")) {
            try bytes.feed("HTTP/1.1 429 Too Many Requests\r\n\r\n".utf8) { _ in }
        }
    }

    @Test func `finds no token in ids and numbers around it`() {
        let json = #"{"case_id":"0192-77","n":4,"text":"12@99 ","at":"2026-11-24T10:00:00.000Z","mail":"a@5"}"#
        #expect(Token.all(in: Array(json.utf8)) == [Token(sequence: 12, writtenAt: 99)])
    }

    struct Heard: Sendable, CustomTestStringConvertible {
        var told: [[Int]]
        var whole: [Int]?
        var lost = 0
        var doubled = 0
        var folded = 0
        var testDescription: String { "\(told) then \(whole.map { "\($0)" } ?? "nothing")" }
    }

    @Test(arguments: [
        Heard(told: [[0], [1, 2], [3]], whole: [0, 1, 2, 3]),
        Heard(told: [[0], [2, 3]], lost: 1),
        Heard(told: [[0, 1], [1, 2, 3]], doubled: 1),
        Heard(told: [[0, 1]], lost: 2),
        Heard(told: [[0, 1]], whole: [0, 1, 2, 3], folded: 2),
        Heard(told: [[0, 1, 2, 3]], whole: [0, 1, 3], lost: 1),
        Heard(told: [[0, 1, 2, 3]], whole: [0, 1, 1, 2, 3], doubled: 1),
        Heard(told: [[0, 1, 2, 3, 4]], doubled: 1),
    ])
    func `counts what was lost and what was doubled of four tokens`(heard: Heard) {
        func tokens(_ numbers: [Int]) -> [Token] { numbers.map { Token(sequence: $0, writtenAt: 1) } }
        var check = TokenCheck()
        for delta in heard.told { check.delta(tokens(delta)) }
        if let whole = heard.whole { check.whole(tokens(whole)) }
        check.end(of: 4)
        #expect(check.lost == heard.lost)
        #expect(check.doubled == heard.doubled)
        #expect(check.folded == heard.folded)
    }

    @Test func `takes percentiles by nearest rank, from what was measured`() {
        let percentiles = Percentiles((1...1_000).map { UInt64($0) * 1_000_000 }.shuffled())
        #expect([50, 99, 99.9, 100].map { percentiles.milliseconds($0) } == [500, 990, 999, 1_000])
        #expect(Percentiles([]).milliseconds(99) == 0)
    }

    @Test func `reads what Linux says about a process, whatever its name`() throws {
        let stat = "42 (care (x) y) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 100 1000 200"
        #expect(ProcessFigures.cpuSeconds(stat: stat, ticksPerSecond: 100) == 3)
        let smaps = "5600-7ffe ---p 00000000 00:00 0 [rollup]\nRss:   2048 kB\nPss:      1024 kB\n"
        #expect(ProcessFigures.bytes("Pss", in: smaps) == 1_048_576)
        #expect(ProcessFigures.bytes("Swap", in: smaps) == nil)
    }

    @Test func `says that a run was wrong when one of several was`() {
        let fine = [Figure("tokens lost", 0), Figure("p50", 3, "ms")]
        let wrong = [Figure("tokens lost", 1), Figure("p50", 9, "ms")]
        #expect(Report("x", [fine, fine]).isRight)
        let report = Report("x", [fine, wrong, fine])
        #expect(!report.isRight)
        #expect(report.rows[1].median == 3 && report.rows[1].most == 9)
    }
}
