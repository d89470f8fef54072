import AsyncHTTPClient
import CareDomain
import CareLog
import CareStore
import CareTestKit
import Foundation
import NIOCore
import Testing

@testable import curaway

/// Readers that are cut at any byte and come back by any way, over real sockets. `./test proof` runs 1,000.
@Suite(.timeLimit(.minutes(20)))
struct `A reader that is cut at any byte` {
    private static let workers = 4
    /// Where each reader's first cut is aimed; the later ones, at random bytes, mostly land in mid-text.
    private static let aims: [Chatter.Moment] = [
        .beforeFirstText, .betweenLastDeltaAndSave, .beforeFirstText, .after,
    ]
    /// An append takes longer, so words come together in fewer entries, and fewer random bytes are between two of them.
    private static let aimsOfTwo: [Chatter.Moment] = [.beforeFirstText, .betweenLastDeltaAndSave, .inMidText, .after]

    @Test(arguments: Nodes.allCases)
    func `has lost nothing, been told nothing twice, and reads the very same bytes`(_ nodes: Nodes) async throws {
        let proof = Proof()
        let runs = proof.isFull ? 1_000 : 100
        let chatter = Chatter()
        let options = [
            "messages.perMinute": "1000000", "coalesce.ms": "0", "streams.perPerson": "100", "log.kept": "120",
            "follower.lagBytes": "20000", "cases.perPatient": "1000",
        ]
        let outcome = Collected()
        try await nodes.serve(options, model: chatter) { servers in
            try await withThrowingTaskGroup(of: Outcome.self) { group in
                for worker in 0..<Self.workers {
                    group.addTask {
                        try await Self.runs(
                            runs / Self.workers, seed: proof.seed &+ UInt64(worker), on: servers, chatter)
                    }
                }
                for try await more in group { await outcome.add(more) }
            }
        }
        let all = await outcome.all
        proof.say(
            "cut runs, \(nodes)",
            "\(all.runs) answers, each to 2 readers, \(all.cuts.total) cuts (\(all.cuts.line)), "
                + "\(all.reloads) reloads, \(all.resets) resets, \(all.entries) entries: 0 lost, 0 doubled, byte-equal")
        #expect(all.runs == runs)
        #expect(all.cuts.isSpread, "\(all.cuts.line)")
        #expect(all.resets >= runs / 10, "the log was hardly ever lost: \(all.resets) resets")
    }

    struct Outcome: Sendable {
        var runs = 0
        var cuts = Landings()
        var reloads = 0
        var resets = 0
        var entries = 0

        static func + (one: Outcome, other: Outcome) -> Outcome {
            Outcome(
                runs: one.runs + other.runs, cuts: one.cuts + other.cuts, reloads: one.reloads + other.reloads,
                resets: one.resets + other.resets, entries: one.entries + other.entries)
        }
    }

    private actor Collected {
        var all = Outcome()
        func add(_ more: Outcome) { all = all + more }
    }

    private static func runs(
        _ count: Int, seed: UInt64, on servers: [Server], _ chatter: Chatter
    ) async throws -> Outcome {
        let patient = Person(id: .new(), name: "Patient \(seed)", role: .patient, language: .english)
        try await servers[0].assembly.store.save(patient)
        var made: [Seat] = []
        for server in servers { made.append(try await server.seat(of: patient)) }
        let seats = made
        var random = SeededRandom(seed: seed)
        var outcome = Outcome()
        let aims = servers.count == 1 ? Self.aims : Self.aimsOfTwo
        for number in 0..<count {
            let seat = random.element(of: seats)
            let id = try await seat.open()
            let plan = Chatter.Plan(&random, words: 30...90, lingersAt: aims[number % 4])
            chatter.plan(plan, for: id)
            let seeds = (random.next(), random.next())
            let asked = try await seat.ask("Question", key: "k", in: id, async: true)
            let reply = asked.body["reply"]["id"].text
            func follow(_ seed: UInt64, _ index: Int) async throws -> Outcome {
                var reader = CutReader(seats: seats, caseID: id, reply: reply, text: plan.text, seed: seed) {
                    try await servers[0].assembly.log.renew(.patient(patient.id))
                }
                return try await reader.run(aimedAt: aims[(number + index) % 4])
            }
            async let one = follow(seeds.0, 0)
            async let two = follow(seeds.1, 1)
            outcome = outcome + (try await one) + (try await two)
            outcome.runs += 1
        }
        return outcome
    }
}

/// One reader of one answer: reads so many bytes, is cut, comes back.
private struct CutReader {
    let seats: [Seat]
    let reply: String
    let text: String
    var random: SeededRandom
    /// The log loses what it holds of this patient, as after a failover.
    let forget: @Sendable () async throws -> Void
    /// At another node, perhaps, after every return.
    var page: WireReader
    var firstCursor: Position?
    var outcome = `A reader that is cut at any byte`.Outcome()
    var isOver = false

