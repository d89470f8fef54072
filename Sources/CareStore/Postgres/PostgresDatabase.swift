#if Postgres
    import CareDesk
    import CareDomain
    import Dispatch
    import Synchronization

    /// PostgreSQL by libpq: a bounded pool of connections, READ COMMITTED for verbs that lock first, one picture for
    /// reads. Nothing here waits without an end, whatever the server does.
    ///
    /// A body may run more than once: another transaction may be in its way, and then it is rolled back and tried again.
    package struct PostgresDatabase: SQLDatabase {
        let pool: PostgresPool
        let settings: PostgresSettings

        /// Connects to nobody yet: what cannot be reached is known when it is asked.
        package init(_ settings: PostgresSettings) {
            self.settings = settings
            pool = PostgresPool(settings)
        }

        package func read<Answer: Sendable>(
            _ body: @escaping @Sendable (any SQLSession) throws -> Answer
        ) async throws -> Answer { try await transaction(.read, body) }

        package func write<Answer: Sendable>(
            _ body: @escaping @Sendable (any SQLSession) throws -> Answer
        ) async throws -> Answer { try await transaction(.write, body) }

        package func writeAlone<Answer: Sendable>(
            _ body: @escaping @Sendable (any SQLSession) throws -> Answer
        ) async throws -> Answer { try await transaction(.alone, body) }

        /// Sessions of this program on the database that are not this process's own. Other programs have other names.
        package func otherSessions() async throws -> Int {
            let name = settings.name
            var own = settings
            own.name = name + " (looking)"
            return try await PostgresDatabase(own).read { session in
                try session.row(
                    "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1",
                    [.text(name)])?.int("n") ?? 0
            }
        }

        private func transaction<Answer: Sendable>(
            _ kind: PostgresConnection.Kind, _ body: @escaping @Sendable (any SQLSession) throws -> Answer
        ) async throws -> Answer {
            var conflicts = 0
            var stale = 0
            while true {
                let lent = try await pool.take()
                let interruption = PostgresInterruption()
                let ran = await withTaskCancellationHandler {
                    await lent.connection.transaction(kind, interruption, body)
                } onCancel: {
                    pool.cancel(interruption)
                }
                switch ran {
                case .done(let answer, let isUsable):
                    pool.giveBack(lent, isUsable: isUsable)
                    return answer
                case .failed(let error, let isUsable):
                    pool.giveBack(lent, isUsable: isUsable)
                    throw error
                case .stale:
                    pool.giveBack(lent, isUsable: false)
                    // After a restart of the server all of them are.
                    stale += 1
                    guard stale <= settings.connections + 1 else { throw unavailable(.away) }
                case .refused(let code, let isUsable):
                    pool.giveBack(lent, isUsable: isUsable)
                    conflicts += 1
                    guard SQLState.isConflict(code) || SQLState.isOutdated(code), conflicts < PostgresSettings.tries
                    else {
                        throw SQLState.reason(code).map { unavailable($0) } ?? PostgresError(code: code)
                    }
                    // Not all at the same moment again.
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...(5 << conflicts))))
                case .unsettled(let commit, let answer):
                    pool.giveBack(lent, isUsable: false)
                    guard try await wasCommitted(commit) else { throw unavailable(.away) }
                    return answer
                }
            }
        }

        /// What became of a transaction whose COMMIT was not answered. The server knows, once it can be asked, unless it was
        /// cut off and had to recover.
        func wasCommitted(_ commit: PostgresConnection.Commit) async throws -> Bool {
            let until = ContinuousClock.now + PostgresSettings.settling
            while ContinuousClock.now < until, !Task.isCancelled {
                if let lent = try? await pool.take() {
                    let settled = try? await lent.connection.settled(commit)
                    pool.giveBack(lent, isUsable: settled != nil)
                    switch settled {
                    case .committed: return true
                    case .aborted: return false
                    case .unknown: throw unavailable(.outcomeUnknown)
                    // It is still going on there, or the question was lost as well.
                    case .inProgress, nil: break
                    }
                }
                try? await Task.sleep(for: .milliseconds(100))
            }
            throw unavailable(.outcomeUnknown)
        }

        private func unavailable(_ reason: StoreUnavailable.Reason) -> StoreUnavailable {
            StoreUnavailable(reason, at: settings.address.description)
        }
    }

    /// The connections of a process. Hosts `PoolState`.
    final class PostgresPool: Sendable {
        struct Lent: Sendable {
            let number: Int
            let connection: PostgresConnection
        }
        private struct Room {
            var state: PoolState
            var connections: [Int: PostgresConnection] = [:]
            var callers: [Int: CheckedContinuation<Lent, any Error>] = [:]
            var numbers = 0
        }

        private let settings: PostgresSettings
        private let room: Mutex<Room>
        private let began = ContinuousClock.now
        private let timer = DispatchQueue(label: "curaway.postgres.pool")
        /// Asking a server to cancel may block for as long as it stands still; one thread is enough to be blocked.
        private let cancels = DispatchQueue(label: "curaway.postgres.cancel")

        init(_ settings: PostgresSettings) {
            self.settings = settings
            room = Mutex(Room(state: PoolState(limit: settings.connections, waitingLimit: settings.waiting)))
        }

        /// A connection for this caller alone, who gives it back. Throws `StoreUnavailable` when there is none in time, and
        /// `CancellationError`; then nothing was taken.
        func take() async throws -> Lent {
            let caller = room.withLock { room in
                room.numbers += 1
                return room.numbers
            }
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    // Before it waits, so that a cancellation from here on finds it.
                    let isCancelled = room.withLock { room in
                        room.callers[caller] = continuation
                        return Task.isCancelled
                    }
                    if isCancelled { return giveUp(caller, CancellationError()) }
                    change { $0.wants(caller, at: $1) }
                    guard room.withLock({ $0.callers[caller] != nil }) else { return }
                    timer.asyncAfter(deadline: .now() + .milliseconds(Int(settings.acquire.milliseconds))) {
                        [weak self] in
                        guard let self else { return }
                        giveUp(caller, StoreUnavailable(.exhausted, at: settings.address.description))
                    }
                }
            } onCancel: {
                giveUp(caller, CancellationError())
            }
        }

        func giveBack(_ lent: Lent, isUsable: Bool) {
            change { $0.back(lent.number, isUsable: isUsable, at: $1) }
        }

        func cancel(_ interruption: PostgresInterruption) {
            guard let canceller = interruption.cancel() else { return }
            cancels.async { canceller.cancel() }
        }

        /// Idle and in use, for tests.
        var counts: (idle: Int, lent: Int, waiting: Int) {
            room.withLock { ($0.state.idle.count, $0.state.lent.count, $0.callers.count) }
        }

        /// Whether one is on its way, for tests.
        var isMaking: Bool { room.withLock { !$0.state.making.isEmpty } }

        private func giveUp(_ caller: Int, _ error: any Error) {
            let continuation = room.withLock { room in
                _ = room.state.gaveUp(caller)
                return room.callers.removeValue(forKey: caller)
            }
            continuation?.resume(throwing: error)
        }

        /// Changes the state and does what it says, outside of the lock.
        private func change(_ body: (inout PoolState, Duration) -> [PoolState.Act]) {
            var deeds: [() -> Void] = []
            room.withLock { room in
                let now = ContinuousClock.now - began
                var acts = body(&room.state, now)[...]
                while let act = acts.popFirst() {
                    switch act {
                    case .make(let number):
                        let connection = PostgresConnection(settings)
                        room.connections[number] = connection
                        deeds.append { self.make(number, connection) }
                    case .lend(let number, let caller):
                        guard let connection = room.connections[number],
                            let continuation = room.callers.removeValue(forKey: caller)
                        else {
                            // The caller was cancelled between its two steps; the next one gets it.
                            acts += room.state.back(number, isUsable: true, at: now)[...]
                            continue
                        }
                        deeds.append { continuation.resume(returning: Lent(number: number, connection: connection)) }
                    case .refuse(let caller, let reason):
                        guard let continuation = room.callers.removeValue(forKey: caller) else { continue }
                        let error = StoreUnavailable(reason, at: settings.address.description)
                        deeds.append { continuation.resume(throwing: error) }
                    case .close(let number):
                        // Closed by its last reference, on its own thread if it is still busy there.
                        room.connections[number] = nil
                    }
                }
            }
            for deed in deeds { deed() }
        }

        /// The connection outlives whoever wanted it first: when that caller is cancelled the next one has it.
        private func make(_ number: Int, _ connection: PostgresConnection) {
            connection.open { failure in
                guard let failure else { return self.change { state, _ in state.made(number) } }
                let reason = if case .lost(let reason) = failure { reason } else { StoreUnavailable.Reason.away }
                self.room.withLock { $0.connections[number] = nil }
                self.change { $0.failed(number, reason, at: $1) }
            }
        }
    }
#endif
