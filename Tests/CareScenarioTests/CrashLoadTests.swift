import AsyncHTTPClient
import CareDesk
import CareDomain
import CareStore
import CareTestKit
import CareWeb
import Foundation
import Subprocess
import Synchronization
import Testing

@testable import curaway

/// Fifty patients who send until they are heard, and a server that is killed under them again and again.
@Suite(.timeLimit(.minutes(15)))
struct `Kills at random moments` {
    static let patients = 50

    @Test func `leave every accepted message there exactly once`() async throws {
        let proof = Proof()
        let kills = proof.isFull ? 200 : 20
        try await withProgram { program in
            let seats = try await Self.seats(program)
            let rush = Rush()
            var configuration = HTTPClient.Configuration()
            // Everybody has a request in flight when the server dies.
            configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.patients
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            defer { client.shutdown { _ in } }

            let told = try await withThrowingTaskGroup(of: Told.self) { group in
                for (index, token) in seats.enumerated() {
                    var chances = SeededRandom(seed: proof.seed &+ UInt64(index) &+ 1)
                    group.addTask {
                        let patient = Patient(name: "p\(index)", token: token, client: client, rush: rush)
                        return try await patient.talk(&chances)
                    }
                }
                var chances = SeededRandom(seed: proof.seed)
                for _ in 0..<kills { try await Self.live(program, rush, &chances) }
                // The last life: everybody says to the end what they had begun to say, and everything is looked at.
                return try await program.serve(Self.settings) { server in
                    rush.end(at: server.base)
                    var all: [Told] = []
                    for try await told in group { all.append(told) }
                    let ledger = try Ledger(program.database)
                    _ = try await eventually(within: 60) { try await ledger.isQuiet() ? true : nil }
                    for told in all { try await Self.expectOnce(told, at: server.base) }
                    try await Self.expectWhole(ledger, all)
                    return all
                }
            }
            let sent = told.reduce(0) { $0 + $1.texts.count }
            proof.say(
                "kill -9 under \(Self.patients) patients",
                "\(kills) kills, \(sent) messages accepted and there once, \(told.reduce(0) { $0 + $1.resent }) sent again, "
                    + "\(told.reduce(0) { $0 + $1.known }) of them had been stored, \(told.reduce(0) { $0 + $1.retried }) "
                    + "answers asked for again")
        }
    }

    static let settings = [
        "CURAWAY_LEASE_MS": "2000", "CURAWAY_CHECKPOINT_MS": "100", "CURAWAY_DRAIN_SECONDS": "0",
        "CURAWAY_MESSAGES_PER_MINUTE": "1000000", "CURAWAY_MESSAGES_WAITING": "100", "CURAWAY_GUIDE_PACE_MS": "5",
    ]

    /// One server from its start to its sudden end; one in five dies before it listens.
    static func live(_ program: Program, _ rush: Rush, _ chances: inout SeededRandom) async throws {
        let diesEarly = chances.below(5) == 0
        let early = Duration.milliseconds(chances.below(400)), late = Duration.milliseconds(20 + chances.below(600))
        let ended = try await program.launch(settings, killedAfter: diesEarly ? early : nil) { signal, _, port in
            rush.move(to: "http://127.0.0.1:\(port)")
            // Not to wait for something: the moment is the experiment.
            try await Task.sleep(for: late)
            try signal(.kill)
        }
        rush.move(to: nil)
        #expect(ended.status == Program.killed, "it ended by itself")
    }

    /// The people, and a token for each.
    static func seats(_ program: Program) async throws -> [String] {
        let settings = try await Settings.read(options: ["data": program.data.path], environment: [:], file: nil)
        let store = try await Assembly.openStore(settings)
        let identity = try await DevelopmentIdentity(store: store, lifetime: .seconds(3_600))
        var tokens: [String] = []
        for index in 0..<patients {
            guard let id = PersonID(rawValue: "p\(index)") else { throw Unexpected("an id") }
            let person = Person(id: id, name: "Patient \(index)", role: .patient, language: .english)
            try await store.save(person)
            tokens.append(try await identity.token(for: person).token)
        }
        return tokens
    }

