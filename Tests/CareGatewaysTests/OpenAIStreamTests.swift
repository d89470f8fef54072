import CareDesk
import Testing

@testable import CareGateways

/// Frames as chat completions write them.
enum OpenAI {
    static func frame(_ data: String) -> String { "data: \(data)\n\n" }

    static func chunk(_ delta: String, finish: String? = nil, extra: String = "") -> String {
        frame(
            #"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":\#(delta),"#
                + #""finish_reason":\#(finish.map { "\"\($0)\"" } ?? "null")}],"usage":null\#(extra)}"#)
    }

    static func text(_ text: String) -> String { chunk(#"{"content":"\#(text)"}"#) }
    static func finish(_ reason: String = "stop") -> String { chunk("{}", finish: reason) }

    static let role = chunk(#"{"role":"assistant","content":""}"#)
    static let usage = frame(
        #"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[],"#
            + #""usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}"#)
    static let done = frame("[DONE]")
    static let error = frame(#"{"error":{"code":500,"message":"the model broke","type":"server_error"}}"#)

    static let whole = role + ": ping\n\n" + text("Mar") + text("haba مرحبا 👋") + finish() + usage + done
}

struct `A stream of chat completions` {
    private static let used = ModelEvent.usage(ModelUsage(inputTokens: 9, outputTokens: 1))
    private static let whole: [ModelEvent] = [
        .begun, .text("Mar"), .text("haba مرحبا 👋"), used, .finished(.complete),
    ]

    static let rows: [StreamRow] = [
        StreamRow("whole", OpenAI.whole, whole),
        StreamRow("with CRLF", OpenAI.whole.replacing("\n", with: "\r\n"), whole),
        StreamRow("behind a byte order mark", "\u{FEFF}" + OpenAI.whole, whole),
        StreamRow("with something after its end", OpenAI.whole + OpenAI.text("more") + OpenAI.error, whole),
        StreamRow(
            "whose finish chunk has the usage",
            OpenAI.text("a")
                + OpenAI.frame(
                    #"{"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"#
                        + #""usage":{"prompt_tokens":9,"completion_tokens":1},"timings":{"prompt_n":9}}"#)
                + OpenAI.done,
            [.begun, .text("a"), used, .finished(.complete)]),
        StreamRow(
            "whose last words and finish share a chunk",
            OpenAI.chunk(#"{"content":"bye"}"#, finish: "stop") + OpenAI.done,
            [.begun, .text("bye"), .finished(.complete)]),
        StreamRow(
            "that reasons aloud and pads its chunks",
            OpenAI.chunk(#"{"role":"assistant","content":null,"reasoning_content":"secret"}"#)
                + OpenAI.chunk(
                    #"{"reasoning":"secret","content":"seen"}"#, extra: #","obfuscation":"Xy7","error":null"#)
                + OpenAI.finish() + OpenAI.done,
            [.begun, .text("seen"), .finished(.complete)]),
        StreamRow(
            "with a second choice nobody asked for",
            OpenAI.frame(
                #"{"model":"m-1","choices":[{"index":1,"delta":{"content":"no"},"finish_reason":"length"},"#
                    + #"{"index":0,"delta":{"content":"yes"}}]}"#)
                + OpenAI.frame(#"{"choices":[{"index":1,"delta":{"content":"no"}}]}"#) + OpenAI.finish() + OpenAI.done,
            [.begun, .text("yes"), .finished(.complete)]),
        StreamRow("empty", "", [.failed(.truncated)]),
        StreamRow(
            "with an end mark but no finish: the next request cut it", OpenAI.text("a") + OpenAI.done,
            [.begun, .text("a"), .failed(.truncated)]),
        StreamRow("that is only an end mark", OpenAI.done, [.failed(.truncated)]),
        StreamRow("closed in the middle", OpenAI.text("a"), [.begun, .text("a"), .failed(.truncated)]),
        StreamRow(
            "closed after the finish, before its end mark", OpenAI.text("a") + OpenAI.finish(),
            [.begun, .text("a"), .finished(.complete)]),
        StreamRow(
            "closed within the finish", OpenAI.text("a") + String(OpenAI.finish().dropLast()),
            [.begun, .text("a"), .failed(.truncated)]),
        StreamRow("silent in the middle", OpenAI.text("a"), end: .idle, [.begun, .text("a"), .failed(.idle)]),
        StreamRow(
            "silent after the finish", OpenAI.text("a") + OpenAI.finish(), end: .idle,
            [.begun, .text("a"), .finished(.complete)]),
        StreamRow(
            "with an error in the middle", OpenAI.text("a") + OpenAI.error + OpenAI.finish() + OpenAI.done,
            [.begun, .text("a"), .failed(.truncated)]),
        StreamRow(
            "with an error of another shape", OpenAI.text("a") + OpenAI.frame(#"{"error":"broke","choices":"none"}"#),
            [.begun, .text("a"), .failed(.truncated)]),
        StreamRow(
            "with an error event", OpenAI.text("a") + "event: error\ndata: broke\n\n",
            [.begun, .text("a"), .failed(.truncated)]),
        StreamRow(
            "that finishes with error", OpenAI.text("a") + OpenAI.finish("error") + OpenAI.done,
            [.begun, .text("a"), .failed(.truncated)]),
        StreamRow(
            "with an error after the finish", OpenAI.text("a") + OpenAI.finish() + OpenAI.error,
            [.begun, .text("a"), .finished(.complete)]),
        StreamRow(
            "with a chunk that is no JSON", OpenAI.text("a") + OpenAI.frame("{") + OpenAI.done,
            [.begun, .text("a"), .failed(.malformed)]),
        StreamRow("that is something else", "data: hello\n\n", [.failed(.malformed)]),
        StreamRow(
            "of a model whose name would break a log line",
            OpenAI.frame(#"{"model":"a\nb","choices":[]}"#) + OpenAI.finish() + OpenAI.done,
            [.started(requestID: "req_head", model: nil), .finished(.complete)]),
    ]

    @Test(arguments: rows) func `is understood:`(_ row: StreamRow) {
        #expect(events(OpenAIStream.self, [row.bytes], end: row.end) == row.events)
        let single = row.bytes.map { [$0] }
        #expect(events(OpenAIStream.self, single, end: row.end) == row.events, "byte by byte")
    }

    @Test func `means the same wherever it is cut`() {
        for text in [OpenAI.whole, OpenAI.whole.replacing("\n", with: "\r\n")] {
            let bytes = Array(text.utf8)
            for cut in bytes.indices {
                #expect(events(OpenAIStream.self, [bytes[..<cut], bytes[cut...]]) == Self.whole, "cut at \(cut)")
            }
        }
    }

    @Test(
        arguments: [
            ("stop", .complete), ("length", .length), ("content_filter", .refusal), ("tool_calls", .other),
            ("function_call", .other), ("something_new", .other),
        ] as [(String, ModelEvent.FinishReason)])
    func `says why it stopped`(_ reason: String, _ meant: ModelEvent.FinishReason) {
        let bytes = Array((OpenAI.text("a") + OpenAI.finish(reason) + OpenAI.done).utf8)
        #expect(events(OpenAIStream.self, [bytes]).last == .finished(meant))
    }

    @Test func `that refuses in words of its own is a refusal`() {
        let bytes = Array((OpenAI.chunk(#"{"refusal":"I cannot"}"#) + OpenAI.finish() + OpenAI.done).utf8)
        #expect(events(OpenAIStream.self, [bytes]) == [.begun, .finished(.refusal)])
    }
}
