import NIOCore
import NIOPosix
import Synchronization

/// A client without manners: bytes out, bytes in, nothing in between. What no HTTP library would send, this does.
struct RawPeer: Sendable {
    private let channel: any Channel
    private let heard: Heard

    /// Connects for the length of the closure. `receiveBuffer` is what its system takes for it when it does not read.
    static func at(
        _ port: Int, reads: Bool = true, receiveBuffer: Int? = nil,
        _ body: (RawPeer) async throws -> Void
    ) async throws {
        let heard = Heard()
        var bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.autoRead, value: reads)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Ear(heard)) }
            }
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
        let peer = RawPeer(channel: channel, heard: heard)
        do { try await body(peer) } catch {
            channel.close(promise: nil)
            throw error
        }
        try? await channel.close().get()
    }

    /// A server that has closed may not take it any more; what was heard tells.
    func send(_ bytes: some Sequence<UInt8>) async {
        try? await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }
    func send(_ text: String) async { await send(Array(text.utf8)) }

    func startReading() async throws { try await channel.setOption(.autoRead, value: true).get() }
    func stopReading() async throws { try await channel.setOption(.autoRead, value: false).get() }

    /// What was heard since the last time; nothing only once it is closed.
    func take() async throws -> [UInt8] {
        try await eventually(within: 30) {
            let bytes = heard.state.withLock { state in
                defer { state.bytes = [] }
                return state.bytes
            }
            return bytes.isEmpty && !isClosed ? nil : bytes
        }
    }

    var text: String { heard.state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }
    var count: Int { heard.state.withLock { $0.bytes.count } }
    var isClosed: Bool { heard.state.withLock { $0.isClosed } }

    /// The status of each answer so far.
    var statuses: [Int] { text.matches(of: #/HTTP/1\.[01] (\d{3}) /#).compactMap { Int($0.1) } }
    var codes: [String] { text.matches(of: /"code":"(\w+)"/).map { String($0.1) } }

    func untilClosed() async throws { _ = try await eventually { isClosed ? true : nil } }
    func untilAnswers(_ count: Int) async throws { _ = try await eventually { statuses.count >= count ? true : nil } }
    func until(_ part: String) async throws { _ = try await eventually { text.contains(part) ? true : nil } }

    private final class Heard: Sendable {
        struct State {
            var bytes: [UInt8] = []
            var isClosed = false
        }
        let state = Mutex(State())
    }

    private final class Ear: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let heard: Heard

        init(_ heard: Heard) { self.heard = heard }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            heard.state.withLock { $0.bytes += buffer.readableBytesView }
        }
        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .inputClosed? = event as? ChannelEvent { heard.state.withLock { $0.isClosed = true } }
        }
        func channelInactive(context: ChannelHandlerContext) { heard.state.withLock { $0.isClosed = true } }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            heard.state.withLock { $0.isClosed = true }
            context.close(promise: nil)
        }
    }
}

/// Requests as they go over the wire, of Amina's seat at one server.
struct Wire: Sendable {
    var port: Int
    var token: String
    var caseID: String

    var identity: String { "Host: 127.0.0.1:\(port)\r\nAuthorization: Bearer \(token)\r\n" }

    func get(_ path: String, _ headers: String = "") -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\n\(identity)\(headers)\r\n".utf8)
    }

    /// A message to the case, or whatever else the body is.
    func chat(_ body: some Sequence<UInt8>, _ headers: String = "", type: String = "application/json") -> [UInt8] {
        let body = Array(body)
        return chatHead("Content-Type: \(type)\r\nContent-Length: \(body.count)\r\n\(headers)") + body
    }
    func chat(_ body: String, _ headers: String = "") -> [UInt8] { chat(body.utf8, headers) }

    func chatHead(_ headers: String) -> [UInt8] {
        Array(
            "POST /api/v1/cases/\(caseID)/chat HTTP/1.1\r\n\(identity)Prefer: respond-async\r\n\(headers)\r\n".utf8)
    }

    /// A message in chunks, as they stand.
    func chunked(_ chunks: String, _ headers: String = "Transfer-Encoding: chunked\r\n") -> [UInt8] {
        chatHead("Content-Type: application/json\r\n\(headers)") + Array(chunks.utf8)
    }

    static func question(_ json: String, key: String = "k") -> String {
        #"{"message":\#(json),"client_message_id":"\#(key)"}"#
    }
}
