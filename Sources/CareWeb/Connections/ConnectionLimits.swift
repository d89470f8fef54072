import NIOCore
import Synchronization

/// How much of anything one connection may have, before anybody knows who is speaking.
package struct ConnectionLimits: Sendable {
    /// Connections open at once; one more is told `too_many_connections` and closed.
    package var atOnce = 20_000
    /// From connecting to the end of the first request's head; then the connection is closed.
    package var head: Duration = .seconds(10)
    /// From a head to the end of its body; then `request_too_slow`.
    package var body: Duration = .seconds(30)
    /// Bytes that give a body one second more: a document over a bad line takes long, a client that trickles gets nowhere.
    package var bodyBytesPerSecond = 4_096
    /// From the end of an answer to the end of the next head; then the connection is closed. Longer than the minute for
    /// which a proxy usually keeps one, so that it is the proxy who closes.
    package var idle: Duration = .seconds(75)
    /// For which a client may leave an answer unread once what we may hold for it is full; then it is cut off.
    package var stalled: Duration = .seconds(30)
    /// After our last word, for the client to read it and close.
    package var linger: Duration = .seconds(2)
    /// Bytes the system may hold of what we said to a client that does not read; half as many we hold ourselves before we wait for
    /// it. Left to itself the system takes megabytes of each, and only when they are full does anybody notice.
    package var sendBuffer = 128 * 1024
    /// Bytes of a request line and its headers, and their number; more is `head_too_large`.
    package var headBytes = 32 * 1024
    package var headFields = 100

    package init() {}
}

/// How many connections there are, shared by all of them.
final class ConnectionCount: Sendable {
    private let count = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Counts in any case, because whoever is refused is a connection for a moment too.
    func enter() -> Bool { count.add(1, ordering: .relaxed).newValue <= limit }
    func leave() { count.subtract(1, ordering: .relaxed) }
}
