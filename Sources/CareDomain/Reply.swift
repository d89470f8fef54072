/// One AI answer in flight, or what became of it.
///
///     queued → running → finished
///                      ↘ stopped | interrupted | failed → (retry) queued, attempt + 1
package struct Reply: Hashable, Sendable {
    package enum State: String, Sendable, Codable {
        case queued, running, finished, stopped, interrupted, failed

        package var isOver: Bool { self != .queued && self != .running }
        package var isRetryable: Bool { self == .stopped || self == .interrupted || self == .failed }
    }

    package var id: ReplyID
    package var caseID: CaseID
    package var patientID: PersonID
    package var state: State
    /// 1, 2, 3 …; the version of the message that the attempt leaves.
    package var attempt: Int
    /// Where its bubble stands in the timeline; nil until it first runs.
    package var sequence: Int?
    /// What the checkpoint holds: the text through delta `through`. While it runs the log is ahead of it.
    package var through: Int
    package var text: String
    package var startedAt: Moment?
    /// Why it failed or was interrupted, stable and free of content.
    package var code: String?
    /// While it runs: its writer has been asked to end this attempt.
    package var isStopWanted: Bool

    package init(
        id: ReplyID, caseID: CaseID, patientID: PersonID, state: State = .queued, attempt: Int = 1,
        sequence: Int? = nil, through: Int = 0, text: String = "", startedAt: Moment? = nil, code: String? = nil,
        isStopWanted: Bool = false
    ) {
        self.id = id
        self.caseID = caseID
        self.patientID = patientID
        self.state = state
        self.attempt = attempt
        self.sequence = sequence
        self.through = through
        self.text = text
        self.startedAt = startedAt
        self.code = code
        self.isStopWanted = isStopWanted
    }
}
