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

    /// An answer of so many words is far more than is held for who does not read, so that the server has to wait; and in one piece
    /// it is less than `follower.lagBytes`.
    private static let long = 800...900
    /// Answers in a row in which nobody makes the log lose what it has, or nothing would be there to be trimmed.
    private static let calm = 12

    @Test(arguments: Nodes.allCases)
    func `has lost nothing, been told nothing twice, and reads the very same bytes`(_ nodes: Nodes) async throws {
        let proof = Proof()
        let runs = proof.isFull ? 1_000 : 100
        let chatter = Chatter()
        let options = [
            "messages.perMinute": "1000000", "coalesce.ms": "0", "streams.perPerson": "100",
            // Where an append takes longer, an answer is fewer entries.
            "log.kept": nodes == .one ? "160" : "60",
            "follower.lagBytes": "14000", "send.bufferBytes": "4096", "heartbeat.seconds": "30",
            "cases.perPatient": "1000",
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
            "\(all.runs) answers, each to 2 readers, a slow one for \(all.slow), one that stays away for \(all.away); "
                + "\(all.cuts.total) cuts (\(all.cuts.line)), \(all.reloads) reloads, "
                + "\(all.folds) folds (\(all.slowFolds) for the slow ones), "
                + "resets: \(all.resetLine); \(all.entries) entries: 0 lost, 0 doubled, byte-equal")
        #expect(all.runs == runs)
        #expect(all.cuts.isSpread, "\(all.cuts.line)")
        #expect(all.resets["unknown_epoch", default: 0] >= runs / 10, "the log was hardly ever lost")
        #expect(all.resets["trimmed", default: 0] >= runs / 50, "hardly anybody came back from before what is kept")
        #expect(all.folds >= runs / 50, "hardly anybody was behind")
        #expect(all.slowFolds >= all.slow / 4, "the server hardly ever had to wait for the slow ones")
    }

    struct Outcome: Sendable {
        var runs = 0
        var slow = 0
        var away = 0
        var cuts = Landings()
        var reloads = 0
        var resets: [String: Int] = [:]
        var folds = 0
        /// Those of the slow ones.
        var slowFolds = 0
        var entries = 0

        static func + (one: Outcome, other: Outcome) -> Outcome {
            Outcome(
                runs: one.runs + other.runs, slow: one.slow + other.slow, away: one.away + other.away,
                cuts: one.cuts + other.cuts, reloads: one.reloads + other.reloads,
                resets: one.resets.merging(other.resets) { $0 + $1 }, folds: one.folds + other.folds,
                slowFolds: one.slowFolds + other.slowFolds, entries: one.entries + other.entries)
        }

        var resetLine: String {
            resets.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
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
        var away: [(until: Int, reader: CutReader)] = []
        let aims = servers.count == 1 ? Self.aims : Self.aimsOfTwo
        for number in 0..<count {
            let seat = random.element(of: seats)
            let id = try await seat.open()
            let isLong = number % 16 == 4
            var plan = Chatter.Plan(&random, words: isLong ? long : 30...90, lingersAt: aims[number % 4])
            if isLong {
                plan.pauseEach = .milliseconds(2)  // each word is an entry, on two nodes as well
                plan.pauseAfter = .seconds(1)  // the slow one looks again while it still runs
            }
            let said = plan
            chatter.plan(plan, for: id)
            let isCalm = (number / calm).isMultiple(of: 2)
            let seeds = (0..<3).map { _ in random.next() }
            let stays = random.once(in: 2) ? 2 + random.below(10) : nil
            let asked = try await seat.ask("Question", key: "k", in: id, async: true)
            let reply = asked.body["reply"]["id"].text
            func reader(_ seed: UInt64, _ kind: CutReader.Kind = .hasty) -> CutReader {
                CutReader(seats: seats, caseID: id, reply: reply, plan: said, seed: seed, kind) {
                    if !isCalm { try await servers[0].assembly.log.renew(.patient(patient.id)) }
                }
            }
            func follow(_ seed: UInt64, _ index: Int) async throws -> Outcome {
                var reader = reader(seed)
                try await reader.begin(cutAt: aims[(number + index) % 4])
                return try await reader.finish()
            }
            func crawl(_ seed: UInt64) async throws -> Outcome {
                guard isLong else { return Outcome() }
                var reader = reader(seed, .slow)
                try await reader.begin(cutAt: .after)
                return try await reader.finish()
            }
            func leave(_ seed: UInt64) async throws -> CutReader? {
                guard stays != nil else { return nil }
                var reader = reader(seed)
                try await reader.begin(cutAt: aims[(number + 2) % 4])
                return reader
            }
            async let one = follow(seeds[0], 0)
            async let two = follow(seeds[1], 1)
            async let slow = crawl(seeds[2])
            async let gone = leave(seeds[2])
            outcome = outcome + (try await one) + (try await two) + (try await slow)
            outcome.runs += 1
            if isLong { outcome.slow += 1 }
            if let stays, let reader = try await gone {
                outcome.away += 1
                away.append((until: number + stays, reader: reader))
            }
            for index in away.indices.reversed() where away[index].until <= number || number == count - 1 {
                var reader = away.remove(at: index).reader
                outcome = outcome + (try await reader.finish())
            }
        }
        return outcome
    }
}

