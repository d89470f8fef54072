import CareDesk
import CareDomain
import CareLog
import CareStore
import CareTestKit
import Foundation
import Testing

@testable import curaway

@Suite(.timeLimit(.minutes(4)))
struct `A person` {
    @Test func `takes over in the middle of an answer: its words stay, no more come, and the model is let go`()
        async throws
    {
        let gate = Gate()
        let model = ScriptedModel([.say("Half an "), .wait(gate), .say("answer"), .finish])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let priya = try await server.seat(of: Cast.priya)
            let id = try await amina.open()
            try await amina.stream(id) { stream in
                let asked = try await amina.ask("Go", key: "k", in: id, async: true)
                var events = try await stream.until("reply.delta")
                let accepted = try await priya.send("POST", "/api/v1/cases/\(id)/accept")
                #expect(accepted.status == 200)
                #expect(accepted.body["handling"]["state"].text == "coordinator")
                #expect(accepted.body["handling"]["by"].text == Cast.priya.name)
                events += try await stream.until("handling")
                #expect(events.last?.data["state"].text == "coordinator")
                #expect(events.types.suffix(4) == ["message", "reply.stopped", "case", "handling"])
                let message = try #require(events.last { $0.type == "message" })
                #expect(message.data["body"].text == "Half an ")
                #expect(message.data["status"].text == "stopped")
                _ = try await eventually { model.cancelled == 1 ? true : nil }

                let reply = asked.body["reply"]["id"].text
                let retried = try await amina.send("POST", "/api/v1/cases/\(id)/replies/\(reply)/retry")
                #expect(retried.status == 409)
                #expect(retried.body["code"].text == "handled_by_person")
                let told = try await amina.ask("Are you there?", key: "k2", in: id)
                #expect(told.status == 200)
                #expect(told.body["reply"] == .null, "the AI answers although a person has the case")

                let released = try await priya.send("POST", "/api/v1/cases/\(id)/release")
                #expect(released.body["handling"]["state"].text == "ai")
                #expect(try await stream.until("handling").last?.data["version"].int == 2)
                gate.open()
                _ = try await amina.ask("And now?", key: "k3", in: id)
                let answered = try await stream.until("reply.finished")
                #expect(answered.words == "Half an answer", "the next answer is written under the new fence")
            }
        }
    }

    @Test func `is the only one, and a coordinator`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let priya = try await server.seat(of: Cast.priya)
            let omar = Person(id: .new(), name: "Omar", role: .coordinator, language: .english)
            try await server.assembly.store.save(omar)
            let other = try await server.seat(of: omar)
            let id = try await amina.open()
            let path = "/api/v1/cases/\(id)"
            for verb in ["accept", "release"] {
                #expect(try await amina.send("POST", path + "/" + verb).status == 403)
                let tom = try await server.seat(of: Cast.tom)
                #expect(try await tom.send("POST", path + "/" + verb).status == 404)
                #expect(try await priya.send("POST", "/api/v1/cases/nothing/" + verb).status == 404)
            }
            #expect(try await priya.send("POST", path + "/release").body["code"].text == "not_accepted")
            let first = try await priya.send("POST", path + "/accept")
            let again = try await priya.send("POST", path + "/accept")
            #expect(again.status == 200)
            #expect(again.body == first.body, "accepting twice changes something")
            let refused = try await other.send("POST", path + "/accept")
            #expect(refused.status == 409)
            #expect(refused.body["code"].text == "already_accepted")
            #expect(refused.body["detail"].text.contains(Cast.priya.name))
            #expect(try await other.send("POST", path + "/release").status == 200, "a colleague may give it back")
            #expect(try await other.send("POST", path + "/accept").status == 200)
            let trail = try await server.assembly.store.auditPage(after: nil, limit: 100).rows.compactMap(\.self)
            let done = trail.filter { $0.outcome == "done" }.map { "\($0.person) \($0.verb)" }
            let (one, two) = (Cast.priya.id.rawValue, omar.id.rawValue)
            #expect(done == ["\(one) accept_case", "\(two) release_case", "\(two) accept_case"])
            #expect(trail.count { $0.outcome == "allowed" } == 6, "every try is seen, changed or not")
        }
    }

    @Test func `takes over while the log has lost its memory, and the words that were kept stay`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.say("Kept words"), .wait(gate), .finish])
        try await withServer(["checkpoint.ms": "50"], model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let priya = try await server.seat(of: Cast.priya)
            let id = try await amina.open()
            let asked = try await amina.ask("Go", key: "k", in: id, async: true)
            let reply = try #require(ReplyID(rawValue: asked.body["reply"]["id"].text))
            _ = try await eventually { try await server.assembly.store.reply(reply)?.text == "Kept words" ? true : nil }
            try await server.assembly.log.renew(.patient(Cast.amina.id))
            _ = try await priya.send("POST", "/api/v1/cases/\(id)/accept")
            let snapshot = try await amina.get("/api/v1/cases/\(id)").body
            #expect(snapshot["messages"].list.last?["body"].text == "Kept words")
            #expect(snapshot["case"]["handling"]["state"].text == "coordinator")
            #expect(snapshot["reply"] == .null)
        }
    }
}

@Suite(.timeLimit(.minutes(4)))
struct `A log that forgets` {
    @Test func `in the middle of an answer is told everything again, and readers are told so`() async throws {
        let gate = Gate()
        let model = ScriptedModel([.say("One "), .wait(gate), .say("two "), .say("three"), .finish])
        try await withServer(model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            try await amina.stream(id) { stream in
                _ = try await amina.ask("Go", key: "k", in: id, async: true)
                _ = try await stream.until("reply.delta")
                try await server.assembly.log.renew(.patient(Cast.amina.id))
                let reset = try #require(try await stream.next())
                #expect(reset.type == "reset")
                #expect(reset.data["reason"].text == "unknown_epoch")
                gate.open()
                let events = try await stream.until("reply.finished")
                let all = try #require(events.first { $0.type == "reply.snapshot" })
                #expect(all.data["text"].text.hasPrefix("One two "))
                #expect(all.data["text"].text + events.words == "One two three")
                #expect(events.last { $0.type == "message" }?.data["body"].text == "One two three")
            }
        }
    }

    @Test func `facts it was given before is given the next ones under a new epoch`() async throws {
        // A log of one topic: another patient's conversation drops Amina's, and a publisher that was slow gives the new
        // one an old fact first.
        try await withServer(model: ScriptedModel([.say("a"), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let topic = Topic.patient(Cast.amina.id)
            try await server.assembly.log.renew(topic)
            let old = try #require(CaseID(rawValue: id))
            let outcome = try await server.assembly.log.append(
                .fact(.handling(old, Handling()), number: 1), to: topic)
            guard case .appended = outcome else { throw Unexpected("\(outcome)") }
            let answer = try await amina.ask("Go", key: "k", in: id)
            #expect(answer.body["reply"]["state"].text == "finished")
            let pending = try await eventually {
                try await server.assembly.store.pendingFacts(of: topic, limit: 9).isEmpty ? true : nil
            }
            #expect(pending)
        }
    }
}
