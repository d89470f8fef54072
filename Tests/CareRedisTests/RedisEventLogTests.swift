import CareDomain
import CareLog
import CareTestKit
import Foundation
import NIOPosix
import Synchronization
import Testing

@testable import CareRedis

/// A node: a log, and what keeps its connections, for the length of a closure.
func withNode<Answer: Sendable>(
    _ server: RedisServer, keys: String = RedisTests.key, isOld: Bool = false, limits: LogLimits = LogLimits(),
    pushes: Int? = nil, tellsCounts: Duration? = nil, user: (name: String, password: String)? = nil,
    report: @escaping @Sendable (String) -> Void = { _ in },
    _ body: @escaping @Sendable (RedisEventLog) async throws -> Answer
) async throws -> Answer {
    guard var address = RedisAddress(server.address), let keys = LogKeys(keys) else { throw RedisTests.Broken() }
    if let user { (address.user, address.password) = user }
    var settings = RedisSettings(address)
    settings.isOld = isOld
    if let pushes { settings.pushes = pushes }
    if let tellsCounts { settings.tellsCounts = tellsCounts }
    if address.usesTLS { settings.trustFile = server.trustFile }
    settings.commandTimeout = .seconds(2)
    settings.keepalive = .milliseconds(200)
    let log = RedisEventLog(settings, keys: keys, limits: limits, report: report)
    return try await withThrowingTaskGroup(of: Answer?.self) { group in
        group.addTask {
            await log.run()
            return nil
        }
        group.addTask {
            try await until("the log is shared") { log.standing == .shared }
            return try await body(log)
        }
        defer { group.cancelAll() }
        while let done = try await group.next() { if let done { return done } }
        throw RedisTests.Broken()
    }
}

func until(_ what: String, _ holds: () async throws -> Bool) async throws {
    for _ in 0..<2_000 {
        if try await holds() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw EventLogContract.Broken(description: "it never came to: \(what)")
}

enum RedisTests {
    struct Broken: Error {}
    static let key = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    static let other = "k2:Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="

    enum Way: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case resp3 = "RESP3", resp2 = "RESP2", tls = "TLS", password = "a password"
        var testDescription: String { rawValue }

        func server() throws -> RedisServer {
            try RedisServer(usesTLS: self == .tls, password: self == .password ? "opensesame" : nil)
        }
    }
}

@Suite(.timeLimit(.minutes(6)), .serialized)
struct `The log on Redis` {
    @Test(arguments: RedisTests.Way.allCases, EventLogContract.all.map(\.name))
    func `keeps the contract`(_ way: RedisTests.Way, _ name: String) async throws {
        let check = try #require(EventLogContract.all.first { $0.name == name }?.check)
        try await withNode(try way.server(), isOld: way == .resp2) { try await check($0) }
    }

