package import CareDomain
import CareLog

/// Takes in what a patient says: decides what shall answer it, stores it once, tells the log, wakes the writer.
package struct Intake: Sendable {
    package struct Settings: Sendable {
        /// Characters (Unicode scalars) of one message; more is `message_too_long`, nothing is cut.
        package var messageLimit = 8_000
        /// Messages that may wait for one reply; more is `too_many_waiting`.
        package var waitingLimit = 8
        /// Cases of one patient that are not closed; more is `too_many_cases`.
        package var caseLimit = 50
        /// Told to a patient who wants a person while coordinators are not in the chat.
        package var contact: String?
        package init() {}
    }

    package enum Outcome: Sendable, Equatable {
        case stored(Message, ReplyID?)
        case duplicate(Message, ReplyID?)
        case empty, tooLong(limit: Int), keyReused, tooManyWaiting, closed, noSuchCase
    }

    private let store: any CaseStore
    private let publisher: FactPublisher
    private let orchestrator: ReplyOrchestrator
    private let flags: any Flags
    private let time: Timekeeper
    private let intent = Intent()
    package let settings: Settings

    package init(
        store: any CaseStore, publisher: FactPublisher, orchestrator: ReplyOrchestrator, flags: any Flags,
        time: Timekeeper = .system, settings: Settings = Settings()
    ) {
        self.store = store
        self.publisher = publisher
        self.orchestrator = orchestrator
        self.flags = flags
        self.time = time
        self.settings = settings
    }

    /// `nil` when the patient has as many open cases as `caseLimit` says.
    package func open(
        for patient: Person, title: String?, language: Language?, clientCaseID: String?
    ) async throws -> Opened? {
        let language = language ?? patient.language
        let opened = try await store.open(
            CaseDraft(
                patient: patient.id, clientCaseID: clientCaseID,
                title: title?.withoutNUL() ?? Sentences.newCase(in: language),
                language: language, greeting: Guide().greeting(in: language, name: patient.name), at: time.now()),
            atMost: settings.caseLimit)
        await publisher.publish(.patient(patient.id))
        return opened
    }

    package func receive(
        _ text: String, from patient: Person, in caseID: CaseID, clientMessageID: String
    ) async throws -> Outcome {
        let body = text.withoutNUL().trimmingWhitespace()
        guard !body.isEmpty else { return .empty }
        guard body.unicodeScalars.count <= settings.messageLimit else { return .tooLong(limit: settings.messageLimit) }
        let draft = try await decide(body, from: patient, in: caseID, clientMessageID: clientMessageID)
        let outcome = try await store.receive(draft)
        if case .stored = outcome, draft.silencesReplies { orchestrator.hush(caseID) }
        await publisher.publish(.patient(patient.id))
        // After the answer that matters has gone out.
        if case .stored = outcome, draft.silencesReplies { await orchestrator.silence(caseID) }
        switch outcome {
        case .stored(let message, let reply):
            if let reply { orchestrator.wake(reply) }
            return .stored(message, reply)
        case .duplicate(let message, let reply): return .duplicate(message, reply)
        case .keyReused: return .keyReused
        case .tooManyWaiting: return .tooManyWaiting
        case .closed: return .closed
        case .noSuchCase: return .noSuchCase
        }
    }

    private func decide(
        _ body: String, from patient: Person, in caseID: CaseID, clientMessageID: String
    ) async throws -> PatientMessage {
        var draft = PatientMessage(
            caseID: caseID, patient: patient, body: body, clientMessageID: clientMessageID, at: time.now(),
            waitingLimit: settings.waitingLimit)
        let language = Sentences.language(of: body) ?? patient.language
        switch intent.of(body) {
        case .none: break
        case .emergency(let emergency):
            draft.answer = .fixed(EmergencyAnswer.text(for: emergency, in: language), .emergency)
            draft.asksForPerson = true
            draft.silencesReplies = true
        case .person:
            let isStaffed = try await flags.value(of: .coordinatorEnabled)
            draft.answer = .fixed(
                Sentences.personAsked(in: language, isStaffed: isStaffed, contact: settings.contact), .guide)
            draft.asksForPerson = true
        }
        return draft
    }
}

extension String {
    /// Databases end or refuse a text at U+0000, so what is stored would differ from what is streamed.
    func withoutNUL() -> String {
        guard utf8.contains(0) else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.filter { $0.value != 0 }))
    }

    /// Without white space and line breaks at either end.
    func trimmingWhitespace() -> String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[first...last])
    }
}
