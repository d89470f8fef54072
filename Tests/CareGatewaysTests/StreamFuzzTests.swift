import CareDesk
import CareDomain
import CareTestKit
import NIOHTTP1
import Testing

@testable import CareGateways

/// Whatever a model's server sends, cut however the network likes.
@Suite(.timeLimit(.minutes(10)))
struct `The streams of models, given nonsense` {
    private static let tokens: [[UInt8]] =
        [
            "\n", "\r", "\r\n", "\n\n", "data:", "data: ", "event: ", "event: error\n", ": ", "[DONE]", "\u{FEFF}", "{",
            "}",
            "[", "]", "\"", "\\", "null", "-1", "1e999", "99999999999999999999", "\\ud800", "\u{0}", "\u{2028}", "é",
            "👩‍⚕️",
            #""finish_reason":"stop""#, #""error":{}"#, #""type":"message_stop""#, #""index":-9223372036854775808"#,
            #""usage":{"prompt_tokens":9223372036854775807}"#, #"{"a":"#,
        ].map { Array($0.utf8) } + [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80]]

    private func check<Stream: ModelStream>(_: Stream.Type, _ corpus: [[UInt8]]) {
        Fuzz.run("\(Stream.self)", 600) { fuzz in
            let bytes = fuzz.mutated(corpus, tokens: Self.tokens)
            let whole = events(Stream.self, [bytes])
            #expect(whole.filter(\.isTerminal).count == 1, "seed \(fuzz.seed)")
            #expect(whole.last?.isTerminal == true, "seed \(fuzz.seed)")
            #expect(whole.compactMap(\.text).joined().utf8.count <= ModelEventLine.answerLimit, "seed \(fuzz.seed)")
            #expect(events(Stream.self, fuzz.pieces(of: bytes)) == whole, "seed \(fuzz.seed)")
            guard !bytes.contains(0x0D) else { return }
            for ending in [[0x0D], [0x0D, 0x0A]] as [[UInt8]] {
                let other = bytes.flatMap { $0 == 0x0A ? ending : [$0] }
                #expect(events(Stream.self, [other]) == whole, "seed \(fuzz.seed), line ends \(ending)")
            }
        }
    }

    @Test func `of Anthropic end once and mean the same in any pieces`() {
        check(AnthropicStream.self, `A stream of Anthropic messages`.rows.map(\.bytes))
    }

    @Test func `of OpenAI end once and mean the same in any pieces`() {
        check(OpenAIStream.self, `A stream of chat completions`.rows.map(\.bytes))
    }

    @Test func `and their refusals never stop us`() {
        let corpus = [
            #"{"type":"error","error":{"type":"rate_limit_error","message":"x","details":{"error_code":"y"}},"request_id":"r"}"#,
            #"{"error":{"code":429,"message":"x","type":"server_error"}}"#, #"{"error":"x"}"#, "<html>", "",
        ].map { Array($0.utf8) }
        let advice = ["1", "-1", "1e400", "nan", "Tue, 24 Nov 2026 15:00:00 GMT"].map { Array($0.utf8) }
        Fuzz.run("refusals", 500) { fuzz in
            let text = String(decoding: fuzz.mutated(advice, tokens: Self.tokens), as: UTF8.self)
            let failure = UpstreamRefusal.failure(
                status: 400 + fuzz.below(200), headers: ["retry-after": text, "request-id": text],
                body: fuzz.mutated(corpus, tokens: Self.tokens), now: .init(milliseconds: 1_800_000_000_000))
            #expect(
                failure.retryAfter.map { $0 >= .zero && $0 <= UpstreamRefusal.longestAdvice } ?? true,
                "seed \(fuzz.seed)")
            #expect((failure.requestID?.utf8.count ?? 0) <= UpstreamLabel.limit, "seed \(fuzz.seed)")
        }
    }
}
