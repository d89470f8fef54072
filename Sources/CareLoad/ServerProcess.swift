import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Subprocess
import SystemPackage

/// The real `curaway` in a process of its own, with a data folder made for one run and removed after it.
struct ServerProcess: Sendable {
    let executable: String
    let frontend: String
    let data: URL
    let modelOrigin: String

    /// Who reads: a patient with one case.
    struct Reader: Sendable {
        var token: String
        var caseID: String
    }

    struct Running: Sendable {
        var port: Int
        var pid: Int
    }

    struct Failed: Error, CustomStringConvertible { var description: String }

    /// Patients with a case each, made by the server itself. It is stopped afterwards, so that a run begins with nothing
    /// in memory that set-up left there.
    func prepare(readers: Int) async throws -> [Reader] {
        _ = try await run(["migrate"])
        var tokens: [String] = []
        for first in stride(from: 0, to: readers, by: 2_000) {
            let names = (first..<min(readers, first + 2_000)).flatMap { ["--patient", "load-\($0)"] }
            tokens += try await run(["token"] + names).split(separator: "\n").map(String.init)
        }
        return try await serve { [tokens] server in
            try await inParallel(tokens, atOnce: 8) { token in
                let answer = try await send("/api/v1/cases", #"{"title":"Knee replacement"}"#, token, to: server)
                guard let id = answer["id"] as? String else { throw Failed(description: "a case without an id") }
                return Reader(token: token, caseID: id)
            }
        }
    }

    /// Asks the one question; the answer comes on the streams.
    func ask(_ reader: Reader, _ server: Running) async throws {
        let body = #"{"message":"How long would I stay?","client_message_id":"\#(UUID().uuidString)"}"#
        _ = try await send("/api/v1/cases/\(reader.caseID)/chat", body, reader.token, to: server)
    }

    private func send(
        _ path: String, _ body: String, _ token: String, to server: Running
    ) async throws -> [String: Any] {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(server.port)\(path)")
        request.method = .POST
        request.headers = [
            "authorization": "Bearer \(token)", "content-type": "application/json", "prefer": "respond-async",
        ]
        request.body = .bytes(ByteBuffer(string: body))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let answer = try await response.body.collect(upTo: 1024 * 1024)
        guard (200..<300).contains(response.status.code) else {
            throw Failed(description: "POST \(path): \(response.status.code) \(String(buffer: answer))")
        }
        return try JSONSerialization.jsonObject(with: Data(buffer: answer)) as? [String: Any] ?? [:]
    }

    /// Serves for the length of the closure. However that ends, by an error or by being cancelled too, so does the process.
    func serve<Answer: Sendable>(_ body: @Sendable (Running) async throws -> Answer) async throws -> Answer {
        let configuration = configuration([
            "serve", "--port", "0", "--model", "openai", "--frontend", frontend,
        ])
        let ended = try await Subprocess.run(configuration, input: .none, output: .sequence, error: .discarded) {
            process in
            for try await line in process.standardOutput.strings() {
                guard let port = line.firstMatch(of: /http:\/\/127\.0\.0\.1:(\d+)\//).flatMap({ Int($0.1) })
                else { continue }
                let running = Running(port: port, pid: Int(process.processIdentifier.value))
                let answer: Result<Answer, any Error>
                do { answer = .success(try await body(running)) } catch { answer = .failure(error) }
                await process.teardown(using: [.gracefulShutDown(allowedDurationToNextStep: .seconds(20))])
                return answer
            }
            throw Failed(description: "the server ended before it listened; try: \(executable) check")
        }
        return try ended.closureResult.get()
    }

    private func run(_ arguments: [String]) async throws -> String {
        let ended = try await Subprocess.run(
            configuration(arguments), output: .string(limit: 16 * 1024 * 1024), error: .string(limit: 65_536))
        guard ended.terminationStatus.isSuccess else { throw Failed(description: ended.standardError) }
        return ended.standardOutput
    }

    /// Limits that protect an operator from one greedy client are raised, because here one client is everybody. What
    /// decides how fast it is stays as it comes: coalescing, checkpoints, lag, heartbeats.
    private func configuration(_ arguments: [String]) -> Configuration {
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("CURAWAY_") }
        environment["CURAWAY_DATA"] = data.path
        environment["CURAWAY_OPENAI_BASE_URL"] = "\(modelOrigin)/v1"
        environment["CURAWAY_STREAMS_PER_PERSON"] = "10000"
        environment["CURAWAY_MESSAGES_PER_MINUTE"] = "1000000"
        environment["CURAWAY_LOG_TOPICS"] = "20000"
        environment["CURAWAY_STREAM_AUTHORISED_SECONDS"] = "3600"
        environment["CURAWAY_DRAIN_SECONDS"] = "0"
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(10))]
        return Configuration(
            executable: .path(FilePath(executable)), arguments: Arguments(arguments),
            environment: .custom(
                Dictionary(
                    uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })),
            platformOptions: options)
    }
}

/// Does the same with each, at most so many at once; answers in their order.
func inParallel<Input: Sendable, Output: Sendable>(
    _ inputs: [Input], atOnce limit: Int, _ body: @escaping @Sendable (Input) async throws -> Output
) async throws -> [Output] {
    try await withThrowingTaskGroup(of: (Int, Output).self) { group in
        var outputs: [Int: Output] = [:]
        for (index, input) in inputs.enumerated() {
            if index >= limit, let (done, output) = try await group.next() { outputs[done] = output }
            group.addTask { (index, try await body(input)) }
        }
        for try await (done, output) in group { outputs[done] = output }
        return inputs.indices.compactMap { outputs[$0] }
    }
}
