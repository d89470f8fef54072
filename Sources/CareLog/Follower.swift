package import CareDomain

/// One reader of a topic. Ask for `next` until it is empty; letting go of it ends it.
package final class Follower: Sendable {
    package enum ResetReason: String, Sendable, Equatable {
        case unknownEpoch = "unknown_epoch"
        case trimmed, ahead, behind
    }

    package enum Item: Sendable {
        /// The stream is open; the position is where it begins, nil when a `reset` or a `fold` after it says that.
        case ready(Position?)
        case entry(Entry, Position)
        /// A running reply so far; with a position when everything up to there is in what was sent.
        case fold(ReplyFold, Position?)
        /// What the reader holds may have holes: fetch a snapshot, then go on. The position is nil when folds follow: the
        /// last of them has it.
        case reset(ResetReason, Position?)
        /// A sign of life; with a position when that moved without anything to show.
        case heartbeat(Position?)
        /// Somebody types, somebody is there. Never moves the position.
        case signal(Signal)
        /// The last item.
        case parting(Parting)

        /// The SSE `id` it is sent with.
        package var position: Position? {
            switch self {
            case .ready(let position), .heartbeat(let position): position
            case .fold(_, let position), .reset(_, let position): position
            case .entry(_, let position): position
            case .signal, .parting: nil
            }
        }

        var size: Int {
            switch self {
            case .entry(let entry, _): entry.json.count
            case .fold(let fold, _): fold.text.utf8.count + 128
            case .ready, .reset, .heartbeat, .signal, .parting: 64
            }
        }
    }

    private let source: any FollowerSource
    private let id: Int

    package init(source: any FollowerSource, id: Int) {
        self.source = source
        self.id = id
    }

    deinit { source.leave(id) }

    /// The next items in order, at least one; empty once it is over or the task was cancelled.
    package func next() async -> [Item] { await source.next(id) }

    /// Sends a heartbeat if nothing else is waiting.
    package func beat() { source.beat(id) }

    /// Ends the stream after what is already there.
    package func part(_ parting: Parting) { source.part(id, parting) }
}

/// What hosts followers: a topic in some log.
package protocol FollowerSource: Sendable {
    func next(_ id: Int) async -> [Follower.Item]
    func beat(_ id: Int)
    func part(_ id: Int, _ parting: Parting)
    func leave(_ id: Int)
}
