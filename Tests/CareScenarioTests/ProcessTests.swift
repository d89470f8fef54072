import CareStore
import Foundation
import Subprocess
import Testing

/// The program itself, as an operator runs it: started, told to stop, started again.
@Suite(.timeLimit(.minutes(6)))
struct `The program` {
    @Test func `lets a running answer end when it is told to stop, and says goodbye to its reader`() async throws {
        try await ModelPeer.listening { peer, origin in
            peer.listenToTest()
            let settings = [
                "CURAWAY_MODEL": "openai", "CURAWAY_OPENAI_BASE_URL": origin + "/v1", "CURAWAY_DRAIN_SECONDS": "30",
            ]
            try await withProgram { program in
                let id = try await program.serve(settings) { server in
                    let amina = server.amina
                    let id = try await amina.open()
                    try await amina.stream(id) { stream in
                        _ = try await amina.ask("How long would I stay?", key: "k", in: id, async: true)
                        try await peer.turn(1).say("Three ")
                        #expect(try await stream.until("reply.delta").words == "Three ")
                        try server.terminate()
                        #expect(try await stream.until("bye").last?.data["reason"].text == "restarting")
                        #expect(try await stream.next() == nil, "the stream is closed after its goodbye")
                    }
                    try await peer.turn(1).say("nights.")
                    try await peer.turn(1).finish()
                    return id
                }
                try await program.serve { server in
                    let snapshot = try await server.amina.get("/api/v1/cases/\(id)").body
                    let answer = try #require(snapshot["messages"].list.last)
                    #expect(snapshot["reply"] == .null)
                    #expect(answer["status"].text == "complete")
                    #expect(answer["body"].text == "Three nights.", "what came after the goodbye is lost")
                }
            }
        }
    }

    @Test func `interrupts what cannot end in time, keeps its words, and offers another try`() async throws {
        try await withProgram { program in
            let slow = ["CURAWAY_GUIDE_PACE_MS": "400", "CURAWAY_DRAIN_SECONDS": "0"]
            let (id, shown) = try await program.serve(slow) { server in
                let amina = server.amina
                let id = try await amina.open()
                let words = try await amina.stream(id) { stream in
                    _ = try await amina.ask("How long would I stay?", key: "k", in: id, async: true)
                    var events = try await stream.until("reply.delta")
                    try server.terminate()
                    while let event = try? await stream.next() { events.append(event) }
                    return events.words
                }
                return (id, words)
            }
            try await program.serve { server in
                let amina = server.amina
                let answer = try #require(try await amina.get("/api/v1/cases/\(id)").body["messages"].list.last)
                #expect(answer["status"].text == "interrupted")
                #expect(answer["body"].text.hasPrefix(shown) && !shown.isEmpty)
                let retried = try await amina.send("POST", "/api/v1/cases/\(id)/replies/\(answer["id"].text)/retry")
                #expect(retried.status == 202)
                let whole = try await amina.ask("How long would I stay?", key: "k", in: id)
                #expect(whole.body["reply"]["state"].text == "finished")
                #expect(whole.body["reply"]["message"]["version"].int == 2)
            }
        }
    }

