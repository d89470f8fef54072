/// Who says who somebody is.
package enum Identity: TokenVerifier {
    /// The cookie's name has the server's port in it.
    case development(DevelopmentIdentity, cookieName: String)
    case clerk(ClerkIdentity)

    package var name: String {
        switch self {
        case .development: "development"
        case .clerk: "clerk"
        }
    }

    var cookie: SessionCookie {
        switch self {
        case .development(_, let name): .named(name)
        case .clerk: .clerk
        }
    }

    package func verify(_ token: String) async throws -> Caller {
        switch self {
        case .development(let identity, _): try await identity.verify(token)
        case .clerk(let identity): try await identity.verify(token)
        }
    }
}
