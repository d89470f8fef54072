import CareDomain
import CareLog
import CareTestKit
import Testing

struct `The log in memory` {
    @Test(arguments: EventLogContract.all.map(\.name))
    func `keeps the contract`(_ name: String) async throws {
        let check = try #require(EventLogContract.all.first { $0.name == name }?.check)
        try await check(MemoryEventLog())
    }

    @Test func `begins a new epoch for a topic it had to drop, and never drops one that is read`() async throws {
        var limits = LogLimits()
        limits.topics = 2
        let log = MemoryEventLog(limits: limits)
        let read = Topic(name: "patient/read")
        let dropped = Topic(name: "patient/dropped")
        let follower = try await log.follow(read, from: nil, view: StreamView(caseID: nil))
        let first = try await log.reading(of: dropped).position
        _ = try await log.reading(of: Topic(name: "patient/third"))
        #expect(try await log.reading(of: dropped).position.epoch != first.epoch)
        _ = await follower.next()
        _ = try await log.append(.fact(Say.message("Hello"), number: 1), to: read)
        let items = await follower.next()
        #expect(items.count == 1)
    }

    @Test func `a cancelled reader ends at once`() async throws {
        let log = MemoryEventLog()
        let follower = try await log.follow(EventLogContract.topic, from: nil, view: EventLogContract.view)
        _ = await follower.next()
        let waiting = Task { await follower.next() }
        waiting.cancel()
        #expect(await waiting.value.isEmpty)
    }
}

struct `A reader that cuts and resumes` {
    /// Random interleavings of append, read, cut and trim: what a reader holds in the end is what was appended, or it
    /// was told to reset. The seed is in the failure.
    @Test(arguments: 0..<200) func `never misses or doubles an entry without being told`(_ run: Int) async throws {
        let seed = UInt64.random(in: 0..<1_000_000) * 1_000 + UInt64(run)
        var random = SeededRandom(seed: seed)
        var limits = LogLimits()
        limits.kept = Int.random(in: 4...40, using: &random)
        limits.batchBytes = Int.random(in: 1...600, using: &random)
        limits.lagBytes = Int.random(in: 600...20_000, using: &random)
        let log = MemoryEventLog(limits: limits)
        var appended = 0
        var position: Position?
        var follower = try await log.follow(EventLogContract.topic, from: nil, view: EventLogContract.view)
        var expected = 1
        for _ in 0..<120 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                appended += 1
                _ = try await log.append(
                    .fact(Say.message("m", appended), number: appended), to: EventLogContract.topic)
            case 6..<9:
                follower.beat()
                for item in await follower.next() {
                    switch item {
                    case .entry(let entry, let at):
                        #expect(entry.offset == expected, "seed \(seed)")
                        expected = entry.offset + 1
                        position = at
                    case .ready(let at):
                        if let at {
                            // Without a position it begins at now, whatever came before.
                            if position == nil { expected = at.offset + 1 }
                            #expect(at.offset == expected - 1, "seed \(seed)")
                            position = at
                        }
                    case .reset(let reason, let at):
                        let at = try #require(at)  // nobody answers here, so no fold follows
                        #expect(reason == .trimmed || reason == .behind, "seed \(seed)")
                        #expect(at.offset >= expected, "a reset without a loss, seed \(seed)")
                        expected = at.offset + 1
                        position = at
                    case .heartbeat(let at):
                        if let at { position = at }
                    case .fold, .signal, .parting: Issue.record("unexpected \(item), seed \(seed)")
                    }
                }
            default: follower = try await reconnect(log, position)
            }
        }
    }

    private func reconnect(_ log: MemoryEventLog, _ position: Position?) async throws -> Follower {
        try await log.follow(EventLogContract.topic, from: position, view: EventLogContract.view)
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededRandom: RandomNumberGenerator {
    var seed: UInt64
    mutating func next() -> UInt64 {
        seed &+= 0x9e37_79b9_7f4a_7c15
        var word = seed
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
