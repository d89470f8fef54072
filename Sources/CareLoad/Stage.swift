import Foundation
import NIOCore
import NIOPosix

/// What every scenario plays on: a model peer and a thread for it, a thread for the readers, and a server to start.
struct Stage: Sendable {
    let server: ServerProcess
    let peer: ModelPeer
    private let readers: any EventLoop

    /// Streams that are being opened at the same time, where the scenario is not about opening.
    private static let openingAtOnce = 128

    static func open<Answer: Sendable>(
        executable: String, frontend: String, _ body: @Sendable (Stage) async throws -> Answer
    ) async throws -> Answer {
        let data = FileManager.default.temporaryDirectory.appendingPathComponent("care-load-\(UUID())")
        defer { try? FileManager.default.removeItem(at: data) }
        let threads = [
            MultiThreadedEventLoopGroup(numberOfThreads: 1), MultiThreadedEventLoopGroup(numberOfThreads: 1),
        ]
        let peer = ModelPeer(.init(tokens: 0, interval: .milliseconds(50)), Ledger())
        let listening = try await peer.listen(on: threads[0])
        let server = ServerProcess(
            executable: executable, frontend: frontend, data: data,
            modelOrigin: "http://127.0.0.1:\(listening.localAddress?.port ?? 0)")
        let answer: Result<Answer, any Error>
        do {
            answer = .success(try await body(Stage(server: server, peer: peer, readers: threads[1].next())))
        } catch {
            answer = .failure(error)
        }
        try? await listening.close()
        for thread in threads { try? await thread.shutdownGracefully() }
        return try answer.get()
    }

    /// Opens a stream for each, and returns when all are.
    func read(
        _ cast: [ServerProcess.Reader], at running: ServerProcess.Running, tokens: Int = 0, _ ledger: Ledger
    ) async throws -> [StreamReader.Connection] {
        try await inParallel(cast, atOnce: Self.openingAtOnce) { reader in
            let connection = try await connect(reader, at: running, tokens: tokens, ledger)
            try await connection.ready.get()
            return connection
        }
    }

    func connect(
        _ reader: ServerProcess.Reader, at running: ServerProcess.Running, tokens: Int,
        from progress: StreamReader.Progress? = nil, _ ledger: Ledger
    ) async throws -> StreamReader.Connection {
        try await StreamReader.connect(
            .init(
                port: running.port, caseID: reader.caseID, token: reader.token, tokens: tokens, progress: progress),
            on: readers, ledger)
    }

    /// Each of the cast asks once and hears its answer out.
    func round(
        _ cast: [ServerProcess.Reader], at running: ServerProcess.Running, script: ModelPeer.Script, _ ledger: Ledger
    ) async throws {
        peer.say(script, ledger)
        let connections = try await read(cast, at: running, tokens: script.tokens, ledger)
        try await askAll(cast, at: running)
        for connection in connections { try await connection.over.get() }
        for connection in connections { _ = try await connection.cut() }
    }

    func askAll(_ cast: [ServerProcess.Reader], at running: ServerProcess.Running) async throws {
        _ = try await inParallel(cast, atOnce: 50) { try await server.ask($0, running) }
    }
}
