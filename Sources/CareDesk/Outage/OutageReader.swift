import CareDomain
package import CareLog

/// While the shared log is away, tells this node's readers from the store what other nodes commit.
///
///     shared ── away ──▶ alone, once a second:  new facts ───┐
///                                               checkpoints ─┴─▶ this node's part of the log ─▶ its readers
///            ◀── back ── its readers get `reset` and follow the shared log again
///
/// Nothing is asked while the log is shared. Alone it costs two queries a second and node, however many readers there are.
/// What a poll finds twice the log drops by its number.
package struct OutageReader: Sendable {
    package struct Settings: Sendable {
        package var poll: Duration = .seconds(1)
        /// How far back the first poll looks: what was committed before, readers have from the shared log or from the
        /// snapshot they are told to fetch.
        package var reach: Duration = .seconds(60)
        /// Later polls look back over the one before, for transactions that took long and clocks that differ.
        package var overlap: Duration = .seconds(5)
        /// Facts and running replies of one poll; what does not fit is read by the next.
        package var facts = 5_000
        package var replies = 1_000
        package init() {}
    }

    private let store: any CaseStore
    private let log: any SharedEventLog
    private let publisher: FactPublisher
    private let time: Timekeeper
    private let settings: Settings
    private let report: @Sendable (String) -> Void

    package init(
        store: any CaseStore, log: any SharedEventLog, publisher: FactPublisher, time: Timekeeper = .system,
        settings: Settings = Settings(), report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.store = store
        self.log = log
        self.publisher = publisher
        self.time = time
        self.settings = settings
        self.report = report
    }

    /// Until cancelled.
    package func run() async {
        var since: Moment?
        while !Task.isCancelled {
            if log.standing == .alone {
                let began = time.now()
                if await poll(since: since ?? began + (.zero - settings.reach)) {
                    since = began + (.zero - settings.overlap)
                }
            } else {
                since = nil
            }
            try? await time.sleep(settings.poll)
        }
    }

    /// Says whether it has read everything there was.
    private func poll(since: Moment) async -> Bool {
        let followed = Set(log.followed())
        guard !followed.isEmpty else { return true }
        do {
            let facts = try await store.recentFacts(since: since, limit: settings.facts)
            for (topic, facts) in Dictionary(grouping: facts, by: \.0) where followed.contains(topic) {
                // Told again at once after a new epoch of this node's: there is nothing before them that it could be lacking.
                if try await publisher.tell(facts.map(\.1), to: topic) == .renewed {
                    _ = try await publisher.tell(facts.map(\.1), to: topic)
                }
            }
            // After the facts: a takeover among them has moved the fence, and shuts these words out.
            for running in try await store.runningReplies(limit: settings.replies)
            where followed.contains(running.topic) && running.reply.through > 0 {
                try await tell(running)
            }
            return facts.count < settings.facts
        } catch is StoreUnavailable {
            return false  // The store says so itself, once.
        } catch {
            report("reading for a log that is alone failed: \(type(of: error))")
            return false
        }
    }

    /// What another node's reply has said up to its checkpoint. Those of this node are ahead of it, and it changes nothing.
    private func tell(_ running: StartedReply) async throws {
        let fold = ReplyFold(
            attempt: running.attempt, sequence: running.sequence, through: running.reply.through,
            text: running.reply.text)
        let draft = Draft.reply(.replySnapshot(fold), under: running.fence, isVouched: true)
        guard try await log.append(draft, to: running.topic) == .unknownFence else { return }
        try await log.loadFence(running.fence, of: running.reply.caseID, in: running.topic)
        _ = try await log.append(draft, to: running.topic)
    }
}
