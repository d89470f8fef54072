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
struct `An answer` {
    @Test func `stopped in the middle keeps its words on every screen and closes the model's request`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.say("Half an "), .wait(gate), .say("answer"), .finish])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            try await amina.stream(id) { first in
                try await amina.stream(id) { second in
                    let asked = try await amina.ask("Go", key: "k", in: id, async: true)
                    _ = try await first.until("reply.delta")
                    let path = "/api/v1/cases/\(id)/replies/\(asked.body["reply"]["id"].text)/stop"
                    let stopped = try await amina.send("POST", path)
                    #expect(stopped.status == 200)
                    #expect(stopped.body["reply"]["state"].text == "stopped")
                    #expect(stopped.body["reply"]["message"]["body"].text == "Half an ")
                    for events in [try await first.until("reply.stopped"), try await second.until("reply.stopped")] {
                        #expect(events.last?.data["retryable"] == .bool(true))
                        let message = events.last { $0.type == "message" }
                        #expect(message?.data["body"].text == "Half an ")
                        #expect(message?.data["status"].text == "stopped")
                    }
                    _ = try await eventually { model.cancelled == 1 ? true : nil }
                    let again = try await amina.send("POST", path)
                    #expect(again.status == 200, "stopping what has ended is no error")
                }
            }
        }
    }

    /// Somebody who wanted an earlier attempt stopped, or an earlier answer of the case, and comes late.
    @Test func `that nobody wants to stop is not ended by a wish for another one`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.say("A whole "), .wait(gate), .say("answer."), .finish])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            try await amina.stream(id) { stream in
                _ = try await amina.ask("Go", key: "k", in: id, async: true)
                _ = try await stream.until("reply.delta")
                await server.assembly.orchestrator.silence(try #require(CaseID(rawValue: id)))
                gate.open()
                #expect(try await stream.until("reply.finished").words == "answer.")
            }
        }
    }

    @Test func `stopped before its first word leaves no ghost, and can be retried`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.wait(gate), .say("late"), .finish], [.say("Better."), .finish])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let asked = try await amina.ask("Go", key: "k", in: id, async: true)
            _ = try await eventually { model.prompts.count == 1 ? true : nil }
            let path = "/api/v1/cases/\(id)/replies/\(asked.body["reply"]["id"].text)"
            let stopped = try await amina.send("POST", path + "/stop")
            #expect(stopped.body["reply"]["state"].text == "stopped")
            #expect(stopped.body["reply"]["message"] == .null)
            let snapshot = try await amina.get("/api/v1/cases/\(id)").body
            #expect(snapshot["messages"].list.count == 2)
            let ended = snapshot["reply"]
            #expect(ended["state"].text == "stopped", "or nobody who looks later could ask for another try")
            #expect(ended["id"].text == asked.body["reply"]["id"].text)
            #expect(ended["attempt"].int == 1)
            #expect(ended["sequence"].int > snapshot["messages"][1]["sequence"].int)
            #expect(ended["text"].text.isEmpty && ended["code"] == .null)
            try await amina.stream(id) { stream in
                let retried = try await amina.send("POST", path + "/retry")
                #expect(retried.status == 202)
                #expect(retried.body["reply"]["attempt"].int == 2)
                let events = try await stream.until("reply.finished")
                #expect(events.words == "Better.")
                #expect(events.last { $0.type == "message" }?.data["version"].int == 2)
            }
            let finished = try await amina.send("POST", path + "/retry")
            #expect(finished.status == 409)
            #expect(finished.body["code"].text == "reply_finished")
        }
    }

    @Test func `stopped while it waits has a place all the same, until the talk moves on`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.say("First "), .wait(gate), .say("one."), .finish], [.say("Third."), .finish])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            try await amina.stream(id) { stream in
                _ = try await amina.ask("1", key: "1", in: id, async: true)
                _ = try await stream.until("reply.delta")
                let second = try await amina.ask("2", key: "2", in: id, async: true).body["reply"]["id"].text
                let stopped = try await amina.send("POST", "/api/v1/cases/\(id)/replies/\(second)/stop")
                #expect(stopped.body["reply"]["state"].text == "stopped")
                let end = try #require(try await stream.until("reply.stopped").last)
                #expect(end.data["reply_id"].text == second)
                #expect(end.data["message_id"] == .null)
                gate.open()
                _ = try await stream.until("reply.finished")
                let snapshot = try await amina.get("/api/v1/cases/\(id)").body
                #expect(snapshot["reply"]["id"].text == second)
                #expect(snapshot["reply"]["sequence"] == end.data["sequence"])
            }
            #expect(try await amina.ask("3", key: "3", in: id).body["reply"]["message"]["body"].text == "Third.")
            #expect(try await amina.get("/api/v1/cases/\(id)").body["reply"] == .null)
        }
    }

    @Test func `that broke in the middle is interrupted, never glued to another`() async throws {
        let model = ScriptedModel([.say("Half"), .fail(ModelFailure(.truncated))])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let answer = try await amina.ask("Go", key: "k", in: id)
            #expect(answer.status == 200)
            #expect(answer.body["reply"]["state"].text == "interrupted")
            #expect(answer.body["reply"]["code"].text == "model_truncated")
            #expect(answer.body["reply"]["message"]["body"].text == "Half")
            #expect(answer.body["reply"]["message"]["status"].text == "interrupted")
        }
    }

    @Test func `comes from the guide, and says so, when the model fails before a word`() async throws {
        let model = ScriptedModel([.fail(ModelFailure(.refused))])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let answer = try await amina.ask("Hello", key: "k", in: id)
            #expect(answer.body["reply"]["state"].text == "finished")
            #expect(answer.body["reply"]["message"]["answered_by"].text == "guide_fallback")
            #expect(model.prompts.count == 1, "a refusal is not tried again")
        }
    }

    @Test func `is tried again when the model was busy and had said nothing`() async throws {
        let busy = ModelFailure(.busy, retryAfter: .milliseconds(20), status: 529)
        let model = ScriptedModel([.fail(busy)], [.fail(busy)], [.say("Here."), .finish])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let answer = try await amina.ask("Hello", key: "k", in: id)
            #expect(answer.body["reply"]["message"]["body"].text == "Here.")
            #expect(answer.body["reply"]["message"]["answered_by"].text == "openai")
            #expect(model.prompts.count == 3)
        }
    }

    /// A process that took the lease of a reply, perhaps kept words, and was never seen again.
    private func abandoned(
        in folder: URL, after words: String?
    ) async throws -> (caseID: String, reply: String) {
        let settings = try await Settings.read(options: ["data": folder.path], environment: [:], file: nil)
        let store = try await Assembly.openStore(settings)
        let careCase = try await store.open(
            CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: .now)
        ).careCase
        let received = try await store.receive(
            PatientMessage(caseID: careCase.id, patient: Cast.amina, body: "Hi", clientMessageID: "k", at: .now))
        guard case .stored(_, let reply?) = received else { throw Unexpected("\(received)") }
        let lease = Moment.now + .milliseconds(300)
        let started = try #require(try await store.start(reply, lease: lease, at: .now))
        if let words { _ = try await store.checkpoint(started, through: 1, text: words, lease: lease) }
        return (careCase.id.rawValue, reply.rawValue)
    }

    @Test func `whose writer died before a word says so to whoever looks later, and can be retried`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-\(CaseID.new())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let (id, reply) = try await abandoned(in: folder, after: nil)
        try await withServer(model: ScriptedModel([.say("Whole."), .finish]), folder: folder) { server in
            let amina = try await server.seat(of: Cast.amina)
            let shown = try await eventually {
                let shown = try await amina.get("/api/v1/cases/\(id)").body["reply"]
                return shown["state"].text == "interrupted" ? shown : nil
            }
            #expect(shown["id"].text == reply)
            #expect(shown["code"].text == "lease_lapsed")
            #expect(shown["text"].text.isEmpty)
            #expect(try await amina.send("POST", "/api/v1/cases/\(id)/replies/\(reply)/retry").status == 202)
            #expect(try await amina.ask("Hi", key: "k", in: id).body["reply"]["message"]["body"].text == "Whole.")
            #expect(try await amina.get("/api/v1/cases/\(id)").body["reply"] == .null)
        }
    }

    @Test func `whose writer died is interrupted with its checkpoint by the next process, and can be retried`()
        async throws
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-\(CaseID.new())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let (id, reply) = try await abandoned(in: folder, after: "Partial ")
        try await withServer(model: ScriptedModel([.say("Whole."), .finish]), folder: folder) { server in
            let amina = try await server.seat(of: Cast.amina)
            let message = try await eventually {
                let snapshot = try await amina.get("/api/v1/cases/\(id)").body
                return snapshot["reply"] == .null ? snapshot["messages"].list.last : nil
            }
            #expect(message["body"].text == "Partial ")
            #expect(message["status"].text == "interrupted")
            _ = try await amina.send("POST", "/api/v1/cases/\(id)/replies/\(reply)/retry")
            let answer = try await amina.ask("Hi", key: "k", in: id)
            #expect(answer.body["reply"]["message"]["body"].text == "Whole.")
        }
    }

    @Test func `queued when a process died is written by the next one`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-\(CaseID.new())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let settings = try await Settings.read(options: ["data": folder.path], environment: [:], file: nil)
        let store = try await Assembly.openStore(settings)
        let careCase = try await store.open(
            CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: .now)
        ).careCase
        _ = try await store.receive(
            PatientMessage(caseID: careCase.id, patient: Cast.amina, body: "Hi", clientMessageID: "k", at: .now))
        try await withServer(model: ScriptedModel([.say("Here."), .finish]), folder: folder) { server in
            let amina = try await server.seat(of: Cast.amina)
            let answer = try await amina.ask("Hi", key: "k", in: careCase.id.rawValue)
            #expect(answer.body["reply"]["message"]["body"].text == "Here.")
        }
    }
}
