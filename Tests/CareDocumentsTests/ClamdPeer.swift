import NIOCore
import NIOPosix
import Synchronization

/// A small clamd on the loopback: takes one stream and answers as it is told to.
final class ClamdPeer: Sendable {
    enum Manner: Sendable {
        /// After the last piece.
        case answers(String)
        /// As soon as the command is there.
        case answersEarly(String)
        /// As the daemon does: so many bytes, and of one more an error.
        case takes(Int)
        case hangsUp
        case isSilent
    }

    let address: String
    private let channel: any Channel
    private let manner: Manner
    private let streams = Mutex<[[UInt8]]>([])

    /// What was sent, put together again.
    var received: [[UInt8]] { streams.withLock { $0 } }

    static func with(
        _ manner: Manner, unix path: String? = nil, _ body: (ClamdPeer) async throws -> Void
    ) async throws {
        let made = Mutex<ClamdPeer?>(nil)
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).childChannelInitializer {
            channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    Session(manner: manner) { bytes in
                        made.withLock { $0 }?.streams.withLock { $0.append(bytes) }
                    })
            }
        }
        let channel =
            if let path {
                try await bootstrap.bind(unixDomainSocketPath: path).get()
            } else {
                try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
            }
        let peer = ClamdPeer(path ?? "127.0.0.1:\(channel.localAddress?.port ?? 0)", channel, manner)
        made.withLock { $0 = peer }
        do {
            try await body(peer)
            try await channel.close()
        } catch {
            try? await channel.close()
            throw error
        }
    }

    private init(_ address: String, _ channel: any Channel, _ manner: Manner) {
        self.address = address
        self.channel = channel
        self.manner = manner
    }

    private final class Session: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let manner: Manner
        private let take: @Sendable ([UInt8]) -> Void
        private var left = ByteBuffer()
        private var bytes: [UInt8] = []
        private var isOpen = false

        init(manner: Manner, take: @escaping @Sendable ([UInt8]) -> Void) {
            self.manner = manner
            self.take = take
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var piece = unwrapInboundIn(data)
            left.writeBuffer(&piece)
            if !isOpen {
                if left.getString(at: left.readerIndex, length: 9) == "zVERSION\0" {
                    return say("ClamAV 1.4.6/27000\0", context)
                }
                guard left.readableBytes >= 10, left.readString(length: 10) == "zINSTREAM\0" else { return }
                isOpen = true
                switch manner {
                case .answersEarly(let text):
                    say(text, context)
                    // Reads no further, as one that has made up its mind.
                    context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
                case .hangsUp: context.close(promise: nil)
                case .answers, .takes, .isSilent: break
                }
            }
            while let length = left.getInteger(at: left.readerIndex, as: UInt32.self) {
                guard left.readableBytes >= 4 + Int(length) else { return }
                left.moveReaderIndex(forwardBy: 4)
                if length == 0 {
                    take(bytes)
                    switch manner {
                    case .answers(let text): say(text, context)
                    case .takes: say("stream: OK\0", context)
                    case .answersEarly, .hangsUp, .isSilent: break
                    }
                    return
                }
                bytes += left.readBytes(length: Int(length)) ?? []
                if case .takes(let limit) = manner, bytes.count > limit {
                    say("INSTREAM size limit exceeded. ERROR\0", context)
                    return context.close(promise: nil)
                }
            }
        }

        private func say(_ text: String, _ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        }
    }
}
