import Foundation
import NIOPosix

/// Looks at a Redis as an operator would before a launch: what it is, what would lose data there, what is sent to it, and what
/// that would cost.
package struct RedisCheckup: Sendable {
    /// Keys that are looked through for nodes, topics and their sizes; beyond it the figures are said to be of a part.
    var keysLimit = 100_000
    /// Topics that are measured.
    static let sampleLimit = 200
    /// Bytes of one; what says it has more is not believed.
    static let largestTopic = 1 << 40

    package struct Report: Sendable {
        package var greeting: String
        package var facts: RedisFacts
        package var findings: [RedisFinding]
        /// Keys in all, ours of topics among those looked at, and whether all were.
        package var keys: Int
        package var topics: Int
        package var isWhole: Bool
        /// Of a topic, on average of a sample; nil where `MEMORY USAGE` is refused.
        package var bytesPerTopic: Int?
        /// Carried out by the server while it was watched, everybody's and those of scripts included; nil where it is hidden.
        package var carriedOut: [String: Double]?
        /// Sent by our nodes, by what they said last.
        package var nodes: [NodeCount]
    }

    private let settings: RedisSettings

    package init(_ settings: RedisSettings) { self.settings = settings }

    /// Watches for so long. Sends a handful of commands of its own, and one more for each thousand keys, each node and each topic
    /// that is measured. Throws `RedisError`.
    package func run(watching time: Duration) async throws -> Report {
        // Each look by a connection of its own: one that says nothing meanwhile is closed by many servers, and by what stands
        // before them.
        let before = try await connected { try await Self.look($0) }, began = ContinuousClock.now
        try await Task.sleep(for: time)
        return try await connected { connection in
            let facts = try await Self.look(connection)
            let seconds = max((ContinuousClock.now - began) / .seconds(1), 0.001)
            var carriedOut: [String: Double]?
            if let earlier = before.calls, let later = facts.calls {
                // Without what looking itself cost.
                carriedOut = NodeCount.added(earlier, later)
                    .filter { !Self.own.contains($0.key) }.mapValues { Double($0) / seconds }
            }
            var report = report(of: facts, by: connection, carriedOut)
            report.keys = try await Self.ask(connection, ["DBSIZE"])?.integer ?? 0
            try await lookThrough(&report, connection)
            return report
        }
    }

    /// What two looks send between them, but for a PING, of which nodes send the more.
    private static let own: Set<String> = ["INFO", "CONFIG|GET", "HELLO", "AUTH", "SELECT"]

    private func connected<Answer>(_ body: (RedisConnection) async throws -> Answer) async throws -> Answer {
        let connection = try await RedisConnection.open(
            settings, on: MultiThreadedEventLoopGroup.singleton, counter: CommandCounter())
        defer { connection.close() }
        return try await body(connection)
    }

    /// nil when this user or this provider may not.
    private static func ask(_ connection: RedisConnection, _ command: [RESPArgument]) async throws -> RESPValue? {
        let answer = try await connection.send(command)
        if case .error = answer { return nil }
        return answer
    }

    private static func look(_ connection: RedisConnection) async throws -> RedisFacts {
        // By name: everything would have the server's own passwords in it.
        var config: [String: String] = [:]
        for name in ["save", "maxmemory-policy"] {
            if let told = try await ask(connection, ["CONFIG", "GET", .text(name)])?.parts, told.count == 2 {
                config[name] = told[1].text
            }
        }
        var text = try await ask(connection, ["INFO", "everything"])?.text ?? ""
        // Some know the sections by name only.
        if !text.contains("cmdstat_") {
            text += "\n" + (try await ask(connection, ["INFO", "commandstats"])?.text ?? "")
        }
        return RedisFacts(info: text, config: config.isEmpty ? nil : config)
    }

    private func report(
        of facts: RedisFacts, by connection: RedisConnection, _ carriedOut: [String: Double]?
    ) -> Report {
        var report = Report(
            greeting: "\(facts.server), \(connection.speaksRESP3 ? "RESP3" : "RESP2")"
                + (settings.address.usesTLS ? ", TLS" : ""),
            facts: facts, findings: facts.findings, keys: 0, topics: 0, isWhole: true, carriedOut: carriedOut, nodes: []
        )
        if settings.address.password == nil {
            report.findings.append(
                RedisFinding(
                    level: .note, sentence: "it asks for no password: whoever reaches its port reads and writes there"))
        }
        if !settings.address.usesTLS {
            report.findings.append(
                RedisFinding(
                    level: .note,
                    sentence: "without TLS: entries are sealed, but the password and who talks when are not"))
        }
        return report
    }

    private func lookThrough(_ report: inout Report, _ connection: RedisConnection) async throws {
        var cursor = "0", seen = 0, bytes: [Int] = []
        // SCAN may tell a key more than once.
        var known: Set<String> = []
        repeat {
            guard
                let page = try await Self.ask(connection, ["SCAN", .text(cursor), "MATCH", "care:*", "COUNT", "1000"])?
                    .parts,
                page.count == 2
            else {
                report.isWhole = false
                break
            }
            cursor = page[0].text ?? "0"
            seen += 1_000
            for key in (page[1].parts ?? []).compactMap(\.text) where known.insert(key).inserted {
                if key.hasPrefix(NodeCount.prefix) {
                    guard let told = try await Self.ask(connection, ["GET", .text(key)])?.bytes,
                        let count = try? JSONDecoder().decode(NodeCount.self, from: Data(told))
                    else { continue }
                    report.nodes.append(count)
                } else if key.hasPrefix("care:s:") {
                    report.topics += 1
                    guard bytes.count < Self.sampleLimit,
                        let size = try await Self.ask(connection, ["MEMORY", "USAGE", .text(key)])?.integer,
                        (0...Self.largestTopic).contains(size)
                    else { continue }
                    bytes.append(size)
                }
            }
            if seen >= keysLimit, cursor != "0" {
                report.isWhole = false
                break
            }
        } while cursor != "0"
        report.bytesPerTopic = bytes.isEmpty ? nil : bytes.reduce(0, +) / bytes.count
    }
}
