import Foundation

/// What one node has sent, as it tells it once a minute under a key of its own: for providers that hide `INFO commandstats`,
/// and because that counts everybody's and not only ours.
package struct NodeCount: Sendable, Codable, Equatable {
    /// Between two tellings, which cost one command each; the key outlives three.
    static let interval: Duration = .seconds(60)
    static let prefix = "care:node:"
    /// Names of commands, of so many bytes each, that one telling may have; what has more is not believed.
    static let namesLimit = 100, nameBytes = 32

    /// Commands of the last `seconds`, by name.
    package var sent: [String: Int]
    package var seconds: Double

    package init(sent: [String: Int], seconds: Double) {
        self.sent = sent
        self.seconds = seconds
    }

    /// What lies under the key is whatever somebody put there, and an operator's terminal is shown the names.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sent = try container.decode([String: Int].self, forKey: .sent)
        seconds = try container.decode(Double.self, forKey: .seconds)
        guard seconds.isFinite, seconds >= 0, sent.count <= Self.namesLimit,
            sent.allSatisfy({ $0.value >= 0 && Self.isName($0.key) })
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .sent, in: container, debugDescription: "not what a node tells")
        }
    }

    private static func isName(_ text: String) -> Bool {
        text.utf8.count <= nameBytes && text.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    }

    package var perSecond: [String: Double] { sent.mapValues { Double($0) / max(seconds, 1) } }

    /// Together, of several nodes.
    package static func perSecond(_ nodes: [NodeCount]) -> [String: Double] {
        nodes.reduce(into: [:]) { $0.merge($1.perSecond) { $0 + $1 } }
    }

    /// What was counted between two looks at a counter.
    static func between(_ earlier: [String: Int], _ later: [String: Int], seconds: Double) -> NodeCount {
        NodeCount(sent: added(earlier, later), seconds: seconds)
    }

    /// A counter that is lower than before was set back in between (CONFIG RESETSTAT, a restart): what it has now was added.
    static func added(_ earlier: [String: Int], _ later: [String: Int]) -> [String: Int] {
        var added: [String: Int] = [:]
        for (name, count) in later {
            let before = earlier[name] ?? 0
            let more = count >= before ? count - before : count
            if more > 0 { added[name] = more }
        }
        return added
    }
}
