import CareDesk

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Anthropic's streaming messages:
///
///     message_start → (content_block_start → content_block_delta… → content_block_stop)… → message_delta → message_stop
///
/// with any number of pings, and events nobody has heard of yet, in between. Complete means `message_stop` and nothing
/// else: text that looks finished before it may be half an answer.
struct AnthropicStream: ModelStream {
    /// Blocks open at once; the upstream opens one after the other. Beyond it: `malformed`.
    static let openBlockLimit = 64

    private var parser = ServerSentEventParser()
    private var line: ModelEventLine
    private var reason: ModelEvent.FinishReason = .other
    /// Open blocks that are not text (thinking, tools): nothing of theirs is for a patient.
    private var hiddenBlocks: Set<Int> = []
    private var input = InputTokens()
    private let decoder = JSONDecoder()

    init(requestID: String?) { line = ModelEventLine(requestID: requestID) }

    var isOver: Bool { line.isOver }

    mutating func receive(_ bytes: some Sequence<UInt8>) -> [ModelEvent] {
        do {
            for byte in bytes where !line.isOver {
                if let event = try parser.receive(byte) { happened(event) }
            }
        } catch {
            line.fail(.malformed)
        }
        return line.take()
    }

    mutating func end(_ kind: ModelFailure.Kind) -> [ModelEvent] {
        line.fail(kind)
        return line.take()
    }

    private mutating func happened(_ event: ServerSentEventParser.Event) {
        // The name is looked at first: of an event we do not know nothing else need be as we expect, not even JSON.
        let data = Data(event.data.utf8)
        let name = event.name.isEmpty ? (try? decoder.decode(Typed.self, from: data))?.type : event.name
        guard let kind = name.map(Kind.init(rawValue:)) ?? nil else {
            if name == nil { line.fail(.malformed) }
            return
        }
        guard let frame = try? decoder.decode(Frame.self, from: data) else { return line.fail(.malformed) }
        switch kind {
        case .messageStart:
            line.start(model: frame.message?.model)
            count(frame.message?.usage)
        case .blockStart:
            guard let block = frame.contentBlock else { return }
            if block.type == "text" {
                line.text(block.text ?? "")
            } else if let index = frame.index {
                hiddenBlocks.insert(index)
                if hiddenBlocks.count > Self.openBlockLimit { line.fail(.malformed) }
            }
        case .blockDelta:
            guard frame.delta?.type == "text_delta" else { return }
            if let index = frame.index, hiddenBlocks.contains(index) { return }
            line.text(frame.delta?.text ?? "")
        case .blockStop:
            if let index = frame.index { hiddenBlocks.remove(index) }
        case .messageDelta:
            if let stop = frame.delta?.stopReason { reason = Self.reason(stop) }
            count(frame.usage)
        case .messageStop:
            line.finish(reason)
        case .error:
            line.fail(.truncated, requestID: frame.requestID)
        case .ping:
            return
        }
    }

    private mutating func count(_ usage: Frame.Usage?) {
        guard let usage else { return }
        input.replace(by: usage)
        line.use(input: input.total, output: usage.outputTokens)
    }

    private static func reason(_ stop: String) -> ModelEvent.FinishReason {
        switch stop {
        case "end_turn", "stop_sequence": .complete
        case "max_tokens", "model_context_window_exceeded": .length
        case "refusal": .refusal
        default: .other
        }
    }

    private enum Kind: String {
        case messageStart = "message_start"
        case blockStart = "content_block_start"
        case blockDelta = "content_block_delta"
        case blockStop = "content_block_stop"
        case messageDelta = "message_delta"
        case messageStop = "message_stop"
        case ping, error
    }

    private struct Typed: Decodable { var type: String }

    /// Cached input is counted beside `input_tokens`, not within. A later report overwrites what it names and leaves the
    /// rest.
    private struct InputTokens {
        private var fresh: Int?
        private var cacheCreation: Int?
        private var cacheRead: Int?

        mutating func replace(by usage: Frame.Usage) {
            fresh = usage.inputTokens ?? fresh
            cacheCreation = usage.cacheCreation ?? cacheCreation
            cacheRead = usage.cacheRead ?? cacheRead
        }

        var total: Int? {
            let known = [fresh, cacheCreation, cacheRead].compactMap(\.self)
            return known.isEmpty ? nil : known.map(ModelEventLine.plausible).reduce(0, +)
        }
    }

    /// Every field of every event that we read; all optional, because what is absent is not our business.
    private struct Frame: Decodable {
        var type: String?
        var index: Int?
        var message: Head?
        var contentBlock: Block?
        var delta: Delta?
        var usage: Usage?
        var requestID: String?

        enum CodingKeys: String, CodingKey {
            case type, index, message, delta, usage
            case contentBlock = "content_block"
            case requestID = "request_id"
        }

        struct Head: Decodable {
            var model: String?
            var usage: Usage?
        }

        struct Block: Decodable {
            var type: String?
            var text: String?
        }

        struct Delta: Decodable {
            var type: String?
            var text: String?
            var stopReason: String?

            enum CodingKeys: String, CodingKey {
                case type, text
                case stopReason = "stop_reason"
            }
        }

        struct Usage: Decodable {
            var inputTokens: Int?
            var outputTokens: Int?
            var cacheCreation: Int?
            var cacheRead: Int?

            enum CodingKeys: String, CodingKey {
                case inputTokens = "input_tokens"
                case outputTokens = "output_tokens"
                case cacheCreation = "cache_creation_input_tokens"
                case cacheRead = "cache_read_input_tokens"
            }
        }
    }
}
