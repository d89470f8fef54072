import NIOCore
import NIOPosix

/// One reader: a socket, and what it hears. Bound to its event loop; no HTTP library on it, because ten thousand of them
/// share two cores with the server that is measured.
final class StreamReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    struct Question: Sendable {
        var port: Int
        var caseID: String
        var token: String
        /// How many tokens the answer it waits for will have.
        var tokens = 0
        /// What it already has when it comes back.
        var progress: Progress?

        var head: String {
            var head = "GET /api/v1/cases/\(caseID)/events HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n"
            head += "Authorization: Bearer \(token)\r\n"
            if let position = progress?.position { head += "Last-Event-ID: \(position)\r\n" }
            return head + "\r\n"
        }
    }

    /// What a cut reader takes with it.
    struct Progress: Sendable {
        var position: String?
        var check = TokenCheck()
    }

    /// An open stream as others see it.
    struct Connection: Sendable {
        let channel: any Channel
        /// The stream is open.
        let ready: EventLoopFuture<Void>
        /// The answer has ended well.
        let over: EventLoopFuture<Void>
        let closed: EventLoopFuture<Progress>

        /// Cuts it, and waits until that is so.
        func cut() async throws -> Progress {
            channel.close(promise: nil)
            return try await closed.get()
        }
    }

    struct Ended: Error { var what: String }

    static func connect(_ question: Question, on loop: any EventLoop, _ ledger: Ledger) async throws -> Connection {
        let ready = loop.makePromise(of: Void.self)
        let over = loop.makePromise(of: Void.self)
        let closed = loop.makePromise(of: Progress.self)
        do {
            let channel = try await ClientBootstrap(group: loop)
                .connectTimeout(.seconds(30))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            StreamReader(question, ledger, ready: ready, over: over, closed: closed))
                    }
                }
                .connect(host: "127.0.0.1", port: question.port).get()
            return Connection(
                channel: channel, ready: ready.futureResult, over: over.futureResult, closed: closed.futureResult)
        } catch {
            for promise in [ready, over] { promise.fail(error) }
            closed.fail(error)
            throw error
        }
    }

    private let question: Question
    private let ledger: Ledger
    private let askedAt = NIODeadline.now()
    private var ready: EventLoopPromise<Void>?
    private var over: EventLoopPromise<Void>?
    private let closed: EventLoopPromise<Progress>
    private var bytes = EventBytes()
    private var progress: Progress
    private var hasResumed = false

    private init(
        _ question: Question, _ ledger: Ledger, ready: EventLoopPromise<Void>, over: EventLoopPromise<Void>,
        closed: EventLoopPromise<Progress>
    ) {
        self.question = question
        self.ledger = ledger
        self.ready = ready
        self.over = over
        self.closed = closed
        progress = question.progress ?? Progress()
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(NIOAny(ByteBuffer(string: question.head)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = NIODeadline.now().uptimeNanoseconds
        do {
            try bytes.feed(unwrapInboundIn(data).readableBytesView) { heard($0, at: now) }
        } catch {
            give(up: error)
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        give(up: error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        give(up: Ended(what: "the stream was closed"))
        closed.succeed(progress)
    }

    private func give(up error: any Error) {
        ready?.fail(error)
        over?.fail(error)
        (ready, over) = (nil, nil)
    }

    private func heard(_ event: EventBytes.Event, at now: UInt64) {
        if !event.id.isEmpty { progress.position = String(decoding: event.id, as: UTF8.self) }
        switch event.kind {
        case .ready:
            ledger.note { $0.opened.append(now - askedAt.uptimeNanoseconds) }
            ready?.succeed()
            ready = nil
        case .delta:
            noteResumed(now)
            let tokens = Token.all(in: event.data)
            progress.check.delta(tokens)
            ledger.note { page in
                if let newest = tokens.last { page.deltas.append(now - newest.writtenAt) }
                for token in tokens { page.tokens.append(now - token.writtenAt) }
            }
        case .snapshot:
            noteResumed(now)
            progress.check.whole(Token.all(in: event.data))
        case .message:
            // The patient's own question has none.
            let tokens = Token.all(in: event.data)
            if !tokens.isEmpty { progress.check.whole(tokens) }
        case .finished:
            progress.check.end(of: question.tokens)
            let check = progress.check
            ledger.note { page in
                page.lost += check.lost
                page.doubled += check.doubled
                page.folded += check.folded
            }
            over?.succeed()
            over = nil
        case .heartbeat: ledger.note { $0.heartbeats += 1 }
        case .reset: ledger.note { $0.resets += 1 }
        case .endedOtherwise: give(up: Ended(what: String(decoding: event.data, as: UTF8.self)))
        case .parting, .other: break
        }
    }

    /// The first entry after the place it came back with.
    private func noteResumed(_ now: UInt64) {
        guard question.progress != nil, !hasResumed else { return }
        hasResumed = true
        ledger.note { $0.resumed.append(now - askedAt.uptimeNanoseconds) }
    }
}