    /// What this patient sees is what this patient said, in that order.
    static func expectOnce(_ told: Told, at base: String) async throws {
        var seat = told.seat
        seat.base = base
        var all: [JSONValue] = []
        var before = ""
        while true {
            let page = try await seat.get("/api/v1/cases/\(told.caseID)/messages?limit=200\(before)").body
            all = page["messages"].list + all
            guard page["more"] == .bool(true), let first = all.first else { break }
            before = "&before=\(first["sequence"].int)"
        }
        #expect(all.filter { $0["sender_type"].text == "patient" }.map { $0["body"].text } == told.texts)
        let sequences = all.map { $0["sequence"].int }
        #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 })
        let answers = all.map { $0["reply_id"].text }.filter { !$0.isEmpty }
        #expect(Set(answers).count == answers.count, "an answer is there twice")
    }

    static func expectWhole(_ ledger: Ledger, _ all: [Told]) async throws {
        #expect(try await ledger.texts("PRAGMA integrity_check") == ["ok"])
        let sent = all.reduce(0) { $0 + $1.texts.count }
        #expect(
            try await ledger.count(
                "messages WHERE client_message_id IS NOT NULL AND case_id IN (SELECT id FROM cases WHERE patient_id LIKE 'p%' AND client_case_id = 'load')"
            ) == sent)
        #expect(try await ledger.count("cases WHERE client_case_id = 'load'") == patients)
        #expect(
            try await ledger.count(
                "messages AS asked WHERE role = 'user' AND NOT EXISTS (SELECT 1 FROM replies WHERE id = asked.answered_in)"
            )
                == 0, "a message that nothing answers")
        #expect(
            try await ledger.count(
                "replies WHERE state = 'finished' AND NOT EXISTS (SELECT 1 FROM messages WHERE reply_id = replies.id AND version = attempt AND status = 'complete')"
            ) == 0, "an answer that ended and left nothing")
    }
}

/// Where the server is just now, and whether everybody shall come to an end.
final class Rush: Sendable {
    private let state = Mutex((base: String?.none, isOver: false))

    var base: String? { state.withLock { $0.base } }
    var isOver: Bool { state.withLock { $0.isOver } }
    func move(to base: String?) { state.withLock { $0.base = base } }
    func end(at base: String) { state.withLock { $0 = (base, true) } }
}

/// What one patient said, and how often it had to be said.
struct Told: Sendable {
    var seat: Seat
    var caseID = ""
    var texts: [String] = []
    var resent = 0
    /// Sent again after an attempt that had been stored although nobody said so.
    var known = 0
    var retried = 0
}

/// Sends one message after the other, each until it is accepted; what failed is sent again with the same key.
struct Patient: Sendable {
    let name: String
    let token: String
    let client: HTTPClient
    let rush: Rush

    func talk(_ chances: inout SeededRandom) async throws -> Told {
        var told = Told(seat: Seat(base: "", token: token, client: client))
        let opened = try await insist(&told) { seat in
            try await seat.send("POST", "/api/v1/cases", #"{"title":"Load","client_case_id":"load"}"#)
        }
        told.caseID = opened["id"].text
        let caseID = told.caseID
        while !rush.isOver {
            let text = "\(name) says \(told.texts.count)", key = "\(name)-\(told.texts.count)"
            let waits = chances.below(4) == 0
            told.texts.append(text)
            let answer = try await insist(&told) { seat in
                try await seat.ask(text, key: key, in: caseID, async: !waits)
            }
            #expect(answer["message"]["body"].text == text)
            if answer["reply"]["state"].text == "interrupted", let base = rush.base {
                var seat = told.seat
                seat.base = base
                let path = "/api/v1/cases/\(caseID)/replies/\(answer["reply"]["id"].text)/retry"
                if (try? await seat.send("POST", path).status) == 202 { told.retried += 1 }
            }
            // Reading and typing.
            try await Task.sleep(for: .milliseconds(20 + chances.below(200)))
        }
        return told
    }

    /// Until it is accepted, from whichever server is there.
    private func insist(
        _ told: inout Told, _ send: (Seat) async throws -> Seat.Reply
    ) async throws -> JSONValue {
        var tries = 0
        while true {
            if let base = rush.base {
                var seat = told.seat
                seat.base = base
                let began = Moment.now.description
                let reply = try? await send(seat)
                if let reply, (200...202).contains(reply.status) {
                    // Stored before this try began, so by one that nobody answered.
                    if reply.body["message"]["created_at"].text < began, reply.body["message"] != .null {
                        told.known += 1
                    }
                    told.resent += tries
                    return reply.body
                }
                if let reply {
                    #expect([429, 503].contains(reply.status), "\(reply.status) \(reply.body["code"].text)")
                }
                tries += 1
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
