import CareDesk

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// OpenAI's streaming chat completions, as OpenAI and the many servers that speak alike send them:
///
///     chunk(delta)… → chunk(finish_reason) → chunk(usage, no choices) → [DONE]
///
/// Complete means that a `finish_reason` was seen. `[DONE]` alone does not: a server whose generation was cut by the
/// next request sends a perfectly normal one. Usage follows the finish, so the stream waits for `[DONE]` or the end of
/// the body before it says `finished`; if either goes wrong then, the whole answer is there and stands.
struct OpenAIStream: ModelStream {
    private var parser = ServerSentEventParser()
    private var line: ModelEventLine
    private var reason: ModelEvent.FinishReason?
    private var hasRefused = false
    private let decoder = JSONDecoder()

    init(requestID: String?) { line = ModelEventLine(requestID: requestID) }

    var isOver: Bool { line.isOver }

    mutating func receive(_ bytes: some Sequence<UInt8>) -> [ModelEvent] {
        do {
            for byte in bytes where !line.isOver {
                if let event = try parser.receive(byte) { happened(event) }
            }
        } catch {
            close(.malformed)
        }
        return line.take()
    }

    mutating func end(_ kind: ModelFailure.Kind) -> [ModelEvent] {
        close(kind)
        return line.take()
    }

    private mutating func happened(_ event: ServerSentEventParser.Event) {
        if event.data.hasPrefix("[DONE]") { return close(.truncated) }
        if event.name == "error" { return close(.truncated) }
        guard let chunk = try? decoder.decode(Chunk.self, from: Data(event.data.utf8)) else { return close(.malformed) }
        if chunk.hasError { return close(.truncated) }
        line.start(model: chunk.model)
        // Only one choice was asked for; the usage chunk has none.
        if let choice = chunk.choices?.first(where: { $0.index ?? 0 == 0 }) {
            if let text = choice.delta?.content { line.text(text) }
            if choice.delta?.refusal?.isEmpty == false { hasRefused = true }
            switch choice.finishReason {
            case nil: break
            case "error": return close(.truncated)  // how some gateways report a break of their own upstream
            case "stop": reason = hasRefused ? .refusal : .complete
            case "length": reason = .length
            case "content_filter": reason = .refusal
            default: reason = .other
            }
        }
        // Older servers put it into the finish chunk instead of one of its own; both are read.
        line.use(input: chunk.usage?.promptTokens, output: chunk.usage?.completionTokens)
    }

    private mutating func close(_ kind: ModelFailure.Kind) {
        if let reason { line.finish(reason) } else { line.fail(kind) }
    }

    /// What we read of a chunk. `reasoning_content`, `obfuscation`, `timings` … are not for a patient and not read.
    private struct Chunk: Decodable {
        var model: String?
        var choices: [Choice]?
        var usage: Usage?
        /// An `error` member that is not null, whatever its shape: an object, or a string with some servers.
        var hasError: Bool

        enum CodingKeys: String, CodingKey { case model, choices, usage, error }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            hasError = try container.contains(.error) && !container.decodeNil(forKey: .error)
            guard !hasError else { return }
            model = try container.decodeIfPresent(String.self, forKey: .model)
            choices = try container.decodeIfPresent([Choice].self, forKey: .choices)
            usage = try container.decodeIfPresent(Usage.self, forKey: .usage)
        }

        struct Choice: Decodable {
            var index: Int?
            var delta: Delta?
            var finishReason: String?

            enum CodingKeys: String, CodingKey {
                case index, delta
                case finishReason = "finish_reason"
            }
        }

        struct Delta: Decodable {
            var content: String?
            var refusal: String?
        }

        struct Usage: Decodable {
            var promptTokens: Int?
            var completionTokens: Int?

            enum CodingKeys: String, CodingKey {
                case promptTokens = "prompt_tokens"
                case completionTokens = "completion_tokens"
            }
        }
    }
}
