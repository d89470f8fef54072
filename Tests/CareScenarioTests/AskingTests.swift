import CareDesk
import CareDomain
import CareLog
import CareStore
import CareTestKit
import CareWeb
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import curaway

@Suite(.timeLimit(.minutes(4)))
struct `A patient who asks` {
    @Test func `gets the whole answer from the POST and the same words, once, from the stream`() async throws {
        let model = ScriptedModel([.say("You would "), .say("stay "), .say("five nights."), .finish])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            try await amina.stream(id) { stream in
                #expect(stream.status == 200)
                #expect(stream.headers.first(name: "Content-Type") == "text/event-stream; charset=utf-8")
                #expect(stream.headers.first(name: "X-Accel-Buffering") == "no")
                #expect(try await stream.next()?.type == "ready")
                let answer = try await amina.ask("How long would I stay?", key: "k1", in: id)
                #expect(answer.status == 200)
                #expect(answer.body["reply"]["state"].text == "finished")
                #expect(answer.body["reply"]["message"]["body"].text == "You would stay five nights.")
                #expect(answer.body["message"]["client_message_id"].text == "k1")
                let events = try await stream.until("reply.finished")
                #expect(events.words == "You would stay five nights.")
                #expect(events.types.first == "message")
                #expect(events.types.suffix(2) == ["message", "reply.finished"])
                #expect(
                    events.filter { $0.type == "reply.delta" }.map { $0.data["n"].int }
                        == Array(1...events.filter { $0.type == "reply.delta" }.count))
                let message = try #require(events.last { $0.type == "message" }).data
                #expect(message["id"] == answer.body["reply"]["id"])
                #expect(message["sequence"].int == events.first { $0.type == "reply.started" }?.data["sequence"].int)
            }
        }
    }

    @Test func `twice with the same key is stored once and joins the wait`() async throws {
        let gate = Gate()
        try await withServer(model: ScriptedModel([.say("Yes."), .wait(gate), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            async let first = amina.ask("Hello?", key: "same", in: id)
            async let second = amina.ask("Hello?", key: "same", in: id)
            try await Task.sleep(for: .milliseconds(200))
            gate.open()
            let (one, two) = try await (first, second)
            #expect(one.body == two.body)
            #expect(one.status == 200)
            let later = try await amina.ask("Hello?", key: "same", in: id)
            #expect(later.body == one.body)
            let other = try await amina.ask("Something else", key: "same", in: id)
            #expect(other.status == 409)
            #expect(other.body["code"].text == "client_message_id_reused")
            let snapshot = try await amina.get("/api/v1/cases/\(id)")
            #expect(snapshot.body["messages"].list.count == 3, "greeting, question, answer")
        }
    }

    @Test func `may go at once and find the answer growing in the snapshot and the stream`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.say("One "), .say("two "), .wait(gate), .say("three."), .finish])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let asked = try await amina.ask("Count", key: "k", in: id, async: true)
            #expect(asked.status == 202)
            #expect(asked.headers.first(name: "Preference-Applied") == "respond-async")
            #expect(asked.headers.first(name: "Location") == "/api/v1/cases/\(id)")
            let stale = try await eventually {
                let snapshot = try await amina.get("/api/v1/cases/\(id)").body
                return snapshot["reply"]["text"].text == "One two " ? snapshot : nil
            }
            // Fresh = stale + the entries since, by either way of naming the cursor; the header wins.
            for useHeader in [true, false] {
                async let finished: Void = {
                    try await Task.sleep(for: .milliseconds(100)); gate.open()
                }()
                let cursor = stale["cursor"].text
                let events = try await amina.stream(
                    id, cursor: useHeader ? "zzz-999" : cursor, lastEventID: useHeader ? cursor : nil
                ) { try await $0.until("reply.finished") }
                try await finished
                #expect(events.first?.type == "ready")
                #expect(events.first?.id == cursor)
                #expect(stale["reply"]["text"].text + events.words == "One two three.")
                let numbers = events.filter { $0.type == "reply.delta" }.map { $0.data["n"].int }
                #expect(numbers.first == stale["reply"]["through"].int + 1)
            }
            let fresh = try await amina.get("/api/v1/cases/\(id)").body
            #expect(fresh["reply"] == .null)
            #expect(fresh["messages"].list.last?["body"].text == "One two three.")
        }
    }

    @Test func `that takes longer than a POST may wait is told so, and finds the answer in the stream`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.say("Slow "), .wait(gate), .say("answer"), .finish])
        try await withServer(["wait.seconds": "1"], model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            try await amina.stream(id) { stream in
                let waited = try await amina.ask("Hi", key: "k", in: id)
                #expect(waited.status == 202)
                #expect(waited.body["reply"]["state"].text == "running")
                #expect(waited.body["reply"]["message"] == .null)
                gate.open()
                #expect(try await stream.until("reply.finished").words == "Slow answer")
            }
            let again = try await amina.ask("Hi", key: "k", in: id)
            #expect(again.status == 200, "the same question joins, and here has its answer")
            #expect(again.body["reply"]["message"]["body"].text == "Slow answer")
        }
    }

    @Test func `and comes without a cursor gets the running words as one snapshot`() async throws {
        let gate = Gate()
        try await withServer(model: ScriptedModel([.say("One "), .wait(gate), .say("two."), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            _ = try await amina.ask("Count", key: "k", in: id, async: true)
            _ = try await eventually {
                try await amina.get("/api/v1/cases/\(id)").body["reply"]["text"].text == "One " ? true : nil
            }
            try await amina.stream(id) { stream in
                let first = try await stream.until("reply.snapshot")
                #expect(first.types == ["ready", "reply.snapshot"])
                #expect(first.last?.data["text"].text == "One ")
                #expect(first.last?.data["through"].int == 1)
                gate.open()
                let rest = try await stream.until("reply.finished")
                #expect(rest.words == "two.")
            }
        }
    }

    @Test func `again while an answer runs is answered next, several in one reply`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.say("First"), .wait(gate), .finish], [.say("Second"), .finish])
        try await withServer(["messages.waiting": "2"], model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let one = try await amina.ask("1", key: "1", in: id, async: true)
            _ = try await eventually {
                try await amina.get("/api/v1/cases/\(id)").body["reply"]["state"].text == "running" ? true : nil
            }
            let two = try await amina.ask("2", key: "2", in: id, async: true)
            let three = try await amina.ask("3", key: "3", in: id, async: true)
            #expect(two.body["reply"]["id"] == three.body["reply"]["id"])
            #expect(two.body["reply"]["id"] != one.body["reply"]["id"])
            #expect(two.body["reply"]["state"].text == "queued")
            let four = try await amina.ask("4", key: "4", in: id, async: true)
            #expect(four.status == 429)
            #expect(four.body["code"].text == "too_many_waiting")
            #expect(four.headers.first(name: "Retry-After") != nil)
            gate.open()
            let last = try await amina.ask("3", key: "3", in: id)
            #expect(last.body["reply"]["message"]["body"].text == "Second")
            #expect(model.prompts.last?.turns.filter { $0.speaker == .patient }.map(\.text) == ["1", "2", "3"])
        }
    }

    @Test func `with streaming switched off gets the answer whole and not a delta, without a restart`() async throws {
        try await withServer(model: ScriptedModel([.say("All "), .say("at once."), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            try await server.assembly.store.set(.enableResponseStreaming, to: false)
            try await amina.stream(id) { stream in
                #expect(try await stream.next()?.data["streaming"] == .bool(false))
                let answer = try await amina.ask("Hi", key: "k", in: id)
                #expect(answer.body["reply"]["message"]["body"].text == "All at once.")
                let events = try await stream.until("reply.finished")
                #expect(!events.types.contains("reply.delta"))
                #expect(events.last { $0.type == "message" }?.data["body"].text == "All at once.")
            }
            try await server.assembly.store.set(.enableResponseStreaming, to: nil)
            try await amina.stream(id) { stream in
                _ = try await amina.ask("Hi again", key: "k2", in: id)
                #expect(try await stream.until("reply.finished").words == "All at once.")
            }
        }
    }

    /// Was: the checkpoints showed what no delta told, and a takeover left words that nobody had been shown.
    @Test func `with streaming switched off nobody sees a part of an answer, whoever ends it`() async throws {
        let never = Gate()
        let model = ScriptedModel([.say("Half an "), .wait(never)])
        try await withServer(["checkpoint.ms": "50"], model: model) { server in
            let amina = try await server.seat(of: Cast.amina), priya = try await server.seat(of: Cast.priya)
            let id = try await amina.open()
            try await server.assembly.store.set(.enableResponseStreaming, to: false)
            let reply = try await amina.ask("Hi", key: "k", in: id, async: true).body["reply"]["id"].text
            _ = try await eventually { model.prompts.count == 1 ? true : nil }
            try await Task.sleep(for: .milliseconds(500))  // Some checkpoints.
            let running = try await amina.get("/api/v1/cases/\(id)").body["reply"]
            #expect(running["id"].text == reply && running["state"].text == "running" && running["text"].text == "")
            #expect(try await priya.send("POST", "/api/v1/cases/\(id)/accept").status == 200)
            let snapshot = try await amina.get("/api/v1/cases/\(id)").body
            #expect(!snapshot["messages"].list.contains { $0["body"].text.contains("Half") })
            #expect(snapshot["reply"]["state"].text == "stopped")
        }
    }

    @Test func `who needs help at once gets the safe text before any model is asked`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.say("Talking on "), .wait(gate), .finish])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let running = try await amina.ask("Tell me", key: "1", in: id, async: true)
            _ = try await eventually { model.prompts.count == 1 ? true : nil }
            let answer = try await amina.ask("I have severe chest pain right now", key: "2", in: id)
            #expect(answer.status == 200)
            #expect(answer.body["reply"]["message"]["answered_by"].text == "emergency")
            #expect(!answer.body["reply"]["message"]["body"].text.isEmpty)
            #expect(model.prompts.count == 1, "no model was asked")
            let stopped = try await amina.ask("Tell me", key: "1", in: id)
            #expect(stopped.body["reply"]["id"] == running.body["reply"]["id"])
            #expect(stopped.body["reply"]["state"].text == "stopped", "the AI does not talk on")
            let snapshot = try await amina.get("/api/v1/cases/\(id)").body
            #expect(snapshot["case"]["handling"]["state"].text == "requested")
        }
    }

    @Test(arguments: [("care@example.org", true), (nil, false)])
    func `for a person is told honestly that none is here, and whom to reach`(_ contact: String?, _ named: Bool)
        async throws
    {
        let model = ScriptedModel([.say("x"), .finish])
        try await withServer(contact.map { ["contact": $0] } ?? [:], model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let answer = try await amina.ask("Can I talk to a real person?", key: "1", in: id)
            #expect(answer.body["reply"]["message"]["body"].text.contains("care@example.org") == named)
            #expect(model.prompts.isEmpty)
            let handling = try await amina.get("/api/v1/cases/\(id)").body["case"]["handling"]
            #expect(handling["state"].text == "requested")
            let next = try await amina.ask("Thank you", key: "2", in: id)
            #expect(next.body["reply"]["message"]["answered_by"].text == "openai", "the AI goes on meanwhile")
        }
    }
}

/// Asks again until there is an answer; a bound keeps a broken server from hanging the suite.
func eventually<Answer: Sendable>(
    within seconds: Int = 30, _ body: () async throws -> Answer?
) async throws -> Answer {
    for _ in 0..<(seconds * 40) {
        if let answer = try await body() { return answer }
        try await Task.sleep(for: .milliseconds(25))
    }
    throw NeverCame()
}

struct NeverCame: Error {}