/// One reader of one answer: reads so many bytes, is cut, comes back.
private struct CutReader {
    enum Kind {
        /// Reads what comes as it comes.
        case hasty
        /// Once it has seen a word it looks away until the last of them was said.
        case slow
    }
    let kind: Kind
    let seats: [Seat]
    let reply: String
    let plan: Chatter.Plan
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
        seats: [Seat], caseID: String, reply: String, plan: Chatter.Plan, seed: UInt64, _ kind: Kind,
        forget: @escaping @Sendable () async throws -> Void
    ) {
        self.kind = kind
        self.forget = forget
        self.seats = seats
        self.reply = reply
        self.plan = plan
        text = plan.text
        random = SeededRandom(seed: seed)
        page = WireReader(caseID: caseID, seat: random.element(of: seats))
    }

    /// Its first connection, until it is cut, or if it is slow until the answer is over.
    mutating func begin(cutAt target: Chatter.Moment) async throws {
        try await refresh()
        firstCursor = page.position
        switch kind {
        case .hasty: try await connection(cutAt: target)
        case .slow: try await slowConnection()
        }
        if page.picture.needsSnapshot { try await refresh() }
    }

    /// Returns once the answer is over for it and it has compared what it shows with what a fresh snapshot shows.
    mutating func finish() async throws -> `A reader that is cut at any byte`.Outcome {
        var connections = 0
        while !isOver {
            connections += 1
            guard connections < 400 else { throw Unexpected("does not come to an end") }
            try await connection(cutAt: nil)
            if page.picture.needsSnapshot { try await refresh() }
        }
        let shown = try await caughtUp()
        guard let message = shown.messages.last(where: { $0.replyID?.rawValue == reply }),
            Array(message.body.utf8) == Array(text.utf8)
        else { throw Unexpected("the answer is not byte-equal") }
        outcome.resets = page.resetsByReason
        outcome.folds = page.folds
        if kind == .slow { outcome.slowFolds = page.folds }
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
        var budget = target == nil && end == nil ? 1 + random.below(plan.words.count * 180) : Int.max
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
        if random.once(in: 4) { try await forget() }
    }

    /// On a socket that holds hardly anything for it (`receiveBuffer`; the server's end has `send.bufferBytes`).
    private mutating func slowConnection() async throws {
        let seat = random.element(of: seats)
        guard let port = URL(string: seat.base)?.port, let position = page.position else { throw Unexpected("no port") }
        var reader = self
        let wire = Wire(port: port, token: seat.token ?? "", caseID: page.caseID)
        try await RawPeer.at(port, receiveBuffer: 4_096) { peer in
            await peer.send(wire.get("/api/v1/cases/\(page.caseID)/events?cursor=\(position)"))
            var body = ChunkedBody()
            var parser = Frames()
            var looksAway = true
            while !reader.isOver, !reader.page.picture.needsSnapshot {
                for frame in parser.feed(try body.feed(try await peer.take())) { try reader.take(frame) }
                if peer.isClosed { break }
                if looksAway, !reader.page.picture.words(of: reply).isEmpty {
                    looksAway = false
                    try await peer.stopReading()
                    await plan.reached[Chatter.Moment.betweenLastDeltaAndSave.rawValue].passed()
                    try await peer.startReading()
                }
            }
        }
        self = reader
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

/// An answer of HTTP/1.1 in chunks (RFC 9112 §7.1) as its bytes come: its head, then what is in the chunks. The libraries that read
/// them keep the socket to themselves, and its buffer is what makes a reader slow.
private struct ChunkedBody {
    private var left: [UInt8] = []
    private var isInBody = false

    mutating func feed(_ bytes: [UInt8]) throws -> [UInt8] {
        left += bytes
        if !isInBody {
            guard let end = left.firstRange(of: Array("\r\n\r\n".utf8)) else { return [] }
            let head = String(decoding: left[..<end.lowerBound], as: UTF8.self)
            guard head.hasPrefix("HTTP/1.1 200 ") else { throw Unexpected(head) }
            left.removeSubrange(..<end.upperBound)
            isInBody = true
        }
        var content: [UInt8] = []
        while let line = left.firstRange(of: [13, 10]) {
            guard let count = Int(String(decoding: left[..<line.lowerBound], as: UTF8.self), radix: 16) else {
                throw Unexpected("a chunk without its size")
            }
            guard left.count >= line.upperBound + count + 2 else { break }
            content += left[line.upperBound..<line.upperBound + count]
            left.removeSubrange(..<(line.upperBound + count + 2))
        }
        return content
    }
}
