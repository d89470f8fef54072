package import CareDomain
package import CareLog

/// The truth about cases, messages, handling and replies.
///
/// Guarantees:
/// - Every verb is one transaction. What it committed is durable before it returns (SQLite `synchronous=FULL`).
///   Verbs may be called at once, from any number of nodes; each decides by what stands when it has its locks.
/// - Facts are committed with outbox rows that carry the topic's next dense fact number, given under the patient's
///   lock, so the order of facts is the store's, whoever appends them to the log.
/// - Verbs that end or move a reply check takeover and lease in their own transaction: a zombie changes nothing.
/// - A verb that cannot be done now, because the disk is full for instance, throws `StoreUnavailable` and has written
///   nothing; with the reason `outcomeUnknown` it may have, and calling it again does no harm.
/// - A verb whose task is cancelled throws `CancellationError` and has written nothing, or returns.
/// - No verb waits for anything but the database; none is called while a stream or a model is being awaited.
package protocol CaseStore: Sendable {
    /// Opens a case with a first message. The same patient and `clientCaseID` again returns the case that is there. `nil` when
    /// that many cases of the patient are not closed.
    func open(_ draft: CaseDraft, atMost limit: Int) async throws -> Opened?
    /// Last changed first.
    func cases(of patient: PersonID, limit: Int) async throws -> [CareCase]
    func careCase(_ id: CaseID) async throws -> CareCase?
    /// The case, its `limit` newest messages and its current reply as they stood at one moment: no takeover, and no end of a
    /// reply, is in one of them and not in the others. `nil` when there is no such case.
    func conversation(in id: CaseID, limit: Int, audience: Audience) async throws -> Conversation?
    /// The `limit` newest messages before a sequence, oldest first. Staff messages only for `staff`.
    func messages(of caseID: CaseID, before: Int?, limit: Int, audience: Audience) async throws -> [Message]

    /// Stores what a patient said and what shall answer it.
    func receive(_ draft: PatientMessage) async throws -> Received
    func reply(_ id: ReplyID) async throws -> Reply?
    /// The message a reply left, in its newest version.
    func message(_ id: MessageID) async throws -> Message?
    /// The reply of a case that runs, else the one that waits longest, else the last one if its newest attempt ended
    /// without a word: such an attempt left no message, and nobody else could tell a reader that it may be retried.
    func currentReply(of caseID: CaseID) async throws -> Reply?

    /// Takes the lease of a queued reply. `nil` when it is not queued, another one of the case is running, or a person
    /// handles the case (which stops it).
    func start(_ id: ReplyID, lease until: Moment, at now: Moment) async throws -> StartedReply?
    /// Keeps what has been said and renews the lease, in one conditional UPDATE.
    func checkpoint(_ reply: StartedReply, through: Int, text: String, lease until: Moment) async throws -> Kept
    /// Ends the attempt; with words it leaves the message. False when the lease or the case is no longer the writer's.
    func end(_ reply: StartedReply, _ ending: ReplyEnding, at now: Moment) async throws -> Bool
    /// Asks whoever writes it to stop; one that is only queued is stopped here.
    func requestStop(_ id: ReplyID, at now: Moment) async throws -> Reply?
    func retry(_ id: ReplyID, at now: Moment) async throws -> RetryOutcome
    /// Running replies whose leases were over before a moment, oldest first.
    func lapsed(before moment: Moment, limit: Int) async throws -> [ReplyID]
    /// Takes the lease of a running reply from its writer, which is refused from now on: its checkpoints and its ending here,
    /// its words by the log that is told the new fence. What comes back is as its writer kept it last. `nil` when the reply
    /// does not run, or when the claim does not hold at that moment.
    func takeLease(of id: ReplyID, _ claim: LeaseClaim, until: Moment) async throws -> StartedReply?
    /// Queued replies that could start.
    func startable(limit: Int) async throws -> [ReplyID]
    /// Replies that run anywhere, as their checkpoints have them, each under the fence of its writer.
    func runningReplies(limit: Int) async throws -> [StartedReply]

    /// Gives the case a newer lease number, which shuts the writer of a running reply out of the log that is told it.
    func fenceOff(_ caseID: CaseID) async throws -> Fence?
    /// Ends what the AI says or was going to say, and gives the case to a person, in that order and at once.
    func takeOver(_ takeover: Takeover) async throws -> HandlingOutcome
    func release(
        _ caseID: CaseID, by person: Person, at now: Moment, noting entry: AuditEntry?
    ) async throws -> HandlingOutcome
    /// What the log must know to let a case's writer in.
    func fence(of caseID: CaseID) async throws -> Fence?

    /// Facts not yet known to be in the log, oldest first, beyond a number.
    func pendingFacts(of topic: Topic, after number: Int, limit: Int) async throws -> [PendingFact]
    func topicsWithFacts(olderThan moment: Moment, limit: Int) async throws -> [Topic]
    /// The facts up to this number are in the log. They are kept for `recentFacts` until they are purged.
    func settle(_ topic: Topic, through number: Int) async throws
    /// Facts committed since a moment, in the log or not, for who cannot read the log: the first `limit`, each topic's in
    /// its order. The moment is that of the node which committed, before it did, so one looks back further than
    /// one has read, and knows by their numbers what one has.
    func recentFacts(since moment: Moment, limit: Int) async throws -> [(Topic, PendingFact)]
    /// Forgets facts that were settled before a moment.
    func purgeSettledFacts(olderThan moment: Moment) async throws

    func person(_ id: PersonID) async throws -> Person?
    func people() async throws -> [Person]
    func save(_ person: Person) async throws
    /// One small value kept for the whole installation: keys, marks. `make` runs only if there is none.
    func secret(_ name: String, make: @Sendable () throws -> String) async throws -> String
    /// What it can do now, within seconds. Asked often, it tries a write at most once in a second.
    func health() async -> StoreHealth
}

