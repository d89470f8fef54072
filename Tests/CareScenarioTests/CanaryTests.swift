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
    static let paper = "Canary-Paper"
    static let words = "canary-words"
    static let document = "Laboratory report\nHaemoglobin: 13.2 g/dL\nFerritin: 40 ug/L\nRemarks: \(words)"
    /// The last page holds so little that it is looked at as a picture too, which takes long enough to be seen on a busy machine.
    static let pdf = portable(
        ["Haemoglobin: 13.2 g/dL \(words)", "Ferritin: 40 ug/L \(words)"] + ["Page 3 \(words)"])

    static func isIn(_ text: String) -> Bool { text.lowercased().contains(mark) }

    /// A PDF with a page for each line: catalogue, pages, font, then a page and its contents in turn.
    private static func portable(_ lines: [String]) -> String {
        let kids = lines.indices.map { "\(4 + 2 * $0) 0 R" }.joined(separator: " ")
        var objects = [
            "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [\(kids)] /Count \(lines.count) >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
        for (index, line) in lines.enumerated() {
            let contents = "BT /F1 18 Tf 60 762 Td (\(line)) Tj ET"
            let resources = "<< /Font << /F1 3 0 R >> >>"
            objects.append(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources \(resources) "
                    + "/Contents \(5 + 2 * index) 0 R >>")
            objects.append("<< /Length \(contents.utf8.count) >>\nstream\n\(contents)\nendstream")
        }
        var file = "%PDF-1.4\n"
        var places = "0000000000 65535 f \n"
        for (index, object) in objects.enumerated() {
            let place = String(file.utf8.count)
            places += String(repeating: "0", count: 10 - place.count) + place + " 00000 n \n"
            file += "\(index + 1) 0 obj\n\(object)\nendobj\n"
        }
        let table = file.utf8.count
        file += "xref\n0 \(objects.count + 1)\n\(places)trailer\n<< /Size \(objects.count + 1) /Root 1 0 R >>\n"
        return file + "startxref\n\(table)\n%%EOF\n"
    }
}

