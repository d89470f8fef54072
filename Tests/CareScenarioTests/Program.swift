import Foundation
import Subprocess
import SystemPackage
import Testing

/// The built program with a data folder of its own, for the length of a closure.
func withProgram(_ body: (Program) async throws -> Void) async throws {
    let program = Program()
    defer { for left in [program.data, program.log] { try? FileManager.default.removeItem(at: left) } }
    try await body(program)
}

/// The program as an operator has it: settings in its environment, signals, exit codes, what it prints.
struct Program: Sendable {
    let data = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-program-\(UUID())")
    /// What every server of this folder logged.
    var log: URL { data.deletingLastPathComponent().appendingPathComponent(data.lastPathComponent + ".log") }
    var database: URL { data.appendingPathComponent("curaway.sqlite") }

    struct Outcome: Sendable {
        var status: TerminationStatus
        var text: String
        var complaint: String
    }

    /// A server that listens: who is at it, and the way to end it.
    struct Listening: Sendable {
        let base: String
        let process: Int32
        let amina: Seat
        let signal: @Sendable (Signal) throws -> Void

        /// As `systemctl stop` does.
        func terminate() throws { try signal(.terminate) }
        /// As a power cut does to it: not an instruction more is run.
        func kill() throws { try signal(.kill) }
    }

    struct Broken: Error { var what: String }

    static let killed = TerminationStatus.signaled(9)

    private func configuration(_ arguments: [String], _ settings: [String: String] = [:]) -> Configuration {
        // A developer's own settings must not reach the program, and it was built where the tests were.
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("CURAWAY_") }
        environment["CURAWAY_DATA"] = data.path
        environment.merge(settings) { $1 }
        let executable = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("curaway").path
        return Configuration(
            executable: .path(FilePath(executable)), arguments: Arguments(arguments),
            environment: .custom(
                Dictionary(
                    uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })))
    }

    /// Serves on a free port for the length of the closure, then stops it as an operator would, and expects it to obey,
    /// or to have ended as the closure saw to.
    func serve<Answer: Sendable>(
        _ settings: [String: String] = [:], ending: TerminationStatus = .exited(0),
        _ body: (Listening) async throws -> Answer
    ) async throws -> Answer {
        let ended = try await launch(settings) { signal, process, port in
            let token = try await run(["token", "--patient", "amina"], settings).text
            let base = "http://127.0.0.1:\(port)"
            let amina = Seat(base: base, token: token.trimmingCharacters(in: .whitespacesAndNewlines))
            let answer = try await body(Listening(base: base, process: process, amina: amina, signal: signal))
            try? signal(.terminate)
            return answer
        }
        guard let answer = ended.answer else { throw Broken(what: "the server ended before it listened") }
        #expect(ended.status == ending)
        return answer
    }

    /// Starts a server and waits for its end. The closure is told when it listens; without an answer it ended before.
    /// `killedAfter` counts from the launch, so it may come before the server listens.
    func launch<Answer: Sendable>(
        _ settings: [String: String] = [:],
        killedAfter: Duration? = nil,
        _ body: (
            _ signal: @escaping @Sendable (Signal) throws -> Void, _ process: Int32, _ port: String
        ) async throws -> Answer
    ) async throws -> (answer: Answer?, status: TerminationStatus) {
        let frontend = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Frontend")
        let configuration = configuration(
            ["serve", "--port", "0", "--demo", "--frontend", frontend.path],
            ["CURAWAY_GUIDE_PACE_MS": "2"].merging(settings) { $1 })
        let logged = try FileDescriptor.open(
            FilePath(log.path), .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
        let ended = try await Subprocess.run(
            configuration, input: .none, output: .sequence,
            error: .fileDescriptor(logged, closeAfterSpawningProcess: true)
        ) { process -> Answer? in
            do {
                if let killedAfter {
                    try await Task.sleep(for: killedAfter)
                    try process.send(signal: .kill)
                    return nil
                }
                for try await line in process.standardOutput.strings() {
                    guard let port = line.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+)\//)?.1 else { continue }
                    return try await body(
                        { try process.send(signal: $0) }, process.processIdentifier.value, String(port))
                }
                return nil
            } catch {
                try? process.send(signal: .kill)
                throw error
            }
        }
        return (ended.closureResult, ended.terminationStatus)
    }

    func run(_ arguments: String...) async throws -> Outcome { try await run(arguments) }

    func run(_ arguments: [String], _ settings: [String: String] = [:]) async throws -> Outcome {
        let ended = try await Subprocess.run(
            configuration(arguments, settings), output: .string(limit: 65_536), error: .string(limit: 65_536))
        return Outcome(
            status: ended.terminationStatus, text: ended.standardOutput, complaint: ended.standardError)
    }

    /// The lines its servers have logged so far, but those about starting and stopping.
    var complaints: [Substring] {
        ((try? String(contentsOf: log, encoding: .utf8)) ?? "").split(separator: "\n").filter { !$0.contains(" info ") }
    }
}
