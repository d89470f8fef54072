package import CareDomain

/// Somebody is shut out: of one sign-in, or of all that a person had.
package struct Revocation: Sendable, Hashable {
    package enum Subject: Sendable, Hashable, CustomStringConvertible {
        /// One sign-in, for good.
        case session(SessionID)
        /// Every token of this person that was made before; whoever may sign in again gets one that was made after.
        case person(PersonID)

        /// "sign-in sess_1", "person amina".
        package var description: String {
            switch self {
            case .session(let id): "sign-in \(id)"
            case .person(let id): "person \(id)"
            }
        }
    }

    /// How long one is remembered: longer than any token lives (`token.seconds` is 30 days at most).
    package static let kept: Duration = .seconds(31 * 86_400)

    package var subject: Subject
    package var at: Moment

    package init(_ subject: Subject, at: Moment) {
        self.subject = subject
        self.at = at
    }
}

/// Who is shut out, for every node that has the same store.
package protocol RevocationStore: Sendable {
    /// Kept when this returns. Of two about one subject the later one stays, in whatever order they come. Forgets those that are
    /// older than `Revocation.kept`.
    func revoke(_ revocation: Revocation) async throws
    func revocations() async throws -> [Revocation]
}
