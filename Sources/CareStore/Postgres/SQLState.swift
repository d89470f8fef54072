#if Postgres
    import CareDesk

    /// What the server's five-character codes mean to us.
    enum SQLState {
        /// Another transaction was in the way, and the same again may go through: two that could not be put in an order,
        /// a deadlock, or a row that another one has just added under the same key.
        static func isConflict(_ code: String) -> Bool { ["40001", "40P01", "23505"].contains(code) }

        /// A prepared statement is not what it was: a newer node has changed a table under `SELECT *`, or something
        /// between us and the server has forgotten it.
        static func isOutdated(_ code: String) -> Bool { ["0A000", "26000"].contains(code) }

        /// The server ends the session with these, whatever it was doing.
        static func endsSession(_ code: String) -> Bool {
            ["57P01", "57P02", "57P03", "57P04", "57P05", "25P03"].contains(code) || code.hasPrefix("08")
        }

        /// What is a matter of the machine gets its name; `nil` is a mistake of ours and is answered 500.
        static func reason(_ code: String) -> StoreUnavailable.Reason? {
            switch code {
            case "53100": .diskFull
            case "53300": .tooManyConnections
            case "25006": .readOnly
            case "42501": .forbidden
            case "55P03": .locked
            case "57014": .slow
            case "58030", "58P01", "58P02": .inputOutput
            case "XX001", "XX002": .damaged
            case "3D000": .noDatabase
            case "22P05": .unsuitable
            case _ where code.hasPrefix("28"): .signInRefused
            case _ where code.hasPrefix("53"): .outOfResources
            case _ where isConflict(code) && code != "23505": .locked
            case _ where endsSession(code): .away
            default: nil
            }
        }
    }

    /// The server refused a statement for a reason that is ours. Its message may quote a value, so only its code is kept.
    package struct PostgresError: Error, Equatable {
        package var code: String
    }

    /// What can become of a statement or a connection.
    enum PostgresFailure: Error {
        /// The server said no with this code, and can be asked the next thing.
        case refused(String)
        /// The connection is of no use any more.
        case lost(StoreUnavailable.Reason)
        /// A value that PostgreSQL cannot hold; nothing was sent.
        case unstorable
    }
#endif
