import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A model on loopback that speaks the OpenAI format: it says a numbered token each interval and knows no other word.
///
/// Each answer begins at a random place within an interval, as answers of a real model would; after that its schedule is
/// fixed, so a token that is late does not push the following ones. A token carries the moment it was really written.
final class ModelPeer: Sendable {
    struct Script: Sendable {
        var tokens: Int
        var interval: TimeAmount
    }
    private let script: Mutex<Script>
    private let ledger: Mutex<Ledger>

    init(_ script: Script, _ ledger: Ledger) {
        self.script = Mutex(script)
        self.ledger = Mutex(ledger)
    }

    /// What the next answers say, and where their punctuality is noted.
    func say(_ script: Script, _ ledger: Ledger) {
        self.script.withLock { $0 = script }
        self.ledger.withLock { $0 = ledger }
    }

    /// Listens until the channel is closed.
    func listen(on group: any EventLoopGroup) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 512)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Answer(peer: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private final class Answer: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let peer: ModelPeer
        init(peer: ModelPeer) { self.peer = peer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            let script = peer.script.withLock { $0 }
            let ledger = peer.ledger.withLock { $0 }
            let head = HTTPResponseHead(
                version: .http1_1, status: .ok, headers: ["content-type": "text/event-stream"])
            context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
            let begin = NIODeadline.now() + .nanoseconds(.random(in: 0..<script.interval.nanoseconds))
            say(0, of: script, since: begin, ledger, context)
        }

        private func say(
            _ number: Int, of script: Script, since begin: NIODeadline, _ ledger: Ledger,
            _ context: ChannelHandlerContext
        ) {
            let due = begin + script.interval * number
            context.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [self] in
                guard context.channel.isActive else { return }
                guard number < script.tokens else { return finish(context) }
                let now = NIODeadline.now()
                ledger.note { $0.lateness.append((now - due).nanoseconds.magnitude) }
                let token = Token(sequence: number, writtenAt: now.uptimeNanoseconds)
                write(#"{"choices":[{"index":0,"delta":{"content":"\#(token.text)"}}]}"#, context)
                say(number + 1, of: script, since: begin, ledger, context)
            }
        }

        private func finish(_ context: ChannelHandlerContext) {
            write(#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#, context)
            write("[DONE]", context)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }

        private func write(_ data: String, _ context: ChannelHandlerContext) {
            context.writeAndFlush(
                wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "data: \(data)\n\n")))), promise: nil)
        }
    }
}