    init(
        seats: [Seat], caseID: String, reply: String, text: String, seed: UInt64,
        forget: @escaping @Sendable () async throws -> Void
    ) {
        self.forget = forget
        self.seats = seats
        self.reply = reply
        self.text = text
        random = SeededRandom(seed: seed)
        page = WireReader(caseID: caseID, seat: random.element(of: seats))
    }

    /// Returns once the answer is over for it and it has compared what it shows with what a fresh snapshot shows.
    mutating func run(aimedAt target: Chatter.Moment) async throws -> `A reader that is cut at any byte`.Outcome {
        try await refresh()
        firstCursor = page.position
        var connections = 0
        while !isOver {
            connections += 1
            guard connections < 400 else { throw Unexpected("does not come to an end") }
            try await connection(cutAt: connections == 1 ? target : nil)
            if page.picture.needsSnapshot { try await refresh() }
        }
        let shown = try await caughtUp()
        guard let message = shown.messages.last(where: { $0.replyID?.rawValue == reply }),
            Array(message.body.utf8) == Array(text.utf8)
        else { throw Unexpected("the answer is not byte-equal") }
        outcome.resets = page.resets
        outcome.entries = page.entries
        return outcome
    }

    /// A snapshot may know more than the entries up to its cursor: those are appended one by one after the commit. So it is asked
    /// again; what was lost would be missing every time.
    private mutating func caughtUp() async throws -> ClientPicture.Shown {
        var difference = ""
        for _ in 0..<40 {
            let fresh = try await page.snapshot()
            var expected = ClientPicture()
            expected.apply(fresh.picture)
            try await connection(cutAt: nil, until: try Position(parsing: fresh.cursor))
            if page.picture.needsSnapshot { try await refresh() }
            let shown = page.picture.shown
            if shown == expected.shown { return shown }
            difference = "shows\n\(shown)\nand not\n\(expected.shown)"
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Unexpected(difference)
    }

    private var moment: Chatter.Moment {
        if isOver || page.picture.messages.values.contains(where: { $0.replyID?.rawValue == reply }) { return .after }
        let words = page.picture.words(of: reply)
        return words.isEmpty ? .beforeFirstText : words == text ? .betweenLastDeltaAndSave : .inMidText
    }

    /// One connection, until it is cut: at a random byte, or as soon as the answer has come to a certain moment.
    private mutating func connection(cutAt target: Chatter.Moment?, until end: Position? = nil) async throws {
        if let end, let now = page.position, now.epoch == end.epoch, now.offset >= end.offset { return }
        page.seat = random.element(of: seats)
        var cursor: Position?, lastEventID: Position?
        switch end == nil ? random.below(4) : 3 {
        case 0:
            outcome.reloads += 1
            try await page.reload()
            notice()
            cursor = page.position
        case 1: cursor = page.position
        case 2:  // a native EventSource: the old URL, and the header
            cursor = firstCursor
            fallthrough
        default: lastEventID = page.position
        }
        let body = try await page.open(cursor: cursor, lastEventID: lastEventID)
        var budget = target == nil && end == nil ? 1 + random.below(16_000) : Int.max
        var parser = Frames()
        let pause = random.once(in: 6)
        for try await var chunk in body {
            if pause { try await Task.sleep(for: .milliseconds(random.below(8))) }
            let bytes = chunk.readBytes(length: min(budget, chunk.readableBytes)) ?? []
            budget -= bytes.count
            for frame in parser.feed(bytes) {
                try take(frame)
                // Here is where it was to be cut: what else had arrived is lost with the connection.
                if end == nil, isOver || moment == target { break }
            }
            // Told to fetch a snapshot it does that first: nothing more need come on this stream.
            if page.picture.needsSnapshot { return }
            if let end, let now = page.position, now.epoch == end.epoch, now.offset >= end.offset { return }
            if isOver, end == nil { return }
            if budget == 0 || moment == target { break }
        }
        outcome.cuts.add(moment)
        if random.once(in: 8) { try await forget() }
    }

    private mutating func take(_ frame: Frames.Frame) throws {
        if case .replyEnded(let attempt, _, _, _, _)? = try page.take(frame), attempt.replyID.rawValue == reply {
            isOver = true
        }
    }

    private mutating func refresh() async throws {
        try await page.refresh()
        notice()
    }

    private mutating func notice() {
        if page.picture.messages.values.contains(where: { $0.replyID?.rawValue == reply }), page.isQuiet {
            isOver = true
        }
    }
}