    /// Sixty pages that lose their stream again and again, as after a bad minute of a network, and in the middle of it the server
    /// is told to stop. Whatever is being accepted, written or said goodbye to at that moment, it ends as it should.
    @Test func `stops as it should in a storm of pages that come back`() async throws {
        try await withProgram { program in
            for round in 0..<4 {
                try await program.serve(["CURAWAY_STREAMS_PER_PERSON": "1000", "CURAWAY_DRAIN_SECONDS": "1"]) {
                    server in
                    let id = try await server.amina.open()
                    let port = try #require(Int(server.base.split(separator: ":").last ?? ""))
                    let request =
                        "GET /api/v1/cases/\(id)/events HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n"
                        + "Authorization: Bearer \(server.amina.token ?? "")\r\n\r\n"
                    await withTaskGroup(of: Void.self) { group in
                        for page in 0..<60 {
                            group.addTask {
                                for turn in 0..<400 {
                                    let came: Void? = try? await RawPeer.at(port) { peer in
                                        await peer.send(request)
                                        // Some are gone before they are answered, some as soon as they are, some stay a moment.
                                        switch (page + turn) % 3 {
                                        case 0: break
                                        case 1: try await peer.until("HTTP/1.1")
                                        default: try await Task.sleep(for: .milliseconds(15))
                                        }
                                    }
                                    // Nobody listens any more.
                                    if came == nil { return }
                                }
                            }
                        }
                        group.addTask {
                            try? await Task.sleep(for: .milliseconds(250 + 130 * round))
                            try? server.terminate()
                        }
                    }
                }
            }
            #expect(!program.complaints.contains { $0.contains("Fatal error") || $0.contains("Precondition") })
        }
    }

    @Test func `takes a flag from the command line without a restart`() async throws {
        try await withProgram { program in
            try await program.serve { server in
                let amina = server.amina
                let id = try await amina.open()
                func answer(_ key: String) async throws -> [EventReader.Event] {
                    try await amina.stream(id) { stream in
                        _ = try await amina.ask("How long would I stay?", key: key, in: id)
                        return try await stream.until("reply.finished")
                    }
                }
                let name = "enable_response_streaming"
                #expect(try await program.run("flag", "get", name).text == "true\n")
                #expect(try await answer("a").types.contains("reply.delta"))
                #expect(try await program.run("flag", "set", name, "false").text == "\(name) = false\n")
                let whole = try await answer("b")
                #expect(!whole.types.contains("reply.delta"))
                #expect(whole.first?.data["streaming"] == .bool(false))
                #expect(whole.last { $0.type == "message" }?.data["body"].text.isEmpty == false)
                #expect(try await program.run("flag", "list").text.hasPrefix("\(name) = false "))
                _ = try await program.run("flag", "set", name, "default")
                #expect(try await answer("c").types.contains("reply.delta"))
                for wrong in [["flag", "get", "nothing"], ["flag", "set", name, "maybe"]] {
                    let refused = try await program.run(wrong)
                    #expect(refused.status == .exited(64), "\(wrong)")
                    #expect(!refused.complaint.isEmpty)
                }
            }
        }
    }

    @Test(arguments: [("anthropic", ""), ("openai", "/v1")])
    func `asks the model its environment names, as that model wants to be asked`(
        model: String, path: String
    ) async throws {
        try await ModelPeer.listening { peer, origin in
            try await withProgram { program in
                let name = model.uppercased()
                let settings = [
                    "CURAWAY_MODEL": model, "CURAWAY_\(name)_BASE_URL": origin + path, "CURAWAY_\(name)_KEY": "sk-1",
                    "CURAWAY_\(name)_MODEL": "model-1",
                ]
                try await program.serve(settings) { server in
                    let amina = server.amina
                    let id = try await amina.open()
                    let answer = try await amina.ask("How long would I stay?", key: "k", in: id)
                    #expect(answer.body["reply"]["message"]["body"].text == ModelPeer.answer)
                    #expect(answer.body["reply"]["message"]["answered_by"].text == model)
                }
                let asked = try #require(peer.asked.first)
                #expect(peer.asked.count == 1)
                #expect(asked.body["model"].text == "model-1")
                #expect(asked.body["stream"] == .bool(true))
                #expect(asked.body["messages"].list.last?["content"].text == "How long would I stay?")
                #expect(asked.header("authorization") == "Bearer sk-1")
                if model == "anthropic" {
                    #expect(asked.path == "/v1/messages")
                    #expect(asked.header("anthropic-version") == "2026-10-21")
                    #expect(!asked.body["system"].text.isEmpty)
                } else {
                    #expect(asked.path == "/v1/chat/completions")
                    #expect(asked.body["messages"][0]["role"].text == "system")
                }
            }
        }
    }

