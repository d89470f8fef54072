package import CareDomain
package import CareLog

/// Reads cases as a client sees them, and waits for replies on the log.
package struct CaseReader: Sendable {
    /// Messages in a snapshot.
    package static let page = 50

    package struct Snapshot: Sendable {
        package var careCase: CareCase
        package var messages: [Message]
        package var hasMore: Bool
        /// Of the case, oldest first, deleted ones too.
        package var documents: [Document]
        /// In flight, or ended without a word and the last one: see `CaseStore.currentReply`.
        package var reply: Reply?
        package var cursor: Position
    }

    private let store: any CaseStore
    private let log: any EventLog
    private let documents: (any DocumentStore)?
    /// Documents in a snapshot, the newest.
    package static let documentLimit = 500

    /// `documents` nil: for who only waits.
    package init(store: any CaseStore, log: any EventLog, documents: (any DocumentStore)? = nil) {
        self.store = store
        self.documents = documents
        self.log = log
    }

    /// Cursor first, then state: what happens between the two is both in the state and in the entries after the
    /// cursor, and applying it twice changes nothing. The other way round it could be in neither.
    ///
    /// The state is of one moment, but for the documents, which are newer and stand by themselves. Put together from several it showed a person who had just taken over, and the answer that
    /// this had ended as one that runs.
    package func snapshot(of careCase: CareCase, audience: Audience) async throws -> Snapshot? {
        let reading = try await log.reading(of: .patient(careCase.patientID))
        guard
            let now = try await store.conversation(in: careCase.id, limit: Self.page + 1, audience: audience)
        else { return nil }
        return Snapshot(
            careCase: now.careCase, messages: now.messages.suffix(Self.page), hasMore: now.messages.count > Self.page,
            documents: try await documents?.documents(in: careCase.id, limit: Self.documentLimit) ?? [],
            reply: now.reply?.withWords(of: reading.running), cursor: reading.position)
    }

    package func page(
        of caseID: CaseID, before: Int?, limit: Int, audience: Audience
    ) async throws -> (messages: [Message], hasMore: Bool) {
        let messages = try await store.messages(of: caseID, before: before, limit: limit + 1, audience: audience)
        return (Array(messages.suffix(limit)), messages.count > limit)
    }

    /// Waits until this attempt or a later one of the reply has ended, or the task is cancelled. The end is heard on
    /// the log, whichever node writes the reply.
    package func waitForEnd(of reply: Reply) async throws {
        let follower = try await log.follow(
            .patient(reply.patientID), from: nil, view: StreamView(caseID: reply.caseID, part: .replies))
        // It may have ended before we followed.
        guard try await isRunning(reply) else { return }
        while true {
            let items = await follower.next()
            if items.isEmpty { return }
            for item in items {
                switch item {
                case .entry(let entry, _):
                    if case .replyEnded(let attempt, _, _, _, _) = entry.event, attempt.replyID == reply.id { return }
                case .reset:
                    // Its end may have been among what the log has lost.
                    guard try await isRunning(reply) else { return }
                default: break
                }
            }
        }
    }

    private func isRunning(_ reply: Reply) async throws -> Bool {
        try await store.reply(reply.id).map { !$0.state.isOver } ?? false
    }
}

extension Reply {
    /// While it runs the log knows more of its words than the store's checkpoint, except when it has lost them or the
    /// reply began after it was read. Then the checkpoint has to do: entries repeat words at most, and those are dropped
    /// by their number.
    package func withWords(of running: [ReplyFold]) -> Reply {
        guard state == .running,
            let fold = running.first(where: { $0.attempt.replyID == id && $0.attempt.number == attempt }),
            fold.through >= through
        else { return self }
        var reply = self
        reply.text = fold.text
        reply.through = fold.through
        return reply
    }
}
