import Foundation

/// Where a Redis is and who we are to it: `redis://[user:password@]host[:port][/database]`, `rediss://` with TLS. Printed
/// without either: whoever forgets the colon has written the password in the name's place.
package struct RedisAddress: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    package var port: Int
    package var user: String?
    package var password: String?
    package var database: Int
    package var usesTLS: Bool

    /// `nil` when it is not such an address.
    package init?(_ text: String) {
        guard let url = URLComponents(string: text), url.scheme == "redis" || url.scheme == "rediss",
            let host = url.host, !host.isEmpty, url.query == nil, url.fragment == nil
        else { return nil }
        let path = url.path.drop { $0 == "/" }
        guard path.isEmpty || Int(path).map({ (0...1_000).contains($0) }) == true else { return nil }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        port = url.port ?? 6_379
        user = url.user.flatMap { $0.isEmpty ? nil : $0 }
        password = url.password.flatMap { $0.isEmpty ? nil : $0 }
        database = Int(path) ?? 0
        usesTLS = url.scheme == "rediss"
    }

    package var description: String {
        "\(usesTLS ? "rediss" : "redis")://\(host):\(port)/\(database)"
    }
}

/// How a connection is made and when it is given up.
package struct RedisSettings: Sendable {
    package var address: RedisAddress
    /// A file of certificates to trust instead of the system's; only with TLS.
    package var trustFile: String?
    /// RESP2 even where RESP3 could be had.
    package var isOld = false
    /// TCP, TLS and greeting together.
    package var connectTimeout: Duration = .seconds(2)
    /// Of the oldest command without an answer; then the connection is dead and all of them fail.
    package var commandTimeout: Duration = .seconds(1)
    /// Between two signs of life of a connection: one command a node, however many streams are open.
    package var keepalive: Duration = .seconds(5)
    /// Commands waiting for their answers; the next one fails at once.
    package var pending = 10_000
    /// What came by subscription and was not taken yet; beyond it the connection is made anew and everything read again.
    package var pushes = 100_000
    /// Between two tries to connect: a random part of the second, growing from the first.
    package var firstPause: Duration = .milliseconds(50)
    package var longestPause: Duration = .seconds(2)
    /// How long a topic without readers is kept up to date: snapshots and returning readers then cost little.
    package var linger: Duration = .seconds(60)
    /// How long Redis keeps a topic that nobody appends to.
    package var keep: Duration = .seconds(7 * 86_400)

    /// How often a node tells what it has sent, at one command.
    package var tellsCounts: Duration = NodeCount.interval

    package init(_ address: RedisAddress) { self.address = address }

    /// Before the next try after so many that failed. `part` of it, from 0 to 1, is a matter of chance, so that nodes that lost
    /// Redis at once do not all come back at once; a fifth is always waited.
    package func pause(after failures: Int, part: Double) -> Duration {
        // Beyond ten doublings the longest is reached whatever the first is, and more would overflow.
        min(longestPause, firstPause * (1 << min(max(failures, 0), 10))) * (0.2 + 0.8 * min(max(part, 0), 1))
    }
}

/// Why a command has no answer. Whether it was carried out is not known then.
package enum RedisError: Error, Equatable {
    case unreachable
    case closed
    case timedOut
    /// More than `RedisSettings.pending`.
    case busy
    /// It speaks something else.
    case protocolBroken
    /// Name or password.
    case notWelcome(String)
    case badCertificate
    /// The first word of an error it answered with: `OOM`, `READONLY`, `LOADING` …
    case refused(String)
}
