#if Postgres
    import CLibPQ
    import CareDesk
    import CareDomain

    #if canImport(Glibc)
        import Glibc
    #elseif canImport(Musl)
        import Musl
    #else
        import Darwin
    #endif

    /// One connection of libpq that nothing can hang: every wait is for the socket and has an end. Not Sendable; it
    /// belongs to the actor around it, because a `PGconn` is for one thread at a time.
    ///
    /// A failure that is `.lost` leaves it unusable: what the server still sends belongs to a question of the past.
    final class PostgresLink {
        typealias Instant = ContinuousClock.Instant

        /// Between two looks at whether the caller was cancelled. Usually the server's answer comes first.
        private static let slice: Duration = .milliseconds(100)

        private let connection: OpaquePointer
        private var statements = StatementCache()
        /// Which run of which server it is: another one after each start, and after each recovery from a crash, when
        /// statistics begin anew.
        private(set) var server = ""
        /// Ends what the server does for this connection; may be called from any thread.
        private(set) var canceller: PostgresCanceller?

        /// Connects and brings the session into the state that everything relies on.
        init(_ settings: PostgresSettings) throws(PostgresFailure) {
            let deadline = ContinuousClock.now + settings.connect
            // What stands before the address it may say otherwise, what stands behind it not.
            let options = [
                ("fallback_application_name", settings.name), ("keepalives_idle", "30"),
                ("keepalives_interval", "10"), ("keepalives_count", "3"),
                ("tcp_user_timeout", String((settings.statement + PostgresSettings.grace).milliseconds)),
                ("dbname", settings.address.uri), ("client_encoding", "UTF8"),
            ]
            let connecting = withCStrings(options.map(\.0)) { keywords in
                withCStrings(options.map(\.1)) { PQconnectStartParams(keywords, $0, 1) }
            }
            guard let connecting else { throw .lost(.outOfResources) }
            // From here on `deinit` closes it, also when this throws.
            connection = connecting
            // So that a refusal says its code and nothing else, in whatever language the server speaks.
            PQsetErrorVerbosity(connection, PQERRORS_SQLSTATE)
            // What the server remarks would go to standard error otherwise, with what patients said in it.
            PQsetNoticeReceiver(connection, { _, _ in }, nil)
            try connect(until: deadline)
            guard PQserverVersion(connection) >= 140_000,
                PQparameterStatus(connection, "server_encoding").map({ String(cString: $0) }) == "UTF8",
                PQsetnonblocking(connection, 1) == 0
            else { throw .lost(.unsuitable) }
            try prepareSession(settings, until: deadline)
            canceller = PQgetCancel(connection).map { PostgresCanceller($0) }
        }

        deinit { PQfinish(connection) }

        private func connect(until deadline: Instant) throws(PostgresFailure) {
            var wants = PGRES_POLLING_WRITING
            while true {
                guard PQstatus(connection) != CONNECTION_BAD else { throw .lost(refusal) }
                switch wants {
                case PGRES_POLLING_OK: return
                case PGRES_POLLING_READING: try wait(Int16(POLLIN), until: deadline, nil)
                case PGRES_POLLING_WRITING: try wait(Int16(POLLOUT), until: deadline, nil)
                default: throw .lost(refusal)
                }
                // The socket may be another one afterwards: the next address, or the same again with TLS.
                wants = PQconnectPoll(connection)
            }
        }

        /// Why a connection could not be made: the code that ends libpq's message, or, without one, nobody was there.
        private var refusal: StoreUnavailable.Reason {
            let message = String(cString: PQerrorMessage(connection))
            let code = message.split(whereSeparator: \.isWhitespace).last.map(String.init) ?? ""
            let isCode =
                code.utf8.count == 5 && code.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) }
            return isCode ? SQLState.reason(code) ?? .away : .away
        }

        private func prepareSession(_ settings: PostgresSettings, until deadline: Instant) throws(PostgresFailure) {
            let times = [
                ("statement_timeout", settings.statement), ("lock_timeout", settings.lock),
                ("idle_in_transaction_session_timeout", settings.idleInTransaction),
            ].map { "SET \($0) = \($1.milliseconds)" }
            // What was committed is durable, also where somebody has switched that off for everybody else.
            let durable =
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
            do {
                _ = try simple((times + [durable]).joined(separator: "; "), until: deadline)
                let server = try simple(
                    "SELECT pg_postmaster_start_time()::text || COALESCE(stats_reset::text, '') AS server FROM pg_stat_bgwriter",
                    until: deadline)
                if case .text(let run)? = server.rows.first?.values["server"] { self.server = run }
                // A statement whose caller has gone ends by itself. Not every system under a server can tell.
                _ = try? simple("SET client_connection_check_interval = 2000", until: deadline)
            } catch .refused(let code) {
                throw .lost(SQLState.reason(code) ?? .unsuitable)
            }
        }

        // MARK: Statements

        /// One or several statements without values, by the simple protocol: one way there and back.
        func simple(
            _ sql: String, until deadline: Instant, _ interruption: PostgresInterruption? = nil
        ) throws(PostgresFailure) -> PostgresAnswer {
            guard PQsendQuery(connection, sql) == 1 else { throw .lost(.away) }
            return try answer(until: deadline, interruption)
        }

        func run(
            _ sql: String, _ values: [SQLValue], until deadline: Instant, _ interruption: PostgresInterruption?
        ) throws(PostgresFailure) -> PostgresAnswer {
            let texts = try values.map { (value) throws(PostgresFailure) -> String? in
                switch value {
                case .null: return nil
                case .integer(let integer): return String(integer)
                case .text(let text):
                    // libpq's values end at the first NUL: the rest would be gone without a word.
                    guard !text.utf8.contains(0) else { throw .unstorable }
                    return text
                }
            }
            let name: String
            switch statements.use(sql) {
            case .known(let known): name = known
            case .new(let new, let forgotten):
                do throws(PostgresFailure) {
                    if let forgotten { _ = try simple("DEALLOCATE \(forgotten)", until: deadline, interruption) }
                    guard PQsendPrepare(connection, new, sql, 0, nil) == 1 else { throw .lost(.away) }
                    _ = try answer(until: deadline, interruption)
                } catch {
                    statements.forget(sql)
                    throw error
                }
                name = new
            }
            let sent = withCStrings(texts) {
                PQsendQueryPrepared(connection, name, Int32(texts.count), $0, nil, nil, 0)
            }
            guard sent == 1 else { throw .lost(.away) }
            return try answer(until: deadline, interruption)
        }

        /// After a statement was found outdated: none is known any more.
        func forgetStatements(until deadline: Instant) throws(PostgresFailure) {
            statements = StatementCache()
            _ = try simple("DEALLOCATE ALL", until: deadline)
        }

        var isInFailedTransaction: Bool { PQtransactionStatus(connection) == PQTRANS_INERROR }

        /// Whether a connection that nobody used may still be: a server that went away has closed it or said so.
        var isStale: Bool {
            guard PQstatus(connection) == CONNECTION_OK else { return true }
            var look = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
            guard poll(&look, 1, 0) != 0 else { return false }
            return PQconsumeInput(connection) == 0 || PQstatus(connection) != CONNECTION_OK
                || look.revents & Int16(POLLHUP) != 0
        }

        // MARK: Waiting

        /// Everything the server has to say to what was sent; the last of several answers.
        private func answer(
            until deadline: Instant, _ interruption: PostgresInterruption?
        ) throws(PostgresFailure) -> PostgresAnswer {
            while true {
                let left = PQflush(connection)
                if left == 0 { break }
                guard left == 1 else { throw .lost(.away) }
                // Readable as well: a server that cannot send stops reading.
                if try wait(Int16(POLLIN | POLLOUT), until: deadline, interruption) & Int16(POLLIN) != 0 {
                    guard PQconsumeInput(connection) == 1 else { throw .lost(.away) }
                }
            }
            var last = PostgresAnswer()
            var refused: String?
            while true {
                while PQisBusy(connection) == 1 {
                    try wait(Int16(POLLIN), until: deadline, interruption)
                    guard PQconsumeInput(connection) == 1 else { throw .lost(.away) }
                }
                guard let result = PQgetResult(connection) else { break }
                defer { PQclear(result) }
                switch PQresultStatus(result) {
                case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: last = PostgresAnswer(result)
                default:
                    refused = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? ""
                }
            }
            guard let refused else { return last }
            if refused.isEmpty || PQstatus(connection) != CONNECTION_OK || SQLState.endsSession(refused) {
                throw .lost(SQLState.reason(refused) ?? .away)
            }
            throw .refused(refused)
        }

        /// Waits for the socket, for no longer than until the deadline, and less when the caller was cancelled.
        @discardableResult
        private func wait(
            _ events: Int16, until deadline: Instant, _ interruption: PostgresInterruption?
        ) throws(PostgresFailure) -> Int16 {
            while true {
                let now = ContinuousClock.now
                let end = interruption?.deadline.map { min($0, deadline) } ?? deadline
                guard now < end else { throw .lost(.silent) }
                var look = pollfd(fd: PQsocket(connection), events: events, revents: 0)
                let pause = min(end - now, Self.slice).milliseconds
                let found = poll(&look, 1, Int32(max(pause, 1)))
                if found > 0 { return look.revents }
                guard found == 0 || errno == EINTR else { throw .lost(.away) }
            }
        }
    }

    /// What a statement gave.
    struct PostgresAnswer {
        var rows: [SQLRow] = []
        var changed = 0
        /// The command as the server names it: "COMMIT", or "ROLLBACK" for a transaction that had failed.
        var command = ""

        init() {}

        init(_ result: OpaquePointer) {
            command = String(cString: PQcmdStatus(result))
            changed = Int(String(cString: PQcmdTuples(result))) ?? 0
            let columns = (0..<PQnfields(result)).map { column in
                (column, PQfname(result, column).map { String(cString: $0) } ?? "", PQftype(result, column))
            }
            rows = (0..<PQntuples(result)).map { row in
                var values: [String: SQLValue] = [:]
                for (column, name, type) in columns {
                    guard PQgetisnull(result, row, column) == 0, let bytes = PQgetvalue(result, row, column) else {
                        values[name] = .null
                        continue
                    }
                    let text = String(cString: bytes)
                    switch type {
                    case 20, 21, 23: values[name] = Int64(text).map { .integer($0) }  // int8, int2, int4
                    case 18, 19, 25, 1042, 1043: values[name] = .text(text)  // "char", name, text, bpchar, varchar
                    // No column of ours has these types; reading one as text or integer throws `unreadable`.
                    default: break
                    }
                }
                return SQLRow(values: values)
            }
        }
    }

    /// Which statements the server has prepared for a connection, and under which names. Pure.
    struct StatementCache {
        enum Use: Equatable {
            case known(String)
            /// To be prepared under this name, after the forgotten one has made room.
            case new(String, forgetting: String?)
        }
        let limit: Int
        private var names: [String: (name: String, used: Int)] = [:]
        private var uses = 0

        init(limit: Int = PostgresSettings.statements) { self.limit = limit }

        mutating func use(_ sql: String) -> Use {
            uses += 1
            if let known = names[sql] {
                names[sql] = (known.name, uses)
                return .known(known.name)
            }
            var forgotten: String?
            if names.count >= limit, let oldest = names.min(by: { $0.value.used < $1.value.used }) {
                forgotten = oldest.value.name
                names[oldest.key] = nil
            }
            let name = "s\(uses)"
            names[sql] = (name, uses)
            return .new(name, forgetting: forgotten)
        }

        mutating func forget(_ sql: String) { names[sql] = nil }
    }

    /// Asks the server to end what it does for one connection.
    final class PostgresCanceller: Sendable {
        // libpq: a PGcancel is made to be used from another thread than its connection's. It is never written to after
        // it was made, and freed when nobody refers to it any more.
        private nonisolated(unsafe) let handle: OpaquePointer

        init(_ handle: OpaquePointer) { self.handle = handle }
        deinit { PQfreeCancel(handle) }

        /// Blocks until the server has heard it, which may be long.
        func cancel() {
            var complaint = [CChar](repeating: 0, count: 256)
            _ = PQcancel(handle, &complaint, Int32(complaint.count))
        }
    }

    private func withCStrings<Answer>(
        _ texts: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Answer
    ) -> Answer {
        let copies = texts.map { $0.flatMap { UnsafePointer(strdup($0)) } }
        defer { for copy in copies { free(UnsafeMutablePointer(mutating: copy)) } }
        return (copies + [nil]).withUnsafeBufferPointer { body($0.baseAddress) }
    }
#endif
