package import CareDomain
package import Hummingbird
import NIOCore

/// What the handlers of one request know.
package struct CareContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Set by `IdentityMiddleware` on everything under /api/v1 that needs it.
    package var caller: Caller?

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
    package var expiresAt: Moment
    /// Somebody of the operator's staff who acts as this person, as the token says.
    package var impersonator: String?

    package init(person: Person, expiresAt: Moment, impersonator: String? = nil) {
        self.person = person
        self.expiresAt = expiresAt
        self.impersonator = impersonator
    }

    var audience: Audience { person.role == .coordinator ? .staff : .everyone }
}
