#if Postgres
    import CareDesk

    /// Who has which connection, who waits, and when another is made. Pure: connections and callers are numbers, time is
    /// how long the pool has been up.
    ///
    ///     wants ─▶ lend an idle one │ wait, and make one if there is room │ refuse
    ///     back  ─▶ lend to who waits longest │ keep │ close, and make another for who waits
    struct PoolState {
        enum Act: Equatable {
            case make(Int)
            case lend(Int, to: Int)
            case refuse(Int, StoreUnavailable.Reason)
            case close(Int)
        }

        /// Between two tries to connect, after the first that failed and after many.
        static let firstPause: Duration = .milliseconds(100)
        static let longestPause: Duration = .seconds(2)

        let limit: Int
        let waitingLimit: Int
        private(set) var idle: [Int] = []
        private(set) var lent: Set<Int> = []
        private(set) var making: Set<Int> = []
        private(set) var callers: [Int] = []
        private var numbers = 0
        private var failures = 0
        private var notBefore: Duration = .zero
        private var why = StoreUnavailable.Reason.away

        init(limit: Int, waitingLimit: Int) {
            self.limit = limit
            self.waitingLimit = waitingLimit
        }

        mutating func wants(_ caller: Int, at now: Duration) -> [Act] {
            if callers.isEmpty, let newest = idle.popLast() {
                lent.insert(newest)
                return [.lend(newest, to: caller)]
            }
            guard callers.count < waitingLimit else { return [.refuse(caller, .exhausted)] }
            callers.append(caller)
            return settled(at: now)
        }

        /// Whether the caller was still waiting.
        mutating func gaveUp(_ caller: Int) -> Bool {
            guard let place = callers.firstIndex(of: caller) else { return false }
            callers.remove(at: place)
            return true
        }

        mutating func made(_ connection: Int) -> [Act] {
            guard making.remove(connection) != nil else { return [.close(connection)] }
            failures = 0
            notBefore = .zero
            return passOn(connection)
        }

        mutating func failed(_ connection: Int, _ reason: StoreUnavailable.Reason, at now: Duration) -> [Act] {
            making.remove(connection)
            why = reason
            notBefore = now + min(Self.firstPause * (1 << min(failures, 10)), Self.longestPause)
            failures += 1
            return settled(at: now)
        }

        mutating func back(_ connection: Int, isUsable: Bool, at now: Duration) -> [Act] {
            guard lent.remove(connection) != nil else { return [] }
            return isUsable ? passOn(connection) : [.close(connection)] + settled(at: now)
        }

        private mutating func passOn(_ connection: Int) -> [Act] {
            guard !callers.isEmpty else {
                idle.append(connection)
                return []
            }
            lent.insert(connection)
            return [.lend(connection, to: callers.removeFirst())]
        }

        /// As many connections on their way as there are callers, within the bound. Where there is none and none may be
        /// made yet, nobody waits in vain.
        private mutating func settled(at now: Duration) -> [Act] {
            var acts: [Act] = []
            while now >= notBefore, making.count < callers.count, idle.count + lent.count + making.count < limit {
                numbers += 1
                making.insert(numbers)
                acts.append(.make(numbers))
            }
            if lent.isEmpty, making.isEmpty, idle.isEmpty {
                acts += callers.map { .refuse($0, why) }
                callers = []
            }
            return acts
        }
    }
#endif
