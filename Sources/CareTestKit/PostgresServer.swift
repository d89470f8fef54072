import Dispatch
import Foundation

/// A PostgreSQL of the tests' own, run by `scripts/with-postgres`, which ends it when this process ends, however it does.
/// Where PostgreSQL is not installed this throws, so that a test of it fails rather than says nothing.
package actor PostgresServer {
    package struct Broken: Error, CustomStringConvertible {
        package var description: String
    }

    /// The one that tests share, each with databases of its own.
    private static let shared = PostgresServer()

    /// The address of an empty database on the shared server.
    package static func database() async throws -> String { try await shared.database() }

    private let executor = OwnThread()
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let process = Process()
    private let orders = Pipe()
    private let answers = Pipe()
    private var first: String?
    private var begun = false

    /// One that a test may stop and start; others go on.
    package init() {}

    deinit { try? orders.fileHandleForWriting.close() }

    package func database() throws -> String {
        try begin()
        if let first {
            self.first = nil
            return first
        }
        return try tell("database")
    }
    /// As a power cut to it.
    package func stop() throws { _ = try tell("stop") }
    package func start() throws { _ = try tell("start") }
    /// Every process of it stands still.
    package func pause() throws { _ = try tell("pause") }
    package func resume() throws { _ = try tell("resume") }
    /// Ends it and removes its folder, before the tests end.
    package func end() throws {
        try orders.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    private func begin() throws {
        guard !begun else { return }
        begun = true
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("scripts/with-postgres")
        process.executableURL = script
        process.standardInput = orders
        process.standardOutput = answers
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Only the child holds these ends from now on; its death is then the end of what it says.
        try? orders.fileHandleForReading.close()
        try? answers.fileHandleForWriting.close()
        first = try line()
    }

    private func tell(_ order: String) throws -> String {
        try begin()
        try orders.fileHandleForWriting.write(contentsOf: Data("\(order)\n".utf8))
        return try line()
    }

    /// Blocks for as long as the server takes.
    private func line() throws -> String {
        var bytes: [UInt8] = []
        while let byte = try answers.fileHandleForReading.read(upToCount: 1)?.first, byte != UInt8(ascii: "\n") {
            bytes.append(byte)
        }
        let line = String(decoding: bytes, as: UTF8.self)
        guard !line.isEmpty, !line.hasPrefix("failed") else {
            throw Broken(description: "no PostgreSQL for the tests: \(line); scripts/with-postgres says why")
        }
        return line
    }
}

/// Not one of the threads that everything else shares, because it blocks.
private final class OwnThread: SerialExecutor {
    private let queue = DispatchQueue(label: "curaway.tests.postgres")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
