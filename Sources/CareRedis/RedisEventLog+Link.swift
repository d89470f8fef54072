import CareDomain
import CareLog
import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// The connections: how they are made, found dead, and made again.
extension RedisEventLog {
    /// Keeps the connections until cancelled.
    package func run() async {
        var failures = 0
        while !Task.isCancelled {
            do {
                try await connected { failures = 0 }
            } catch {
                announce(.alone, "\(error)")
            }
            if Task.isCancelled { break }
            try? await Task.sleep(for: settings.pause(after: failures, part: .random(in: 0...1)))
            failures += 1
        }
    }

    func connected(_ onLinked: () -> Void) async throws {
        let (pushes, pushing) = AsyncStream.makeStream(
            of: [RESPValue].self, bufferingPolicy: .bufferingOldest(settings.pushes))
        let (breaks, broken) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let commands = try await RedisConnection.open(settings, on: group, counter: counter)
        defer { commands.close() }
        let subscriber = try await RedisConnection.open(settings, on: group, counter: counter) { push in
            // What does not fit is a hole: everything is read again.
            if case .dropped = pushing.yield(push) { broken.finish() }
        }
        defer { subscriber.close() }
        let link = Link(commands: commands, subscriber: subscriber, broken: broken)
        try await meet(link)
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer {
                lost(link, .closed)
                group.cancelAll()
                commands.close()
                subscriber.close()
                pushing.finish()
            }
            group.addTask { for await push in pushes { try await self.hear(push, link) } }
            try await resume(link)
            onLinked()
            announce(.shared, "\(settings.address)")
            group.addTask { for await _ in breaks { break } }
            group.addTask { await commands.ended() }
            group.addTask { await subscriber.ended() }
            group.addTask { try await self.keepAlive(link) }
            let first = await group.nextResult()
            // A node that ends takes back what it told, or it is counted beside its successor for three minutes.
            if Task.isCancelled {
                _ = try? await link.commands.send(["DEL", .text(NodeCount.prefix + boot)])
            }
            try first?.get()
        }
    }

    /// Says it once, however many commands find out.
    func announce(_ standing: LogStanding, _ why: String) {
        let listeners = state.withLock { state -> [AsyncStream<LogStanding>.Continuation]? in
            guard state.announced != standing else { return nil }
            state.announced = standing
            return Array(state.listeners.values)
        }
        guard let listeners else { return }
        switch standing {
        case .shared: report("the shared log is there: \(why)")
        case .alone: report("the shared log is away (\(why)): \(settings.address). This node goes on alone")
        }
        for listener in listeners { listener.yield(standing) }
    }

    /// Whether it is the Redis we know: if not, what it has may lack what we were told, and a new generation begins.
    func meet(_ link: Link) async throws {
        // Who may not ask is told nothing, and goes on as with a provider that does not say.
        let info = try await link.commands.send(["INFO", "server"]).text ?? ""
        let run = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("run_id:") }?.dropFirst(7) ?? ""
        // A provider that does not say who it is may have been another every time. The write also tells whether it takes any.
        let script = """
            if ARGV[1] == '' or redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then redis.call('HINCRBY', KEYS[1], 'n', 1) end
            redis.call('HSET', KEYS[1], 'run', ARGV[1])
            return redis.call('HGET', KEYS[1], 'n')
            """
        _ = try await link.commands.ask([
            "EVAL", .text(script), .integer(1), .text(Self.generations), .text(String(run)),
        ])
    }

    func resume(_ link: Link) async throws {
        let topics = state.withLock { Array($0.mirrors.keys) }
        for topic in topics { link.subscriber.post(["SUBSCRIBE", .text(channel(of: topic))]) }
        try await settled(link)
        // From here on appends go to Redis; what was appended alone until here is pending in the store.
        state.withLock { state in
            state.vouched = []
            state.link = link
        }
        for topic in state.withLock({ Array($0.mirrors.keys) }) {
            if !topics.contains(topic) { link.subscriber.post(["SUBSCRIBE", .text(channel(of: topic))]) }
        }
        try await settled(link)
        for topic in state.withLock({ Array($0.mirrors.keys) }) { try await catchUp(topic, link) }
    }

    func lost(_ link: Link, _ error: RedisError) {
        let isNews = state.withLock { state in
            guard state.link?.commands === link.commands else { return false }
            state.link = nil
            return true
        }
        link.broken.finish()
        if isNews { announce(.alone, "\(error)") }
    }

    /// Finds out that a connection is dead although nobody says so, and lets go of topics that nobody reads.
    func keepAlive(_ link: Link) async throws {
        var counted = counter.sent, at = ContinuousClock.now
        while true {
            try await Task.sleep(for: settings.keepalive)
            if ContinuousClock.now - at >= settings.tellsCounts {
                let now = counter.sent, seconds = (ContinuousClock.now - at) / .seconds(1)
                try await tell(.between(counted, now, seconds: seconds), link)
                (counted, at) = (now, .now)
            }
            _ = try await link.commands.ask(["PING"])
            try await settled(link)
            let idle = state.withLock { state in
                state.mirrors.filter { $0.value.touched + settings.linger < .now && !$0.value.host.isFollowed }
            }
            for (topic, mirror) in idle { _ = letGo(topic, mirror, link) }
        }
    }

    /// For `curaway check redis`. Gone when this node has not told for as long as three times. That it may not is no reason to
    /// part from a Redis that takes entries.
    func tell(_ count: NodeCount, _ link: Link) async throws {
        guard let json = try? JSONEncoder().encode(count) else { return }
        _ = try await link.commands.send([
            "SET", .text(NodeCount.prefix + boot), .bytes(Array(json)), "PX",
            .integer(Int(settings.tellsCounts.milliseconds) * 3),
        ])
    }

    /// Connects once, and says what is there. Throws `RedisError`.
    package static func greeting(_ settings: RedisSettings) async throws -> String {
        let connection = try await RedisConnection.open(
            settings, on: MultiThreadedEventLoopGroup.singleton, counter: CommandCounter())
        defer { connection.close() }
        let info = try await connection.send(["INFO", "server"]).text ?? ""
        let version = info.split(whereSeparator: \.isNewline).first { $0.contains("_version:") } ?? "version unknown"
        return "\(version.replacing("_version:", with: " ")), \(connection.speaksRESP3 ? "RESP3" : "RESP2")"
    }
}
