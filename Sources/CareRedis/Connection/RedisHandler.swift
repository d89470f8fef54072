import NIOCore

/// One connection's bytes: commands out in order, answers back in the same order, and what comes by subscription aside.
/// Bound to its event loop.
final class RedisHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Waiting {
        var promise: EventLoopPromise<RESPValue>
        var deadline: NIODeadline
    }

    private let settings: RedisSettings
    private let onPush: @Sendable ([RESPValue]) -> Void
    private var waiting: [Waiting] = []
    /// `waiting[..<done]` are answered; the array is cut when they are half of it.
    private var done = 0
    private var unread = ByteBuffer()
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var failure: RedisError?
    /// In RESP2 a connection that subscribes gets everything as arrays, answers in turn included.
    var isSubscribed = false

    init(settings: RedisSettings, onPush: @escaping @Sendable ([RESPValue]) -> Void) {
        self.settings = settings
        self.onPush = onPush
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    /// Without a promise nothing is answered: what a subscription says comes aside.
    func send(_ command: [RESPArgument], _ promise: EventLoopPromise<RESPValue>?) {
        guard let context, failure == nil, context.channel.isActive else {
            promise?.fail(failure ?? .closed)
            return
        }
        if let promise {
            guard waiting.count - done < settings.pending else {
                promise.fail(RedisError.busy)
                return
            }
            let deadline = NIODeadline.now() + TimeAmount(settings.commandTimeout)
            waiting.append(Waiting(promise: promise, deadline: deadline))
            if timer == nil { watch(until: deadline) }
        }
        var buffer = context.channel.allocator.buffer(capacity: 256)
        write(command: command, into: &buffer)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if unread.readableBytes == 0 { unread = bytes } else { unread.writeBuffer(&bytes) }
        do {
            while let value = try RESPParser.next(in: &unread) { take(value) }
        } catch {
            fail(.protocolBroken)
        }
        if unread.readableBytes == 0 { unread.clear() } else { unread.discardReadBytes() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(.closed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { fail(.closed) }

    func handlerRemoved(context: ChannelHandlerContext) {
        fail(.closed)
        self.context = nil
    }

    private func take(_ value: RESPValue) {
        if case .push(let parts) = value { return onPush(parts) }
        if isSubscribed, case .array(let parts) = value, let kind = parts.first?.text, Self.pushed.contains(kind) {
            return onPush(parts)
        }
        guard done < waiting.count else { return fail(.protocolBroken) }  // an answer nobody asked for
        let promise = waiting[done].promise
        done += 1
        if done > 64, done > waiting.count / 2 {
            waiting.removeFirst(done)
            done = 0
        }
        promise.succeed(value)
    }

    private static let pushed: Set = ["message", "subscribe", "unsubscribe"]

    private func watch(until deadline: NIODeadline) {
        timer = context?.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timer = nil
            guard self.done < self.waiting.count else { return }
            let oldest = self.waiting[self.done].deadline
            if oldest <= .now() { self.fail(.timedOut) } else { self.watch(until: oldest) }
        }
    }

    private func fail(_ error: RedisError) {
        guard failure == nil else { return }
        failure = error
        timer?.cancel()
        timer = nil
        let left = waiting[done...]
        waiting = []
        done = 0
        context?.close(promise: nil)
        for one in left { one.promise.fail(error) }
    }
}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
