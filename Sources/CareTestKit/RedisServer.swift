package import Foundation
import Synchronization

/// A Redis of one test's own on loopback. It ends with the test, and with this process, however that ends. Where Redis is not
/// installed this throws, so that a test of it fails rather than says nothing.
package final class RedisServer: Sendable {
    package struct Broken: Error, CustomStringConvertible {
        package var description: String
    }

    package let port: Int
    package let folder: URL
    /// Of who signed its certificate, with TLS.
    package var trustFile: String { folder.appendingPathComponent("cert.pem").path }
    private let usesTLS: Bool
    private let password: String?
    private let state = Mutex((process: Process?.none, pid: Int32(0)))

    /// `persists`: what it had is there again after `start`.
    package init(usesTLS: Bool = false, password: String? = nil, persists: Bool = false) throws {
        self.usesTLS = usesTLS
        self.password = password
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-redis-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        port = try Self.freePort()
        if usesTLS {
            let made = Process()
            made.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
            made.arguments = [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout",
                folder.appendingPathComponent("key.pem").path, "-out", trustFile,
            ]
            made.standardError = FileHandle.nullDevice
            try made.run()
            made.waitUntilExit()
        }
        var lines = [
            "bind 127.0.0.1", "dir \(folder.path)", "save \"\"", "appendonly \(persists ? "yes" : "no")",
            "appendfsync always", "enable-debug-command local", "logfile \(folder.path)/log",
        ]
        if usesTLS {
            lines += [
                "port 0", "tls-port \(port)", "tls-cert-file \(trustFile)",
                "tls-key-file \(folder.path)/key.pem", "tls-auth-clients no",
            ]
        } else {
            lines.append("port \(port)")
        }
        if let password { lines.append("requirepass \(password)") }
        try lines.joined(separator: "\n").write(
            to: folder.appendingPathComponent("redis.conf"), atomically: true, encoding: .utf8)
        try start()
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(at: folder)
    }

    package var address: String {
        "\(usesTLS ? "rediss" : "redis")://\(password.map { ":" + $0 + "@" } ?? "")127.0.0.1:\(port)"
    }

    package func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // When whoever holds the other end of its input is gone, so is it.
        process.arguments = [
            "-c", "redis-server \"$0\" & echo $!; cat >/dev/null; kill -9 $! 2>/dev/null",
            folder.appendingPathComponent("redis.conf").path,
        ]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let pid = Int32(said.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Broken(description: "no Redis for the tests: \(said)")
        }
        state.withLock { $0 = (process, pid) }
        for _ in 0..<1_000 {
            if (try? Self.connects(to: port)) == true { return }
            usleep(10_000)
        }
        throw Broken(description: "no Redis for the tests: it does not listen; is redis-server installed?")
    }

    /// As a power cut to it.
    package func stop() {
        let (process, pid) = state.withLock { state in
            defer { state = (nil, 0) }
            return state
        }
        guard pid > 0 else { return }
        kill(pid, SIGKILL)
        try? (process?.standardInput as? Pipe)?.fileHandleForWriting.close()
        // Not by waiting for the process: that needs a run loop, and on a thread of the pool it now and then never returns.
        for _ in 0..<1_000 where (try? Self.connects(to: port)) == true { usleep(2_000) }
    }
    /// It hangs: takes connections, answers nothing.
    package func pause() { signal(SIGSTOP) }
    package func resume() { signal(SIGCONT) }

    private func signal(_ number: Int32) {
        let pid = state.withLock { $0.pid }
        if pid > 0 { kill(pid, number) }
    }

    private static func freePort() throws -> Int {
        let (descriptor, bound) = try socket { bind($0, $1, $2) }
        defer { close(descriptor) }
        return bound
    }

    private static func connects(to port: Int) throws -> Bool {
        let (descriptor, _) = try socket(port: port) { connect($0, $1, $2) }
        close(descriptor)
        return true
    }

    private static func socket(
        port: Int = 0, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws -> (Int32, Int) {
        let descriptor = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(descriptor, $0, length) }
        }
        guard result == 0 else {
            close(descriptor)
            throw Broken(description: "a socket of loopback")
        }
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return (descriptor, Int(in_port_t(bigEndian: address.sin_port)))
    }
}
