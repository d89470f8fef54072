import CareDomain
import CareStore
import Foundation
import Subprocess
import SystemPackage
import Testing

@testable import curaway

/// What must never leave the conversation, each piece marked so that it can be looked for.
private enum Canary {
    static let mark = "canary"
    static let message = "canary-message my knee is none of your business"
    static let title = "canary-title"
    static let name = "Canary-Name Haddad"
    static let messageKey = "canary-message-key"
    static let caseKey = "canary-case-key"
    static let upstreamKey = "sk-canary-upstream-key"
    static let header = "canary-header"

    static func isIn(_ text: String) -> Bool { text.lowercased().contains(mark) }
}

/// Whole flows through the program, at the log level that tells most.
@Suite(.timeLimit(.minutes(2)))
struct `What a patient says` {
    @Test(arguments: ["openai", "anthropic", "guide"])
    func `is in no log line, error, argument, file or other process`(_ model: String) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-\(CaseID.new())")
        let temporary = folder.appendingPathComponent("tmp")
        let data = folder.appendingPathComponent("data")
        try FileManager.default.createDirectory(at: temporary, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let settings = try await Settings.read(options: ["data": data.path], environment: [:], file: nil)
        let id = try #require(PersonID(rawValue: "amina"))
        try await Assembly.openStore(settings).save(
            Person(id: id, name: Canary.name, role: .patient, language: .english))

        try await ModelPeer.listening(echoes: true) { peer, origin in
            let environment = [
                "CURAWAY_DATA": data.path, "CURAWAY_LOG_LEVEL": "trace", "CURAWAY_GUIDE_PACE_MS": "1",
                "CURAWAY_MODEL": model, "CURAWAY_OPENAI_KEY": Canary.upstreamKey,
                "CURAWAY_OPENAI_BASE_URL": origin + "/v1",
                "CURAWAY_ANTHROPIC_KEY": Canary.upstreamKey, "CURAWAY_ANTHROPIC_BASE_URL": origin,
                "TMPDIR": temporary.path,
                "CURAWAY_BODY_SECONDS": "1",
            ]
            let token = try await Canaried.run(["token", "--patient", "amina"], environment)
                .out.trimmingCharacters(in: .whitespacesAndNewlines)
            let told = try await Canaried.serve(environment) { base, pid in
                let amina = Seat(base: base, token: token)
                try await converse(amina)
                try await provoke(amina)
                let line = try String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
                #expect(line.contains("serve") && !Canary.isIn(line) && !line.contains(token))
                let children = try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
                #expect(children.isEmpty, "a child would have its environment")
            }
            #expect(told.count > 1_000, "a test that hears nothing finds nothing: \(told)")
            for line in told.split(separator: "\n") {
                #expect(!Canary.isIn(String(line)) && !line.contains(token), "\(line)")
                #expect(!line.contains(token.split(separator: ".").last ?? "?"), "\(line)")
            }
            if model != "guide" {
                #expect(peer.asked.contains { $0.header("authorization") == "Bearer \(Canary.upstreamKey)" })
                let check = try await Canaried.run(["check"], environment)
                #expect(check.out.contains(origin) && !Canary.isIn(check.out + check.err))
            }
            let wrong = try await Canaried.run(
                ["serve", "--port", "x"], environment.merging(["CURAWAY_PORT": "-1"]) { $1 })
            #expect(!wrong.err.isEmpty && !Canary.isIn(wrong.err + wrong.out))
        }
        let files = try FileManager.default.subpathsOfDirectory(atPath: data.path)
        let known = ["curaway.sqlite", "curaway.sqlite-wal", "curaway.sqlite-shm", "documents", "documents/.owner"]
        #expect(Set(files).isSubset(of: known))
        let owner = try Data(contentsOf: data.appendingPathComponent("documents/.owner"))
        #expect(!owner.isEmpty && !Canary.isIn(String(decoding: owner, as: UTF8.self)))
        #expect(try FileManager.default.subpathsOfDirectory(atPath: temporary.path).isEmpty)
        #expect(
            Canary.isIn(
                String(decoding: try Data(contentsOf: data.appendingPathComponent("curaway.sqlite")), as: UTF8.self)))
    }

    /// What goes well: every verb, and a stream that sees it.
    private func converse(_ amina: Seat) async throws {
        let opening = #"{"title":"\#(Canary.title)","client_case_id":"\#(Canary.caseKey)"}"#
        let id = try await amina.send("POST", "/api/v1/cases", opening).body["id"].text
        try await amina.stream(id) { stream in
            for number in 1...4 {
                _ = try await amina.ask("\(Canary.message) \(number)", key: "\(Canary.messageKey)-\(number)", in: id)
            }
            let seen = try await stream.until("reply.finished")
            #expect(Canary.isIn(seen.first { $0.type == "message" }?.data["body"].text ?? ""))
        }
        let snapshot = try await amina.get("/api/v1/cases/\(id)").body
        let last = snapshot["messages"].list.last?["id"].text ?? ""
        _ = try await amina.send("POST", "/api/v1/cases/\(id)/replies/\(last)/retry")
        _ = try await amina.send("POST", "/api/v1/cases/\(id)/replies/\(last)/stop")
        _ = try await amina.ask("\(Canary.message). I have severe chest pain right now", key: "emergency", in: id)
        _ = try await amina.ask("\(Canary.message). I want to talk to a real person", key: "person", in: id)
    }

    /// What goes wrong: no error says back what it was given.
    private func provoke(_ amina: Seat) async throws {
        let id = try await amina.get("/api/v1/cases").body["cases"][0]["id"].text
        let token = amina.token ?? ""
        let chat = "/api/v1/cases/\(id)/chat"
        let long = Canary.message + String(repeating: "x", count: 8_000)
        let mark = Canary.header
        func question(_ text: String, _ key: String) -> String { Wire.question("\"\(text)\"", key: key) }
        let rows: [(String, String, String?, [(String, String)])] = [
            ("POST", chat, question(Canary.message, "\(mark) \(mark)"), []), ("POST", chat, question(long, "long"), []),
            ("POST", chat, question(Canary.message + " other", Canary.messageKey + "-1"), []),
            ("POST", chat, #"{"message":"\#(Canary.message)"#, []), ("POST", chat, #"{"\#(mark)":1,"\#(mark)":2}"#, []),
            ("POST", chat, #"{"message":{"\#(mark)":1},"client_message_id":"k"}"#, []),
            ("POST", chat, Canary.message, [("Content-Type", "text/\(mark)")]),
            ("POST", chat, Canary.message + String(repeating: "x", count: 70_000), []),
            ("POST", chat, question(Canary.message, "k"), [("Content-Encoding", mark)]),
            ("POST", "/api/v1/cases", #"{"language":"\#(mark)"}"#, []),
            ("POST", "/api/v1/cases", #"{"title":"\#(long)"}"#, []),
            ("POST", "/api/v1/cases", #"{"client_case_id":"\#(mark) \#(mark)"}"#, []),
            ("POST", "/dev/sign-in", #"{"person":"\#(mark)"}"#, []),
            ("POST", "/dev/sign-in", #"{"person":"amina"}"#, [("Origin", "http://\(mark)")]),
            ("GET", "/\(mark)?\(mark)=\(mark)", nil, []), ("DELETE", "/health?\(mark)", nil, []),
            ("GET", "/assets/\(mark)/js/\(mark).js", nil, []), ("GET", "/api/v1/cases/\(mark)", nil, []),
            ("POST", "/api/v1/cases/\(id)/replies/\(mark)/stop", nil, []),
            ("GET", "/api/v1/cases/\(id)/messages?before=\(mark)", nil, []),
            ("GET", "/api/v1/cases/\(id)/messages?limit=\(mark)", nil, []),
            ("GET", "/api/v1/cases/\(id)/events?cursor=\(mark)", nil, []),
            ("GET", "/api/v1/cases/\(id)/events", nil, [("Last-Event-ID", mark)]),
            ("GET", "/api/v1/me", nil, [("Authorization", "Bearer \(mark).\(mark).\(mark)")]),
            ("GET", "/api/v1/me", nil, [("Authorization", "\(mark) \(token)")]),
            ("GET", "/api/v1/me", nil, [("Authorization", "Bearer \(token)\(mark)")]),
        ]
        for (method, path, body, headers) in rows {
            let answer = try await amina.send(method, path, body, headers: headers)
            #expect(answer.status >= 400, "\(method) \(path)")
            let said = String(decoding: try JSONEncoder().encode(answer.body), as: UTF8.self) + "\(answer.headers)"
            #expect(answer.body["code"].text.isEmpty == false)
            #expect(!Canary.isIn(said) && !said.contains(token), "\(method) \(path) is answered by \(said)")
        }
        let port = Int(amina.base.split(separator: ":").last ?? "") ?? 0
        let host = "Host: 127.0.0.1:\(port)\r\nAuthorization: Bearer \(token)\r\n"
        for raw in [
            "\(mark)\r\n\r\n", "GET /\(mark) HTTP/1.1\r\nHost: \(mark)\r\n\r\n", "\(mark) / HTTP/1.1\r\n\(host)\r\n",
            "GET http://\(mark)/ HTTP/1.1\r\n\(host)\r\n", "GET / HTTP/1.1\r\n\(host)\(mark)\r\n\r\n",
            "GET / HTTP/1.1\r\n\(host)X: \(mark)\u{0}\r\n\r\n", "GET / HTTP/1.1\r\n\(host)Expect: \(mark)\r\n\r\n",
            "POST \(chat) HTTP/1.1\r\n\(host)Transfer-Encoding: \(mark)\r\n\r\n",
            "POST \(chat) HTTP/1.1\r\n\(host)Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\(mark)\r\n",
            "POST \(chat) HTTP/1.1\r\n\(host)Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"\(mark)",
            "GET / HTTP/1.1\r\n\(host)X: \(String(repeating: mark, count: 9_000))\r\n\r\n",
        ] {
            try await RawPeer.at(port) { peer in
                await peer.send(raw)
                try await peer.untilClosed()
                #expect((peer.statuses.first ?? 0) >= 400, "\(raw.prefix(60))")
                #expect(!Canary.isIn(peer.text) && !peer.text.contains(token), "\(peer.text)")
            }
        }
    }
}

/// The program with its outputs kept, whichever way they come.
private enum Canaried {
    private static func configuration(_ arguments: [String], _ settings: [String: String]) -> Configuration {
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("CURAWAY_") }
        environment.merge(settings) { $1 }
        let executable = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("curaway").path
        return Configuration(
            executable: .path(FilePath(executable)), arguments: Arguments(arguments),
            environment: .custom(
                Dictionary(
                    uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })))
    }

    static func run(_ arguments: [String], _ settings: [String: String]) async throws -> (out: String, err: String) {
        let ended = try await Subprocess.run(
            configuration(arguments, settings), output: .string(limit: 65_536), error: .string(limit: 65_536))
        return (ended.standardOutput, ended.standardError)
    }

    /// Everything it said from its start to its end.
    static func serve(
        _ settings: [String: String], _ body: (_ base: String, _ pid: Int32) async throws -> Void
    ) async throws -> String {
        let frontend = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Frontend")
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-canary-\(CaseID.new())")
        defer { try? FileManager.default.removeItem(at: log) }
        let errors = try FileDescriptor.open(
            FilePath(log.path), .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        let arguments = ["serve", "--port", "0", "--frontend", frontend.path]
        let ended = try await Subprocess.run(
            configuration(arguments, settings), input: .none, output: .sequence,
            error: .fileDescriptor(errors, closeAfterSpawningProcess: true)
        ) { process in
            var said = ""
            do {
                for try await line in process.standardOutput.strings() {
                    said += line
                    guard let port = line.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+)\//)?.1 else { continue }
                    try await body("http://127.0.0.1:\(port)", process.processIdentifier.value)
                    try process.send(signal: .terminate)
                }
            } catch {
                try? process.send(signal: .kill)
                throw error
            }
            return said
        }
        #expect(ended.terminationStatus == .exited(0))
        return ended.closureResult + (try String(contentsOf: log, encoding: .utf8))
    }
}
