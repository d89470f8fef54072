import NIOCore

/// What one connection is doing and until when it may. Pure: it is told what happened and when, and says what is owed.
///
///     connected ──head── body ──end──▶ ours to answer ──answered──▶ idle ──head── …
///     `head` s           `body` s       nobody hurries us            `idle` s
///
/// A client may send its next request before it has our answer. What it sends then is not held against it until the
/// answer is out: until then we may not even be reading.
struct ConnectionState {
    /// Requests let through whose answer has not ended.
    private(set) var answering = 0
    /// The head of the last one is here and its body is not.
    private(set) var isReading = false
    /// Nothing more is read: what is being answered is the end.
    private(set) var isLast = false
    /// What is said when all answers are out, before we close.
    private(set) var refusal: Problem?
    /// Our last word is said; what is written or read from now on is nobody's.
    private(set) var isOver = false
    /// The head of the answer to the oldest request is out.
    private(set) var hasBegun = false

    private var bodyBytes = 0
    private var hasAnswered = false
    private var since: NIODeadline
    private var stalledSince: NIODeadline?
    private var lingersUntil: NIODeadline = .distantFuture

    init(at now: NIODeadline) { since = now }

    mutating func headRead(isLast: Bool, at now: NIODeadline) {
        answering += 1
        isReading = true
        bodyBytes = 0
        self.isLast = isLast
        if answering == 1 { since = now }
    }

    mutating func bodyPart(_ bytes: Int) { bodyBytes += bytes }
    mutating func bodyRead() { isReading = false }

    /// Nothing more is read; `problem` is what is left to say.
    mutating func refuse(_ problem: Problem?) {
        isLast = true
        refusal = refusal ?? problem
    }

    mutating func answerBegan() { hasBegun = true }

    mutating func answerEnded(at now: NIODeadline) {
        answering -= 1
        hasBegun = false
        hasAnswered = true
        // A body that is still coming after its answer goes on with the time it had.
        if answering > 0 || !isReading { since = now }
    }

    /// All answers are out and there is nothing more to read: time for the last word.
    var isAtEnd: Bool { isLast && answering == 0 && !isOver }

    mutating func ended(lingersUntil: NIODeadline) {
        isOver = true
        self.lingersUntil = lingersUntil
    }

    mutating func writable(_ isWritable: Bool, at now: NIODeadline) {
        stalledSince = isWritable ? nil : stalledSince ?? now
    }

    enum Lateness: Equatable { case head, body, reader, lingering }

    /// What must have happened until when.
    func due(_ limits: ConnectionLimits) -> (NIODeadline, Lateness)? {
        if isOver { return (lingersUntil, .lingering) }
        let reading: (NIODeadline, Lateness)? =
            if isReading, answering <= 1 {
                (
                    since + TimeAmount(limits.body) + .seconds(Int64(bodyBytes / limits.bodyBytesPerSecond)), .body
                )
            } else if answering == 0 {
                (since + TimeAmount(hasAnswered ? limits.idle : limits.head), .head)
            } else {
                nil
            }
        guard let stalledSince else { return reading }
        let stalled = stalledSince + TimeAmount(limits.stalled)
        if let reading, reading.0 < stalled { return reading }
        return (stalled, .reader)
    }
}
