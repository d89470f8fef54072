#if Postgres
    import CLibPQ

    /// Where a PostgreSQL is, as libpq's URI. Its password is in it and in nothing that is printed.
    package struct PostgresAddress: Sendable, Hashable, CustomStringConvertible {
        let uri: String
        /// The same without a password or anything else that could be one.
        package let description: String

        /// `nil` when libpq cannot read it. Its own complaint would quote what it could not read, password and all.
        package init?(_ uri: String) {
            guard uri.hasPrefix("postgres://") || uri.hasPrefix("postgresql://"), !uri.utf8.contains(0),
                let options = PQconninfoParse(uri, nil)
            else { return nil }
            defer { PQconninfoFree(options) }
            var parts: [String: String] = [:]
            var option = options
            while let keyword = option.pointee.keyword {
                if let value = option.pointee.val { parts[String(cString: keyword)] = String(cString: value) }
                option += 1
            }
            self.uri = uri
            let user = parts["user"].map { $0 + "@" } ?? ""
            let port = parts["port"].map { ":" + $0 } ?? ""
            description =
                "postgres://\(user)\(parts["host"] ?? parts["hostaddr"] ?? "")\(port)/\(parts["dbname"] ?? "")"
        }
    }

    /// How the driver behaves. Every bound has a name; what happens there is an error of the verb, never a wait.
    package struct PostgresSettings: Sendable {
        package var address: PostgresAddress
        /// At once, of this process. Callers beyond it wait.
        package var connections = 10
        /// For one to be free; then `StoreUnavailable(.exhausted)`.
        package var acquire: Duration = .seconds(3)
        /// Callers that wait for one; the next is refused at once.
        package var waiting = 1_000
        /// For a connection to be made; then `.silent`.
        package var connect: Duration = .seconds(5)
        /// For one statement, told to the server; then `.slow`.
        package var statement: Duration = .seconds(10)
        /// For a lock that another session holds, told to the server; then `.busy`.
        package var lock: Duration = .seconds(5)
        /// The server ends a session that has opened a transaction and then says nothing: this process stood still.
        package var idleInTransaction: Duration = .seconds(30)
        /// How this program is called in the server's list of sessions, unless the address says otherwise.
        package var name = "curaway"

        /// A server that has not answered this long after the time it was told itself does not answer: `.silent`.
        static let grace: Duration = .seconds(2)
        /// For the server to obey when a caller is cancelled; then the connection is dropped under it.
        static let cancelPatience: Duration = .seconds(1)
        /// For a statement of `writeAlone`, and for its turn.
        static let alone: Duration = .seconds(600)
        /// How long a commit whose answer was lost is asked about before it is `.outcomeUnknown`.
        static let settling: Duration = .seconds(5)
        /// Statements that a connection keeps prepared; the one that was not used for longest makes room.
        static let statements = 200
        /// Times that a transaction is tried when another one was in its way.
        static let tries = 6

        package init(_ address: PostgresAddress) { self.address = address }

        /// The same elsewhere.
        package func at(_ address: PostgresAddress) -> PostgresSettings {
            var settings = self
            settings.address = address
            return settings
        }
    }
#endif
