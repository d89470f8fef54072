package import CareDomain
import CareLog
import HTTPTypes
import Synchronization

/// Every open stream of this node: one clock gives all of them their heartbeat and the end of their authorisation,
/// and a shutdown its goodbye. Who is shut out loses it at the next tick. No stream has a timer of its own.
package final class StreamBoard: Sendable {
    package struct Settings: Sendable {
        package var heartbeat: Duration = .seconds(15)
        /// A patient's stream is authorised for this long, then returns with a fresh token.
        package var authorised: Duration = .seconds(600)
        /// Staff lose their role elsewhere, so their streams end with their token, and after this time for fetching
        /// the next one.
        package var staffGrace: Duration = .seconds(15)
        /// Streams of one person at once; more is `too_many_streams`.
        package var perPerson = 24
        /// Goodbyes ask clients to return spread over this time.
        package var spread: Duration = .seconds(5)
        /// A reader that was asked to leave and does not read is cut off after this time.
        package var patience: Duration = .seconds(10)
        package init() {}
    }

    /// Heartbeats sent without a pause: their work is less than a millisecond.
    private static let handful = 16

    private struct Open {
        var follower: Follower
        var caller: Caller
        var nextBeat: Moment
        var until: Moment
        var cut: @Sendable () -> Void
    }

    /// One open stream; letting go of it gives its place back.
    final class Place: Sendable {
        private let board: StreamBoard
        private let id: Int

        fileprivate init(board: StreamBoard, id: Int) {
            self.board = board
            self.id = id
        }

        deinit { board.remove(id) }
    }

    private struct State {
        var streams: [Int: Open] = [:]
        var perPerson: [PersonID: Int] = [:]
        var last = 0
        var isClosing = false
    }
    private let state = Mutex(State())
    private let revocations: RevocationList?
    private let now: @Sendable () -> Moment
    package let settings: Settings

    package init(
        settings: Settings = Settings(), revocations: RevocationList? = nil,
        now: @escaping @Sendable () -> Moment = { .now }
    ) {
        self.settings = settings
        self.revocations = revocations
        self.now = now
    }

    package var count: Int { state.withLock { $0.streams.count } }
    package var isClosing: Bool { state.withLock { $0.isClosing } }

    /// `cut` closes the connection, for a reader that does not read its goodbye.
    func add(
        _ follower: Follower, of caller: Caller, cut: @escaping @Sendable () -> Void
    ) throws(Problem) -> Place {
        let now = now()
        let person = caller.person.id
        let until =
            switch caller.person.role {
            case .patient: now + settings.authorised
            case .coordinator: caller.expiresAt + settings.staffGrace
            }
        let outcome: Result<Int, Problem> = state.withLock { state in
            if state.isClosing { return .failure(.shuttingDown) }
            if state.perPerson[person, default: 0] >= settings.perPerson {
                return .failure(
                    Problem(
                        .tooManyRequests, "too_many_streams",
                        "One person may have \(settings.perPerson) streams open; close one.", retryAfter: 5))
            }
            state.last += 1
            state.perPerson[person, default: 0] += 1
            state.streams[state.last] = Open(
                follower: follower, caller: caller, nextBeat: now + settings.heartbeat, until: until, cut: cut)
            return .success(state.last)
        }
        return Place(board: self, id: try outcome.get())
    }

    private func remove(_ id: Int) {
        // Let go outside the lock: the last reference to a follower takes its topic's lock.
        let gone = state.withLock { state -> Open? in
            guard let gone = state.streams.removeValue(forKey: id) else { return nil }
            let person = gone.caller.person.id
            let left = state.perPerson[person, default: 1] - 1
            state.perPerson[person] = left > 0 ? left : nil
            return gone
        }
        withExtendedLifetime(gone) {}
    }

    /// One tick: call it about once a second. The heartbeats go out by the handful within `spread`: in one burst, thousands keep the
    /// words of every answer waiting behind them. Cancelled, it sends the rest without waiting.
    package func tick(spread: Duration = .zero) async {
        let due = due()
        for follower in due.expired { follower.part(.authExpired) }
        for cut in due.deaf { cut() }
        let handfuls = due.beats.count / Self.handful
        for (index, follower) in due.beats.enumerated() {
            if index > 0, index.isMultiple(of: Self.handful), spread > .zero {
                try? await Task.sleep(for: spread / handfuls)
            }
            follower.beat()
        }
    }

    private struct Due {
        var beats: [Follower] = []
        var expired: [Follower] = []
        var deaf: [@Sendable () -> Void] = []
    }

    private func due() -> Due {
        let now = now()
        return state.withLock { state in
            var due = Due()
            for (id, var stream) in state.streams {
                if now < stream.until, revocations?.covers(stream.caller) == true {
                    stream.until = now
                    state.streams[id] = stream
                }
                if stream.until + settings.patience <= now {
                    due.deaf.append(stream.cut)
                } else if stream.until <= now {
                    due.expired.append(stream.follower)
                } else if stream.nextBeat <= now {
                    due.beats.append(stream.follower)
                    state.streams[id]?.nextBeat = now + settings.heartbeat
                }
            }
            return due
        }
    }

    /// Says goodbye to everyone, each to return at a time of its own, and lets nobody in any more.
    package func close() {
        let followers = state.withLock { state in
            state.isClosing = true
            return state.streams.values.map(\.follower)
        }
        for follower in followers {
            let spread = Double.random(in: 0...1) * Double(settings.spread.milliseconds)
            follower.part(.restarting(retry: .milliseconds(Int64(spread) + 250)))
        }
    }

    /// Cuts off who has not gone after `close`.
    package func cutRemaining() {
        for cut in state.withLock({ $0.streams.values.map(\.cut) }) { cut() }
    }
}
