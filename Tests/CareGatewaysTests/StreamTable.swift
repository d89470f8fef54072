import CareDesk

@testable import CareGateways

/// One stream of bytes, and what it means when the body ends after it.
struct StreamRow: Sendable, CustomStringConvertible {
    var description: String
    var bytes: [UInt8]
    var end: ModelFailure.Kind = .truncated
    var events: [ModelEvent]

    init(_ name: String, _ bytes: String, end: ModelFailure.Kind = .truncated, _ events: [ModelEvent]) {
        description = name
        self.bytes = Array(bytes.utf8)
        self.end = end
        self.events = events
    }
}

/// What `Stream` makes of `chunks` followed by the end of the body.
func events<Stream: ModelStream>(
    _: Stream.Type, _ chunks: [some Sequence<UInt8>], end: ModelFailure.Kind = .truncated
) -> [ModelEvent] {
    var stream = Stream(requestID: "req_head")
    return chunks.flatMap { stream.receive($0) } + stream.end(end)
}

extension ModelEvent {
    static func failed(_ kind: ModelFailure.Kind, requestID: String = "req_head") -> ModelEvent {
        .failed(ModelFailure(kind, requestID: requestID))
    }

    static let begun = ModelEvent.started(requestID: "req_head", model: "m-1")

    var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    var isTerminal: Bool {
        switch self {
        case .finished, .failed: true
        case .started, .text, .usage: false
        }
    }
}
