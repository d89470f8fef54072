import CareDesk
import CareDomain
import CareLog
import CareTestKit
import Synchronization
import Testing

@testable import CareWeb

/// Heartbeats, the end of an authorisation and goodbyes, on a clock that only the test moves.
@Suite(.timeLimit(.minutes(4)))
struct `The board of streams` {
    private let clock = ManualClock()
    private let log = MemoryEventLog()
    private let cuts = Cuts()
    private let shutOut = ShutOut()
    private let revocations: RevocationList

    init() { revocations = RevocationList(store: shutOut) }

    private func board(_ change: (inout StreamBoard.Settings) -> Void = { _ in }) -> StreamBoard {
        var settings = StreamBoard.Settings()
        change(&settings)
        return StreamBoard(settings: settings, revocations: revocations, now: { [clock] in clock.now })
    }

    /// With a token of a minute.
    private func caller(_ person: Person) -> Caller {
        Caller(
            person: person, issuedAt: clock.now, expiresAt: clock.now + .seconds(60), session: Cast.id("sess_1"))
    }

    /// A stream of Amina's, its `ready` already read.
    private func stream(on board: StreamBoard) async throws -> (place: StreamBoard.Place, follower: Follower) {
        let follower = try await log.follow(.patient(Cast.amina.id), from: nil, view: StreamView(caseID: nil))
        let place = try board.add(follower, of: caller(Cast.amina)) { [cuts] in cuts.add() }
        _ = await follower.next()
        return (place, follower)
    }

    @Test func `gives a sign of life every 15 s`() async throws {
        let board = board()
        let (place, follower) = try await stream(on: board)
        for _ in 1...2 {
            clock.advance(by: .milliseconds(14_999))
            await board.tick()
            follower.beat()  // Ours: were the board's already there, the two would be one and the next wait would hang.
            #expect(await follower.next().isHeartbeat)
            clock.advance(by: .milliseconds(1))
            await board.tick()
            #expect(await follower.next().isHeartbeat)
        }
        withExtendedLifetime(place) {}
    }

