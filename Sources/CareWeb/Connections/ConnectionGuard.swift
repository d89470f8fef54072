import HTTPTypes
import NIOCore
import NIOHTTP1

/// Stands between the HTTP decoder and everything else on one connection: bounds what the client may do to it in time,
/// refuses heads that are not fit to be answered, gives every refusal the form all our errors have, and closes where
/// HTTP says so. Only its pipeline calls it, on its event loop.
final class ConnectionGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let limits: ConnectionLimits
    private let check: HeadCheck
    private let count: ConnectionCount
    private var state = ConnectionState(at: .now())
    /// The last head's version: who asked in HTTP/1.0 does not know chunks.
    private var version = HTTPVersion.http1_1
    private var alarm: Scheduled<Void>?

    init(limits: ConnectionLimits, check: HeadCheck, count: ConnectionCount) {
        self.limits = limits
        self.check = check
        self.count = count
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let mayStay = count.enter()
        context.channel.closeFuture.whenComplete { [count] _ in count.leave() }
        state = ConnectionState(at: .now())
        if mayStay { setAlarm(context) } else { state.refuse(.tooManyConnections) }
        if context.channel.isActive { endIfTime(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { alarm?.cancel() }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        endIfTime(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard !state.isLast else { return }
            if let problem = check.refusal(of: head) { return refuse(problem, context) }
            version = head.version
            state.headRead(isLast: !head.isKeepAlive, at: .now())
            if head.headers.contains(name: "expect") { sayContinue(context) }
            context.fireChannelRead(data)
        case .body(let part):
            state.bodyPart(part.readableBytes)
            if state.isReading { context.fireChannelRead(data) }
        case .end:
            guard state.isReading else { return }
            state.bodyRead()
            context.fireChannelRead(data)
        }
        setAlarm(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        guard !state.isOver else { return }
        if state.isReading {
            // Whoever waits for the rest of this body learns that there is none, and answers.
            state.bodyRead()
            state.refuse(nil)
            context.fireErrorCaught(error)
        } else if !state.isLast {
            refuse(error == .headerOverflow ? .headTooLarge : .malformedRequest, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if state.isOver, case .inputClosed? = event as? ChannelEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        state.writable(context.channel.isWritable, at: .now())
        setAlarm(context)
        context.fireChannelWritabilityChanged()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !state.isOver, state.answering > 0 else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            state.answerBegan()
            if head.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "close" }) {
                state.refuse(nil)
            }
            if state.isLast, state.answering == 1 {
                head.headers.replaceOrAdd(name: "connection", value: "close")
                head.version = version
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            state.answerEnded(at: .now())
            endIfTime(context)
            setAlarm(context)
        }
    }

    /// After the answers that are still to come this is said, and nothing more is read.
    private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        state.refuse(problem)
        endIfTime(context)
    }

    private func endIfTime(_ context: ChannelHandlerContext) {
        guard state.isAtEnd else { return }
        if let problem = state.refusal { say(problem, context) }
        end(context)
    }

    /// Lets the client read our last word: closed at once, with something of it unread, its system would throw that away.
    private func end(_ context: ChannelHandlerContext) {
        state.ended(lingersUntil: .now() + TimeAmount(limits.linger))
        context.flush()
        context.close(mode: .output, promise: nil)
        setAlarm(context)
    }

    private func say(_ problem: Problem, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders(problem.fields.map { ($0.name.rawName, $0.value) })
        for field in SecurityHeaders.all { headers.add(name: field.name.rawName, value: field.value) }
        let body = ByteBuffer(bytes: problem.json)
        headers.add(name: "content-length", value: "\(body.readableBytes)")
        headers.add(name: "connection", value: "close")
        let status = HTTPResponseStatus(statusCode: problem.status.code)
        context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// A client that asks before it sends a body would wait for this.
    private func sayContinue(_ context: ChannelHandlerContext) {
        guard state.answering == 1, version == .http1_1 else { return }
        context.writeAndFlush(
            wrapOutboundOut(.head(.init(version: .http1_1, status: .continue))), promise: nil)
    }

    /// One alarm is set at a time: when it rings too early, because something happened since, it is set again.
    private func setAlarm(_ context: ChannelHandlerContext) {
        guard alarm == nil, let (deadline, _) = state.due(limits) else { return }
        alarm = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
            alarm = nil
            guard let (deadline, lateness) = state.due(limits) else { return }
            guard deadline <= .now() else { return setAlarm(context) }
            switch lateness {
            case .body where !state.hasBegun && state.answering == 1:
                // Whoever waits for the rest of the body is told by the closing.
                say(.requestTooSlow, context)
                end(context)
            case .head, .body, .reader, .lingering: context.close(promise: nil)
            }
        }
    }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
