import CareTestKit
import Testing

/// Many schedules of one patient's log and its readers. `./test` runs a tenth of what `./test proof` does.
@Suite(.timeLimit(.minutes(10)))
struct `A conversation that is cut, trimmed, forgotten and taken over` {
    @Test func `shows everybody the same in the end, nothing twice, and no word of a zombie`() throws {
        let proof = Proof()
        let runs = proof.isFull ? 1_000 : 100
        var report = ResumeSimulation.Report()
        for run in 0..<runs {
            report = report + (try ResumeSimulation.run(seed: proof.seed &+ UInt64(run)))
        }
        proof.say(
            "resume simulation",
            "\(runs) schedules, \(report.steps) steps, \(report.entries) entries, \(report.cuts) cuts, "
                + "\(report.resets) resets, \(report.folds) folded snapshots, \(report.takeovers) takeovers, "
                + "\(report.epochs) lost logs: all the same")
        // A schedule in which nothing happens proves nothing.
        for (what, count) in [
            ("cuts", report.cuts), ("resets", report.resets), ("folds", report.folds),
            ("takeovers", report.takeovers), ("lost logs", report.epochs),
        ] { #expect(count > runs, "too few \(what)") }
    }
}

extension `A conversation that is cut, trimmed, forgotten and taken over` {
    /// What was found wrong once. A reader had been told to fetch a snapshot; an answer ended in between without a word, so
    /// nothing stood against its late words, and they looked like a hole:
    ///
    /// - 3000231: it went on with its stream, which was behind the snapshot;
    /// - 458232832: it was cut between the `reset` and the words so far, and came back after them.
    @Test(arguments: [3_000_231, 458_232_832] as [UInt64])
    func `hears late words of an answer that is over, and misses nothing`(_ seed: UInt64) throws {
        _ = try ResumeSimulation.run(seed: seed)
    }
}
