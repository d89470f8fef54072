import CareStore
import CareTestKit
import Foundation
import NIOHTTP1
import Subprocess
import SystemPackage
import Testing

/// A disk that is full, and folders that cannot be used.
@Suite(.timeLimit(.minutes(6)))
struct `The disk` {
    static let prlimit = "/usr/bin/prlimit"

    /// No file of the process may grow beyond this many bytes: to SQLite a disk that has become full, without being root
    /// and without filling anybody's disk. `nil` makes room again.
    private func limit(_ process: Int32, to bytes: Int?) async throws {
        let ended = try await Subprocess.run(
            .path(FilePath(Self.prlimit)),
            arguments: ["--pid", "\(process)", "--fsize=\(bytes.map(String.init) ?? "unlimited"):"],
            output: .discarded, error: .string(limit: 4_096))
        guard ended.terminationStatus.isSuccess else { throw Unexpected(ended.standardError) }
    }

    @Test(
        .enabled(if: FileManager.default.isExecutableFile(atPath: prlimit), "needs prlimit of util-linux"),
        arguments: [true, false])
    func `that is full refuses clearly, halves nothing, floods nothing, and heals without a restart`(
        modelEnds: Bool
    ) async throws {
        try await ModelPeer.listening { peer, origin in
            try await withProgram { program in
                var settings = `A kill in the middle of a turn`.settings
                settings["CURAWAY_OPENAI_BASE_URL"] = origin + "/v1"
                settings["CURAWAY_LEASE_MS"] = "1000"
                settings["CURAWAY_MESSAGES_PER_MINUTE"] = "100000"
                peer.listenToTest()
                try await program.serve(settings) { server in
                    let amina = server.amina
                    let ledger = try Ledger(program.database)
                    let id = try await amina.open()
                    func bodies() async throws -> [String] {
                        try await amina.get("/api/v1/cases/\(id)").body["messages"].list.map { $0["body"].text }
                    }
                    try await amina.stream(id) { stream in
                        let reply = try await amina.ask("1", key: "1", in: id, async: true).body["reply"]["id"].text
                        try await peer.turn(1).say("Three ")
                        _ = try await stream.until("reply.delta")
                        _ = try await eventually { try await ledger.checkpoint(of: reply) == "Three " ? true : nil }
                        #expect(try await amina.get("/ready").body["status"].text == "ready")

                        let log = program.data.appendingPathComponent("curaway.sqlite-wal")
                        let size = try log.resourceValues(forKeys: [.fileSizeKey]).fileSize
                        try #require(size != nil)
                        try await limit(server.process, to: size)

                        // Full: what is sent is refused, what is there can be read, and the words go on.
                        for _ in 0..<100 {
                            let refused = try await amina.ask("2", key: "2", in: id, async: true)
                            #expect(refused.status == 503)
                            #expect(refused.body["code"].text == "store_unavailable")
                            #expect(refused.headers["Retry-After"] == ["2"])
                        }
                        let stop = try await amina.send("POST", "/api/v1/cases/\(id)/replies/\(reply)/stop")
                        #expect(stop.status == 503)
                        #expect(try await bodies().last == "1", "half of it was stored")
                        let ready = try await amina.get("/ready")
                        #expect(ready.status == 200)
                        #expect(ready.body["status"].text == "degraded")
                        #expect(ready.body["checks"]["store"].text == "read_only")
                        #expect(try await amina.get("/health").status == 200)
                        try await peer.turn(1).say("nights.")
                        #expect(try await stream.until("reply.delta").words == "nights.")
                        if modelEnds { try await peer.turn(1).finish() }
                        // Long enough for the lease to lapse and for many checkpoints and sweeps to fail.
                        _ = try await eventually {
                            try await ledger.count("replies WHERE lease_until BETWEEN 1 AND \(Self.now - 1_500)") > 0
                                ? true : nil
                        }
                        #expect(program.complaints.count == 1, "\(program.complaints)")
                        #expect(program.complaints.first?.contains(program.database.path) == true)

                        try await limit(server.process, to: nil)
                        _ = try await eventually {
                            try await amina.get("/ready").body["status"].text == "ready" ? true : nil
                        }
                        _ = try await eventually { program.complaints.count == 2 ? true : nil }
                        #expect(program.complaints.last?.hasSuffix("the store takes writes again") == true)
                        if !modelEnds {
                            // Either its writer renewed the lease first, or the sweep found that it had lapsed.
                            try await peer.turn(1).finish()
                        }
                        peer.answerByItself()
                        let first = try await amina.ask("1", key: "1", in: id).body["reply"]
                        switch first["state"].text {
                        case "finished": #expect(first["message"]["body"].text == "Three nights.")
                        case "interrupted":
                            #expect(!modelEnds, "a whole answer was thrown away")
                            #expect(first["message"]["body"].text == "Three ")
                        default: Issue.record("\(first)")
                        }
                        let second = try await amina.ask("2", key: "2", in: id)
                        #expect(second.status == 200)
                        #expect(second.body["reply"]["message"]["body"].text == ModelPeer.answer)
                        #expect(try await bodies().filter { $0 == "2" }.count == 1)
                        _ = try await eventually { try await ledger.isQuiet() ? true : nil }
                        #expect(try await ledger.texts("PRAGMA integrity_check") == ["ok"])
                    }
                }
                #expect(program.complaints.count == 2, "\(program.complaints)")
            }
        }
    }

