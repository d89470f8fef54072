import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// One connection to a Redis: greeted, authenticated, its database chosen. Commands go out in the order they are sent, without
/// waiting for each other.
final class RedisConnection: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<RedisHandler>
    private let counter: CommandCounter
    let speaksRESP3: Bool

    private init(channel: any Channel, handler: NIOLoopBound<RedisHandler>, counter: CommandCounter, resp3: Bool) {
        self.channel = channel
        self.handler = handler
        self.counter = counter
        speaksRESP3 = resp3
    }

    /// Throws `RedisError`.
    static func open(
        _ settings: RedisSettings, on group: any EventLoopGroup, counter: CommandCounter,
        onPush: @escaping @Sendable ([RESPValue]) -> Void = { _ in }
    ) async throws -> RedisConnection {
        let address = settings.address
        let tls = address.usesTLS ? try context(settings) : nil
        let made = Mutex<NIOLoopBound<RedisHandler>?>(nil)
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(TimeAmount(settings.connectTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls {
                        let isName = (try? SocketAddress(ipAddress: address.host, port: 0)) == nil
                        try pipeline.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: isName ? address.host : nil))
                    }
                    let handler = RedisHandler(settings: settings, onPush: onPush)
                    try pipeline.addHandler(handler)
                    made.withLock { $0 = NIOLoopBound(handler, eventLoop: channel.eventLoop) }
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: address.host, port: address.port).get()
        } catch {
            throw RedisError.unreachable
        }
        guard let handler = made.withLock({ $0 }) else { throw RedisError.unreachable }
        let plain = RedisConnection(channel: channel, handler: handler, counter: counter, resp3: false)
        do {
            let resp3 = try await plain.greet(settings)
            return RedisConnection(channel: channel, handler: handler, counter: counter, resp3: resp3)
        } catch {
            plain.close()
            throw error
        }
    }

    private static func context(_ settings: RedisSettings) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let file = settings.trustFile { configuration.trustRoots = .file(file) }
        do { return try NIOSSLContext(configuration: configuration) } catch { throw RedisError.badCertificate }
    }

    /// Says whether it speaks RESP3.
    private func greet(_ settings: RedisSettings) async throws -> Bool {
        let address = settings.address
        var resp3 = false
        if !settings.isOld {
            var hello: [RESPArgument] = ["HELLO", "3"]
            if let password = address.password {
                hello += ["AUTH", .text(address.user ?? "default"), .text(password)]
            }
            switch try await send(hello) {
            case .error(let message) where ["NOAUTH", "WRONGPASS"].contains(Self.word(message)):
                throw RedisError.notWelcome(Self.word(message))
            case .error: break  // older than RESP3, or a provider without it
            default: resp3 = true
            }
        }
        if !resp3, let password = address.password {
            let auth: [RESPArgument] = ["AUTH"] + (address.user.map { [.text($0)] } ?? []) + [.text(password)]
            if case .error(let message) = try await send(auth) { throw Self.unwelcome(message) }
        }
        if address.database > 0 { _ = try await ask(["SELECT", .integer(address.database)]) }
        if case .error(let message) = try await send(["PING"]) { throw Self.unwelcome(message) }
        return resp3
    }

    /// One that is loading its data, or is a replica without its primary, has nothing against us.
    private static func unwelcome(_ message: String) -> RedisError {
        let word = word(message)
        return ["LOADING", "MASTERDOWN", "BUSY"].contains(word) ? .refused(word) : .notWelcome(word)
    }

    /// The answer, an error of Redis's included. Throws `RedisError` when none came.
    func send(_ command: [RESPArgument]) async throws -> RESPValue {
        counter.count(command)
        let promise = channel.eventLoop.makePromise(of: RESPValue.self)
        channel.eventLoop.execute { self.handler.value.send(command, promise) }
        return try await promise.futureResult.get()
    }

    /// The answer; an error of Redis's is thrown.
    func ask(_ command: [RESPArgument]) async throws -> RESPValue {
        let answer = try await send(command)
        if case .error(let message) = answer { throw RedisError.refused(Self.word(message)) }
        return answer
    }

    /// SUBSCRIBE and UNSUBSCRIBE: what they say comes aside, to `onPush`.
    func post(_ command: [RESPArgument]) {
        counter.count(command)
        channel.eventLoop.execute {
            self.handler.value.isSubscribed = true
            self.handler.value.send(command, nil)
        }
    }

    /// When it has ended, for whatever reason.
    func ended() async { try? await channel.closeFuture.get() }

    func close() { channel.close(promise: nil) }

    /// The first word of an error says its kind; what comes after may repeat what was sent.
    static func word(_ message: String) -> String { String(message.prefix { $0 != " " }.prefix(32)) }
}

/// Commands sent, by name: what a provider bills, also where `INFO commandstats` is hidden.
package final class CommandCounter: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    package init() {}

    func count(_ command: [RESPArgument]) {
        guard case .text(let name)? = command.first else { return }
        counts.withLock { $0[name, default: 0] += 1 }
    }

    package var sent: [String: Int] { counts.withLock { $0 } }
}