    @Test func `asks nobody when its environment has keys and no model`() async throws {
        try await ModelPeer.listening { peer, origin in
            try await withProgram { program in
                let settings = [
                    "CURAWAY_ANTHROPIC_KEY": "sk-1", "CURAWAY_ANTHROPIC_BASE_URL": origin, "CURAWAY_OPENAI_KEY": "sk-2",
                    "CURAWAY_OPENAI_BASE_URL": origin + "/v1",
                ]
                try await program.serve(settings) { server in
                    let id = try await server.amina.open()
                    let answer = try await server.amina.ask("How long would I stay?", key: "k", in: id)
                    #expect(answer.body["reply"]["message"]["answered_by"].text == "guide")
                }
                #expect(peer.asked.isEmpty)
            }
        }
    }

    @Test func `explains a wrong setting and a missing database, and makes neither`() async throws {
        try await withProgram { program in
            for arguments in [
                ["serve", "--model", "gpt"], ["token", "--patient", "amina"], ["flag", "list"],
                ["serve", "--host", "0.0.0.0"],
            ] {
                let refused = try await program.run(arguments)
                #expect(refused.status == .exited(78), "\(arguments)")
                #expect(refused.complaint.hasPrefix("curaway: The setting "), "\(refused.complaint)")
            }
            let early = try await program.run("check")
            #expect(early.status == .exited(1))
            #expect(early.text.contains("FAIL  store  SQLite at \(program.database.path): there is nothing of"))
            #expect(!FileManager.default.fileExists(atPath: program.data.path), "a command that failed made a database")
            #expect(try await program.run("migrate").status == .exited(0))
            let token = try await program.run("token", "--patient", "amina")
            #expect(token.text.split(separator: ".").count == 3)
            let two = try await program.run("token", "--patient", "amina", "--patient", "tom")
            #expect(two.text.split(separator: "\n").count == 2, "one a line")
            #expect(try await program.run("token", "--patient", "a", "--coordinator", "b").status == .exited(64))
            #expect(try await program.run("token").status == .exited(64))
            #expect(try await program.run("version").text.hasPrefix("curaway "))
            let check = try await program.run("check")
            #expect(check.status == .exited(0))
            #expect(check.text.contains("the built-in guide"))
            #expect(check.text.contains("ok    tools  poppler"))
            let nobody = try await program.run(["check"], ["CURAWAY_CLAMD_ADDRESS": "/nonexistent.sock"])
            #expect(nobody.status == .exited(1))
            #expect(nobody.text.contains("FAIL  scan   clamd at /nonexistent.sock: no answer"))
        }
    }

    /// It opened the store like a start, so that who wanted to know what an upgrade would find had already upgraded.
    @Test func `checks a database without bringing it up to date`() async throws {
        try await withProgram { program in
            #expect(try await program.run("migrate").status == .exited(0))
            let newest = SQLStore.newestSchema
            func steps() async throws -> Int? {
                try await SQLStore(try SQLiteDatabase(path: program.database.path, readOnly: true)).schema()
            }
            // As the version before left it, as far as anybody can tell by looking.
            let file = try SQLiteDatabase(path: program.database.path)
            _ = try await file.write {
                try $0.run("DELETE FROM schema_steps WHERE number = $1", [.integer(Int64(newest))])
            }
            let old = try await program.run("check")
            #expect(old.status == .exited(1))
            #expect(old.text.contains(": its schema is at step \(newest - 1) and"), "\(old.text)")
            #expect(try await steps() == newest - 1)

            // A newer one, which this version could not work with.
            _ = try await file.write {
                try $0.run(
                    "INSERT INTO schema_steps (number, floor) VALUES ($1, $1), ($2, $2)",
                    [.integer(Int64(newest)), .integer(Int64(newest) + 1)])
            }
            let new = try await program.run("check")
            #expect(new.status == .exited(1))
            #expect(new.text.contains("was changed by a newer version"), "\(new.text)")
            #expect(try await steps() == newest + 1)
        }
    }
}
