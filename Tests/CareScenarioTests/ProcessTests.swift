import Foundation
import Subprocess
import SystemPackage
import Testing

/// The program itself, as an operator runs it: started, told to stop, started again.
@Suite(.timeLimit(.minutes(2)))
struct `The program` {
    @Test func `lets a running answer end when it is told to stop, and says goodbye to its reader`() async throws {
        try await withProgram { program in
            let (id, shown) = try await program.serve(["CURAWAY_GUIDE_PACE_MS": "15"]) { server in
                let amina = server.amina
                let id = try await amina.open()
                let events = try await amina.stream(id) { stream in
                    _ = try await amina.ask("How long would I stay?", key: "k", in: id, async: true)
                    var events = try await stream.until("reply.delta")
                    try server.terminate()
                    events += try await stream.until("bye")
                    #expect(events.last?.data["reason"].text == "restarting")
                    #expect(try await stream.next() == nil, "the stream is closed after its goodbye")
                    return events
                }
                return (id, events.words)
            }
            try await program.serve { server in
                let snapshot = try await server.amina.get("/api/v1/cases/\(id)").body
                let answer = try #require(snapshot["messages"].list.last)
                #expect(snapshot["reply"] == .null)
                #expect(answer["status"].text == "complete")
                #expect(answer["body"].text.hasPrefix(shown), "words were shown that were not kept")
                #expect(answer["body"].text.count > shown.count + 20)
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
        }
    }
}

/// The built program with a data folder of its own, for the length of a closure.
func withProgram(_ body: (Program) async throws -> Void) async throws {
    let program = Program()
    defer { try? FileManager.default.removeItem(at: program.data) }
    try await body(program)
}

struct Program: Sendable {
    let data = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-program-\(UUID())")

    struct Outcome: Sendable {
        var status: TerminationStatus
        var text: String
        var complaint: String
    }

    /// A server that listens: Amina at it, and the way to stop it.
    struct Listening: Sendable {
        let amina: Seat
        let signal: @Sendable (Signal) throws -> Void

        /// As `systemctl stop` does.
        func terminate() throws { try signal(.terminate) }
    }

    struct Broken: Error { var what: String }

    private func configuration(_ arguments: [String], _ settings: [String: String] = [:]) -> Configuration {
        // A developer's own settings must not reach the program, and it was built where the tests were.
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("CURAWAY_") }
        environment.merge(settings) { $1 }
        environment["CURAWAY_DATA"] = data.path
        let executable = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("curaway").path
        return Configuration(
            executable: .path(FilePath(executable)), arguments: Arguments(arguments),
            environment: .custom(
                Dictionary(
                    uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })))
    }

    /// Serves on a free port for the length of the closure, then stops it as an operator would, and expects it to obey.
    func serve<Answer: Sendable>(
        _ settings: [String: String] = [:], _ body: (Listening) async throws -> Answer
    ) async throws -> Answer {
        let frontend = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Frontend")
        let configuration = configuration(
            ["serve", "--port", "0", "--demo", "--frontend", frontend.path],
            ["CURAWAY_GUIDE_PACE_MS": "2"].merging(settings) { $1 })
        let ended = try await Subprocess.run(configuration, input: .none, output: .sequence, error: .discarded) {
            process in
            do {
                for try await line in process.standardOutput.strings() {
                    guard let port = line.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+)\//)?.1 else { continue }
                    let token = try await run("token", "--patient", "amina").text
                    let amina = Seat(
                        base: "http://127.0.0.1:\(port)", token: token.trimmingCharacters(in: .whitespacesAndNewlines))
                    let answer = try await body(Listening(amina: amina) { try process.send(signal: $0) })
                    try? process.send(signal: .terminate)
                    return answer
                }
                throw Broken(what: "the server ended before it listened")
            } catch {
                try? process.send(signal: .kill)
                throw error
            }
        }
        #expect(ended.terminationStatus == .exited(0))
        return ended.closureResult
    }

    func run(_ arguments: String...) async throws -> Outcome { try await run(arguments) }

    func run(_ arguments: [String]) async throws -> Outcome {
        let ended = try await Subprocess.run(
            configuration(arguments), output: .string(limit: 65_536), error: .string(limit: 65_536))
        return Outcome(
            status: ended.terminationStatus, text: ended.standardOutput, complaint: ended.standardError)
    }
}
