/// The store cannot do this now, for a reason outside of us. Nothing of the verb was written (with one exception, which
/// has its own reason), and nothing is wrong with what was asked: the same call works once the reason is gone, without a
/// restart.
package struct StoreUnavailable: Error, Sendable, Equatable {
    package enum Reason: String, Sendable {
        case diskFull = "disk_full"
        case readOnly = "read_only"
        /// Somebody else holds it for longer than we wait.
        case busy
        /// The disk or the file system fails.
        case inputOutput = "input_output"
        case cannotOpen = "cannot_open"
        case notADatabase = "not_a_database"
        case damaged

        // Of a database server:

        /// Nobody is there, or it has just gone, or it is starting.
        case away
        /// Somebody is there and does not answer in time.
        case silent
        /// Another session has a row of this verb for longer than we wait.
        case locked
        /// It took longer than a statement may.
        case slow
        /// All connections of this node are in use for longer than we wait.
        case exhausted
        /// The server has no room for another connection.
        case tooManyConnections = "too_many_connections"
        case outOfResources = "out_of_resources"
        case signInRefused = "sign_in_refused"
        case noDatabase = "no_database"
        /// The role lacks a right.
        case forbidden
        /// Too old, or of an encoding that cannot hold what people write.
        case unsuitable
        /// The connection was lost while it committed, and nobody could be asked: it may have been written. All verbs can
        /// be called again: what was done is then a duplicate, or already so.
        case outcomeUnknown = "outcome_unknown"

        /// It befell one call and says nothing about the next.
        package var isOfOneCall: Bool { [.locked, .slow, .outcomeUnknown].contains(self) }

        /// Neither written nor read.
        package var stopsReading: Bool {
            switch self {
            case .away, .silent, .exhausted, .tooManyConnections, .signInRefused, .noDatabase, .unsuitable: true
            case .diskFull, .readOnly, .busy, .inputOutput, .cannotOpen, .notADatabase, .damaged, .locked, .slow: false
            case .outOfResources, .forbidden, .outcomeUnknown: false
            }
        }
    }
    package var reason: Reason
    /// Where it is, for the operator: the database's path, or its address without a password.
    package var place: String

    package init(_ reason: Reason, at place: String) {
        self.reason = reason
        self.place = place
    }
}

/// What the store can do at this moment.
package enum StoreHealth: String, Sendable {
    case ok
    /// It can be read and takes no writes: a full disk looks like this.
    case readOnly = "read_only"
    case unavailable
}
