#if Postgres
    import CareDesk
    import CareDomain
    import CareLog
    import CareStore
    import CareTestKit
    import Testing

    @testable import curaway

    extension EventReader {
        /// Until a running answer that was at the first words is told to be at the second ones. By a snapshot, or, when one of the
        /// first words came before, by what follows them.
        @concurrent
        fileprivate mutating func until(words: String, after first: String) async throws {
            var told = first
            while told != words {
                guard let event = try await next() else { throw Unexpected("the stream ended") }
                switch event.type {
                case "reply.snapshot": told = event.data["text"].text
                case "reply.delta": told += event.data["text"].text
                default: break
                }
            }
        }
    }

    /// Two nodes that lose their Redis in the middle of an answer: Amina reads on the node that writes and on the other one,
    /// and Priya takes over on the other one.
    @Suite(.timeLimit(.minutes(6)))
    struct `Two nodes that lose their Redis` {
        @Test(arguments: [false, true])
        func `go on answering, tell each other from the store, and the AI stays silent after a takeover`(
            hangs: Bool
        ) async throws {
            let redis = try RedisServer(persists: hangs)
            let gates = (0..<3).map { _ in Gate() }
            let model = ScriptedModel(
                [.say("One "), .wait(gates[0]), .say("two "), .wait(gates[1]), .say("three."), .wait(gates[2])],
                [.say("Back."), .finish])
            let options = ["coalesce.ms": "0", "redis.commandMs": "2000"]
            try await withCluster(options, model: model, redis: redis) { nodes in
                let here = try await nodes[0].seat(of: Cast.amina), there = try await nodes[1].seat(of: Cast.amina)
                let priya = try await nodes[1].seat(of: Cast.priya)
                let id = try await here.open()
                let path = "/api/v1/cases/\(id)"
                try await here.stream(id) { near in
                    try await there.stream(id) { far in
                        _ = try await here.ask("Go", key: "1", in: id, async: true)
                        #expect(try await near.until("reply.delta").words == "One ")
                        #expect(try await far.until("reply.delta").words == "One ")

                        if hangs { redis.pause() } else { redis.stop() }
                        for node in nodes {
                            _ = try await eventually { node.assembly.log.standing == .alone ? true : nil }
                        }
                        for seat in [here, there] {
                            let ready = try await seat.get("/ready")
                            #expect(ready.status == 200)
                            #expect(ready.body["status"].text == "degraded")
                            #expect(ready.body["checks"]["log"].text == "alone")
                        }

                        // The writer goes on: its own readers hear it, the others from the checkpoint.
                        gates[0].open()
                        let words = "One two "
                        for seat in [here, there] {
                            _ = try await eventually {
                                try await seat.get(path).body["reply"]["text"].text == words ? true : nil
                            }
                        }
                        try await near.until(words: words, after: "One ")
                        try await far.until(words: words, after: "One ")

                        #expect(try await priya.send("POST", path + "/accept").status == 200)
                        var silence: [EventReader.Event] = []
                        for events in [try await near.until("handling"), try await far.until("handling")] {
                            #expect(events.last?.data["state"].text == "coordinator")
                            silence += events
                        }
                        gates[1].open()
                        _ = try await eventually { model.cancelled == 1 ? true : nil }
                        for seat in [here, there] {
                            let body = try await seat.get(path).body
                            #expect(body["reply"] == .null)
                            #expect(body["messages"].list.last?["body"].text == words, "kept is what was shown")
                            #expect(body["messages"].list.last?["status"].text == "stopped")
                        }
                        #expect(!silence.words.contains("three"))

                        if hangs { redis.resume() } else { try redis.start() }
                        for node in nodes {
                            _ = try await eventually { node.assembly.log.standing == .shared ? true : nil }
                        }
                        // Their positions are of another history. Until then what comes next could be in what the reset passes over.
                        for events in [try await near.until("reset"), try await far.until("reset")] {
                            #expect(events.types.last == "reset")
                            #expect(!events.words.contains("three"))
                        }
                        #expect(try await priya.send("POST", path + "/release").status == 200)
                        let answer = try await there.ask("And now?", key: "2", in: id)
                        #expect(answer.body["reply"]["message"]["body"].text == "Back.")
                        for events in [try await near.until("reply.finished"), try await far.until("reply.finished")] {
                            #expect(events.types.last == "reply.finished")
                            #expect(!events.contains { $0.data["text"].text.contains("three") })
                        }
                    }
                }
                _ = try await eventually {
                    try await nodes[0].assembly.store.pendingFacts(of: .patient(Cast.amina.id), limit: 9).isEmpty
                        ? true : nil
                }
            }
        }

        /// The takeover is in the store alone when the next words come: the log of the writer's node cannot know of it.
        @Test func `say no word that the store has not vouched for`() async throws {
            let redis = try RedisServer()
            let gate = Gate(), never = Gate()
            let model = ScriptedModel([.say("One "), .wait(gate), .say("two "), .wait(never)])
            try await withCluster(["coalesce.ms": "0"], model: model, redis: redis) { nodes in
                let amina = try await nodes[0].seat(of: Cast.amina)
                let id = try await amina.open()
                try await amina.stream(id) { stream in
                    _ = try await amina.ask("Go", key: "1", in: id, async: true)
                    #expect(try await stream.until("reply.delta").words == "One ")
                    redis.stop()
                    _ = try await eventually { nodes[0].assembly.log.standing == .alone ? true : nil }
                    let store = nodes[1].assembly.store, caseID = try #require(CaseID(rawValue: id))
                    let fence = try #require(try await store.fenceOff(caseID))
                    let takeover = Takeover(caseID: caseID, person: Cast.priya, fencedOff: fence, at: .now)
                    guard case .changed = try await store.takeOver(takeover) else { throw Unexpected("not taken over") }
                    gate.open()
                    // The node has begun a history of its own, with the words or with the takeover: whichever it was, the
                    // reader is told to fetch what is so.
                    var events = try await stream.until("reset")
                    _ = try await eventually { model.cancelled == 1 ? true : nil }
                    let now = try await amina.get("/api/v1/cases/\(id)").body
                    #expect(now["case"]["handling"]["state"].text == "coordinator")
                    #expect(
                        ["One ", "Go"].contains(now["messages"].list.last?["body"].text ?? ""),
                        "kept what nobody may say")
                    _ = try await amina.ask("Hello?", key: "2", in: id)
                    while events.last?.data["client_message_id"].text != "2" {
                        guard let event = try await stream.next() else { throw Unexpected("the stream ended") }
                        events.append(event)
                    }
                    #expect(!events.contains { $0.data["text"].text.contains("two") }, "\(events.types)")
                }
            }
        }
    }
#endif
