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

@Suite(.timeLimit(.minutes(1)))
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
            #expect(snapshot["reply"] == .null)
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

    @Test func `whose writer died is interrupted with its checkpoint by the next process, and can be retried`()
        async throws
    {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-\(CaseID.new())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let settings = try await Settings.read(options: ["data": folder.path], environment: [:], file: nil)
        // A process that took the lease, kept a checkpoint, and was never seen again.
        let store = try await Assembly.openStore(settings)
        let careCase = try await store.open(
            CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: .now)
        ).careCase
        let received = try await store.receive(
            PatientMessage(caseID: careCase.id, patient: Cast.amina, body: "Hi", clientMessageID: "k", at: .now))
        guard case .stored(_, let reply?) = received,
            let started = try await store.start(reply, lease: .now + .milliseconds(300), at: .now)
        else {
            Issue.record("not started: \(received)")
            return
        }
        _ = try await store.checkpoint(started, through: 1, text: "Partial ", lease: .now + .milliseconds(300))
        try await withServer(model: ScriptedModel([.say("Whole."), .finish]), folder: folder) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = careCase.id.rawValue
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
