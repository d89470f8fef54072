#if Postgres
    import CareTestKit
    import Foundation
    import Subprocess
    import Testing

    /// The program as an operator runs it on PostgreSQL.
    @Suite(.timeLimit(.minutes(6)))
    struct `The program on PostgreSQL` {
        private func settings(_ address: String) -> [String: String] {
            ["CURAWAY_STORE": "postgres", "CURAWAY_POSTGRES_URL": address]
        }

        private func password(of address: String) throws -> String {
            String(try #require(address.firstMatch(of: /:([0-9a-f]{24})@/)?.1))
        }

        @Test func `answers, is known to its commands, and tells nobody its password`() async throws {
            let address = try await PostgresServer.database()
            let settings = settings(address)
            try await withProgram { program in
                let id = try await program.serve(settings) { server in
                    let id = try await server.amina.open()
                    let answer = try await server.amina.ask("How long would I stay?", key: "k", in: id)
                    #expect(answer.body["reply"]["state"].text == "finished")
                    #expect(try await server.amina.get("/ready").body["status"].text == "ready")
                    let name = "enable_response_streaming"
                    #expect(
                        try await program.run(["flag", "set", name, "false"], settings).text == "\(name) = false\n")
                    #expect(try await server.amina.get("/api/v1/config").body["streaming"] == .bool(false))
                    return id
                }
                try await program.serve(settings) { server in
                    let messages = try await server.amina.get("/api/v1/cases/\(id)").body["messages"].list
                    #expect(messages.count == 3)
                }
                let check = try await program.run(["check"], settings)
                #expect(check.status == .exited(0))
                #expect(
                    check.text.contains("ok    store  PostgreSQL at postgres://curaway@127.0.0.1:"), "\(check.text)")
                let migrated = try await program.run(["migrate"], settings)
                #expect(migrated.text.hasSuffix("nothing to do.\n"), "\(migrated.text)")
                #expect(try await program.run(["audit", "verify"], settings).status == .exited(0))
                let files = try FileManager.default.subpathsOfDirectory(atPath: program.data.path)
                #expect(
                    files.sorted() == ["documents", "documents/.owner"],
                    "only what lies in no database, and none was given")
                let said = try String(contentsOf: program.log, encoding: .utf8) + check.text + migrated.text
                let password = try password(of: address)
                #expect(!said.contains(password))
            }
        }

        @Test func `opens a stream on one node with a ticket that another made, once`() async throws {
            let settings = settings(try await PostgresServer.database())
            try await withProgram { program in
                try await program.serve(settings) { one in
                    let id = try await one.amina.open()
                    try await program.serve(settings) { two in
                        let made = try await one.amina.send("POST", "/api/v1/stream-tickets", "{}")
                        let ticket = made.body["ticket"].text
                        let bare = Seat(base: two.base, token: nil)
                        let first = try await bare.stream(id, view: "events?ticket=\(ticket)") { try await $0.next() }
                        #expect(first?.type == "ready")
                        for base in [one.base, two.base] {
                            let again = try await Seat(base: base, token: nil)
                                .get("/api/v1/cases/\(id)/events?ticket=\(ticket)")
                            #expect(again.body["code"].text == "ticket_invalid")
                        }
                    }
                }
            }
        }

        @Test func `shuts somebody out on every node by one command`() async throws {
            let settings = settings(try await PostgresServer.database())
            try await withProgram { program in
                try await program.serve(settings) { one in
                    let id = try await one.amina.open()
                    try await program.serve(settings) { two in
                        let there = Seat(base: two.base, token: one.amina.token)
                        try await there.stream(id) { stream in
                            _ = try await stream.next()
                            let done = try await program.run(["revoke", "--person", "amina"], settings)
                            #expect(done.status == .exited(0), "\(done.complaint)")
                            _ = try await stream.until("auth_expired")
                        }
                        for seat in [one.amina, there] {
                            _ = try await eventually { try await seat.get("/api/v1/me").status == 401 ? true : nil }
                        }
                    }
                }
            }
        }

        @Test func `refuses while its database is away, says so once, and goes on without a restart`() async throws {
            let server = PostgresServer()
            let settings = settings(try await server.database())
            try await withProgram { program in
                try await program.serve(settings) { curaway in
                    let amina = curaway.amina
                    let id = try await amina.open()
                    _ = try await amina.ask("How long would I stay?", key: "1", in: id)
                    try await server.stop()
                    for _ in 0..<20 {
                        let refused = try await amina.ask("And where?", key: "2", in: id)
                        #expect(refused.status == 503)
                        #expect(refused.body["code"].text == "store_unavailable")
                    }
                    #expect(try await amina.get("/api/v1/cases/\(id)").status == 503)
                    let ready = try await amina.get("/ready")
                    #expect(ready.status == 503 && ready.body["checks"]["store"].text == "unavailable")
                    #expect(try await amina.get("/health").status == 200)
                    // Many sweeps of the orchestrator have failed meanwhile.
                    try await Task.sleep(for: .seconds(2))
                    #expect(program.complaints.count == 1, "\(program.complaints)")
                    #expect(program.complaints.first?.contains("cannot be used (away)") == true)
                    try await server.start()
                    _ = try await eventually {
                        try await amina.get("/ready").body["status"].text == "ready" ? true : nil
                    }
                    let answer = try await amina.ask("And where?", key: "2", in: id)
                    #expect(answer.status == 200 && answer.body["reply"]["state"].text == "finished")
                    #expect(program.complaints.count == 2, "\(program.complaints)")
                }
            }
            try await server.end()
        }

        /// For longer than a lease, in the middle of an answer. Its writer could not renew it, and the sweep of a node that is back
        /// sooner must not take it for dead.
        @Test func `goes on with an answer when its database was away for longer than a lease`() async throws {
            let server = PostgresServer(), gate = Gate()
            let model = ScriptedModel([.say("A whole "), .wait(gate), .say("answer."), .finish])
            let options = [
                "postgres.url": try await server.database(), "lease.ms": "3000", "checkpoint.ms": "1000",
            ]
            try await withCluster(options, model: model) { nodes in
                let amina = try await nodes[0].seat(of: Cast.amina)
                let id = try await amina.open()
                try await amina.stream(id) { stream in
                    _ = try await amina.ask("Go", key: "k", in: id, async: true)
                    _ = try await stream.until("reply.delta")
                    try await server.stop()
                    try await Task.sleep(for: .milliseconds(3_500))
                    try await server.start()
                    for node in nodes {
                        let seat = try await node.seat(of: Cast.amina)
                        _ = try await eventually {
                            try await seat.get("/ready").body["status"].text == "ready" ? true : nil
                        }
                    }
                    try await Task.sleep(for: .milliseconds(1_500))
                    gate.open()
                    let events = try await stream.until("message")
                    #expect(events.last?.data["status"].text == "complete")
                    #expect(events.last?.data["body"].text == "A whole answer.")
                }
            }
            try await server.end()
        }

        @Test func `moves from SQLite with everything that was said, and back`() async throws {
            let address = try await PostgresServer.database()
            let settings = settings(address)
            try await withProgram { program in
                let way = ["migrate", "--from", "sqlite:\(program.database.path)", "--to", "postgres"]
                let (id, messages) = try await program.serve { server in
                    let id = try await server.amina.open()
                    _ = try await server.amina.ask("How long would I stay?", key: "k", in: id)
                    let refused = try await program.run(way, settings)
                    #expect(refused.status == .exited(78))
                    #expect(refused.complaint.contains("in use by process \(server.process)"), "\(refused.complaint)")
                    return (id, try await server.amina.get("/api/v1/cases/\(id)").body["messages"])
                }
                let moved = try await program.run(way, settings)
                #expect(moved.status == .exited(0), "\(moved.complaint)")
                #expect(moved.text.contains("both hold the same") && moved.text.contains("messages"), "\(moved.text)")
                let password = try password(of: address)
                #expect(!moved.text.contains(password))
                let again = try await program.run(way, settings)
                #expect(again.status == .exited(78))
                #expect(again.complaint.contains("the target has rows in people already"), "\(again.complaint)")

                try await program.serve(settings) { server in
                    let there = try await server.amina.get("/api/v1/cases/\(id)").body["messages"]
                    #expect(there == messages)
                    let same = try await server.amina.ask("How long would I stay?", key: "k", in: id)
                    #expect(same.body["reply"]["state"].text == "finished", "its key is known there")
                    let used = try await program.run(
                        ["migrate", "--from", "postgres", "--to", "sqlite:\(program.database.path).back"], settings)
                    #expect(used.status == .exited(78))
                    #expect(used.complaint.contains("session(s) of Curaway"), "\(used.complaint)")
                }
                // Sessions end a moment after their server.
                _ = try await eventually {
                    let back = try await program.run(
                        ["migrate", "--from", "postgres:\(address)", "--to", "sqlite:\(program.database.path).back"])
                    return back.status == .exited(0) ? true : nil
                }
            }
        }

        @Test func `ends with a sentence when its database cannot be used`() async throws {
            let address = try await PostgresServer.database()
            let password = try password(of: address)
            try await withProgram { program in
                for (url, sentence, code) in [
                    ("", "has to be said", Int32(78)),
                    ("http://\(password)@127.0.0.1/x", "libpq cannot read it", 78),
                    (address.replacing(password, with: "wrong"), "refuses the role or its password", 78),
                    (address + "gone", "does not exist", 78),
                    ("postgres://curaway:\(password)@127.0.0.1:1/x", "cannot be reached", 74),
                ] {
                    let refused = try await program.run(["serve", "--port", "0"], settings(url))
                    #expect(refused.status == .exited(code), "\(url): \(refused.complaint)")
                    #expect(refused.complaint.contains(sentence), "\(refused.complaint)")
                    #expect(refused.complaint.split(separator: "\n").count == 1, "\(refused.complaint)")
                    #expect(!refused.complaint.contains(password))
                }
                // A mistyped database must not become a new, empty one.
                let token = try await program.run(["token", "--patient", "amina"], settings(address))
                #expect(token.status == .exited(78))
                #expect(token.complaint.contains("nothing of Curaway's"), "\(token.complaint)")
                for wrong in [
                    ["--from", "sqlite:x"], ["--from", "nowhere", "--to", "postgres"],
                    ["--from", "postgres", "--to", "postgres"],
                ] {
                    let refused = try await program.run(["migrate"] + wrong)
                    #expect(refused.status != .exited(0), "\(wrong)")
                    #expect(!refused.complaint.isEmpty)
                }
            }
        }
    }
#endif
