package import CareDomain
package import CareLog

/// A person takes a case over from the AI, and gives it back.
///
///     ai | requested ─ accept ─▶ coordinator ─ release ─▶ ai
///
/// The AI never talks over a person: once `accept` has returned, and for every reader from the `handling` entry on, no
/// word of it comes. And no word that was shown is taken back: the reply it silences ends with what readers have seen.
///
/// 1. A newer lease number shuts the reply's writer out of the log (`ShutOut`). What the log has folded is now all that will
///    ever have been shown.
/// 2. One transaction ends the reply with those words and changes the handling, in that order.
/// 3. The log's fence moves with the `handling` entry, so a writer that wakes up late is refused there, and in the store.
///
/// A node that does not reach the log can do neither 1 nor know what was shown. There the reply's writer ends it first
/// (`ReplyOrchestrator.hearOut`), and what is taken over is a case in which nothing runs.
///
/// A crash after 1 leaves a reply whose lease lapses, as any crash does.
package struct Handover: Sendable {
    /// Tries while new replies keep starting; each needs a message of the patient's in just these milliseconds. After
    /// that the reply ends with its last checkpoint.
    static let tries = 8

    private let store: any CaseStore
    private let publisher: FactPublisher
    private let orchestrator: ReplyOrchestrator
    private let time: Timekeeper
    private let shutOut: ShutOut

    package init(
        store: any CaseStore, log: any EventLog, publisher: FactPublisher, orchestrator: ReplyOrchestrator,
        time: Timekeeper = .system, report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.store = store
        self.publisher = publisher
        self.orchestrator = orchestrator
        self.time = time
        shutOut = ShutOut(log: log, report: report)
    }

    /// Takes the case over for a coordinator. Again by the same one it changes nothing. `entry` stands in the audit trail
    /// if and only if something changed.
    package func accept(
        _ careCase: CareCase, for person: Person, noting entry: AuditEntry
    ) async throws -> HandlingOutcome {
        try await orchestrator.hearOut(careCase.id)
        for attempt in 1...Self.tries {
            guard let fence = try await store.fenceOff(careCase.id) else { return .noSuchCase }
            let shown = await shutOut(of: careCase.id, in: .patient(careCase.patientID), under: fence)
            let takeover = Takeover(
                caseID: careCase.id, person: person, fencedOff: fence, shown: shown, isLastTry: attempt == Self.tries,
                at: time.now(), audit: entry)
            let outcome = try await store.takeOver(takeover)
            if outcome == .raced { continue }
            if case .changed = outcome { orchestrator.hush(careCase.id) }
            await publisher.publish(.patient(careCase.patientID))
            return outcome
        }
        return .raced
    }

    /// Gives the case back to the AI. What the patient wrote meanwhile was for a person and is not answered by it.
    package func release(
        _ careCase: CareCase, by person: Person, noting entry: AuditEntry
    ) async throws -> HandlingOutcome {
        let outcome = try await store.release(careCase.id, by: person, at: time.now(), noting: entry)
        await publisher.publish(.patient(careCase.patientID))
        return outcome
    }
}

/// What the store is told when a person takes over.
package struct Takeover: Sendable {
    package var caseID: CaseID
    package var person: Person
    /// The fence under which the reply's words were cut off; a reply with a newer lease began after that.
    package var fencedOff: Fence
    /// What readers have been shown of what runs there.
    package var shown: [ReplyFold]
    /// Also when a newer reply has begun: it ends with what its checkpoint holds.
    package var isLastTry: Bool
    package var at: Moment
    /// Goes into the audit trail with the change.
    package var audit: AuditEntry?

    package init(
        caseID: CaseID, person: Person, fencedOff: Fence, shown: [ReplyFold] = [], isLastTry: Bool = false, at: Moment,
        audit: AuditEntry? = nil
    ) {
        self.caseID = caseID
        self.person = person
        self.fencedOff = fencedOff
        self.shown = shown
        self.isLastTry = isLastTry
        self.at = at
        self.audit = audit
    }
}

package enum HandlingOutcome: Sendable, Equatable {
    case changed(CareCase)
    /// It is already so, by the same person.
    case already(CareCase)
    /// Another person has it.
    case takenBy(CareCase)
    /// Nobody has it, so there is nothing to release.
    case notTaken(CareCase)
    /// A newer reply began meanwhile; fence it off and try again.
    case raced
    case noSuchCase
}
