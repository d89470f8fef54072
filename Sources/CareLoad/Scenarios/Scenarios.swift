import NIOCore

/// Something to measure. One run of it, on a stage of its own.
protocol Scenario: Sendable {
    var name: String { get }
    func run(on stage: Stage) async throws -> [Figure]
}

/// Many answers at a time, each with its own patient and reader, beside streams that are only open.
struct Answers: Scenario {
    var answers = 50
    var tokens = 200
    var rate = 20
    var idle = 0

    var name: String { "answers: \(answers) of \(tokens) tokens at \(rate)/s beside \(idle) idle streams" }

    func run(on stage: Stage) async throws -> [Figure] {
        let cast = try await stage.server.prepare(readers: answers + idle)
        let asking = Array(cast.prefix(answers))
        return try await stage.server.serve { running in
            let beside = try await stage.read(Array(cast.dropFirst(answers)), at: running, Ledger())
            // Once for nothing: what is set up at the first use is not what lasts.
            try await stage.round(asking, at: running, script: .init(tokens: 10, perSecond: rate), Ledger())
            let ledger = Ledger(deliveries: answers * tokens)
            let before = try ProcessFigures.read(pid: running.pid)
            try await stage.round(asking, at: running, script: .init(tokens: tokens, perSecond: rate), ledger)
            let after = try ProcessFigures.read(pid: running.pid)
            withExtendedLifetime(beside) {}
            let page = ledger.read
            return page.latency + page.correctness + cost(before, after, deliveries: page.deltas.count)
        }
    }
}

/// One answer, many readers of it.
struct FanOut: Scenario {
    var readers = 1_000
    var tokens = 400
    var rate = 20

    var name: String { "fan-out: one answer of \(tokens) tokens at \(rate)/s to \(readers) readers" }

    func run(on stage: Stage) async throws -> [Figure] {
        let cast = try await stage.server.prepare(readers: 1)
        return try await stage.server.serve { running in
            try await stage.round(cast, at: running, script: .init(tokens: 10, perSecond: rate), Ledger())
            let ledger = Ledger(deliveries: readers * tokens)
            let script = ModelPeer.Script(tokens: tokens, perSecond: rate)
            stage.peer.say(script, ledger)
            let everybody = [ServerProcess.Reader](repeating: cast[0], count: readers)
            let connections = try await stage.read(everybody, at: running, tokens: tokens, ledger)
            let before = try ProcessFigures.read(pid: running.pid)
            try await stage.askAll(cast, at: running)
            for connection in connections { try await connection.over.get() }
            let after = try ProcessFigures.read(pid: running.pid)
            let page = ledger.read
            return page.latency + page.correctness + cost(before, after, deliveries: page.deltas.count)
        }
    }
}

/// Streams on which nothing happens but heartbeats, each with its own patient.
struct Idle: Scenario {
    var streams = 1_000
    /// Two heartbeats of 15 seconds.
    var seconds = 32

    var name: String { "idle: \(streams) streams for \(seconds) s" }

    func run(on stage: Stage) async throws -> [Figure] {
        let cast = try await stage.server.prepare(readers: streams)
        return try await stage.server.serve { running in
            let ledger = Ledger()
            let first = try await stage.read([cast[0]], at: running, Ledger())
            for connection in first { _ = try await connection.cut() }
            try await Task.sleep(for: .seconds(2))
            let before = try ProcessFigures.read(pid: running.pid)
            let connections = try await stage.read(cast, at: running, ledger)
            try await Task.sleep(for: .seconds(2))
            let open = try ProcessFigures.read(pid: running.pid)
            try await Task.sleep(for: .seconds(seconds))
            let after = try ProcessFigures.read(pid: running.pid)
            withExtendedLifetime(connections) {}
            let page = ledger.read
            let each = Double(streams) * 1024
            return [
                Figure("resident before", Double(before.residentBytes) / 1_048_576, "MiB"),
                Figure("resident after", Double(after.residentBytes) / 1_048_576, "MiB"),
                Figure("resident per stream", Double(after.residentBytes - before.residentBytes) / each, "KiB"),
                Figure(
                    "proportional per stream", Double(after.proportionalBytes - before.proportionalBytes) / each,
                    "KiB"),
                Figure("CPU per minute of idling", (after.cpuSeconds - open.cpuSeconds) * 60 / Double(seconds), "s"),
                Figure("CPU to open one", (open.cpuSeconds - before.cpuSeconds) * 1_000 / Double(streams), "ms"),
                Figure("heartbeats missing", Double(max(0, streams * (seconds / 15) - page.heartbeats))),
            ]
        }
    }
}

/// Readers that are cut in mid-answer and all come back at the same moment.
struct Resume: Scenario {
    var readers = 50
    var rate = 20
    /// Of one answer; they are cut after a quarter of it.
    var tokens = 200

    var name: String { "resume: \(readers) readers cut in mid-answer and back at once" }

    func run(on stage: Stage) async throws -> [Figure] {
        let cast = try await stage.server.prepare(readers: 1)
        return try await stage.server.serve { running in
            try await stage.round(cast, at: running, script: .init(tokens: 10, perSecond: rate), Ledger())
            let ledger = Ledger(deliveries: readers * tokens)
            stage.peer.say(.init(tokens: tokens, perSecond: rate), ledger)
            let everybody = [ServerProcess.Reader](repeating: cast[0], count: readers)
            let first = try await stage.read(everybody, at: running, tokens: tokens, ledger)
            try await stage.askAll(cast, at: running)
            try await Task.sleep(for: .milliseconds(tokens * 1_000 / rate / 4))
            let left = try await inParallel(first, atOnce: readers) { try await $0.cut() }
            // Long enough away to have missed something.
            try await Task.sleep(for: .milliseconds(500))
            ledger.note { $0.opened = [] }
            let back = try await inParallel(left, atOnce: readers) {
                try await stage.connect(cast[0], at: running, tokens: tokens, from: $0, ledger)
            }
            for connection in back { try await connection.over.get() }
            let page = ledger.read
            let opened = Percentiles(page.opened)
            let resumed = Percentiles(page.resumed)
            return [
                Figure("asked → stream open, p50", opened.milliseconds(50), "ms"),
                Figure("asked → stream open, p99", opened.milliseconds(99), "ms"),
                Figure("asked → first missed entry, p50", resumed.milliseconds(50), "ms"),
                Figure("asked → first missed entry, p99", resumed.milliseconds(99), "ms"),
                Figure("asked → first missed entry, most", resumed.milliseconds(100), "ms"),
                Figure("readers back", Double(resumed.count)),
            ] + page.correctness
        }
    }
}

extension ModelPeer.Script {
    init(tokens: Int, perSecond rate: Int) {
        self.init(tokens: tokens, interval: .nanoseconds(1_000_000_000 / Int64(rate)))
    }
}

private func cost(_ before: ProcessFigures, _ after: ProcessFigures, deliveries: Int) -> [Figure] {
    let seconds = after.cpuSeconds - before.cpuSeconds
    return [
        Figure("server CPU", seconds, "s"),
        Figure("server CPU per million deliveries", seconds * 1_000_000 / Double(max(1, deliveries)), "s"),
        Figure("server resident at the end", Double(after.residentBytes) / 1_048_576, "MiB"),
    ]
}
