package import CareDomain

/// A sequence of facts and words that readers follow. One topic per patient.
///
/// Guarantees:
/// - **Ordered and dense.** Every entry of a topic gets the next offset; every follower sees them in that order, each
///   once, from the position it asked for.
/// - **Atomic.** Fence check, fact order, offset and visibility are one step: no entry is visible that was refused,
///   and none is refused that was visible.
/// - **At most as durable as its epoch.** The store is the truth for facts; a log that lost history says so by a new
///   epoch, upon which followers get a `reset`.
/// - A slow follower never slows an append or another follower.
package protocol EventLog: Sendable {
    /// Appends or says why not. Who calls decides what to do about it; nothing is retried here.
    func append(_ draft: Draft, to topic: Topic) async throws -> AppendOutcome

    /// Tells the log the fence of a case after `unknownFence`. Only ever raises what the log knows.
    func loadFence(_ fence: Fence, of caseID: CaseID, in topic: Topic) async throws

    /// Begins a new epoch: the log has lost facts that it was once given, so what its readers hold may have holes. Each
    /// gets a `reset`; fences must be loaded anew.
    func renew(_ topic: Topic) async throws

    /// Follows from a position, or from now without one. The first item is `ready`; see `Follower.Item`.
    func follow(_ topic: Topic, from position: Position?, view: StreamView) async throws -> Follower

    /// Where the topic stands, and what its running replies have said up to exactly there. Holds every entry whose
    /// append had returned before this was asked.
    func reading(of topic: Topic) async throws -> TopicReading

    /// Tells whoever follows now. Heard or missed: not kept, no position, no promise that it arrives or in which order,
    /// except that of one person and kind the newest wins.
    func tell(_ signal: Signal, to topic: Topic) async

    /// Whether what is appended here is heard everywhere. A log that shares nothing has nobody to lose.
    var standing: LogStanding { get }
}

extension EventLog {
    package var standing: LogStanding { .shared }
}

package enum LogStanding: String, Sendable, Equatable {
    /// What is appended here is heard on every node, and the other way round.
    case shared
    /// This node has lost the others.
    case alone
}

/// One patient's log, or the desk's.
package struct Topic: Hashable, Sendable, CustomStringConvertible {
    package let name: String

    package static func patient(_ id: PersonID) -> Topic { Topic(name: "patient/\(id)") }
    package static let desk = Topic(name: "desk")

    package init(name: String) { self.name = name }
    package var description: String { name }
}

/// Something to append.
package struct Draft: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// A fact committed to the store under the topic's next dense number. The log takes only the last + 1; a topic
        /// that has none yet takes the first it is given, so the oldest pending one must be sent first. `fence`
        /// moves the case's fence in the same step.
        case fact(number: Int, fence: Fence?)
        /// Words of a reply, taken only while the fence is the one it was begun under. `isVouched`: the store has just
        /// said that this is still the fence of the case. Only a log that is alone asks for that.
        case reply(Fence, isVouched: Bool)
    }
    package var event: CareEvent
    package var kind: Kind

    package static func fact(_ event: CareEvent, number: Int, fence: Fence? = nil) -> Draft {
        Draft(event: event, kind: .fact(number: number, fence: fence))
    }
    package static func reply(_ event: CareEvent, under fence: Fence, isVouched: Bool = false) -> Draft {
        Draft(event: event, kind: .reply(fence, isVouched: isVouched))
    }
}

/// Who may add words to a case: the takeover count and, within it, the newest lease. Both only grow.
package struct Fence: Sendable, Hashable {
    /// The handling version of the last takeover.
    package var takeover: Int
    /// The lease's number (a fencing token): a zombie that wakes up has a lower one.
    package var lease: Int

    package init(takeover: Int, lease: Int) {
        self.takeover = takeover
        self.lease = lease
    }

    /// The higher of both, part by part.
    func raised(to other: Fence) -> Fence {
        Fence(takeover: max(takeover, other.takeover), lease: max(lease, other.lease))
    }
}

