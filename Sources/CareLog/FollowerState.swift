package import CareDomain

/// Decides what one reader sees next. Pure: no lock, no clock, no I/O.
///
/// A reader is a place in the log, not a queue beside it: replay and live are the same step ("what comes after my
/// offset?"), so they cannot overlap or leave a hole, and a slow reader costs a number, not a buffer. What bounds it is
/// how far behind it is: over `lagBytes` the words it missed are folded, and if it still is too far behind it is told to
/// fetch a snapshot (docs/decisions/0007-followers-pull.md).
package struct FollowerState {
    private let view: StreamView
    private var epoch: String
    private var offset = 0
    /// The last position the reader was told, so that a filtered view can be told when it moved unseen.
    private var told = -1
    private var opening: [Follower.Item] = []
    private var beat = false
    /// Waiting to be handed out, oldest first.
    private var signals: [Signal] = []
    private var parting: Parting?
    private var isOver = false

    /// Where a reader begins: at its position if that is still to be had, else at now with a `reset`.
    package init(from position: Position?, view: StreamView, in topic: TopicState) {
        self.view = view
        epoch = topic.epoch
        let now = topic.position
        guard let position else {
            begin(at: now, topic)
            return
        }
        if position.epoch != now.epoch {
            restart(.unknownEpoch, at: now, topic)
        } else if position.offset > now.offset {
            restart(.ahead, at: now, topic)
        } else if position.offset < topic.first - 1 {
            restart(.trimmed, at: now, topic)
        } else {
            offset = position.offset
            told = offset
            opening = [.ready(position)]
        }
    }

    /// What to send now: `nil` when there is nothing and the reader should wait; empty when it is over.
    package mutating func take(from topic: TopicState, limits: LogLimits) -> [Follower.Item]? {
        guard !isOver else { return [] }
        if !opening.isEmpty {
            defer { opening = [] }
            return opening
        }
        guard topic.epoch == epoch else { return interrupted(.unknownEpoch, topic) }
        guard let waiting = topic.entries(after: offset) else { return interrupted(.trimmed, topic) }
        var items: [Follower.Item] = []
        if topic.lag(after: offset) > limits.lagBytes {
            guard let fewer = folded(waiting, topic), fewer.reduce(0, { $0 + $1.size }) <= limits.lagBytes else {
                return interrupted(.behind, topic)
            }
            items = fewer
            offset = topic.position.offset
        } else {
            var size = 0
            for entry in waiting {
                offset = entry.offset
                guard view.shows(entry.event) else { continue }
                items.append(.entry(entry, Position(epoch: topic.epoch, offset: entry.offset)))
                size += entry.json.count
                if size >= limits.batchBytes { break }
            }
        }
        if let last = items.last {
            // What the last item says, not how far was looked: hidden entries after it are for a heartbeat to tell.
            told = last.position?.offset ?? told
            beat = false
            return items + takeSignals()
        }
        if !signals.isEmpty { return takeSignals() }
        if let parting { return part(parting) }
        if beat {
            beat = false
            defer { told = offset }
            return [.heartbeat(told == offset ? nil : Position(epoch: topic.epoch, offset: offset))]
        }
        return nil
    }

    /// The newest of each person and kind waits; says whether this reader is to be woken for it.
    package mutating func hear(_ signal: Signal, limits: LogLimits) -> Bool {
        guard view.shows(signal) else { return false }
        signals.removeAll { $0.caseID == signal.caseID && $0.who == signal.who && $0.kind == signal.kind }
        signals.append(signal)
        if signals.count > limits.signals { signals.removeFirst() }
        return true
    }

    private mutating func takeSignals() -> [Follower.Item] {
        defer { signals = [] }
        return signals.map { .signal($0) }
    }

    /// Time for a sign of life, unless something else is about to be sent.
    package mutating func wantsHeartbeat() { beat = true }

    /// Ends once what is there has been taken. The first reason stays.
    package mutating func part(with reason: Parting) { parting = parting ?? reason }

    private mutating func part(_ reason: Parting) -> [Follower.Item] {
        isOver = true
        return [.parting(reason)]
    }

    private mutating func begin(at now: Position, _ topic: TopicState) {
        offset = now.offset
        told = offset
        let snapshots = snapshots(topic)
        opening = [.ready(snapshots.isEmpty ? now : nil)] + snapshots
    }

    /// A restart in the middle of a stream, which has said `ready` at its beginning.
    private mutating func interrupted(_ reason: Follower.ResetReason, _ topic: TopicState) -> [Follower.Item] {
        restart(reason, at: topic.position, topic)
        defer { opening = [] }
        return Array(opening.dropFirst())
    }

    private mutating func restart(_ reason: Follower.ResetReason, at now: Position, _ topic: TopicState) {
        beat = false
        epoch = now.epoch
        offset = now.offset
        told = offset
        let snapshots = snapshots(topic)
        opening = [.ready(nil), .reset(reason, snapshots.isEmpty ? now : nil)] + snapshots
    }

    /// The running replies as they stand. Only the last tells the position: a reader that is cut before it comes back
    /// with what it had and is told all of this again. With the position it would be given deltas of a reply whose
    /// beginning it never heard.
    private func snapshots(_ topic: TopicState) -> [Follower.Item] {
        let folds = topic.folds.filter { view.shows(.replySnapshot($0)) }
        return folds.enumerated().map { .fold($1, $0 == folds.count - 1 ? topic.position : nil) }
    }

    /// The same entries with the words of replies in one piece: those still running as a snapshot, those that ended left
    /// out, because the `message` that follows them holds it all. Nil when this view has no messages and so could never
    /// learn what an ended reply said.
    ///
    /// The snapshots come first and without a position, and the heartbeat after everything tells it: a reader that is
    /// cut after some of the entries would else come back with the position of one, and the words before it would be in
    /// nothing it was ever sent.
    private func folded(_ waiting: ArraySlice<Entry>, _ topic: TopicState) -> [Follower.Item]? {
        var items: [Follower.Item] = []
        var cut: Set<ReplyID> = []
        for entry in waiting where view.shows(entry.event) {
            if case .replyDelta(let attempt, _, _) = entry.event {
                cut.insert(attempt.replyID)
            } else {
                items.append(.entry(entry, Position(epoch: topic.epoch, offset: entry.offset)))
            }
        }
        let running = Set(topic.folds.map(\.attempt.replyID))
        if view.part == .replies, !cut.isSubset(of: running) { return nil }
        let folds = topic.folds.filter { cut.contains($0.attempt.replyID) }
        return folds.map { .fold($0, nil) } + items + [.heartbeat(topic.position)]
    }
}
