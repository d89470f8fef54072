import CareDesk

/// What one wire format makes of the bytes of an answer. Pure, so that every trap of a format is a row in a table.
///
/// A stream gives `started` first and exactly one terminal event last; after that (`isOver`) it gives nothing.
protocol ModelStream: Sendable {
    /// `requestID` is what the head of the response said.
    init(requestID: String?)

    var isOver: Bool { get }
    mutating func receive(_ bytes: some Sequence<UInt8>) -> [ModelEvent]
    /// The body is over, cleanly or not: the answer stands if its end mark was seen, otherwise it failed as `kind`.
    mutating func end(_ kind: ModelFailure.Kind) -> [ModelEvent]
}

/// What both formats share: order, the one terminal event, and the bounds.
struct ModelEventLine: Sendable {
    /// Bytes of text in one answer, far above any `max_tokens`. Beyond it the upstream is not to be believed: `malformed`.
    static let answerLimit = 1024 * 1024

    private(set) var isOver = false
    /// Taken by the stream after each call.
    private var events: [ModelEvent] = []
    private var requestID: String?
    private var hasStarted = false
    private var textBytes = 0
    private var usage: ModelUsage?

    init(requestID: String?) { self.requestID = requestID }

    mutating func take() -> [ModelEvent] {
        defer { events = [] }
        return events
    }

    /// Only the first one counts.
    mutating func start(model: String?) {
        guard !hasStarted, !isOver else { return }
        hasStarted = true
        events.append(.started(requestID: requestID, model: model.flatMap(UpstreamLabel.checked)))
    }

    mutating func text(_ text: String) {
        guard !text.isEmpty, !isOver else { return }
        textBytes += text.utf8.count
        guard textBytes <= Self.answerLimit else { return fail(.malformed) }
        start(model: nil)
        events.append(.text(text))
    }

    /// Absent counters keep what an earlier report said; present ones replace it.
    mutating func use(input: Int?, output: Int?) {
        guard !isOver, input != nil || output != nil else { return }
        var next = usage ?? ModelUsage()
        if let input { next.inputTokens = Self.plausible(input) }
        if let output { next.outputTokens = Self.plausible(output) }
        guard next != usage else { return }
        usage = next
        start(model: nil)
        events.append(.usage(next))
    }

    /// A count of tokens from outside, made fit to be added to others without overflow.
    static func plausible(_ tokens: Int) -> Int { min(max(0, tokens), Int(Int32.max)) }

    mutating func finish(_ reason: ModelEvent.FinishReason) {
        guard !isOver else { return }
        start(model: nil)
        isOver = true
        events.append(.finished(reason))
    }

    mutating func fail(_ kind: ModelFailure.Kind, requestID: String? = nil) {
        guard !isOver else { return }
        isOver = true
        let named = requestID.flatMap(UpstreamLabel.checked) ?? self.requestID
        events.append(.failed(ModelFailure(kind, requestID: named)))
    }
}

/// A short name the upstream gave to something, safe to log: an upstream cannot write lines or essays into our log.
enum UpstreamLabel {
    static let limit = 128

    static func checked(_ text: String) -> String? {
        let bytes = text.utf8
        guard (1...limit).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return text
    }
}
