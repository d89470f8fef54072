import Foundation

/// A report in words, a line each, for an operator. Pure.
extension RedisCheckup.Report {
    package func lines(_ prices: RedisPrices) -> [String] {
        var lines = findings.map { finding in
            "\(finding.level.rawValue.padding(toLength: 4, withPad: " ", startingAt: 0))  \(finding.sentence)"
        }
        let size = bytesPerTopic.map { ", \($0) bytes each on average" } ?? ""
        lines.append("note  \(keys) keys, \(topics) topics\(part)\(size)")
        lines += sent
        if let carriedOut {
            lines.append("note  carried out for everybody, scripts' own included, a second: \(list(carriedOut))")
        } else {
            lines.append("note  what it carries out it does not say (INFO commandstats)")
        }
        return lines + costs(prices)
    }

    private var part: String { isWhole ? "" : " (of those that were looked at)" }

    private var sent: [String] {
        guard !nodes.isEmpty else {
            // Nothing is said of keys that nobody has looked at.
            return [
                isWhole
                    ? "note  no node has told yet what it sends: each does, a minute after it has begun, and once a minute"
                    : "note  what a node has told is not among the keys that were looked at, and not all were"
            ]
        }
        let count = nodes.count == 1 ? "1 node" : "\(nodes.count) nodes"
        return [
            "note  sent by \(count)\(part), a second: \(list(NodeCount.perSecond(nodes)))",
            "      One that was killed is counted for three minutes more, so one that was started again is counted twice.",
        ]
    }

    /// By what our nodes send, never by what the server carries out: that has every command inside a script, too.
    private func costs(_ prices: RedisPrices) -> [String] {
        guard !nodes.isEmpty else {
            return [
                "note  what it costs is not said, because no node was heard: what the server carries out has every command",
                "      inside a script as well, about ten for each that is sent.",
            ]
        }
        let billed = prices.billed(NodeCount.perSecond(nodes)), bytes = facts.number("used_memory")
        var lines = [
            "note  a month of this is \(RedisPrices.perMonth(billed)) commands that count. By the prices of \(prices.asOf)",
            "      (\(prices.source)), in one region, without storage, traffic and what else is on the bill:",
        ]
        for quote in prices.quotes(billedPerSecond: billed, bytes: bytes) {
            let name = quote.plan.padding(toLength: 24, withPad: " ", startingAt: 0)
            let price = quote.tooSmall.map { "too small: \($0)" } ?? "$" + String(format: "%.2f", quote.monthly)
            lines.append("      \(name) \(price)")
        }
        if bytes == nil {
            lines.append("      How much lies there it does not say: whether it fits into a plan is not looked at.")
        }
        if let carriedOut {
            let most = RedisPrices.perMonth(prices.billed(carriedOut))
            lines.append("      Where commands inside scripts count too, it is \(most) a month, everybody's included.")
        }
        return lines
    }

    private func list(_ perSecond: [String: Double]) -> String {
        let total = perSecond.values.reduce(0, +)
        let names = perSecond.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.key) \(String(format: "%.2f", $0.value))" }
        return String(format: "%.2f", total) + (names.isEmpty ? "" : " (" + names.joined(separator: ", ") + ")")
    }
}

extension RedisError {
    /// Why there is no report.
    package var sentence: String {
        switch self {
        case .refused("LOADING"): "it is loading its data, and answers nothing else meanwhile. Look again when it has"
        case .refused("MASTERDOWN"): "it is a replica that has lost its primary, and answers nothing else meanwhile"
        case .refused("BUSY"): "a script has been running in it for seconds, and it answers nothing else meanwhile"
        default: "\(self)"
        }
    }
}
