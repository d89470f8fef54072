import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

@testable import CareGateways

/// A model's server that does exactly what a script says, byte by byte, on loopback. It records what it was asked and
/// notices when its caller hangs up.
struct ScriptedPeer: Sendable {
    enum Step: Sendable {
        case send([UInt8])
        /// Sends each byte in a packet of its own.
        case trickle([UInt8])
        case wait(Duration)
        /// Sends this again and again until the caller hangs up.
        case repeatUntilClosed([UInt8], every: Duration)
        /// Says nothing until the caller hangs up.
        case hang
        case close
    }

    struct Request: Sendable, Equatable {
        var line: String
        /// Names in lower case.
        var headers: [String: String]
        var body: [UInt8]
    }

    enum Happening: Sendable, Equatable {
        case connected
        case request(Request)
        case closedByCaller
    }

    let port: Int
    private let happenings: AsyncStream<Happening>
    private static let happeningsLimit = 1000

    var baseURL: String { "http://127.0.0.1:\(port)" }

    /// The next thing that satisfies `condition`; what came before it is skipped. Nil when the peer is gone.
    func next(_ condition: @Sendable (Happening) -> Bool = { _ in true }) async -> Happening? {
        await happenings.first(where: condition)
    }

    func request() async -> Request? {
        for await happening in happenings {
            if case .request(let request) = happening { return request }
        }
        return nil
    }

    /// Runs `body` beside a peer that answers the nth request, on whichever connection, with the nth script, and all
    /// further ones with the last. A script without `close` leaves the connection open for the next request.
    static func run<Value: Sendable>(
        _ scripts: Script..., body: @Sendable @escaping (ScriptedPeer) async throws -> Value
    ) async throws -> Value {
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let (happenings, happened) = AsyncStream.makeStream(
            of: Happening.self, bufferingPolicy: .bufferingOldest(happeningsLimit))
        let peer = ScriptedPeer(port: server.channel.localAddress?.port ?? 0, happenings: happenings)
        let scripts = Scripts(scripts)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await server.executeThenClose { connections in
                    try await withThrowingDiscardingTaskGroup { group in
                        for try await connection in connections {
                            group.addTask {
                                happened.yield(.connected)
                                do {
                                    try await serve(connection, happened, scripts)
                                } catch {
                                    // Hung up in the middle of a write, or with a reset.
                                    if !Task.isCancelled { happened.yield(.closedByCaller) }
                                }
                            }
                        }
                    }
                }
            }
            defer { group.cancelAll() }
            return try await body(peer)
        }
    }

    private final class Scripts: Sendable {
        private let scripts: [Script]
        private let served = Mutex(0)

        init(_ scripts: [Script]) { self.scripts = scripts }

        func next() -> Script {
            served.withLock { served in
                defer { served += 1 }
                return scripts[min(served, scripts.count - 1)]
            }
        }
    }

    private static func serve(
        _ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ happened: AsyncStream<Happening>.Continuation,
        _ scripts: Scripts
    ) async throws {
        try await connection.executeThenClose { inbound, outbound in
            var inbound = inbound.makeAsyncIterator()
            var received: [UInt8] = []
            while true {
                guard let request = parse(&received) else {
                    guard let more = try await inbound.next() else { break }
                    received += more.readableBytesView
                    continue
                }
                happened.yield(.request(request))
                for step in scripts.next().steps {
                    switch step {
                    case .send(let bytes): try await outbound.write(ByteBuffer(bytes: bytes))
                    case .trickle(let bytes):
                        for byte in bytes { try await outbound.write(ByteBuffer(bytes: [byte])) }
                    case .wait(let duration): try await Task.sleep(for: duration)
                    case .repeatUntilClosed(let bytes, let interval):
                        while true {
                            try await outbound.write(ByteBuffer(bytes: bytes))
                            try await Task.sleep(for: interval)
                        }
                    case .hang:
                        // A reset is as good a hang-up as a close.
                        while let more = try? await inbound.next() { received += more.readableBytesView }
                        if !Task.isCancelled { happened.yield(.closedByCaller) }
                        return
                    case .close: return
                    }
                }
            }
            if !Task.isCancelled { happened.yield(.closedByCaller) }
        }
    }

    private static func parse(_ received: inout [UInt8]) -> Request? {
        guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: received[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let headers = Dictionary(
            lines.dropFirst().map { line in
                let parts = line.split(separator: ": ", maxSplits: 1)
                return (parts[0].lowercased(), parts.count > 1 ? String(parts[1]) : "")
            }, uniquingKeysWith: { $0 + "; twice: " + $1 })
        let length = headers["content-length"].flatMap(Int.init) ?? 0
        guard received.count >= end.upperBound + length else { return nil }
        let body = Array(received[end.upperBound..<(end.upperBound + length)])
        received.removeFirst(end.upperBound + length)
        return Request(line: lines.first.map(String.init) ?? "", headers: headers, body: body)
    }
}

extension ScriptedPeer {
    /// What is said to one request, step by step: `.head().chunk("…").hang()`.
    struct Script: Sendable {
        fileprivate(set) var steps: [Step] = []

        /// A head, and a body that lasts until `end` or until the connection closes.
        static func head(
            _ status: String = "200 OK", _ headers: [String] = ["content-type: text/event-stream"]
        ) -> Script {
            let lines = ["HTTP/1.1 \(status)", "transfer-encoding: chunked"] + headers
            return .raw(lines.joined(separator: "\r\n") + "\r\n\r\n")
        }

        static func whole(_ status: String, _ headers: [String] = [], _ body: String) -> Script {
            let lines = ["HTTP/1.1 \(status)", "content-length: \(body.utf8.count)"] + headers
            return .raw(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
        }

        static func raw(_ text: String) -> Script { Script().then(.send(Array(text.utf8))) }
        static func hang() -> Script { Script().hang() }
        static func close() -> Script { Script().close() }

        func chunk(_ text: String) -> Script { then(.send(Self.chunked(text))) }
        func trickle(_ text: String) -> Script { then(.trickle(Self.chunked(text))) }
        func repeatUntilClosed(_ text: String, every interval: Duration) -> Script {
            then(.repeatUntilClosed(Self.chunked(text), every: interval))
        }
        func wait(_ duration: Duration) -> Script { then(.wait(duration)) }
        func end() -> Script { then(.send(Array("0\r\n\r\n".utf8))) }
        func hang() -> Script { then(.hang) }
        func close() -> Script { then(.close) }

        func then(_ step: Step) -> Script {
            var script = self
            script.steps.append(step)
            return script
        }

        private static func chunked(_ text: String) -> [UInt8] {
            Array("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n".utf8)
        }
    }
}
