package import CareDesk
package import CareDomain
package import Hummingbird
import NIOCore

/// What the handlers of one request know.
package struct CareContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Set by `IdentityMiddleware` on everything under /api/v1 that needs it.
    package var caller: Caller?
    /// The case of the path, set by `Gate` once the caller has been let in to it.
    var visited: CareCase?
    /// The patient of the path, set by `Gate` likewise.
    var visitedPatient: PersonID?
    /// Where staff was let in: what a verb that changes something shall add to the audit trail in its transaction.
    var change: AuditEntry?

    /// The connection the request came on.
    let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        caller = nil
        channel = source.channel
    }

    func required() throws(Problem) -> Caller {
        guard let caller else { throw .unauthenticated }
        return caller
    }

    /// Who is here, and in which case; for handlers of routes whose right is about a case.
    func visit() throws(Problem) -> (Caller, CareCase) {
        guard let visited else { throw .notFound }
        return (try required(), visited)
    }

    /// Whose things these are; for handlers of routes whose right is about a patient.
    func patient() throws(Problem) -> PersonID {
        guard let visitedPatient else { throw .notFound }
        return visitedPatient
    }

    /// The row of the audit trail that belongs into the transaction of a change by staff. Without one there is no change.
    func noted() throws(Problem) -> AuditEntry {
        guard let change else { throw .coordinatorsOnly }
        return change
    }

    func id<Subject>(_ name: String, of _: Identifier<Subject>.Type = Identifier<Subject>.self) throws(Problem)
        -> Identifier<Subject>
    {
        guard let text = parameters.get(name), let id = Identifier<Subject>(rawValue: text) else { throw .notFound }
        return id
    }
}

/// Who is asking, as a verified token says.
package struct Caller: Sendable, Hashable {
    package var person: Person
    /// When the token was made.
    package var issuedAt: Moment
    package var expiresAt: Moment
    /// The sign-in the token belongs to, for the audit trail.
    package var session: SessionID?
    /// Somebody of the operator's staff who acts as this person, as the token says.
    package var impersonator: PersonID?

    package init(
        person: Person, issuedAt: Moment, expiresAt: Moment, session: SessionID? = nil, impersonator: PersonID? = nil
    ) {
        self.person = person
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.session = session
        self.impersonator = impersonator
    }

    /// Who of the operator's staff is asking, whatever they act as; nil: nobody of them.
    var staff: PersonID? { impersonator ?? (person.role == .coordinator ? person.id : nil) }
    var audience: Audience { person.role == .coordinator ? .staff : .everyone }
}
