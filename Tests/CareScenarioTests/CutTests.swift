import AsyncHTTPClient
import CareDomain
import CareLog
import CareStore
import CareTestKit
import Foundation
import NIOCore
import NIOHTTP1
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

    @Test func `has lost nothing, been told nothing twice, and reads the very same bytes`() async throws {
        let proof = Proof()
        let runs = proof.isFull ? 1_000 : 100
        let chatter = Chatter()
        let options = [
            "messages.perMinute": "1000000", "coalesce.ms": "0", "streams.perPerson": "100", "log.kept": "120",
            "follower.lagBytes": "20000",
        ]
        let outcome = Collected()
        try await withServer(options, model: chatter) { server in
            try await withThrowingTaskGroup(of: Outcome.self) { group in
                for worker in 0..<Self.workers {
                    group.addTask {
                        try await Self.runs(
                            runs / Self.workers, seed: proof.seed &+ UInt64(worker), on: server, chatter)
                    }
                }
                for try await more in group { await outcome.add(more) }
            }
        }
        let all = await outcome.all
        proof.say(
            "cut runs",
            "\(all.runs) answers, each to 2 readers, \(all.cuts.total) cuts (\(all.cuts.line)), "
                + "\(all.reloads) reloads, \(all.resets) resets, \(all.entries) entries: 0 lost, 0 doubled, byte-equal")
        #expect(all.runs == runs)
        #expect(all.cuts.isSpread, "\(all.cuts.line)")
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
        _ count: Int, seed: UInt64, on server: Server, _ chatter: Chatter
    ) async throws -> Outcome {
        let patient = Person(id: .new(), name: "Patient \(seed)", role: .patient, language: .english)
        try await server.assembly.store.save(patient)
        let seat = try await server.seat(of: patient)
        var random = SeededRandom(seed: seed)
        var outcome = Outcome()
        for number in 0..<count {
            let id = try await seat.open()
            let plan = Chatter.Plan(&random, words: 30...90, lingersAt: aims[number % 4])
            chatter.plan(plan, for: id)
            let seeds = (random.next(), random.next())
            let asked = try await seat.ask("Question", key: "k", in: id, async: true)
            let reply = asked.body["reply"]["id"].text
            func follow(_ seed: UInt64, _ index: Int) async throws -> Outcome {
                var reader = CutReader(seat: seat, caseID: id, reply: reply, text: plan.text, seed: seed)
                return try await reader.run(aimedAt: Self.aims[(number + index) % 4])
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
    let seat: Seat
    let caseID: String
    let reply: String
    let text: String
    var random: SeededRandom
    var picture = ClientPicture()
    var position: Position?
    var firstCursor: Position?
    var outcome = `A reader that is cut at any byte`.Outcome()
    var isOver = false

    init(seat: Seat, caseID: String, reply: String, text: String, seed: UInt64) {
        self.seat = seat
        self.caseID = caseID
        self.reply = reply
        self.text = text
        random = SeededRandom(seed: seed)
    }

    /// Returns once the answer is over for it and it has compared what it shows with what a fresh snapshot shows.
    mutating func run(aimedAt target: Chatter.Moment) async throws -> `A reader that is cut at any byte`.Outcome {
        try await refresh()
        firstCursor = position
        var connections = 0
        while !isOver {
            connections += 1
            guard connections < 400 else { throw Unexpected("does not come to an end") }
            try await connection(cutAt: connections == 1 ? target : nil)
            if picture.needsSnapshot { try await refresh() }
        }
        let fresh = try await snapshot()
        var expected = ClientPicture()
        expected.apply(fresh.picture)
        try await connection(cutAt: nil, until: try Position(parsing: fresh.cursor))
        let shown = picture.shown
        guard shown == expected.shown else { throw Unexpected("shows\n\(shown)\nand not\n\(expected.shown)") }
        guard let message = shown.messages.last(where: { $0.replyID?.rawValue == reply }),
            Array(message.body.utf8) == Array(text.utf8)
        else { throw Unexpected("the answer is not byte-equal") }
        return outcome
    }

    private var moment: Chatter.Moment {
        if isOver || picture.messages.values.contains(where: { $0.replyID?.rawValue == reply }) { return .after }
        let words = picture.words(of: reply)
        return words.isEmpty ? .beforeFirstText : words == text ? .betweenLastDeltaAndSave : .inMidText
    }

    /// One connection, until it is cut: at a random byte, or as soon as the answer has come to a certain moment.
    private mutating func connection(cutAt target: Chatter.Moment?, until end: Position? = nil) async throws {
        if let end, let position, position.epoch == end.epoch, position.offset >= end.offset { return }
        var request = HTTPClientRequest(url: seat.base + "/api/v1/cases/\(caseID)/events")
        request.headers.add(name: "Authorization", value: "Bearer \(seat.token ?? "")")
        switch end == nil ? random.below(4) : 3 {
        case 0:  // a reload
            outcome.reloads += 1
            picture = ClientPicture()
            position = nil
            try await refresh()
            request.url += "?cursor=\(position?.description ?? "")"
        case 1: request.url += "?cursor=\(position?.description ?? "")"
        case 2:  // a native EventSource: the old URL, and the header
            request.url += "?cursor=\(firstCursor?.description ?? "")"
            fallthrough
        default: request.headers.add(name: "Last-Event-ID", value: position?.description ?? "")
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        guard response.status == .ok else { throw Unexpected("status \(response.status.code)") }
        var budget = target == nil && end == nil ? 1 + random.below(16_000) : Int.max
        var parser = Frames()
        let pause = random.once(in: 6)
        for try await var chunk in response.body {
            if pause { try await Task.sleep(for: .milliseconds(random.below(8))) }
            let bytes = chunk.readBytes(length: min(budget, chunk.readableBytes)) ?? []
            budget -= bytes.count
            for frame in parser.feed(bytes) {
                try take(frame)
                // Here is where it was to be cut: what else had arrived is lost with the connection.
                if end == nil, isOver || moment == target { break }
            }
            if let end, let position, position.offset >= end.offset { return }
            if isOver, end == nil { return }
            if budget == 0 || moment == target { break }
        }
        outcome.cuts.add(moment)
    }

    private mutating func take(_ frame: Frames.Frame) throws {
        let before = position
        if let id = frame.id { position = try Position(parsing: id) }
        switch frame.type {
        case "ready", "heartbeat": break
        case "reset":
            outcome.resets += 1
            picture.reset()
        default:
            let event = try CareEvent(json: frame.data)
            if case .replySnapshot = event {
            } else {
                outcome.entries += 1
                if let before, let now = position, before.epoch == now.epoch, now.offset <= before.offset {
                    throw Unexpected("doubled: \(now) after \(before)")
                }
            }
            let knew = picture.needsSnapshot
            picture.apply(event)
            if picture.needsSnapshot, !knew { throw Unexpected("lost: \(frame.type) at \(frame.id ?? "?")") }
            if case .replyEnded(let attempt, _, _, _, _) = event, attempt.replyID.rawValue == reply { isOver = true }
        }
    }

    private func snapshot() async throws -> WireSnapshot {
        let body = try await seat.bytes(
            "/api/v1/cases/\(caseID)", headers: [("Authorization", "Bearer \(seat.token ?? "")")])
        return try JSONDecoder().decode(WireSnapshot.self, from: Data(body.utf8))
    }

    private mutating func refresh() async throws {
        let snapshot = try await snapshot()
        picture.apply(snapshot.picture)
        if position == nil { position = try Position(parsing: snapshot.cursor) }
        if snapshot.messages.contains(where: { $0.replyID?.rawValue == reply }), snapshot.reply == nil { isOver = true }
    }
}

private struct WireSnapshot: Decodable {
    struct Words: Decodable {
        var id: ReplyID
        var state: Reply.State
        var attempt: Int
        var sequence: Int?
        var through: Int
        var text: String
    }
    var `case`: CareCase
    var messages: [Message]
    var reply: Words?
    var cursor: String

    var picture: ClientPicture.Snapshot {
        ClientPicture.Snapshot(
            careCase: self.case, messages: messages,
            reply: reply.map {
                Reply(
                    id: $0.id, caseID: self.case.id, patientID: self.case.patientID, state: $0.state,
                    attempt: $0.attempt, sequence: $0.sequence, through: $0.through, text: $0.text)
            })
    }
}
