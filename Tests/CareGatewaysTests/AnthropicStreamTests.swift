import CareDesk
import Testing

@testable import CareGateways

/// Frames as the Messages API writes them.
enum Anthropic {
    static func frame(_ name: String, _ data: String) -> String { "event: \(name)\ndata: \(data)\n\n" }

    static func start(usage: String = #"{"input_tokens":25,"output_tokens":1}"#) -> String {
        frame(
            "message_start",
            #"{"type":"message_start","message":{"id":"msg_x","type":"message","role":"assistant","content":[],"#
                + #""model":"m-1","stop_reason":null,"stop_sequence":null,"usage":\#(usage)}}"#)
    }

    static func open(_ index: Int = 0, _ block: String = #"{"type":"text","text":""}"#) -> String {
        frame("content_block_start", #"{"type":"content_block_start","index":\#(index),"content_block":\#(block)}"#)
    }

    static func delta(_ text: String, _ index: Int = 0) -> String {
        other(#"{"type":"text_delta","text":"\#(text)"}"#, index)
    }

    static func other(_ delta: String, _ index: Int = 0) -> String {
        frame("content_block_delta", #"{"type":"content_block_delta","index":\#(index),"delta":\#(delta)}"#)
    }

    static func close(_ index: Int = 0) -> String {
        frame("content_block_stop", #"{"type":"content_block_stop","index":\#(index)}"#)
    }

    static func stop(_ reason: String = "end_turn", usage: String = #"{"output_tokens":15}"#) -> String {
        frame(
            "message_delta",
            #"{"type":"message_delta","delta":{"stop_reason":"\#(reason)","stop_sequence":null},"usage":\#(usage)}"#)
    }

    static let end = frame("message_stop", #"{"type":"message_stop"}"#)
    static let ping = frame("ping", #"{"type":"ping"}"#)
    static let overloaded = frame(
        "error",
        #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_body"}"#)

    static let whole = start() + open() + ping + delta("Mar") + delta("haba مرحبا 👋") + close() + stop() + end
}

struct `A stream of Anthropic messages` {
    private static let usage = ModelEvent.usage(ModelUsage(inputTokens: 25, outputTokens: 1))
    private static let total = ModelEvent.usage(ModelUsage(inputTokens: 25, outputTokens: 15))
    private static let whole: [ModelEvent] = [
        .begun, usage, .text("Mar"), .text("haba مرحبا 👋"), total, .finished(.complete),
    ]

    static let rows: [StreamRow] = [
        StreamRow("whole", Anthropic.whole, whole),
        StreamRow("with CRLF", Anthropic.whole.replacing("\n", with: "\r\n"), whole),
        StreamRow("behind a byte order mark and a comment", "\u{FEFF}: hello\n\n" + Anthropic.whole, whole),
        StreamRow(
            "with something after its end", Anthropic.whole + Anthropic.delta("more") + Anthropic.overloaded, whole),
        StreamRow(
            "with pings everywhere",
            Anthropic.ping + Anthropic.start() + Anthropic.ping + Anthropic.delta("a") + Anthropic.ping
                + Anthropic.stop() + Anthropic.ping + Anthropic.end,
            [.begun, usage, .text("a"), total, .finished(.complete)]),
        StreamRow(
            "with events nobody knows, even ones that are no JSON",
            Anthropic.frame("weather", "sunny") + Anthropic.start()
                + Anthropic.frame("message_pause", #"{"type":"message_pause","message":"a string here"}"#)
                + "data: {\"type\":\"unnamed_new\",\"delta\":7}\n\n"
                + Anthropic.other(#"{"type":"smell_delta","text":"of roses"}"#) + Anthropic.delta("a")
                + Anthropic.stop() + Anthropic.end,
            [.begun, usage, .text("a"), total, .finished(.complete)]),
        StreamRow(
            "whose events carry no names",
            Anthropic.whole.split(separator: "\n", omittingEmptySubsequences: false)
                .filter { !$0.hasPrefix("event:") }.joined(separator: "\n"), whole),
        StreamRow(
            "that thinks and calls tools beside its text",
            Anthropic.start() + Anthropic.open(0, #"{"type":"thinking","thinking":"","signature":""}"#)
                + Anthropic.other(#"{"type":"thinking_delta","thinking":"secret"}"#)
                + Anthropic.delta("also secret", 0) + Anthropic.other(#"{"type":"signature_delta","signature":"x"}"#)
                + Anthropic.close(0) + Anthropic.open(1) + Anthropic.delta("seen", 1) + Anthropic.close(1)
                + Anthropic.open(2, #"{"type":"tool_use","id":"t","name":"n","input":{}}"#)
                + Anthropic.other(#"{"type":"input_json_delta","partial_json":"{\"a\":"}"#, 2) + Anthropic.close(2)
                + Anthropic.open(0, #"{"type":"text","text":"and "}"#) + Anthropic.delta("heard", 0)
                + Anthropic.stop("tool_use") + Anthropic.end,
            [.begun, usage, .text("seen"), .text("and "), .text("heard"), total, .finished(.other)]),
        StreamRow(
            "whose usage is cumulative and keeps what a later report leaves out",
            Anthropic.start(
                usage:
                    #"{"input_tokens":6,"cache_creation_input_tokens":100,"cache_read_input_tokens":14,"output_tokens":0}"#
            )
                + Anthropic.stop("end_turn", usage: #"{"output_tokens":8}"#)
                + Anthropic.stop("end_turn", usage: #"{"input_tokens":7,"output_tokens":9}"#)
                + Anthropic.stop("end_turn", usage: #"{"cache_read_input_tokens":null,"output_tokens":9}"#)
                + Anthropic.end,
            [
                .begun, .usage(ModelUsage(inputTokens: 120)), .usage(ModelUsage(inputTokens: 120, outputTokens: 8)),
                .usage(ModelUsage(inputTokens: 121, outputTokens: 9)), .finished(.complete),
            ]),
        StreamRow(
            "with counts that would overflow",
            Anthropic.start(
                usage: #"{"input_tokens":9223372036854775807,"cache_read_input_tokens":9223372036854775807}"#)
                + Anthropic.end,
            [.begun, .usage(ModelUsage(inputTokens: Int(Int32.max))), .finished(.other)]),
        StreamRow("empty", "", [.failed(.truncated)]),
        StreamRow(
            "closed before its end mark though the text looks finished",
            Anthropic.start() + Anthropic.delta("All done.") + Anthropic.close() + Anthropic.stop(),
            [.begun, usage, .text("All done."), total, .failed(.truncated)]),
        StreamRow(
            "closed within its end mark", String(Anthropic.whole.dropLast()),
            Array(whole.dropLast()) + [.failed(.truncated)]),
        StreamRow(
            "silent for too long", Anthropic.start() + Anthropic.delta("a"), end: .idle,
            [.begun, usage, .text("a"), .failed(.idle)]),
        StreamRow(
            "with an error in the middle",
            Anthropic.start() + Anthropic.delta("a") + Anthropic.overloaded + Anthropic.end,
            [.begun, usage, .text("a"), .failed(.truncated, requestID: "req_body")]),
        StreamRow("with an error at once", Anthropic.overloaded, [.failed(.truncated, requestID: "req_body")]),
        StreamRow(
            "with a known event that is no JSON",
            Anthropic.start() + Anthropic.frame("content_block_delta", "{") + Anthropic.end,
            [.begun, usage, .failed(.malformed)]),
        StreamRow("that is something else", "data: hello\n\n", [.failed(.malformed)]),
        StreamRow(
            "with a request id that would break a log line",
            Anthropic.frame("error", #"{"type":"error","error":{},"request_id":"a\nb"}"#), [.failed(.truncated)]),
    ]

    @Test(arguments: rows) func `is understood:`(_ row: StreamRow) {
        #expect(events(AnthropicStream.self, [row.bytes], end: row.end) == row.events)
        let single = row.bytes.map { [$0] }
        #expect(events(AnthropicStream.self, single, end: row.end) == row.events, "byte by byte")
    }

    @Test func `means the same wherever it is cut`() {
        for text in [Anthropic.whole, Anthropic.whole.replacing("\n", with: "\r\n")] {
            let bytes = Array(text.utf8)
            for cut in bytes.indices {
                #expect(events(AnthropicStream.self, [bytes[..<cut], bytes[cut...]]) == Self.whole, "cut at \(cut)")
            }
        }
    }

    @Test(
        arguments: [
            ("end_turn", .complete), ("stop_sequence", .complete), ("max_tokens", .length),
            ("model_context_window_exceeded", .length), ("refusal", .refusal), ("tool_use", .other),
            ("pause_turn", .other),
            ("something_new", .other),
        ] as [(String, ModelEvent.FinishReason)])
    func `says why it stopped`(_ reason: String, _ meant: ModelEvent.FinishReason) {
        let bytes = Array((Anthropic.start() + Anthropic.stop(reason) + Anthropic.end).utf8)
        #expect(events(AnthropicStream.self, [bytes]).last == .finished(meant))
    }

    @Test func `is cut off when it never stops talking`() {
        let delta = Array(Anthropic.delta(String(repeating: "x", count: 64 * 1024)).utf8)
        let answer = events(AnthropicStream.self, Array(repeating: delta, count: 20))
        #expect(answer.compactMap(\.text).joined().utf8.count == ModelEventLine.answerLimit)
        #expect(answer.last == .failed(.malformed))
        #expect(answer.filter(\.isTerminal).count == 1)
    }

    @Test func `is cut off when it opens blocks without end`() {
        let blocks = (0...AnthropicStream.openBlockLimit).map { Anthropic.open($0, #"{"type":"thinking"}"#).utf8 }
        #expect(events(AnthropicStream.self, blocks).last == .failed(.malformed))
        #expect(events(AnthropicStream.self, blocks.dropLast()).last == .failed(.truncated))
    }
}