package enum AppendOutcome: Sendable, Equatable {
    case appended(Position)
    /// The fact, or the words, are already there.
    case duplicate
    /// Something before it is missing; the last the log has is given. Of facts send the pending ones in order, of a
    /// reply everything it has said in one `replySnapshot`.
    case behind(last: Int)
    /// Somebody took over, or a newer lease exists. The writer must stop.
    case fenced
    /// The log has not been told this case's fence (a new epoch, or a shared log that was away): load it from the store, then
    /// try again.
    case unknownFence
    /// Taken for the readers of this node only, now or before, because the log that nodes share is away (`SharedEventLog`). A
    /// fact must stay pending in the store until an append of it says `appended` or `duplicate`.
    case alone(Position)
    /// Words are refused because the shared log is away, and with it whoever might have fenced them off. Ask the store
    /// whether this is still the fence of the case, then append with `isVouched`. If it is not, the writer must stop.
    case unvouched
}

/// One fact in a log, with the bytes every transport sends: encoded once, shared by all readers.
package struct Entry: Sendable {
    package let offset: Int
    package let event: CareEvent
    package let json: [UInt8]

    package init(offset: Int, event: CareEvent, json: [UInt8]) {
        self.offset = offset
        self.event = event
        self.json = json
    }
}

package struct TopicReading: Sendable, Equatable {
    package var position: Position
    package var running: [ReplyFold]
}

/// Which entries of a topic one reader gets. The others only move its position.
package struct StreamView: Sendable, Hashable {
    package enum Part: Sendable, Hashable { case replies, messages, documents, everything }
    /// `nil`: all cases of the topic.
    package var caseID: CaseID?
    package var part: Part
    package var audience: Audience

    package init(caseID: CaseID?, part: Part = .everything, audience: Audience = .everyone) {
        self.caseID = caseID
        self.part = part
        self.audience = audience
    }

    func shows(_ event: CareEvent) -> Bool {
        if let caseID, event.caseID != caseID { return false }
        if event.audience == .staff, audience != .staff { return false }
        return switch (part, event) {
        case (.everything, _): true
        // What it belongs to is not known.
        case (_, .unknown): false
        case (.replies, _): event.attempt != nil
        case (.messages, .document): false
        case (.messages, _): event.attempt == nil
        case (.documents, .document): true
        case (.documents, _): false
        }
    }

    func shows(_ signal: Signal) -> Bool {
        if let caseID, signal.caseID != caseID { return false }
        if signal.audience == .staff, audience != .staff { return false }
        return part == .messages || part == .everything
    }
}

/// Why a stream ended, and so whether to come back.
package enum Parting: Sendable, Hashable {
    /// The node goes away; come back after this time.
    case restarting(retry: Duration)
    /// The authorisation of the stream is over; come back with a fresh token.
    case authExpired
    /// What was followed is no longer to be followed by this reader.
    case gone

    package var reason: String {
        switch self {
        case .restarting: "restarting"
        case .authExpired: "auth_expired"
        case .gone: "gone"
        }
    }
}

/// The numbers of design §5, each with what happens there.
package struct LogLimits: Sendable {
    /// Older entries are trimmed beyond this; a reader from before gets `reset`.
    package var kept = 2_000
    /// Not even a running reply is kept whole beyond this.
    package var keptWhileReplying = 20_000
    /// A follower this far behind has deltas folded into snapshots, and gets `reset` if that does not help.
    package var lagBytes = 256 * 1024
    /// The most that is handed to a reader at a time; the rest follows when it asks again.
    package var batchBytes = 64 * 1024
    /// Topics in memory; beyond it, idle ones without followers are dropped and begin a new epoch when they return.
    package var topics = 10_000
    /// Signals waiting for one reader, the newest of each person and kind; beyond it the oldest is dropped.
    package var signals = 64

    package init() {}
}