    private static var now: Int { Int(Date().timeIntervalSince1970 * 1_000) }

    enum Unusable: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case file = "is a file"
        case impossible = "cannot be made"
        case noDatabase = "holds something else under the database's name"
        case folder = "holds a folder under the database's name"
        case newer = "is of a newer version"
        case held = "is held by another process"
        case readOnly = "may only be read"

        var testDescription: String { rawValue }
        var code: Int32 { self == .held ? 74 : 78 }
    }

    @Test(arguments: Unusable.allCases)
    func `says in a sentence that the data folder cannot be used, and touches nothing`(_ what: Unusable) async throws {
        try await withProgram { program in
            let files = FileManager.default
            var data = program.data
            if ![.file, .impossible].contains(what) {
                try files.createDirectory(at: program.data, withIntermediateDirectories: true)
            }
            var held: SQLiteDatabase?
            let enough = DispatchSemaphore(value: 0)
            switch what {
            case .file: try Data("notes".utf8).write(to: data)
            case .impossible: data = URL(fileURLWithPath: "/proc/curaway")
            case .noDatabase: try Data(repeating: 65, count: 10_000).write(to: program.database)
            case .folder: try files.createDirectory(at: program.database, withIntermediateDirectories: true)
            case .newer:
                let database = try SQLiteDatabase(path: program.database.path)
                try await SQLStore(database).migrate()
                _ = try await database.write { try $0.run("INSERT INTO schema_steps (number) VALUES (9999)", []) }
            case .held:
                let database = try SQLiteDatabase(path: program.database.path)
                try await SQLStore(database).migrate()
                held = database
            case .readOnly:
                try await SQLStore(try SQLiteDatabase(path: program.database.path)).migrate()
                guard try await Self.protect(program.database) else {
                    print("skipped: this user may write everything, and this file system has no immutable files")
                    return
                }
            }
            let before = Self.contents(of: data)
            let bytes = try? Data(contentsOf: program.database)
            // A transaction that does not end for longer than a server waits.
            let holds = Gate()
            async let holding: Void? = held?.write { _ in
                holds.open()
                enough.wait()
            }
            if what == .held { await holds.passed() }
            let refused = try await program.run(["serve", "--port", "0"], ["CURAWAY_DATA": data.path])
            enough.signal()
            _ = try await holding
            if what == .readOnly { try await Self.unprotect(program.database) }
            #expect(refused.status == .exited(what.code))
            #expect(refused.complaint.hasPrefix("curaway: The "), "\(refused.complaint)")
            #expect(refused.complaint.split(separator: "\n").count == 1, "\(refused.complaint)")
            #expect(refused.complaint.contains(what == .newer ? "9999" : data.path), "\(refused.complaint)")
            // The last to close a database carries its log over, which changes no row.
            if ![.newer, .held].contains(what) { #expect((try? Data(contentsOf: program.database)) == bytes) }
            #expect(Self.contents(of: data) == before)
        }
    }

    /// What is in a folder, without the files that come and go with an open database.
    private static func contents(of folder: URL) -> [String]? {
        try? FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
            .filter { !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }
    }

    /// Root may write what nobody may; an immutable file stops root as well, where the file system has that.
    private static func protect(_ file: URL) async throws -> Bool {
        try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: file.path)
        if !FileManager.default.isWritableFile(atPath: file.path) { return true }
        return try await chattr("+i", file)
    }

    private static func unprotect(_ file: URL) async throws { _ = try await chattr("-i", file) }

    private static func chattr(_ change: String, _ file: URL) async throws -> Bool {
        let path = "/usr/bin/chattr"
        guard FileManager.default.isExecutableFile(atPath: path) else { return false }
        return try await Subprocess.run(
            .path(FilePath(path)), arguments: [change, file.path], output: .discarded
        ).terminationStatus.isSuccess
    }
}