extension CaseStore {
    /// The oldest facts not yet known to be in the log.
    package func pendingFacts(of topic: Topic, limit: Int) async throws -> [PendingFact] {
        try await pendingFacts(of: topic, after: 0, limit: limit)
    }
}

/// What a page shows of a case, all of the same moment.
package struct Conversation: Sendable {
    package var careCase: CareCase
    /// Oldest first.
    package var messages: [Message]
    /// As `CaseStore.currentReply` says.
    package var reply: Reply?

    package init(careCase: CareCase, messages: [Message], reply: Reply?) {
        self.careCase = careCase
        self.messages = messages
        self.reply = reply
    }
}

package struct CaseDraft: Sendable {
    package var id: CaseID
    package var patient: PersonID
    package var clientCaseID: String?
    package var title: String
    package var language: Language
    package var greeting: String
    package var at: Moment

    package init(
        id: CaseID = .new(), patient: PersonID, clientCaseID: String? = nil, title: String, language: Language,
        greeting: String, at: Moment
    ) {
        self.id = id
        self.patient = patient
        self.clientCaseID = clientCaseID
        self.title = title
        self.language = language
        self.greeting = greeting
        self.at = at
    }
}

package enum Opened: Sendable, Equatable {
    case opened(CareCase)
    case existing(CareCase)

    package var careCase: CareCase {
        switch self {
        case .opened(let value), .existing(let value): value
        }
    }
}

/// What a patient said, and what the desk decided about it before it is stored.
package struct PatientMessage: Sendable {
    package enum Answer: Sendable, Equatable {
        /// A reply is queued, or the one already waiting answers this too.
        case reply
        /// This text at once, whatever else runs.
        case fixed(String, Message.Author)
    }
    package var caseID: CaseID
    package var patient: Person
    package var body: String
    package var clientMessageID: String
    package var answer: Answer
    /// Sets handling to `requested` if the AI handles the case.
    package var asksForPerson: Bool
    /// Running and waiting words of the AI stop.
    package var silencesReplies: Bool
    package var at: Moment
    /// `waitingLimit` messages may wait for one reply.
    package var waitingLimit: Int

    package init(
        caseID: CaseID, patient: Person, body: String, clientMessageID: String, answer: Answer = .reply,
        asksForPerson: Bool = false, silencesReplies: Bool = false, at: Moment, waitingLimit: Int = 8
    ) {
        self.caseID = caseID
        self.patient = patient
        self.body = body
        self.clientMessageID = clientMessageID
        self.answer = answer
        self.asksForPerson = asksForPerson
        self.silencesReplies = silencesReplies
        self.at = at
        self.waitingLimit = waitingLimit
    }
}

package enum Received: Sendable, Equatable {
    /// Stored; the reply that answers it, nil while a person handles the case.
    case stored(Message, ReplyID?)
    /// Was stored before, by the same key with the same words.
    case duplicate(Message, ReplyID?)
    /// The key was used for other words.
    case keyReused
    case tooManyWaiting
    case closed
    case noSuchCase
}

/// A reply that runs, and the lease under which its writer may write.
package struct StartedReply: Sendable, Equatable {
    package var reply: Reply
    package var fence: Fence
    package var sequence: Int

    package init(reply: Reply, fence: Fence, sequence: Int) {
        self.reply = reply
        self.fence = fence
        self.sequence = sequence
    }

    package var attempt: ReplyAttempt {
        ReplyAttempt(caseID: reply.caseID, replyID: reply.id, number: reply.attempt)
    }
    package var topic: Topic { .patient(reply.patientID) }
}

/// Why somebody may end a reply that another one writes.
package enum LeaseClaim: Sendable {
    /// Its writer has not renewed the lease.
    case lapsed(before: Moment)
    /// Its writer was asked to stop this attempt. A retry takes the wish back, so one that comes late ends nothing.
    case stopWanted
}

package enum Kept: Sendable, Equatable {
    case kept
    /// Kept, and somebody wants it to stop.
    case stopWanted
    /// The lease or the case is somebody else's now.
    case lost
}

package struct ReplyEnding: Sendable, Equatable {
    package var state: Reply.State
    package var text: String
    package var through: Int
    /// Nil when it is not known any more.
    package var author: Message.Author?
    package var code: String?

    package init(state: Reply.State, text: String, through: Int, author: Message.Author?, code: String? = nil) {
        self.state = state
        self.text = text
        self.through = through
        self.author = author
        self.code = code
    }

    /// By somebody who does not know who answered, with the words that the reply has.
    package init(of reply: Reply, _ state: Reply.State, code: String? = nil) {
        self.init(state: state, text: reply.text, through: reply.through, author: nil, code: code)
    }
}

package enum RetryOutcome: Sendable, Equatable {
    case queued(Reply)
    case noSuchReply, superseded, handledByPerson, running, finished
}

package struct PendingFact: Sendable, Equatable {
    package var number: Int
    package var event: CareEvent
    package var fence: Fence?

    package init(number: Int, event: CareEvent, fence: Fence?) {
        self.number = number
        self.event = event
        self.fence = fence
    }
}
