#if Postgres
    import CareDesk
    import CareDomain
    import Dispatch
    import Synchronization

    /// One connection. Its actor runs on a thread of its own, so that what blocks there never holds one of the threads
    /// that everything else shares.
    actor PostgresConnection {
        /// What became of a transaction, and so of the connection.
        enum Ran<Answer: Sendable>: Sendable {
            case done(Answer, isUsable: Bool)
            case failed(any Error, isUsable: Bool)
            /// The server refused with this code.
            case refused(String, isUsable: Bool)
            /// The connection had gone before the transaction began; another one may do.
            case stale
            /// It was lost while committing this transaction, which may have been committed or not.
            case unsettled(Commit, Answer)
        }
        enum Kind { case read, write, alone }
        /// A transaction by its number, which is worth something only on the server that gave it.
        struct Commit: Sendable, Equatable {
            var number: String
            var server: String
        }

        private let executor = QueueExecutor()
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

        private let settings: PostgresSettings
        private var link: PostgresLink?

        init(_ settings: PostgresSettings) { self.settings = settings }

        /// Connects on its own thread and says there how it went. Not as a task: on a machine that is busy a task waits for
        /// its turn, and callers would be refused meanwhile although the server is there.
        nonisolated func open(_ done: @escaping @Sendable (PostgresFailure?) -> Void) {
            executor.run { done(self.assumeIsolated { $0.connect() }) }
        }

        private func connect() -> PostgresFailure? {
            do {
                link = try PostgresLink(settings)
                return nil
            } catch {
                return error
            }
        }

        func transaction<Answer: Sendable>(
            _ kind: Kind, _ interruption: PostgresInterruption, _ body: @Sendable (any SQLSession) throws -> Answer
        ) -> Ran<Answer> {
            guard let link, !link.isStale else { return .stale }
            guard interruption.begins(link.canceller) else { return .failed(CancellationError(), isUsable: true) }
            let session = Session(link: link, interruption: interruption, patience: patience(kind))
            let number: String
            do {
                number = try begin(kind, session)
            } catch PostgresFailure.lost(.away) where !interruption.isCancelled {
                // It went while nobody used it, and nothing has been asked of it.
                return .stale
            } catch {
                return failed(error, link, interruption)
            }
            let answer: Answer
            do {
                answer = try body(session)
                // A body that swallowed an error must not have a rollback pass for a commit.
                if link.isInFailedTransaction { throw PostgresError(code: "25P02") }
            } catch {
                return failed(error, link, interruption)
            }
            guard kind == .read || interruption.commits() else {
                return failed(CancellationError(), link, interruption)
            }
            do throws(PostgresFailure) {
                let ended = try link.simple("COMMIT", until: session.deadline)
                guard ended.command == "COMMIT" else { return .failed(PostgresError(code: "25P02"), isUsable: false) }
                return .done(answer, isUsable: !interruption.isCancelled)
            } catch {
                if kind == .read { return .done(answer, isUsable: false) }
                if case .lost = error { return .unsettled(Commit(number: number, server: link.server), answer) }
                return failed(error, link, interruption)
            }
        }

        enum Settled: Sendable, Equatable { case committed, aborted, inProgress, unknown }

        /// What became of a commit whose answer was lost.
        ///
        /// A server that was cut off may have lost a transaction and given its number to another one, which then says
        /// "committed" in its place. So the number is asked for only where nothing was recovered since.
        func settled(_ commit: Commit) throws(PostgresFailure) -> Settled {
            guard let link else { throw .lost(.away) }
            guard link.server == commit.server else { return .unknown }
            let status = try link.run(
                "SELECT pg_xact_status($1::text::xid8) AS status", [.text(commit.number)],
                until: ContinuousClock.now + patience(.read), nil)
            switch status.rows.first?.values["status"] {
            case .text("committed")?: return .committed
            case .text("aborted")?: return .aborted
            case .text("in progress")?: return .inProgress
            default: return .unknown
            }
        }

        private func patience(_ kind: Kind) -> Duration {
            (kind == .alone ? PostgresSettings.alone : settings.statement) + PostgresSettings.grace
        }

        /// The transaction's number, by which its end can be asked for when the answer to COMMIT is lost.
        private func begin(_ kind: Kind, _ session: Session) throws -> String {
            switch kind {
            case .read:
                // One picture of everything, however many statements look at it.
                _ = try session.simple("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return ""
            case .write, .alone:
                // Verbs lock the rows they decide by before they look at them, and each statement sees what stands then.
                let begun = try session.simple(
                    "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_current_xact_id()::text AS number")
                if kind == .alone {
                    let time = PostgresSettings.alone.milliseconds
                    _ = try session.simple(
                        "SET LOCAL statement_timeout = \(time); SET LOCAL lock_timeout = \(time); "
                            + "SET LOCAL idle_in_transaction_session_timeout = \(time)")
                    for statement in Dialect.postgres.alone { _ = try session.simple(statement) }
                }
                return try begun.rows.first?.text("number") ?? ""
            }
        }

        /// Rolls back what can be rolled back, and says what it was.
        private func failed<Answer>(
            _ error: any Error, _ link: PostgresLink, _ interruption: PostgresInterruption
        ) -> Ran<Answer> {
            let wasCancelled = interruption.isCancelled
            let soon = ContinuousClock.now + PostgresSettings.cancelPatience
            var isUsable = !wasCancelled
            if case PostgresFailure.lost = error {
                isUsable = false
            } else if isUsable {
                isUsable = (try? link.simple("ROLLBACK", until: soon)) != nil
            }
            // The request to cancel may still be on its way, and must not hit whoever has the connection next.
            if wasCancelled { return .failed(CancellationError(), isUsable: false) }
            switch error {
            case PostgresFailure.lost(let reason):
                return .failed(StoreUnavailable(reason, at: settings.address.description), isUsable: false)
            case PostgresFailure.refused(let code):
                if SQLState.isOutdated(code), (try? link.forgetStatements(until: soon)) == nil { isUsable = false }
                return .refused(code, isUsable: isUsable)
            case PostgresFailure.unstorable:
                return .failed(StoreError.unstorable, isUsable: isUsable)
            default:
                return .failed(error, isUsable: isUsable)
            }
        }

        private struct Session: SQLSession {
            let link: PostgresLink
            let interruption: PostgresInterruption
            let patience: Duration

            var dialect: Dialect { .postgres }
            var deadline: ContinuousClock.Instant { .now + patience }

            func rows(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] {
                try link.run(sql, values, until: deadline, interruption).rows
            }

            func run(_ sql: String, _ values: [SQLValue]) throws -> Int {
                try link.run(sql, values, until: deadline, interruption).changed
            }

            func simple(_ sql: String) throws(PostgresFailure) -> PostgresAnswer {
                try link.simple(sql, until: deadline, interruption)
            }
        }
    }

    /// Lets whoever waits for a transaction end it from outside, up to the moment at which it commits.
    final class PostgresInterruption: Sendable {
        private enum State {
            case waiting
            case running(PostgresCanceller?)
            case committing
            case cancelled(until: ContinuousClock.Instant)
        }
        private let state = Mutex(State.waiting)

        /// False when it was cancelled before it began.
        func begins(_ canceller: PostgresCanceller?) -> Bool {
            state.withLock { state in
                guard case .waiting = state else { return false }
                state = .running(canceller)
                return true
            }
        }

        /// From here on it cannot be cancelled. False when it was.
        func commits() -> Bool {
            state.withLock { state in
                guard case .running = state else { return false }
                state = .committing
                return true
            }
        }

        /// Whom to ask to end what runs. Nobody when nothing runs, or when it is too late.
        func cancel() -> PostgresCanceller? {
            state.withLock { state in
                switch state {
                case .waiting, .running:
                    let running = if case .running(let canceller) = state { canceller } else { PostgresCanceller?.none }
                    state = .cancelled(until: .now + PostgresSettings.cancelPatience)
                    return running
                case .committing, .cancelled: return nil
                }
            }
        }

        /// By when the server must have obeyed; nil while nobody has cancelled.
        var deadline: ContinuousClock.Instant? {
            state.withLock { if case .cancelled(let until) = $0 { until } else { nil } }
        }
        var isCancelled: Bool { deadline != nil }
    }

    /// A thread at a time, of those that Dispatch makes when one blocks, never of the shared few.
    private final class QueueExecutor: SerialExecutor {
        private let queue = DispatchQueue(label: "curaway.postgres")

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
        }

        func run(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }

        func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
    }
#endif
