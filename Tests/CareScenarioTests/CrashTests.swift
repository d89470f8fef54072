import CareDesk
import CareDomain
import CareLog
import CareStore
import CareTestKit
import Foundation
import Testing

@testable import curaway

/// `kill -9` at each step of a turn, and a new process on the same folder. What an outsider cannot hit exactly is
/// prepared by the store's own verbs, as a process that died right there would have left it.
@Suite(.timeLimit(.minutes(6)))
struct `A kill in the middle of a turn` {
    enum Step: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case sent = "a message has been sent, and nobody knows whether it arrived"
        case waiting = "a message is stored, and its sender waits for the answer"
        case accepted = "a message has been accepted"
        case started = "an answer has been announced"
        case firstWord = "the first word has been shown"
        case midText = "words have been kept, and more have been shown"
        case lastWord = "every word has been shown, and the model has not ended"
        case modelEnded = "the model has just ended"
        case finished = "the answer is complete"
        case retryQueued = "another try has been accepted"
        case stopAsked = "it has just been asked to stop"
        case emergency = "a safe answer was given in the middle of another"
        case secondQueued = "a second message waits"

        var testDescription: String { rawValue }
    }

    /// What one person knows when the server dies under their hands.
    struct Seen: Sendable {
        var caseID: String
        var sent: [(key: String, text: String)] = []
        var accepted: [String] = []
        var events: [EventReader.Event] = []
        /// Known to be in the store.
        var kept = ""
    }

    static let words = ["Three ", "nights, ", "and ", "then ", "home."]
    static let told = words.joined()
    static let settings = [
        "CURAWAY_LEASE_MS": "2000", "CURAWAY_CHECKPOINT_MS": "100", "CURAWAY_COALESCE_MS": "0",
        "CURAWAY_DRAIN_SECONDS": "0", "CURAWAY_MODEL": "openai", "CURAWAY_OPENAI_MODEL": "m",
    ]

    @Test(arguments: Step.allCases)
    func `loses nothing, doubles nothing and leaves nothing running`(_ step: Step) async throws {
        try await ModelPeer.listening { peer, origin in
            try await withProgram { program in
                var settings = Self.settings
                settings["CURAWAY_OPENAI_BASE_URL"] = origin + "/v1"
                peer.listenToTest()
                let seen = try await program.serve(settings, ending: Program.killed) { server in
                    try await Self.reach(step, server, peer, try Ledger(program.database))
                }
                peer.answerByItself()
                try await program.serve(settings) { server in
                    try await Self.inspect(step, seen, server.amina, try Ledger(program.database))
                }
            }
        }
    }

    /// The first life: up to the step, and not an instruction further.
    static func reach(
        _ step: Step, _ server: Program.Listening, _ peer: ModelPeer, _ ledger: Ledger
    ) async throws -> Seen {
        let amina = server.amina
        let id = try await amina.open()
        return try await amina.stream(id) { stream in
            // A stream has a place to come back to once it has said where it stands.
            var seen = Seen(caseID: id, events: try await stream.until("ready"))

            func ask(_ key: String, _ text: String = "How long would I stay?") async throws -> String {
                seen.sent.append((key, text))
                let answer = try await amina.ask(text, key: key, in: id, async: true)
                #expect(answer.status == 202)
                seen.accepted.append(key)
                return answer.body["reply"]["id"].text
            }

            func say(_ range: Range<Int>) async throws -> String {
                let turn = try await peer.turn(1)
                for word in words[range] { turn.say(word) }
                return words[range].joined()
            }

            switch step {
            case .sent:
                seen.sent.append(("1", "How long would I stay?"))
                async let answer = amina.ask("How long would I stay?", key: "1", in: id, async: true)
                try server.kill()
                if let status = try? await answer.status, status == 202 { seen.accepted.append("1") }
            case .waiting:
                seen.sent.append(("1", "How long would I stay?"))
                async let answer = amina.ask("How long would I stay?", key: "1", in: id)
                seen.events += try await stream.until("message")
                try server.kill()
                _ = try? await answer
                // A fact that was shown is as good as a 2xx.
                seen.accepted.append("1")
            case .accepted:
                _ = try await ask("1")
                try server.kill()
            case .started:
                _ = try await ask("1")
                seen.events += try await stream.until("reply.started")
                try server.kill()
            case .firstWord:
                _ = try await ask("1")
                seen.events += try await stream.untilShown(say(0..<1))
                try server.kill()
            case .midText:
                let reply = try await ask("1")
                seen.events += try await stream.untilShown(say(0..<2))
                seen.kept = words[..<2].joined()
                _ = try await eventually { try await ledger.checkpoint(of: reply) == seen.kept ? true : nil }
                seen.events += try await stream.untilShown(say(2..<4))
                try server.kill()
            case .lastWord:
                _ = try await ask("1")
                seen.events += try await stream.untilShown(say(0..<words.count))
                try server.kill()
            case .modelEnded:
                _ = try await ask("1")
                seen.events += try await stream.untilShown(say(0..<words.count))
                try await peer.turn(1).finish()
                try server.kill()
            case .finished:
                _ = try await ask("1")
                seen.events += try await stream.untilShown(say(0..<words.count))
                try await peer.turn(1).finish()
                seen.events += try await stream.until("reply.finished")
                seen.kept = told
                try server.kill()
            case .retryQueued:
                let path = "/api/v1/cases/\(id)/replies/\(try await ask("1"))"
                seen.events += try await stream.untilShown(say(0..<1))
                #expect(try await amina.send("POST", path + "/stop").body["reply"]["state"].text == "stopped")
                #expect(try await amina.send("POST", path + "/retry").status == 202)
                try server.kill()
            case .stopAsked:
                let path = "/api/v1/cases/\(id)/replies/\(try await ask("1"))"
                seen.events += try await stream.untilShown(say(0..<1))
                async let stopped = amina.send("POST", path + "/stop")
                try server.kill()
                _ = try? await stopped
            case .emergency:
                _ = try await ask("1")
                seen.events += try await stream.untilShown(say(0..<1))
                _ = try await ask("2", "I have severe chest pain right now")
                try server.kill()
            case .secondQueued:
                _ = try await ask("1")
                seen.events += try await stream.untilShown(say(0..<1))
                _ = try await ask("2", "And where?")
                try server.kill()
            }
            while let event = try? await stream.next() { seen.events.append(event) }
            return seen
        }
    }

    /// The second life: everything accepted is there, everything ends, everything goes on.
    static func inspect(_ step: Step, _ seen: Seen, _ amina: Seat, _ ledger: Ledger) async throws {
        let path = "/api/v1/cases/\(seen.caseID)"
        func keys() async throws -> [String] {
            try await amina.get(path).body["messages"].list.map { $0["client_message_id"].text }.filter { !$0.isEmpty }
        }
        let found = try await keys()
        #expect(found.filter(seen.accepted.contains) == seen.accepted, "an accepted message is missing, or doubled")
        #expect(found == seen.sent.map(\.key).filter(found.contains), "a message nobody accepted is there twice")

        let last = try #require(seen.events.last { $0.id != nil }?.id)
        let back = try await amina.stream(seen.caseID, lastEventID: last) { try await $0.until("reset") }
        #expect(back.types == ["ready", "reset"])
        #expect(back.last?.data["reason"].text == "unknown_epoch")

        var reply = JSONValue.null
        for message in seen.sent {
            let again = try await amina.ask(message.text, key: message.key, in: seen.caseID)
            #expect(again.status == 200, "sent again, it is answered in the end")
            reply = again.body["reply"]
        }
        #expect(try await keys() == seen.sent.map(\.key), "sent again, each is there once")
        _ = try await eventually { try await ledger.isQuiet() ? true : nil }

        let snapshot = try await amina.get(path).body
        let messages = snapshot["messages"].list
        #expect(!["queued", "running"].contains(snapshot["reply"]["state"].text))
        let sequences = messages.map { $0["sequence"].int }
        #expect(zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 })
        for shown in seen.events where shown.type == "message" {
            let now = try #require(messages.first { $0["id"] == shown.data["id"] }, "a fact that was shown is gone")
            #expect(now["version"].int >= shown.data["version"].int)
            if now["version"] == shown.data["version"] { #expect(now["body"] == shown.data["body"]) }
        }
        for answer in messages where answer["sender_type"].text == "ai" && answer["reply_id"] != .null {
            let body = answer["body"].text
            switch (answer["status"].text, answer["answered_by"].text) {
            case ("complete", "emergency"): #expect(step == .emergency)
            case ("complete", _): #expect([told, ModelPeer.answer].contains(body), "an answer nobody gave")
            default: #expect(told.hasPrefix(body) && body.hasPrefix(seen.kept), "\(body)")
            }
        }
        if step == .finished { #expect(reply["message"]["body"].text == told && reply["attempt"].int == 1) }
        if step == .emergency {
            #expect(reply["message"]["answered_by"].text == "emergency")
            #expect(snapshot["case"]["handling"]["state"].text == "requested")
        }
        if step == .secondQueued { #expect(reply["message"]["body"].text == ModelPeer.answer) }

        let retried = try await amina.send("POST", path + "/replies/\(reply["id"].text)/retry")
        if reply["state"].text == "finished" {
            #expect(retried.body["code"].text == "reply_finished")
        } else {
            #expect(["interrupted", "stopped"].contains(reply["state"].text))
            #expect(retried.status == 202, "another try is offered")
            let question = try #require(seen.sent.last)
            let whole = try await amina.ask(question.text, key: question.key, in: seen.caseID).body["reply"]
            #expect(whole["message"]["body"].text == ModelPeer.answer)
            #expect(whole["attempt"].int == reply["attempt"].int + 1)
            #expect(whole["id"] == reply["id"])
        }
        _ = try await eventually { try await ledger.isQuiet() ? true : nil }
    }

    enum Left: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case committed = "a message is stored, and the log was not told"
        case ended = "an answer is saved, and the log was not told"
        case settledPartly = "an answer is saved, and the log was told half"
        case stopWanted = "a stop is stored, and the writer never heard of it"
        case retried = "another try is stored, and nobody was woken"

        var testDescription: String { rawValue }
    }

    @Test(arguments: Left.allCases)
    func `leaves a store from which the next process tells what was committed, in order`(_ left: Left) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-\(CaseID.new())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let settings = try await Settings.read(options: ["data": folder.path], environment: [:], file: nil)
        let store = try await Assembly.openStore(settings)
        let id = try await store.open(
            CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: .now)
        ).careCase.id
        let received = try await store.receive(
            PatientMessage(caseID: id, patient: Cast.amina, body: "Hi", clientMessageID: "k", at: .now))
        guard case .stored(_, let reply?) = received else { throw Unexpected("\(received)") }
        if left != .committed {
            let lease = Moment.now + .milliseconds(300)
            let started = try #require(try await store.start(reply, lease: lease, at: .now))
            if left == .stopWanted {
                _ = try await store.checkpoint(started, through: 1, text: "Half", lease: lease)
                _ = try await store.requestStop(reply, at: .now)
            } else {
                let state: Reply.State = left == .retried ? .interrupted : .finished
                let ending = ReplyEnding(state: state, text: "Half", through: 1, author: .openai)
                #expect(try await store.end(started, ending, at: .now))
            }
        }
        if left == .retried { _ = try await store.retry(reply, at: .now) }
        let topic = Topic.patient(Cast.amina.id)
        if left == .settledPartly {
            let all = try await store.pendingFacts(of: topic, limit: 100)
            try await store.settle(topic, through: all[all.count / 2].number)
        }
        let owed = try await store.pendingFacts(of: topic, limit: 100).map {
            try JSONDecoder().decode(JSONValue.self, from: Data($0.event.json()))
        }
        #expect(!owed.isEmpty)

        try await withServer(model: ScriptedModel([.say("Whole."), .finish]), folder: folder) { server in
            let amina = try await server.seat(of: Cast.amina)
            // A reply may run already: then the words so far tell the position, and not `ready`.
            let now = try await amina.stream(id.rawValue) { stream in
                while let event = try await stream.next() { if let id = event.id { return id } }
                return ""
            }
            let epoch = now.prefix { $0 != "-" }
            try await amina.stream(id.rawValue, cursor: "\(epoch)-0") { stream in
                var delivered: [JSONValue] = []
                while delivered.count < owed.count, let event = try await stream.next() {
                    if event.type != "ready", event.id != nil { delivered.append(event.data) }
                }
                #expect(delivered == owed, "what was committed is told, once and in its order")
            }
            let answer = try await amina.ask("Hi", key: "k", in: id.rawValue).body["reply"]
            switch left {
            case .committed, .retried: #expect(answer["message"]["body"].text == "Whole.")
            case .ended, .settledPartly: #expect(answer["message"]["body"].text == "Half")
            case .stopWanted:
                #expect(answer["state"].text == "stopped")
                #expect(answer["message"]["body"].text == "Half")
            }
            #expect(answer["attempt"].int == (left == .retried ? 2 : 1))
            let ledger = try Ledger(folder.appendingPathComponent("curaway.sqlite"))
            _ = try await eventually { try await ledger.isQuiet() ? true : nil }
        }
    }
}

extension EventReader {
    /// Events up to the one that completes these words.
    @concurrent
    fileprivate mutating func untilShown(_ words: String) async throws -> [Event] {
        var events: [Event] = []
        while events.words != words {
            guard let event = try await next() else { throw Unexpected("the stream has ended") }
            events.append(event)
        }
        return events
    }
}