    @Test(arguments: [Duration.zero, .milliseconds(20)])
    func `forgets nobody when the signs of life go out by the handful`(_ spread: Duration) async throws {
        let board = board { $0.perPerson = 100 }
        var streams: [(place: StreamBoard.Place, follower: Follower)] = []
        for _ in 0..<100 { streams.append(try await stream(on: board)) }
        clock.advance(by: .seconds(15))
        await board.tick(spread: spread)
        for (_, follower) in streams { #expect(await follower.next().isHeartbeat) }
        withExtendedLifetime(streams) {}
    }

    @Test func `lets others pass between two handfuls of signs of life, and hurries when cancelled`() async throws {
        let board = board { $0.perPerson = 100 }
        var streams: [(place: StreamBoard.Place, follower: Follower)] = []
        for _ in 0..<40 { streams.append(try await stream(on: board)) }
        clock.advance(by: .seconds(15))
        let beats = Cuts()
        await withTaskGroup(of: Void.self) { group in
            for (_, follower) in streams {
                group.addTask { if await follower.next().isHeartbeat { beats.add() } }
            }
            await withTaskGroup(of: Void.self) { ticking in
                ticking.addTask { await board.tick(spread: .seconds(3_600)) }
                while beats.count < 16 { await Task.yield() }
                try? await Task.sleep(for: .milliseconds(50))
                #expect(beats.count == 16, "the next handful did not wait")
                ticking.cancelAll()
            }
            await group.waitForAll()
        }
        #expect(beats.count == 40)
        withExtendedLifetime(streams) {}
    }

    @Test func `ends an authorisation after its time, and cuts off whoever does not read that`() async throws {
        let board = board {
            $0.heartbeat = .seconds(10_000)
            $0.authorised = .seconds(600)
            $0.patience = .seconds(10)
        }
        let (place, follower) = try await stream(on: board)
        clock.advance(by: .milliseconds(599_999))
        await board.tick()
        follower.beat()
        #expect(await follower.next().isHeartbeat, "it ended early")
        clock.advance(by: .milliseconds(1))
        await board.tick()
        #expect(await follower.next().parting == .authExpired)
        clock.advance(by: .milliseconds(9_999))
        await board.tick()
        #expect(cuts.count == 0, "cut off before its patience was over")
        clock.advance(by: .milliseconds(1))
        await board.tick()
        #expect(cuts.count == 1)
        withExtendedLifetime(place) {}
    }

    @Test(arguments: [
        (Revocation.Subject.person(Cast.amina.id), 1, true), (.person(Cast.amina.id), 0, false),
        (.person(Cast.tom.id), 1, false), (.session(Cast.id("sess_1")), -9, true),
        (.session(Cast.id("sess_2")), 1, false),
    ])
    func `ends the streams of who is shut out, and of nobody else`(
        _ subject: Revocation.Subject, _ milliseconds: Int, _ ends: Bool
    ) async throws {
        let board = board { $0.heartbeat = .seconds(10_000) }
        let (place, follower) = try await stream(on: board)
        try await shutOut.revoke(Revocation(subject, at: clock.now + .milliseconds(milliseconds)))
        await board.tick()
        follower.beat()
        #expect(await follower.next().isHeartbeat, "it is not known here yet")
        try await revocations.refresh()
        await board.tick()
        follower.beat()
        let next = await follower.next()
        #expect(ends ? next.parting == .authExpired : next.isHeartbeat)
        clock.advance(by: .seconds(10))
        await board.tick()
        #expect(cuts.count == (ends ? 1 : 0), "who does not read it is cut off")
        withExtendedLifetime(place) {}
    }

    @Test func `ends the stream of staff with their token, and 15 s to fetch the next one`() async throws {
        let board = board { $0.heartbeat = .seconds(10_000) }
        let follower = try await log.follow(.patient(Cast.amina.id), from: nil, view: StreamView(caseID: nil))
        let place = try board.add(follower, of: caller(Cast.priya)) {}
        _ = await follower.next()
        clock.advance(by: .milliseconds(74_999))
        await board.tick()
        follower.beat()
        #expect(await follower.next().isHeartbeat, "it ended early")
        clock.advance(by: .milliseconds(1))
        await board.tick()
        #expect(await follower.next().parting == .authExpired)
        withExtendedLifetime(place) {}
    }

    @Test func `leaves alone whoever went`() async throws {
        let board = board()
        do {
            let (place, _) = try await stream(on: board)
            #expect(board.count == 1)
            withExtendedLifetime(place) {}
        }
        #expect(board.count == 0)
        clock.advance(by: .seconds(10_000))
        await board.tick()
        board.cutRemaining()
        #expect(cuts.count == 0)
    }

    @Test func `lets one person have so many streams, and gives a place back`() async throws {
        let board = board { $0.perPerson = 2 }
        let first = try await stream(on: board)
        do {
            let second = try await stream(on: board)
            let more = await #expect(throws: Problem.self) { try await stream(on: board) }
            #expect(more?.code == "too_many_streams")
            #expect(more?.retryAfter == 5)
            let toms = try await log.follow(.patient(Cast.tom.id), from: nil, view: StreamView(caseID: nil))
            _ = try board.add(toms, of: caller(Cast.tom)) {}
            withExtendedLifetime(second) {}
        }
        _ = try await stream(on: board)
        withExtendedLifetime(first) {}
    }

    @Test func `says goodbye to everybody, to return spread over time, and lets nobody in`() async throws {
        let board = board {
            $0.perPerson = 100
            $0.spread = .seconds(5)
        }
        var streams: [(place: StreamBoard.Place, follower: Follower)] = []
        for _ in 1...40 { streams.append(try await stream(on: board)) }
        board.close()
        var returns: Set<Duration> = []
        for (_, follower) in streams {
            guard case .restarting(let retry)? = await follower.next().parting else {
                Issue.record("no goodbye")
                return
            }
            #expect(retry >= .milliseconds(250) && retry <= .milliseconds(5_250))
            returns.insert(retry)
            #expect(await follower.next().isEmpty, "something came after the goodbye")
        }
        #expect(returns.count > 20, "they would all return at once")
        let late = await #expect(throws: Problem.self) { try await stream(on: board) }
        #expect(late?.code == "shutting_down")
        #expect(cuts.count == 0)
        board.cutRemaining()
        #expect(cuts.count == 40)
    }

    private final class Cuts: Sendable {
        private let cuts = Mutex(0)
        var count: Int { cuts.withLock { $0 } }
        func add() { cuts.withLock { $0 += 1 } }
    }
}

extension [Follower.Item] {
    fileprivate var isHeartbeat: Bool {
        if case .heartbeat? = first { count == 1 } else { false }
    }
    fileprivate var parting: Parting? {
        if case .parting(let parting)? = first { parting } else { nil }
    }
}

/// Revocations in memory, the newest of each subject last.
private final class ShutOut: RevocationStore {
    private let all = Mutex<[Revocation]>([])
    func revoke(_ revocation: Revocation) async throws { all.withLock { $0.append(revocation) } }
    func revocations() async throws -> [Revocation] { all.withLock { $0 } }
}
