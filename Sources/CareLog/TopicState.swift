package import CareDomain

/// One topic as a value: offsets, fact order, fences, trimming, and what running replies have said. Pure: no lock, no
/// clock, no I/O. `MemoryEventLog` hosts it; the Redis script does the same steps.
///
///     offset   1      2        3        4        5        6
///            message  started  delta 1  delta 2  message  finished
///            ↑ first                                      ↑ last = next − 1
package struct TopicState {
    package let epoch: String
    private let limits: LogLimits
    private var entries: [Entry] = []
    /// `entries[..<trimmed]` are gone; the array is cut when they are half of it, so trimming costs O(1) each.
    private var trimmed = 0
    private var next = 1
    /// Bytes ever appended, and the same up to each kept entry: how far behind a reader is, without adding up.
    private var bytes = 0
    private var bytesBefore: [Int] = []
    private var lastFact: Int?
    private var fences: [CaseID: Fence] = [:]
    private var running: [ReplyID: Running] = [:]

    private struct Running {
        var fold: ReplyFold
        var startedAt: Int
    }

    /// With `after`, a mirror of a log elsewhere that stands there and will be given what follows (`adopt`).
    package init(
        epoch: String, limits: LogLimits = LogLimits(), after offset: Int = 0, lastFact: Int? = nil,
        fences: [CaseID: Fence] = [:]
    ) {
        self.epoch = epoch
        self.limits = limits
        next = offset + 1
        self.lastFact = lastFact
        self.fences = fences
    }

    /// The same topic without its entries, under another epoch: what it knows of facts and fences stays true.
    package func begunAnew(epoch: String) -> TopicState {
        TopicState(epoch: epoch, limits: limits, lastFact: lastFact, fences: fences)
    }

    package var position: Position { Position(epoch: epoch, offset: next - 1) }
    package var first: Int { next - (entries.count - trimmed) }
    package var isReplying: Bool { !running.isEmpty }

    package var folds: [ReplyFold] { running.values.map(\.fold).sorted { $0.sequence < $1.sequence } }

    /// `json` is made by the caller, outside any lock, because encoding is the expensive part.
    package mutating func append(_ draft: Draft, json: [UInt8]) -> AppendOutcome {
        if let refusal = refusal(of: draft) { return refusal }
        take(draft, json)
        return .appended(position)
    }

    /// Why a draft is not taken now; nil when it would be.
    package func refusal(of draft: Draft) -> AppendOutcome? {
        switch draft.kind {
        case .fact(let number, _):
            guard let lastFact else { return nil }
            if number <= lastFact { return .duplicate }
            return number > lastFact + 1 ? .behind(last: lastFact) : nil
        case .reply(let fence, _):
            if let refusal = refusal(under: fence, of: draft.event.caseID) { return refusal }
            switch draft.event {
            case .replyStarted(let attempt, _):
                if let held = running[attempt.replyID], held.fold.attempt.number >= attempt.number {
                    return .duplicate
                }
            case .replyDelta(let attempt, let n, _):
                // Its beginning is not here: the log has lost it (a new epoch), or it is over.
                guard let held = running[attempt.replyID], held.fold.attempt == attempt else {
                    return .behind(last: 0)
                }
                if n <= held.fold.through { return .duplicate }
                if n > held.fold.through + 1 { return .behind(last: held.fold.through) }
            case .replySnapshot(let fold):
                if let held = running[fold.attempt.replyID],
                    held.fold.attempt.number > fold.attempt.number
                        || (held.fold.attempt.number == fold.attempt.number && held.fold.through >= fold.through)
                {
                    return .duplicate
                }
            case .message, .careCase, .handling, .document, .replyEnded, .unknown: break
            }
            return nil
        }
    }

    /// Only what the fence says about words of a case.
    package func refusal(under fence: Fence, of caseID: CaseID) -> AppendOutcome? {
        guard let known = fences[caseID] else { return .unknownFence }
        return fence.takeover == known.takeover && fence.lease >= known.lease ? nil : .fenced
    }

    /// Takes what the shared log has taken, without asking again; false when it is not the next one.
    package mutating func adopt(_ draft: Draft, json: [UInt8], at offset: Int) -> Bool {
        guard offset == next else { return false }
        take(draft, json)
        return true
    }

    /// Adds entries from before the first that is here; they end exactly there, or nothing happens.
    package mutating func prepend(_ earlier: [Entry]) {
        guard let last = earlier.last, last.offset == first - 1 else { return }
        var before = bytesBefore.indices.contains(trimmed) ? bytesBefore[trimmed] : bytes
        var befores: [Int] = []
        for entry in earlier.reversed() {
            before -= entry.json.count
            befores.append(before)
        }
        entries.replaceSubrange(..<trimmed, with: earlier)
        bytesBefore.replaceSubrange(..<trimmed, with: befores.reversed())
        trimmed = 0
    }

    private mutating func take(_ draft: Draft, _ json: [UInt8]) {
        switch draft.kind {
        case .fact(let number, let fence):
            lastFact = max(number, lastFact ?? number)
            if let fence { raiseFence(fence, of: draft.event.caseID) }
        case .reply(let fence, _): raiseFence(fence, of: draft.event.caseID)
        }
        fold(draft.event)
        entries.append(Entry(offset: next, event: draft.event, json: json))
        bytesBefore.append(bytes)
        bytes += json.count
        next += 1
        trim()
    }

    package mutating func raiseFence(_ fence: Fence, of caseID: CaseID) {
        fences[caseID] = fences[caseID]?.raised(to: fence) ?? fence
    }

    /// The entries after an offset, `nil` when some of them are gone or the offset has not been reached.
    package func entries(after offset: Int) -> ArraySlice<Entry>? {
        guard offset >= first - 1, offset < next else { return nil }
        return entries[(trimmed + offset - first + 1)...]
    }

    /// Bytes of the entries after an offset.
    package func lag(after offset: Int) -> Int {
        let index = trimmed + offset - first + 1
        return index < bytesBefore.count ? bytes - bytesBefore[max(index, 0)] : 0
    }

    private mutating func fold(_ event: CareEvent) {
        switch event {
        case .replyStarted(let attempt, let sequence):
            running[attempt.replyID] = Running(
                fold: ReplyFold(attempt: attempt, sequence: sequence), startedAt: next)
        case .replyDelta(let attempt, let n, let text):
            running[attempt.replyID]?.fold.through = n
            running[attempt.replyID]?.fold.text += text
        case .replyEnded(let attempt, _, _, _, _): running[attempt.replyID] = nil
        case .message(let message):
            if let id = message.replyID, let held = running[id], held.fold.attempt.number <= message.version {
                running[id] = nil
            }
        case .replySnapshot(let fold):
            let startedAt = running[fold.attempt.replyID]?.startedAt ?? next
            running[fold.attempt.replyID] = Running(fold: fold, startedAt: startedAt)
        case .careCase, .handling, .document, .unknown: break
        }
    }

    private mutating func trim() {
        let protected = running.values.map(\.startedAt).min() ?? Int.max
        while entries.count - trimmed > limits.kept,
            first < protected || entries.count - trimmed > limits.keptWhileReplying
        {
            trimmed += 1
        }
        if trimmed > 64, trimmed > entries.count / 2 {
            entries.removeFirst(trimmed)
            bytesBefore.removeFirst(trimmed)
            trimmed = 0
        }
    }
}
