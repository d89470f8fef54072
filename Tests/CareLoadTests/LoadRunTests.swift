import Foundation
import Subprocess
import SystemPackage
import Testing

/// The built generator against the built server, small: that it works and is right, never how fast.
@Suite(.timeLimit(.minutes(6)), .serialized)
struct `A run of the load generator` {
    @Test(arguments: [
        ["answers", "--answers", "2", "--tokens", "4", "--idle", "3"],
        ["fan-out", "--readers", "5", "--tokens", "4"],
        ["resume", "--readers", "3"],
        ["idle", "--streams", "3", "--watch", "1"],
    ])
    func `loses and doubles nothing, and says what it measured`(arguments: [String]) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("care-load-\(UUID()).json")
        defer { try? FileManager.default.removeItem(at: file) }
        let ended = try await run(arguments + ["--repeat", "1", "--seconds", "60", "--json", file.path])
        #expect(ended.terminationStatus == .exited(0), "\(ended.standardError)")
        let reports = try JSONDecoder().decode(Results.self, from: Data(contentsOf: file)).reports
        let rows = Dictionary(uniqueKeysWithValues: (reports.first?.rows ?? []).map { ($0.name, $0.median) })
        #expect(reports.count == 1 && !rows.isEmpty)
        switch arguments[0] {
        case "answers": #expect(rows["tokens delivered"] == 8 && rows["tokens lost"] == 0)
        case "fan-out": #expect(rows["tokens delivered"] == 20 && rows["tokens doubled"] == 0)
        case "resume": #expect(rows["readers back"] == 3 && rows["tokens lost"] == 0)
        default: #expect((rows["resident before"] ?? 0) > 1)
        }
    }

    @Test func `ends with a sentence when its server does not start`() async throws {
        let ended = try await run(["idle", "--streams", "1", "--server", "/bin/false"])
        #expect(ended.terminationStatus != .exited(0))
        #expect(ended.standardOutput.isEmpty, "no table of nothing")
    }

    private struct Results: Decodable {
        struct Row: Decodable {
            var name: String
            var median: Double
        }
        struct Report: Decodable { var rows: [Row] }
        var reports: [Report]
    }

    private func run(
        _ arguments: [String]
    ) async throws -> ExecutionResult<Void, StringOutput<UTF8>, StringOutput<UTF8>> {
        let built = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try await Subprocess.run(
            .path(FilePath(built.appendingPathComponent("care-load").path)),
            arguments: Arguments(arguments + ["--frontend", root.appendingPathComponent("Frontend").path]),
            output: .string(limit: 65_536), error: .string(limit: 65_536))
    }
}