    @Test func `is one log on two nodes: who leaves one resumes on the other, at every offset`() async throws {
        let server = try RedisServer()
        try await withNode(server) { one in
            try await withNode(server) { two in
                let live = try await two.follow(EventLogContract.topic, from: nil, view: EventLogContract.view)
                let start = try #require(await live.next().first?.position)
                try await EventLogContract.speak(one)
                let seen = await EventLogContract.take(6, from: live)
                #expect(EventLogContract.bodies(seen).count == 6)
                for log in [one, two] {
                    for offset in 0...6 {
                        let follower = try await log.follow(
                            EventLogContract.topic, from: Position(epoch: start.epoch, offset: offset),
                            view: EventLogContract.view)
                        let items = await EventLogContract.take(7 - offset, from: follower)
                        #expect(EventLogContract.bodies(items.filter { $0.position != nil }).count == 7 - offset)
                        #expect(
                            Array(EventLogContract.bodies(items).dropFirst())
                                == Array(EventLogContract.bodies(seen).dropFirst(offset)))
                    }
                }
            }
        }
    }

    /// The script is a second writing of `TopicState`: the same drafts must have the same outcomes and offsets.
    @Test func `decides as the topic in memory does, over seeded drafts`() async throws {
        let seed = UInt64.random(in: 1...999_999_999)
        let server = try RedisServer()
        try await withNode(server) { log in
            var random = SeededRandom(seed: seed)
            for round in 0..<20 {
                let topic = Topic(name: "patient/t\(round)")
                var model = TopicState(epoch: "m")
                let first = Fence(takeover: 0, lease: 1)
                model.raiseFence(first, of: Say.caseID)
                try await log.loadFence(first, of: Say.caseID, in: topic)
                for step in 0..<60 {
                    let draft = Self.draft(&random)
                    let expected = model.append(draft, json: [])
                    let found = try await log.append(draft, to: topic)
                    let same =
                        switch (expected, found) {
                        case (.appended(let one), .appended(let other)): one.offset == other.offset
                        default: expected == found
                        }
                    #expect(
                        same, "seed \(seed), round \(round), step \(step): \(draft.kind) \(draft.event.type): \(found)")
                    if !same { return }
                }
                let reading = try await log.reading(of: topic)
                #expect(reading.running == model.folds, "seed \(seed)")
                #expect(reading.position.offset == model.position.offset)
            }
        }
    }

    private static func draft(_ random: inout SeededRandom) -> Draft {
        let fence = Fence(takeover: random.below(3), lease: 1 + random.below(3))
        let attempt = Say.attempt(1 + random.below(2))
        switch random.below(8) {
        case 0: return .fact(Say.message("m"), number: 1 + random.below(30))
        case 1:
            return .fact(
                Say.message("a", 7, reply: Say.reply, version: 1 + random.below(2)), number: 1 + random.below(30))
        case 2: return .fact(.handling(Say.caseID, Handling()), number: 1 + random.below(30), fence: fence)
        case 3: return .fact(Say.ended(.stopped, attempt.number), number: 1 + random.below(30))
        case 4: return .reply(.replyStarted(attempt, sequence: 7), under: fence)
        case 5:
            return .reply(
                .replySnapshot(ReplyFold(attempt: attempt, sequence: 7, through: random.below(5), text: "t")),
                under: fence)
        default: return .reply(.replyDelta(attempt, n: 1 + random.below(5), text: "d"), under: fence)
        }
    }

    @Test func `costs Redis nothing for readers of whom nothing is heard`() async throws {
        let server = try RedisServer()
        try await withNode(server) { log in
            var followers: [Follower] = []
            for number in 0..<200 {
                followers.append(
                    try await log.follow(Topic(name: "patient/p\(number)"), from: nil, view: StreamView(caseID: nil)))
            }
            let before = log.counter.sent
            try await Task.sleep(for: .seconds(1))
            let after = log.counter.sent
            let sent = after.merging(before) { $0 - $1 }.filter { $0.value > 0 }
            #expect(Set(sent.keys) == ["PING"], "a node's own sign of life, and nothing for 200 readers: \(sent)")
            withExtendedLifetime(followers) {}
        }
    }

    @Test func `keeps as many topics as it may, and lets go of those that nobody reads`() async throws {
        var limits = LogLimits()
        limits.topics = 2
        let server = try RedisServer()
        try await withNode(server, limits: limits) { log in
            func subscriptions(_ names: String...) async throws -> Int {
                let before = log.counter.sent["SUBSCRIBE", default: 0]
                for name in names { _ = try await log.reading(of: Topic(name: "patient/\(name)")) }
                return log.counter.sent["SUBSCRIBE", default: 0] - before
            }
            let (first, again) = (try await subscriptions("a", "b"), try await subscriptions("a", "b"))
            #expect(first == 2)
            #expect(again == 0, "two are kept")
            let third = try await subscriptions("c", "a")
            #expect(third == 2, "a third takes the place of the longest untouched")
        }
    }

    /// Topics are let go while others ask for them: whoever reads must be told, by whichever node it is said.
    @Test func `is never deaf to a topic that was let go and asked for in the same moment`() async throws {
        var limits = LogLimits()
        limits.topics = 1
        let server = try RedisServer()
        try await withNode(server, limits: limits) { [limits] reader in
            try await withNode(server, limits: limits) { writer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for name in 0..<6 {
                        group.addTask {
                            let topic = Topic(name: "patient/t\(name)")
                            for number in 1...200 {
                                let follower = try await reader.follow(topic, from: nil, view: StreamView(caseID: nil))
                                _ = await follower.next()
                                _ = try await writer.append(.fact(Say.message("m"), number: number), to: topic)
                                let told = EventLogContract.bodies(await follower.next())
                                #expect(told.last?.hasSuffix(":message") == true, "\(topic) \(number): \(told)")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `that lost everything begins anew, and who reads is told so`() async throws {
        let server = try RedisServer()
        try await withNode(server) { log in
            let follower = try await log.follow(EventLogContract.topic, from: nil, view: EventLogContract.view)
            let start = try #require(await follower.next().first?.position)
            _ = try await log.append(.fact(Say.message("Hello"), number: 7), to: EventLogContract.topic)
            _ = await follower.next()
            try await withNode(server) { _ in }
            _ = try await RedisConnection.open(
                RedisSettings(try #require(RedisAddress(server.address))), on: .singletonMultiThreadedEventLoopGroup,
                counter: CommandCounter()
            ).ask(["FLUSHALL"])
            let outcome = try await log.append(.fact(Say.message("Later"), number: 8), to: EventLogContract.topic)
            guard case .appended(let position) = outcome else { throw RedisTests.Broken() }
            #expect(position.offset == 1 && position.epoch != start.epoch)
            let told = EventLogContract.bodies(await follower.next())
            #expect(told.first == "reset unknown_epoch", "\(told)")
        }
    }

    @Test func `goes on alone while Redis is away or hangs, and is one again when it is back`() async throws {
        for hangs in [false, true] {
            let server = try RedisServer(persists: true)
            let said = Mutex<[String]>([])
            try await withNode(server, report: { line in said.withLock { $0.append(line) } }) { log in
                let topic = EventLogContract.topic, quiet = Topic(name: "patient/quiet")
                let fence = Fence(takeover: 0, lease: 1)
                let follower = try await log.follow(topic, from: nil, view: EventLogContract.view)
                let undisturbed = try await log.follow(quiet, from: nil, view: EventLogContract.view)
                _ = await undisturbed.next()
                try await log.loadFence(fence, of: Say.caseID, in: topic)
                _ = try await log.append(.fact(Say.message("One"), number: 1), to: topic)
                _ = await EventLogContract.take(2, from: follower)

                if hangs { server.pause() } else { server.stop() }
                var outcome = try await log.append(.fact(Say.message("Two"), number: 2), to: topic)
                guard case .alone(let position) = outcome else {
                    throw EventLogContract.Broken(description: "\(outcome)")
                }
                #expect(log.standing == .alone)
                // The snapshot it is told to fetch has the message: facts are in the store before they are here.
                #expect(EventLogContract.bodies(await follower.next()) == ["reset unknown_epoch"])
                #expect(position.offset == 1)
                for _ in 0..<2 {
                    // Again, because it must not count as told when it was told here only.
                    outcome = try await log.append(.fact(Say.message("Two"), number: 2), to: topic)
                    #expect(outcome == .alone(position))
                }
                outcome = try await log.append(.reply(Say.started(), under: fence), to: topic)
                #expect(outcome == .unvouched)
                outcome = try await log.append(.reply(Say.started(), under: fence, isVouched: true), to: topic)
                guard case .alone = outcome else { throw EventLogContract.Broken(description: "\(outcome)") }
                let older = Fence(takeover: 0, lease: 0)
                outcome = try await log.append(.reply(Say.delta(1, "x"), under: older, isVouched: true), to: topic)
                #expect(outcome == .fenced, "alone it knows what it knew")
                #expect(Set(log.followed()) == [topic, quiet])

                if hangs { server.resume() } else { try server.start() }
                try await until("it is back") { log.standing == .shared }
                outcome = try await log.append(.reply(Say.delta(1, "x"), under: fence), to: topic)
                #expect(outcome == .unknownFence, "a takeover may be in the store alone")
                outcome = try await log.append(.fact(Say.message("Two"), number: 2), to: topic)
                if case .appended = outcome {} else { #expect(hangs && outcome == .duplicate, "\(outcome)") }
                outcome = try await log.append(.fact(Say.ended(), number: 3, fence: fence), to: topic)
                guard case .appended = outcome else { throw EventLogContract.Broken(description: "\(outcome)") }
                outcome = try await log.append(.reply(Say.delta(1, "x"), under: fence), to: topic)
                #expect(outcome == .unknownFence, "a takeover may be waiting behind an ending")
                let reading = try await log.reading(of: topic)
                #expect(reading.position.epoch != position.epoch)
                var seen: [String] = []
                while !seen.contains("reset unknown_epoch") { seen += EventLogContract.bodies(await follower.next()) }
                undisturbed.beat()
                if hangs {
                    #expect(EventLogContract.bodies(await undisturbed.next()) == ["beat"], "nobody appended to it")
                }
            }
            let lines = said.withLock { $0 }
            #expect(lines.prefix(3).map { $0.contains("is there") } == [true, false, true], "\(lines)")
            #expect(lines.count == 4, "there, away, there again, and the end of the node: \(lines)")
        }
    }

    /// One order to Redis from beside everything, and its answer.
    private func order(_ words: [RESPArgument], of server: RedisServer) async throws {
        let connection = try await RedisConnection.open(
            RedisSettings(try #require(RedisAddress(server.address))), on: .singletonMultiThreadedEventLoopGroup,
            counter: CommandCounter())
        defer { connection.close() }
        #expect(try await connection.ask(words).text == "OK")
    }

    @Test(arguments: [
        (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]),
        (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]),
    ])
    func `goes on alone while Redis is full or takes no writes, and is one again when it does`(
        no: [String], yes: [String]
    ) async throws {
        let server = try RedisServer()
        try await withNode(server) { log in
            let topic = EventLogContract.topic
            _ = try await log.append(.fact(Say.message("One"), number: 1), to: topic)
            try await order(no.map(\.argument), of: server)
            let outcome = try await log.append(.fact(Say.message("Two"), number: 2), to: topic)
            guard case .alone = outcome else { throw EventLogContract.Broken(description: "\(outcome)") }
            #expect(log.standing == .alone)
            // It answers, so a node could take it for well again.
            try await Task.sleep(for: .milliseconds(300))
            #expect(log.standing == .alone, "it takes no writes yet")
            try await order(yes.map(\.argument), of: server)
            try await until("it is shared again") { log.standing == .shared }
            let again = try await log.append(.fact(Say.message("Two"), number: 2), to: topic)
            guard case .appended = again else { throw EventLogContract.Broken(description: "\(again)") }
        }
    }

    /// As a replica that was promoted before it had everything.
    @Test func `that comes back without its last entries begins anew, and who has seen them is told so`() async throws {
        let server = try RedisServer(persists: true)
        let data = server.folder.appendingPathComponent("appendonlydir")
        let kept = server.folder.appendingPathComponent("kept")
        try await withNode(server) { log in
            let topic = EventLogContract.topic
            _ = try await log.append(.fact(Say.message("One"), number: 1), to: topic)
            try FileManager.default.copyItem(at: data, to: kept)
            guard case .appended(let seen) = try await log.append(.fact(Say.message("Two"), number: 2), to: topic)
            else {
                throw RedisTests.Broken()
            }
            server.stop()
            try FileManager.default.removeItem(at: data)
            try FileManager.default.moveItem(at: kept, to: data)
            try server.start()
            try await until("it was noticed") { log.standing == .alone }
            try await until("it is there again") { log.standing == .shared }
            // Another entry stands where the lost one stood; a reader that has seen that one must not go on behind it.
            _ = try await log.append(.fact(Say.message("Other"), number: 2), to: topic)
            let follower = try await log.follow(topic, from: seen, view: EventLogContract.view)
            #expect(EventLogContract.bodies(await follower.next()) == ["ready", "reset unknown_epoch"])
        }
    }

    @Test func `reads again what it had no room for`() async throws {
        let server = try RedisServer()
        let said = Mutex<[String]>([])
        try await withNode(server, pushes: 0, report: { line in said.withLock { $0.append(line) } }) { reader in
            let topic = EventLogContract.topic
            let follower = try await reader.follow(topic, from: nil, view: EventLogContract.view)
            _ = await follower.next()
            try await withNode(server) { writer in
                for number in 1...5 {
                    _ = try await writer.append(.fact(Say.message("\(number)"), number: number), to: topic)
                }
            }
            let told = EventLogContract.bodies(await EventLogContract.take(5, from: follower))
            #expect(told == (1...5).map { "\($0):message" }, "\(told)")
        }
        #expect(said.withLock { $0.contains { $0.contains("is away") } }, "nothing was ever without room")
    }

    @Test func `waits longer for each next try, up to a bound, and not all nodes the same`() throws {
        var settings = RedisSettings(try #require(RedisAddress("redis://127.0.0.1:1")))
        settings.firstPause = .milliseconds(50)
        settings.longestPause = .seconds(2)
        let longest = (0...20).map { settings.pause(after: $0, part: 1).milliseconds }
        #expect(longest == [50, 100, 200, 400, 800, 1_600] + Array(repeating: 2_000, count: 15))
        #expect(settings.pause(after: 0, part: 0) == .milliseconds(10))
        #expect(settings.pause(after: 20, part: 0) == .milliseconds(400))
        #expect(
            settings.pause(after: .max, part: .infinity) == .seconds(2)
                && settings.pause(after: -1, part: -1) == .milliseconds(10))
    }

    /// Was: one answer with a whole topic in it, which for the largest messages came too late, and the link was given up for it.
    @Test func `reads a long topic in parts, also from where a trim has overtaken it`() async throws {
        let server = try RedisServer(), topic = EventLogContract.topic
        let count = RedisEventLog.entriesAtOnce * 2 + 50
        try await withNode(server) { writer in
            for number in 1...count {
                _ = try await writer.append(.fact(Say.message("m", number), number: number), to: topic)
            }
            try await withNode(server) { log in
                let position = try await log.reading(of: topic).position
                #expect(position.offset == count)
                let reader = try await log.follow(
                    topic, from: Position(epoch: position.epoch, offset: 0), view: EventLogContract.view)
                let seen = EventLogContract.bodies(await EventLogContract.take(count + 1, from: reader))
                #expect(seen == ["ready at"] + (1...count).map { "\($0):message" })

                let host = try await log.host(of: topic), link = try #require(log.state.withLock { $0.link })
                _ = host.change { $0 = TopicState(epoch: position.epoch, after: 3) }
                try await log.catchUp(topic, link)
                #expect(host.look { $0.position } == position, "in parts")
                _ = try await link.commands.ask([
                    "XTRIM", "care:s:\(topic.name)".argument, "MINID", "\(count - 20)-0".argument,
                ])
                _ = host.change { $0 = TopicState(epoch: position.epoch, after: 3) }
                try await log.catchUp(topic, link)
                #expect(host.look { $0.position } == position, "a mirror that was overtaken stands still for ever")
                #expect(host.look { $0.first } == count - 20)
            }
        }
    }

    /// Was: an older node lost the whole topic at the first such entry, and blamed the key.
    @Test func `what a newer version wrote passes through this one as it was written`() async throws {
        let server = try RedisServer()
        let topic = EventLogContract.topic, event = try Say.unknown("receipt", audience: .everyone)
        let said = Mutex<[String]>([])
        try await withNode(server) { log in
            _ = try await log.append(.fact(event, number: 1), to: topic)
            _ = try await log.append(.fact(Say.message("Known"), number: 2), to: topic)
        }
        try await withNode(server, report: { line in said.withLock { $0.append(line) } }) { log in
            let position = try await log.reading(of: topic).position
            let late = try await log.follow(
                topic, from: Position(epoch: position.epoch, offset: 0), view: EventLogContract.view)
            let items = await EventLogContract.take(3, from: late)
            #expect(EventLogContract.bodies(items) == ["ready at", "1:receipt", "2:message"])
            guard case .entry(let entry, _) = items[1] else { return }
            #expect(try entry.json == event.json())
        }
        #expect(said.withLock { $0.filter { $0.contains("an entry") } } == [])
    }

    @Test func `what was opened and not understood is not blamed on the key`() async throws {
        let server = try RedisServer()
        let topic = EventLogContract.topic, keys = try #require(LogKeys(RedisTests.key))
        let words = #"{"type":"reply.delta","case_id":"\#(Say.caseID.rawValue)","pieces":["tomorrow's"]}"#
        let sealed = try keys.seal(Array("R 1 1\n\(words)".utf8), of: topic)
        let said = Mutex<[String]>([])
        try await withNode(server, report: { line in said.withLock { $0.append(line) } }) { log in
            #expect(log.opened(sealed, of: topic) == nil)
        }
        #expect(said.withLock { $0.contains { $0.contains("cannot be understood") } })
        #expect(!said.withLock { $0.contains { $0.contains("CURAWAY_LOG_KEY") } })
    }

    @Test func `holds nothing that can be read without its key, and opens what an older key sealed`() async throws {
        let server = try RedisServer()
        let topic = EventLogContract.topic
        try await withNode(server) { log in
            _ = try await log.append(.fact(Say.message("CANARY-knee"), number: 1), to: topic)
        }
        let address = try #require(RedisAddress(server.address))
        let connection = try await RedisConnection.open(
            RedisSettings(address), on: .singletonMultiThreadedEventLoopGroup, counter: CommandCounter())
        let raw = try await connection.ask(["XRANGE", "care:s:\(topic.name)".argument, "-", "+"])
        #expect(!"\(raw)".contains("CANARY"))
        #expect(try await connection.ask(["KEYS", "*"]).parts?.count == 3)
        connection.close()
        try await withNode(server, keys: RedisTests.other + "," + RedisTests.key) { log in
            _ = try await log.append(.fact(Say.message("Newer"), number: 2), to: topic)
            let all = try await log.follow(topic, from: nil, view: EventLogContract.view)
            let position = try #require(await all.next().first?.position)
            let old = try await log.follow(
                topic, from: Position(epoch: position.epoch, offset: 0), view: EventLogContract.view)
            #expect(EventLogContract.bodies(await EventLogContract.take(3, from: old)).count == 3)
        }
        let said = Mutex<[String]>([])
        try await withNode(
            server, keys: "k3:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            report: { line in said.withLock { $0.append(line) } }
        ) { log in
            let position = try await log.reading(of: topic).position
            let cut = try await log.follow(
                topic, from: Position(epoch: position.epoch, offset: 0), view: EventLogContract.view)
            #expect(EventLogContract.bodies(await cut.next()) == ["ready", "reset trimmed"])
        }
        #expect(said.withLock { $0.count { $0.contains("cannot be read") } } == 1)
    }
}

extension String {
    var argument: RESPArgument { .text(self) }
}
