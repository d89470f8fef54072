#if Postgres
    import CareDomain
    import CareLog
    import CareTestKit
    import Testing

    @testable import curaway

    /// Amina asks on one node and stops on the other one, which does not write her answer. Its writer looks into the store each
    /// ten seconds only, so it is not its checkpoint that hears of it.
    @Suite(.timeLimit(.minutes(6)))
    struct `An answer that another node writes` {
        private static let options = ["coalesce.ms": "0", "lease.ms": "60000", "checkpoint.ms": "10000"]

        enum Wish: String, CaseIterable, Sendable, CustomTestStringConvertible {
            case stop = "a stop"
            case emergency = "an emergency"
            var testDescription: String { rawValue }
        }

        @Test(arguments: Wish.allCases)
        func `ends at once with what was shown, while its writer waits for its model`(_ wish: Wish) async throws {
            let gate = Gate(), never = Gate()
            let model = ScriptedModel(
                [.say("Half an "), .wait(gate), .say("answer"), .wait(never)], [.say("Better."), .finish])
            try await withCluster(Self.options, model: model) { nodes in
                let here = try await nodes[0].seat(of: Cast.amina), there = try await nodes[1].seat(of: Cast.amina)
                let id = try await here.open()
                try await here.stream(id) { near in
                    try await there.stream(id) { far in
                        let asked = try await here.ask("Go", key: "1", in: id, async: true)
                        let reply = "/api/v1/cases/\(id)/replies/\(asked.body["reply"]["id"].text)"
                        _ = try await near.until("reply.delta")
                        switch wish {
                        case .stop:
                            let stopped = try await there.send("POST", reply + "/stop")
                            #expect(stopped.body["reply"]["state"].text == "stopped", "not: will be")
                            #expect(stopped.body["reply"]["message"]["body"].text == "Half an ")
                        case .emergency:
                            let answer = try await there.ask("I cannot breathe", key: "2", in: id)
                            #expect(answer.body["reply"]["message"]["answered_by"].text == "emergency")
                        }
                        var told: [[EventReader.Event]] = []
                        for events in [try await near.until("reply.stopped"), try await far.until("reply.stopped")] {
                            #expect(events.last?.data["retryable"] == .bool(true))
                            let message = events.last { $0.data["status"].text == "stopped" }
                            #expect(message?.data["body"].text == "Half an ")
                            told.append(events)
                        }
                        #expect(model.cancelled == 0, "nobody has told the writer")
                        gate.open()
                        _ = try await eventually { model.cancelled == 1 ? true : nil }

                        if wish == .stop { #expect(try await there.send("POST", reply + "/retry").status == 202) }
                        let end = wish == .stop ? "reply.finished" : "message"
                        if wish == .emergency { _ = try await here.ask("Thank you", key: "3", in: id, async: true) }
                        for events in [try await near.until(end), try await far.until(end)] {
                            #expect(!events.contains { $0.data["text"].text.contains("answer") }, "\(events.types)")
                        }
                    }
                }
            }
        }

        /// Nobody reads on the node that is asked, so it has heard nothing of the answer, and the checkpoint has nothing yet.
        @Test func `is ended by its writer when the node that is asked to stop it cannot reach the log`() async throws {
            let never = Gate(), redis = try RedisServer()
            let model = ScriptedModel([.say("Half an "), .wait(never)])
            let options = ["coalesce.ms": "0", "lease.ms": "9000", "checkpoint.ms": "3000"]
            try await withCluster(options, model: model, redis: redis) { nodes in
                let here = try await nodes[0].seat(of: Cast.amina), there = try await nodes[1].seat(of: Cast.amina)
                let id = try await here.open()
                try await here.stream(id) { near in
                    let asked = try await here.ask("Go", key: "1", in: id, async: true)
                    _ = try await near.until("reply.delta")
                    redis.stop()
                    _ = try await eventually { nodes[1].assembly.log.standing == .alone ? true : nil }
                    let reply = "/api/v1/cases/\(id)/replies/\(asked.body["reply"]["id"].text)"
                    let stopped = try await there.send("POST", reply + "/stop").body["reply"]
                    #expect(stopped["state"].text == "stopped")
                    #expect(stopped["message"]["body"].text == "Half an ", "words that were shown are taken back")
                }
            }
        }

        /// Was: the words since the checkpoint, which the patient had read, were gone from the answer that it left behind.
        @Test func `loses no word to a takeover on a node that cannot reach the log`() async throws {
            let never = Gate(), redis = try RedisServer()
            let model = ScriptedModel([.say("Half an "), .wait(never)])
            let options = ["coalesce.ms": "0", "lease.ms": "9000", "checkpoint.ms": "3000"]
            try await withCluster(options, model: model, redis: redis) { nodes in
                let here = try await nodes[0].seat(of: Cast.amina), priya = try await nodes[1].seat(of: Cast.priya)
                let id = try await here.open()
                try await here.stream(id) { near in
                    _ = try await here.ask("Go", key: "1", in: id, async: true)
                    _ = try await near.until("reply.delta")
                    redis.stop()
                    _ = try await eventually { nodes[1].assembly.log.standing == .alone ? true : nil }
                    let accepted = try await priya.send("POST", "/api/v1/cases/\(id)/accept")
                    #expect(accepted.body["handling"]["state"].text == "coordinator", "\(accepted.body)")
                    let last = try await here.get("/api/v1/cases/\(id)").body["messages"].list.last
                    #expect(last?["body"].text == "Half an ", "words that were shown are taken back")
                    #expect(last?["status"].text == "stopped")
                }
            }
        }
    }
#endif
