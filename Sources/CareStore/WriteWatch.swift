import CareDesk
import CareDomain
import Synchronization

/// Whether a database takes writes, and what the operator is told about it: one line when it stops, one when it goes
/// on, however many requests fail meanwhile. Pure: time is passed in.
struct WriteWatchState {
    /// Between two lines about refusals: a reminder while it lasts, and the bound when it comes and goes.
    static let reminder: Duration = .seconds(60)
    /// What was written or tried this recently is not tried again just to know.
    static let freshness: Duration = .seconds(1)

    enum Line: Equatable {
        case refuses(StoreUnavailable)
        /// One call failed; the store goes on.
        case failed(StoreUnavailable)
        case again
    }
    private(set) var isWritable = true
    private var tried: Moment?
    private var said: Moment?
    private var saidOfOne: Moment?
    private var owesAgain = false
    /// Nothing at all came through, so that a read that does is news as well.
    private var isAway = false

    mutating func wrote(at now: Moment) -> Line? {
        isWritable = true
        isAway = false
        tried = now
        defer { owesAgain = false }
        return owesAgain ? .again : nil
    }

    /// A read says nothing about writes, unless nobody was there at all.
    mutating func read(at now: Moment) -> Line? { isAway ? wrote(at: now) : nil }

    mutating func refused(_ why: StoreUnavailable, at now: Moment) -> Line? {
        if why.reason.isOfOneCall {
            if let saidOfOne, now - saidOfOne < Self.reminder { return nil }
            saidOfOne = now
            return .failed(why)
        }
        isWritable = false
        isAway = why.reason.stopsReading
        tried = now
        if let said, now - said < Self.reminder { return nil }
        said = now
        owesAgain = true
        return .refuses(why)
    }

    /// True once in a while: whoever asked shall try a write.
    mutating func wantsTry(at now: Moment) -> Bool {
        if let tried, now - tried < Self.freshness { return false }
        tried = now
        return true
    }
}

/// A database whose writes are watched.
struct WatchedDatabase: SQLDatabase {
    private final class Watch: Sendable {
        let state = Mutex(WriteWatchState())
    }
    private let base: any SQLDatabase
    private let watch = Watch()
    private let now: @Sendable () -> Moment
    private let report: @Sendable (String) -> Void

    init(
        _ base: any SQLDatabase, now: @escaping @Sendable () -> Moment = { .now },
        report: @escaping @Sendable (String) -> Void
    ) {
        self.base = base
        self.now = now
        self.report = report
    }

    func read<Answer: Sendable>(_ body: @escaping @Sendable (any SQLSession) throws -> Answer) async throws -> Answer {
        do {
            let answer = try await base.read(body)
            say(watch.state.withLock { $0.read(at: now()) })
            return answer
        } catch let error as StoreUnavailable {
            if error.reason.stopsReading || error.reason.isOfOneCall {
                say(watch.state.withLock { $0.refused(error, at: now()) })
            }
            throw error
        }
    }

    func write<Answer: Sendable>(_ body: @escaping @Sendable (any SQLSession) throws -> Answer) async throws -> Answer {
        try await watched { try await base.write(body) }
    }

    func writeAlone<Answer: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> Answer
    ) async throws -> Answer {
        try await watched { try await base.writeAlone(body) }
    }

    private func watched<Answer>(_ write: () async throws -> Answer) async throws -> Answer {
        do {
            let answer = try await write()
            say(watch.state.withLock { $0.wrote(at: now()) })
            return answer
        } catch let error as StoreUnavailable {
            say(watch.state.withLock { $0.refused(error, at: now()) })
            throw error
        }
    }

    /// Whether it takes writes, found out by `attempt` unless somebody wrote or failed to just now.
    func takesWrites(_ attempt: @escaping @Sendable (any SQLSession) throws -> Void) async -> Bool {
        if watch.state.withLock({ $0.wantsTry(at: now()) }) { try? await write(attempt) }
        return watch.state.withLock { $0.isWritable }
    }

    private func say(_ line: WriteWatchState.Line?) {
        switch line {
        case nil: break
        case .again: report("the store takes writes again")
        case .failed(let why):
            report(
                "the store refused a call (\(why.reason.rawValue)): \(why.place). \(why.reason.remedy) Whoever asked got "
                    + "503 store_unavailable; others go on. Said once in a minute at most")
        case .refuses(let why):
            let (what, reading) =
                why.reason.stopsReading
                ? ("cannot be used", "so does what is read") : ("takes no writes", "reading goes on")
            report(
                "the store \(what) (\(why.reason.rawValue)): \(why.place). \(why.reason.remedy) Until then what is "
                    + "sent gets 503 store_unavailable and \(reading); no restart is needed")
        }
    }
}

extension StoreUnavailable.Reason {
    /// What an operator does about it.
    package var remedy: String {
        switch self {
        case .diskFull: "Make room on its disk."
        case .readOnly: "Let this user write the file and its folder."
        case .busy: "Find who holds it: another process at the file, or another session with a lock."
        case .inputOutput: "Look at the disk, its quota and the limit on file sizes."
        case .cannotOpen: "See that the folder is there and may be used."
        case .notADatabase: "Name another folder, or put the database back from a backup."
        case .damaged: "Put it back from a backup."
        case .away: "See that PostgreSQL runs and can be reached from here."
        case .silent: "See whether PostgreSQL and the network between are stuck."
        case .locked: "See which session of PostgreSQL has a transaction open for long."
        case .slow: "See what PostgreSQL is busy with; a statement took longer than it may."
        case .exhausted: "See what PostgreSQL is busy with; all connections of this node are in use."
        case .tooManyConnections: "Allow PostgreSQL more connections, or each node fewer."
        case .outOfResources: "Give PostgreSQL more memory, or less to do."
        case .signInRefused: "Correct the role or the password in the address, or pg_hba.conf."
        case .noDatabase: "Make the database, or correct its name in the address."
        case .forbidden: "Grant this role its rights, or let it own the tables."
        case .unsuitable: "It must be PostgreSQL 14 or later and the database's encoding UTF8."
        case .outcomeUnknown: "The connection broke while committing; what was sent may be sent again."
        }
    }
}
