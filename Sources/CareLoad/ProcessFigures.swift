import Foundation

/// What Linux says about a process, from `/proc`.
struct ProcessFigures {
    var cpuSeconds: Double
    /// Memory it touches, and the same with shared pages divided among those who share them.
    var residentBytes: Int
    var proportionalBytes: Int

    struct Unreadable: Error { var file: String }

    static func read(pid: Int) throws -> ProcessFigures {
        let stat = try text("/proc/\(pid)/stat")
        let memory = try text("/proc/\(pid)/smaps_rollup")
        guard let cpu = cpuSeconds(stat: stat, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK)))),
            let resident = bytes("Rss", in: memory), let proportional = bytes("Pss", in: memory)
        else { throw Unreadable(file: "/proc/\(pid)") }
        return ProcessFigures(cpuSeconds: cpu, residentBytes: resident, proportionalBytes: proportional)
    }

    /// The name in brackets may hold spaces and brackets itself, so counting starts after the last one.
    static func cpuSeconds(stat: String, ticksPerSecond: Double) -> Double? {
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return nil }
        return (user + system) / ticksPerSecond
    }

    static func bytes(_ name: String, in smaps: String) -> Int? {
        let line = smaps.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }

    private static func text(_ file: String) throws -> String {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { throw Unreadable(file: file) }
        return text
    }
}
