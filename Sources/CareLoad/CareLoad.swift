import ArgumentParser
import Foundation
import UnixSignals

/// Measures a real server from outside; imports nothing of ours. `scripts/load` builds both and calls it;
/// `docs/architecture/performance.md` says what the figures mean.
@main
struct CareLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "care-load", abstract: "Measure a Curaway server on this machine, and check it while measuring.",
        discussion: "Only loopback; every run is bounded in time and ends the server it started.",
        subcommands: [All.self, AnswersCommand.self, IdleCommand.self, FanOutCommand.self, ResumeCommand.self],
        defaultSubcommand: All.self)
}

/// Everything on docs/architecture/performance.md.
struct All: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "all", abstract: "Every scenario of docs/architecture/performance.md.")
    @OptionGroup var options: LoadOptions

    func run() async throws {
        try await options.measure([
            Answers(idle: 0), Answers(idle: 50), Answers(idle: 1_000), Answers(idle: 9_950),
            FanOut(readers: 1_000), FanOut(readers: 5_000, tokens: 100),
            Resume(readers: 50), Resume(readers: 1_000), Idle(streams: 50), Idle(streams: 1_000),
            Idle(streams: 10_000),
        ])
    }
}

struct AnswersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "answers", abstract: "Many answers at a time beside idle streams.")
    @OptionGroup var options: LoadOptions
    @Option(help: "Answers at a time.") var answers = 50
    @Option(help: "Tokens of each.") var tokens = 200
    @Option(help: "Tokens a second of each.") var rate = 20
    @Option(help: "Streams open beside them.") var idle = 0

    func validate() throws { try bounded([answers, tokens, rate], streams: answers + idle) }
    func run() async throws {
        try await options.measure([Answers(answers: answers, tokens: tokens, rate: rate, idle: idle)])
    }
}

struct IdleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle", abstract: "Streams on which nothing happens: memory and CPU of each.")
    @OptionGroup var options: LoadOptions
    @Option(help: "Streams open.") var streams = 1_000
    @Option(help: "Seconds to watch them.") var watch = 32

    func validate() throws { try bounded([streams, watch], streams: streams) }
    func run() async throws { try await options.measure([Idle(streams: streams, seconds: watch)]) }
}

struct FanOutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fan-out", abstract: "One answer, many readers of it.")
    @OptionGroup var options: LoadOptions
    @Option(help: "Readers.") var readers = 1_000
    @Option(help: "Tokens of the answer.") var tokens = 400
    @Option(help: "Tokens a second.") var rate = 20

    func validate() throws { try bounded([readers, tokens, rate], streams: readers) }
    func run() async throws {
        try await options.measure([FanOut(readers: readers, tokens: tokens, rate: rate)])
    }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Readers cut in mid-answer that come back at once.")
    @OptionGroup var options: LoadOptions
    @Option(help: "Readers.") var readers = 50

    func validate() throws { try bounded([readers], streams: readers) }
    func run() async throws { try await options.measure([Resume(readers: readers)]) }
}

/// Numbers that make sense, and no more streams than a process here may have files open.
private func bounded(_ positive: [Int], streams: Int) throws {
    guard positive.allSatisfy({ (1...100_000).contains($0) }), (1...10_000).contains(streams) else {
        throw ValidationError("Numbers are from 1 to 100000, and at most 10000 streams are opened.")
    }
}

struct LoadOptions: ParsableArguments {
    @Option(help: "The server's executable; the one beside this program if not given.") var server: String?
    @Option(help: "Folder of the web app.") var frontend = "Frontend"
    @Option(help: "Runs of each scenario.") var `repeat` = 3
    @Option(help: "Seconds after which a run is given up.") var seconds = 300
    @Option(help: "File for the figures as JSON.") var json: String?

    func validate() throws {
        guard (1...100).contains(`repeat`), (1...3_600).contains(seconds) else {
            throw ValidationError("--repeat is from 1 to 100, --seconds from 1 to 3600.")
        }
    }

    private struct GivenUp: Error, CustomStringConvertible { var description: String }

    /// Runs each scenario so many times, prints its table, and fails when a token was lost or doubled.
    func measure(_ scenarios: [any Scenario]) async throws {
        let executable =
            server
            ?? URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("curaway").path
        var reports: [Report] = []
        for scenario in scenarios {
            var runs: [[Figure]] = []
            for _ in 0..<`repeat` {
                runs.append(
                    try await bounded {
                        try await Stage.open(executable: executable, frontend: frontend) {
                            try await scenario.run(on: $0)
                        }
                    })
            }
            let report = Report(scenario.name, runs)
            print(report.table + "\n")
            fflush(nil)
            reports.append(report)
            if let json { try Results(reports: reports).write(to: json) }
        }
        if !reports.allSatisfy(\.isRight) {
            FileHandle.standardError.write(Data("care-load: something was lost or doubled, see above\n".utf8))
            throw ExitCode(1)
        }
    }

    /// Ends with the body, with ^C, or with the time; the server ends with it in all three.
    private func bounded(_ body: @escaping @Sendable () async throws -> [Figure]) async throws -> [Figure] {
        try await withThrowingTaskGroup(of: [Figure].self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { throw ExitCode(130) }
                throw CancellationError()
            }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw GivenUp(description: "a run did not end within \(seconds) seconds (--seconds)")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }
}
