import CareDomain
import Testing

struct `An id` {
    @Test(arguments: ["a", "case-1", "A.b_c~d", String(repeating: "x", count: 64)])
    func `may hold what is safe in a URL`(_ text: String) { #expect(CaseID(rawValue: text)?.rawValue == text) }

    @Test(arguments: ["", "a b", "a\n", "a\r\nid: 1", "é", "a/b", "a%20", "\u{0}", String(repeating: "x", count: 65)])
    func `may hold nothing else`(_ text: String) { #expect(CaseID(rawValue: text) == nil) }

    @Test func `is a UUIDv7 that sorts by time when new`() {
        let earlier = CaseID.new(at: 1_700_000_000_000)
        let later = CaseID.new(at: 1_700_000_000_001)
        #expect(earlier.rawValue.hasPrefix("018bcfe5-6800-7"))
        #expect(earlier.rawValue.count == 36)
        #expect(earlier.rawValue < later.rawValue)
        #expect(["8", "9", "a", "b"].contains(earlier.rawValue.split(separator: "-")[3].first.map(String.init) ?? ""))
        #expect(CaseID.new() != CaseID.new())
    }
}

struct `An excerpt` {
    @Test(arguments: [
        ("short", "short"), (String(repeating: "x", count: 120), String(repeating: "x", count: 120)),
        (String(repeating: "x", count: 121), String(repeating: "x", count: 120)),
        // A family of five scalars is not cut in two, and one character without end is.
        (String(repeating: "x", count: 118) + "👨‍👩‍👧", String(repeating: "x", count: 118)),
        ("a" + String(repeating: "\u{301}", count: 5_000), "a" + String(repeating: "\u{301}", count: 119)), ("", ""),
    ]) func `has at most 120 scalars`(_ text: String, _ expected: String) {
        #expect(Array(text.excerpt(120).unicodeScalars) == Array(expected.unicodeScalars))
    }
}

struct `A moment` {
    /// Was: formatted as one floating-point number, .974 came out as .973, so an entry differed from its message.
    @Test(arguments: [0, 1, 999, 1_000, 1_764_000_090_974, 1_764_000_090_001, 1_764_000_090_999])
    func `is the same after being written and read`(_ milliseconds: Int64) throws {
        let moment = Moment(milliseconds: milliseconds)
        let event = CareEvent.message(
            Message(
                id: .new(), caseID: .new(), sequence: 1, role: .user, sender: .patient, body: "x", createdAt: moment))
        #expect(try CareEvent(json: event.json()) == event)
    }

    @Test func `is written as RFC 3339 with milliseconds`() {
        #expect(Moment(milliseconds: 1_700_000_000_974).description == "2023-11-14T22:13:20.974Z")
        #expect(Moment(milliseconds: 1_700_000_000_000).description == "2023-11-14T22:13:20.000Z")
    }
}

struct `An event` {
    private static let attempt = ReplyAttempt(caseID: .new(), replyID: .new(), number: 2)
    private static let message = Message(
        id: .new(), caseID: .new(), sequence: 3, role: .assistant, sender: .ai, body: "مرحبا \u{2028}\r\n\u{1F469}",
        replyID: .new(), answeredBy: .guideFallback, createdAt: Moment(milliseconds: 1))
    static let all: [CareEvent] = [
        .message(message),
        .careCase(
            CareCase(
                id: .new(), patientID: .new(), title: "Knee", status: .inReview, language: .arabic,
                createdAt: Moment(milliseconds: 1), updatedAt: Moment(milliseconds: 2))),
        .handling(.new(), Handling(state: .requested, version: 3, by: "Amina")),
        .replyStarted(attempt, sequence: 9), .replyDelta(attempt, n: 1, text: "a\nb\"c\\"),
        .replySnapshot(ReplyFold(attempt: attempt, sequence: 9, through: 4, text: "abc")),
        .replyEnded(attempt, state: .finished, sequence: 4, messageID: .new(), code: nil),
        .replyEnded(attempt, state: .stopped, sequence: 4, messageID: nil, code: nil),
        .replyEnded(attempt, state: .interrupted, sequence: 4, messageID: nil, code: "lease_lapsed"),
        .replyEnded(attempt, state: .failed, sequence: 4, messageID: nil, code: "no_answer"),
    ]

    @Test(arguments: all) func `is the same after a trip over the wire, in one line`(_ event: CareEvent) throws {
        let json = try event.json()
        #expect(try CareEvent(json: json) == event)
        #expect(!json.contains(UInt8(ascii: "\n")) && !json.contains(UInt8(ascii: "\r")))
        #expect(String(decoding: json, as: UTF8.self).contains("\"type\":\"\(event.type)\""))
    }

    /// Version skew: an older node must neither stumble over it nor show it to the wrong people.
    @Test(arguments: [
        (#"{"type":"receipt.read","case_id":"a","audience":"everyone","n":[1.50]}"#, Audience.everyone),
        (#"{"case_id":"a","type":"receipt_read"}"#, .staff),
        (#"{"type":"note","case_id":"a","audience":"family"}"#, .staff),
        (#"{"type":"reply.paused","case_id":"a"}"#, .staff),
        (#"{"type":"handling","case_id":"a","state":"shared","version":3,"by":null,"audience":"everyone"}"#, .everyone),
    ])
    func `of a newer version is passed on as it was written, to whom it says`(
        _ json: String, _ audience: Audience
    ) throws {
        let event = try CareEvent(json: Array(json.utf8))
        #expect(try event.json() == Array(json.utf8))
        #expect(event.audience == audience && event.caseID.rawValue == "a" && event.attempt == nil)
        #expect(json.contains("\"type\":\"\(event.type)\""))
        #expect(try CareEvent(json: try event.json()) == event)
    }

    @Test(arguments: [
        "{}", "[]", "", #"{"type":"note"}"#, #"{"case_id":"a"}"#, #"{"type":"","case_id":"a"}"#,
        #"{"type":"no\nte","case_id":"a"}"#, #"{"type":"Note","case_id":"a"}"#,
        "{\"type\":\"note\",\n\"case_id\":\"a\"}",
        #"{"type":"reply.delta","case_id":"a","audience":"everyone"}"#, #"{"type":"reply.started","case_id":"a"}"#,
        #"{"type":"reply.snapshot","case_id":"a"}"#, #"{"type":"note","case_id":"a b"}"#,
        #"{"type":"\#(String(repeating: "n", count: 65))","case_id":"a"}"#,
    ])
    func `that is none is refused`(_ json: String) {
        #expect(throws: (any Error).self) { try CareEvent(json: Array(json.utf8)) }
    }
}
