import Foundation

/// One measured number.
struct Figure: Sendable {
    var name: String
    var unit: String
    var value: Double

    init(_ name: String, _ value: Double, _ unit: String = "") {
        self.name = name
        self.unit = unit
        self.value = value
    }
}

/// A scenario's figures over its runs: the median, and the least and most beside it, because one run says little on a
/// machine that does other things too.
struct Report: Encodable {
    struct Row: Encodable {
        var name: String
        var unit: String
        var median: Double
        var least: Double
        var most: Double
    }
    var scenario: String
    var runs: Int
    var rows: [Row]

    init(_ scenario: String, _ runs: [[Figure]]) {
        self.scenario = scenario
        self.runs = runs.count
        rows = (runs.first ?? []).indices.map { index in
            let values = runs.map { $0[index].value }.sorted()
            // Of an even number the worse of the two in the middle is not averaged away.
            return Row(
                name: runs[0][index].name, unit: runs[0][index].unit, median: values[values.count / 2],
                least: values[0], most: values[values.count - 1])
        }
    }

    /// Nothing was lost, doubled or left unsaid.
    var isRight: Bool { rows.allSatisfy { !Self.mustBeZero.contains($0.name) || $0.most == 0 } }
    static let mustBeZero: Set<String> = ["tokens lost", "tokens doubled", "heartbeats missing"]

    var table: String {
        let wide = max(30, rows.map { $0.name.count + $0.unit.count + 3 }.max() ?? 0)
        var lines = ["\(scenario), \(runs) run\(runs == 1 ? "" : "s")"]
        lines.append(Self.line("", ["median", "least", "most"], wide))
        for row in rows {
            let name = row.unit.isEmpty ? row.name : "\(row.name), \(row.unit)"
            lines.append(Self.line(name, [row.median, row.least, row.most].map(Self.shown), wide))
        }
        return lines.joined(separator: "\n")
    }

    private static func line(_ name: String, _ values: [String], _ wide: Int) -> String {
        let cells = values.map { String(repeating: " ", count: max(1, 12 - $0.count)) + $0 }
        return "  " + name + String(repeating: " ", count: max(1, wide - name.count)) + cells.joined()
    }

    static func shown(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e12 { return String(Int(value)) }
        return String(format: abs(value) < 10 ? "%.2f" : "%.1f", value)
    }
}

/// Everything of one call, for a file.
struct Results: Encodable {
    var at = Date.now.ISO8601Format()
    var cores = ProcessInfo.processInfo.activeProcessorCount
    var reports: [Report]

    func write(to file: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(self).write(to: URL(fileURLWithPath: file))
    }
}

extension Ledger.Page {
    /// What every scenario with an answer says about correctness.
    var correctness: [Figure] {
        [
            Figure("tokens lost", Double(lost)), Figure("tokens doubled", Double(doubled)),
            Figure("tokens told in a snapshot instead", Double(folded)), Figure("resets", Double(resets)),
        ]
    }

    var latency: [Figure] {
        let deltas = Percentiles(deltas)
        return [("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9), ("most", 100.0)].map { name, percent in
            Figure("token written → delta read, \(name)", deltas.milliseconds(percent), "ms")
        } + [
            Figure("all tokens, joined ones too, p99", Percentiles(tokens).milliseconds(99), "ms"),
            Figure("model peer late by, p99", Percentiles(lateness).milliseconds(99), "ms"),
            Figure("deltas delivered", Double(deltas.count)), Figure("tokens delivered", Double(tokens.count)),
        ]
    }
}