/// Whole flows through the program, at the log level that tells most.
@Suite(.timeLimit(.minutes(5)))
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
                try await handOver(amina, to: pid, keepingIn: data)
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
                #expect(peer.asked.contains { "\($0.body)".contains(Canary.words) }, "it heard of the document")
                let check = try await Canaried.run(["check"], environment)
                #expect(check.out.contains(origin) && !Canary.isIn(check.out + check.err))
            }
            let wrong = try await Canaried.run(
                ["serve", "--port", "x"], environment.merging(["CURAWAY_PORT": "-1"]) { $1 })
            #expect(!wrong.err.isEmpty && !Canary.isIn(wrong.err + wrong.out))
        }
        let paths = try FileManager.default.subpathsOfDirectory(atPath: data.path)
        #expect(!paths.contains(where: Canary.isIn), "\(paths)")
        // The documents are deleted: what is left of them are the folders they lay in, empty.
        let known = ["curaway.sqlite", "curaway.sqlite-wal", "curaway.sqlite-shm", "documents/.owner"]
        let files = try files(in: data)
        #expect(Set(files).isSubset(of: known), "\(files)")
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

    /// Papers: given both ways, read, searched, asked about, fetched and deleted. While they are there the mark is in the database
    /// and in the originals, and nowhere else.
    private func handOver(_ amina: Seat, to pid: Int32, keepingIn data: URL) async throws {
        let id = try await amina.get("/api/v1/cases").body["cases"][0]["id"].text
        let cursor = try await amina.get(amina.papers).body["cursor"].text
        let text = try await amina.give(Canary.document, name: "\(Canary.paper).txt", in: id)
        let pdf = try await amina.announce(Canary.pdf.utf8.count, name: "\(Canary.paper).pdf", in: id)
        let children = try await Canaried.children(of: pid) {
            #expect(try await amina.piece(Canary.pdf, at: 0, of: pdf).status == 204)
            for document in [text, pdf] {
                let read = try await amina.isRead(document)
                #expect(read["stage"].text == "ready" && Canary.isIn(read["name"].text), "\(read)")
            }
        }
        #expect(!children.isEmpty, "a test that sees no tool finds nothing")
        for child in children { #expect(!Canary.isIn(child) && !child.contains(amina.token ?? "?"), "\(child)") }

        let events = try await amina.events("\(amina.papers)/stream?cursor=\(cursor)") { events in
            events.filter { $0.data["stage"].text == "ready" }.count >= 2
        }
        #expect(events.contains { Canary.isIn($0.data["name"].text) })
        let found = try await amina.get("\(amina.papers)/search?q=\(Canary.words)").body["results"].list
        #expect(found.contains { $0["document_id"].text == text && Canary.isIn($0["passage"].text) })
        for number in 1...3 {
            let question = "What does \(Canary.paper) say of my haemoglobin?"
            _ = try await amina.ask(question, key: "\(Canary.mark)-paper-\(number)", in: id)
        }
        #expect(try await amina.file("\(amina.papers)/\(text)/file").text == Canary.document)
        #expect(try await amina.file("\(amina.papers)/\(text)/file", [("Range", "bytes=0-9")]).status == 206)
        let pages = try await amina.file("\(amina.papers)/\(pdf)/text").text
        #expect(Canary.isIn(pages))
        #expect(try await amina.file("\(amina.papers)/\(pdf)/pages/2").status == 200)

        let marked = try files(in: data).filter { path in
            Canary.isIn(String(decoding: try Data(contentsOf: data.appendingPathComponent(path)), as: UTF8.self))
        }
        let originals = marked.filter { $0.hasSuffix("/original") }
        #expect(originals.count == 2, "\(marked)")
        #expect(marked.allSatisfy { originals.contains($0) || $0.hasPrefix("curaway.sqlite") }, "\(marked)")

        // One that no tool can read, and one that does not arrive.
        let odd = try await amina.give("MZ\u{0}\u{1} \(Canary.words)", name: "\(Canary.paper).exe", in: id)
        #expect(try await amina.isRead(odd)["stage"].text == "rejected")
        let left = try await amina.announce(100, name: "\(Canary.paper).txt", in: id)
        #expect(try await amina.piece(Canary.words, at: 0, of: left).status == 204)
        #expect(try await amina.tus("DELETE", "\(amina.uploads)/\(left)").status == 204)
        try await provoke(amina, withPapersIn: id)
        for document in [text, pdf, odd] {
            #expect(try await amina.send("DELETE", "\(amina.papers)/\(document)").status == 204)
        }
        #expect(try await amina.get("\(amina.papers)/search?q=\(Canary.words)").body["results"].list.isEmpty)
    }

    /// What goes wrong with papers.
    private func provoke(_ amina: Seat, withPapersIn id: String) async throws {
        let mark = Canary.header
        let multipart = [("Content-Type", "multipart/form-data; boundary=xyz")]
        func tus(_ headers: (String, String)...) -> [(String, String)] { [("Tus-Resumable", "1.0.0")] + headers }
        let name = Data("\(Canary.paper).txt".utf8).base64EncodedString()
        let rows: [(String, String, String?, [(String, String)])] = [
            ("GET", "\(amina.papers)/search?q=\(String(repeating: Canary.mark, count: 40))", nil, []),
            ("GET", "\(amina.papers)/\(mark)", nil, []), ("GET", "\(amina.papers)/\(mark)/file", nil, []),
            ("GET", "/api/v1/patients/\(mark)/documents", nil, []),
            ("GET", "\(amina.papers)/stream?cursor=\(mark)", nil, []),
            ("POST", amina.papers, Canary.document, [("Content-Type", "text/\(mark)")]),
            ("POST", amina.papers, Canary.document, multipart),
            ("POST", amina.papers, form(Canary.document, name: "\(mark).txt", in: "\(mark) \(mark)"), multipart),
            ("POST", amina.papers, form(Canary.document, name: "\(mark).txt", in: mark), multipart),
            ("POST", amina.papers, form("", name: "\(mark).txt", in: id), multipart),
            ("POST", amina.uploads, nil, [("Tus-Resumable", mark), ("Upload-Length", "10")]),
            ("POST", amina.uploads, nil, tus(("Upload-Length", mark))),
            ("POST", amina.uploads, nil, tus(("Upload-Length", "10"), ("Upload-Metadata", "filename \(name)"))),
            ("POST", amina.uploads, nil, tus(("Upload-Length", "10"), ("Upload-Metadata", "\(mark) \(mark)"))),
            (
                "PATCH", "\(amina.uploads)/\(mark)", Canary.words,
                tus(("Content-Type", "application/offset+octet-stream"), ("Upload-Offset", "0"))
            ),
            ("DELETE", "\(amina.uploads)/\(mark)", nil, tus()),
        ]
        try await expectRefused(amina, rows)
    }

    /// Paths of everything in a folder that is no folder itself.
    private func files(in folder: URL) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { path in
            var isFolder: ObjCBool = false
            let isThere = FileManager.default.fileExists(
                atPath: folder.appendingPathComponent(path).path, isDirectory: &isFolder)
            return isThere && !isFolder.boolValue
        }
    }

    private func expectRefused(_ amina: Seat, _ rows: [(String, String, String?, [(String, String)])]) async throws {
        let token = amina.token ?? ""
        for (method, path, body, headers) in rows {
            let answer = try await amina.send(method, path, body, headers: headers)
            #expect(answer.status >= 400, "\(method) \(path)")
            let said = String(decoding: try JSONEncoder().encode(answer.body), as: UTF8.self) + "\(answer.headers)"
            #expect(answer.body["code"].text.isEmpty == false)
            #expect(!Canary.isIn(said) && !said.contains(token), "\(method) \(path) is answered by \(said)")
        }
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
        try await expectRefused(amina, rows)
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

    /// How the children that a process has while the body runs were called, and their environments, as far as looking often sees
    /// them: each lives for some milliseconds at least.
    static func children(
        of pid: Int32, during body: @escaping @Sendable () async throws -> Void
    ) async throws -> Set<String> {
        let own = try String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
        return try await withThrowingTaskGroup(of: Set<String>.self) { group in
            group.addTask {
                try await body()
                return []
            }
            group.addTask {
                var seen: Set<String> = []
                while !Task.isCancelled {
                    seen.formUnion(Self.look(at: pid, called: own))
                    try? await Task.sleep(for: .milliseconds(10))
                }
                return seen
            }
            var all: Set<String> = []
            // The looking ends when the body has, and only then.
            while let seen = try await group.next() {
                all.formUnion(seen)
                group.cancelAll()
            }
            return all
        }
    }

    private static func look(at pid: Int32, called own: String) -> [String] {
        func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        let children = threads.flatMap { text("/proc/\(pid)/task/\($0)/children").split(separator: " ") }
        return children.compactMap { child in
            let line = text("/proc/\(child)/cmdline")
            // Not yet itself, or no more: until it is, it has its parent's environment.
            guard !line.isEmpty, line != own else { return nil }
            return line + text("/proc/\(child)/environ")
        }
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
