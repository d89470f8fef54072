import CareDesk
import Foundation
import Testing

@testable import CareDocuments

struct `A tool on a stranger's file` {
    @Test func `says what it has to say, and its exit is told from a signal`() async throws {
        let outcome = try await shell("echo out; echo bad >&2; exit 3")
        #expect(outcome.end == .exit(3))
        #expect(outcome.output == Array("out\n".utf8))
        #expect(outcome.complaint == "bad\n")
        #expect(!outcome.isSuccess)
        #expect(try await shell("kill -SEGV $$").end == .signal(11))
        #expect(try await shell("true").isSuccess)
    }

    @Test func `sees no environment of ours, nothing open of ours, and a folder of its own that is gone afterwards`()
        async throws
    {
        let outcome = try await shell(
            "env | cut -d= -f1 | sort | tr '\\n' ' '; ulimit -c; ls /proc/self/fd | wc -l; pwd")
        let lines = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n")
        // The shell adds PWD and its like itself; `ls` has its own folder open.
        let names = Set(try #require(lines.first).split(separator: " ").dropLast().map(String.init))
        #expect(
            names.isSubset(of: ["PATH", "LC_ALL", "HOME", "OMP_THREAD_LIMIT", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_"]))
        #expect(lines[0].hasSuffix(" 0"))
        #expect(Int(lines[1].filter { $0 != " " }) == 4)
        #expect(!FileManager.default.fileExists(atPath: String(lines[2])))
    }

    @Test func `sees the file by one name, whatever a stranger called it`() async throws {
        try await withFolder { folder in
            let file = try folder.file("-rf %d[0] msl:x; $(id).pdf", Array("inside".utf8))
            let outcome = try await Workplace.with(file) {
                try await Tool(limits: ReaderLimits()).run("cat", ["input"], in: $0)
            }
            #expect(outcome.output == Array("inside".utf8))
        }
    }

    @Test func `when time is over it is killed with everything it started`() async throws {
        try await withFolder { folder in
            var limits = ReaderLimits()
            // Long enough for a shell to write two files on a busy machine.
            limits.wallSeconds = 5
            let outcome = try await shell(
                "sleep 1000 & echo $! > \(folder.path)/child; echo $$ > \(folder.path)/self; sleep 1000", limits)
            #expect(outcome.end == .timeOver)
            for name in ["child", "self"] { #expect(try await isGone(folder, name)) }
        }
    }

    @Test func `what it leaves running when it ends is killed`() async throws {
        try await withFolder { folder in
            let outcome = try await shell("sleep 1000 & echo $! > \(folder.path)/child")
            #expect(outcome.end == .exit(0))
            #expect(try await isGone(folder, "child"))
        }
    }

    @Test func `what the machine would not let it do is not the file's fault`() async throws {
        for complaint in [
            "convert: unable to write pixel cache '/tmp/x': No space left on device",
            "prlimit: failed to set the AS resource limit: Operation not permitted", "write: Disk quota exceeded",
        ] {
            let outcome = try await shell("echo \"\(complaint)\" >&2; exit 1")
            #expect(outcome.end == .unable, "\(complaint)")
            #expect(throws: ReaderTrouble.broken) { try DocumentTools().check(outcome) }
        }
        #expect(throws: DocumentRefusal.damaged) {
            try DocumentTools().check(Tool.Outcome(end: .exit(1), output: [], complaint: ""))
        }
    }

    @Test func `folders of processes that were killed are removed, and no others`() throws {
        let tmp = FileManager.default.temporaryDirectory.path
        let dead = tmp + "/curaway-read-4194303-\(UUID())", ours = tmp + "/curaway-read-\(getpid())-\(UUID())"
        for path in [dead, ours] {
            // Made under another name: each server that another test starts removes such a folder when it sees one.
            let making = tmp + "/making-\(UUID())"
            try FileManager.default.createDirectory(atPath: making, withIntermediateDirectories: false)
            try Data("page".utf8).write(to: URL(fileURLWithPath: making + "/kept.jpg"))
            try FileManager.default.moveItem(atPath: making, toPath: path)
        }
        defer { try? FileManager.default.removeItem(atPath: ours) }
        Workplace.removeLeftovers()
        #expect(
            !FileManager.default.fileExists(atPath: dead) && FileManager.default.fileExists(atPath: ours + "/kept.jpg"))
    }

    /// A page was refused by the time that others took of the machine.
    @Test func `its work is bounded by processor time, and waiting for a busy machine is not work`() async throws {
        var limits = ReaderLimits()
        limits.processorSeconds = 1
        #expect(try await shell("while :; do :; done", limits).end == .timeOver)
        #expect(try await shell("sleep 3; echo read", limits).output == Array("read\n".utf8))
    }

    @Test func `output over the bound kills it`() async throws {
        var limits = ReaderLimits()
        limits.textBytes = 100_000
        let outcome = try await shell("exec yes", limits)
        #expect(outcome.end == .outputOver)
        #expect(outcome.output.count <= 100_000)
        #expect(try await shell("exec yes > other", limits).end == .outputOver)
    }

    @Test func `memory over the bound is refused to it`() async throws {
        var limits = ReaderLimits()
        limits.memoryBytes = 256 * 1024 * 1024
        #expect(try await shell("exec dd if=/dev/zero of=/dev/null bs=1G count=1", limits).end == .memoryOver)
    }

    @Test func `cancellation kills it`() async throws {
        try await withFolder { folder in
            // Moved into its place, so that the number is there when the file is.
            let (new, child) = (folder.path + "/new", folder.path + "/child")
            let running = Task { try await shell("sleep 1000 & echo $! > \(new); mv \(new) \(child); sleep 1000") }
            while !FileManager.default.fileExists(atPath: folder.path + "/child") {
                try await Task.sleep(for: .milliseconds(5))
            }
            running.cancel()
            await #expect(throws: CancellationError.self) { try await running.value }
            #expect(try await isGone(folder, "child"))
        }
    }

    @Test func `a missing one is our trouble`() async throws {
        await #expect(throws: ReaderTrouble.broken) {
            try await Workplace.with(nil) { try await Tool(limits: ReaderLimits()).run("no-such-tool", [], in: $0) }
        }
        try await withFolder { folder in
            let file = try folder.file("a.pdf", Made.pdf([["A letter"]]))
            await #expect(throws: ReaderTrouble.broken) { try await DocumentTools(path: "/nonexistent").inspect(file) }
        }
    }

    private func shell(_ script: String, _ limits: ReaderLimits = ReaderLimits()) async throws -> Tool.Outcome {
        try await Workplace.with(nil) { try await Tool(limits: limits).run("sh", ["-c", script], in: $0) }
    }

    /// Gone, or dead and waiting for whoever adopted it.
    private func isGone(_ folder: URL, _ name: String) async throws -> Bool {
        let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
        let process = try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        for _ in 0..<500 {
            guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else {
                return true
            }
            if status.contains(") Z ") || status.contains(") X ") { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
