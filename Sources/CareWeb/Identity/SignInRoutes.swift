import CareDesk
import CareDomain
import Hummingbird

/// Signing in without a password: development identity only.
struct SignInRoutes {
    let identity: DevelopmentIdentity
    let store: any CaseStore
    /// The port it was named after is in it.
    let cookieName: String

    struct SignIn: Decodable { var person: String }
    struct SignedIn: Encodable {
        var token: String
        var expiresAt: Moment
        var person: Person
        enum CodingKeys: String, CodingKey {
            case token, person
            case expiresAt = "expires_at"
        }
    }
    struct People: Encodable { var people: [Person] }

    func people(_ request: Request, _ context: CareContext) async throws -> Response {
        try JSON.response(People(people: try await store.people()))
    }

    func signIn(_ request: Request, _ context: CareContext) async throws -> Response {
        guard Provenance.isNotForeign(request) else { throw Problem.wrongOrigin }
        let body = try await JSON.read(SignIn.self, from: request)
        guard let id = PersonID(rawValue: body.person), let person = try await store.person(id) else {
            throw JSON.invalid(field: "person", "is nobody known here")
        }
        let (token, expires) = try await identity.token(for: person)
        var response = try JSON.response(SignedIn(token: token, expiresAt: expires, person: person))
        response.setCookie(
            Cookie(
                name: cookieName, value: token, maxAge: Int(identity.lifetime.components.seconds), path: "/",
                httpOnly: true, sameSite: .lax))
        return response
    }
}
