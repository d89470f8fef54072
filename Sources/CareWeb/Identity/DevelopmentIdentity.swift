package import CareDesk
package import CareDomain
import CryptoExtras
import Foundation
import JWTKit

/// Turns a token into a caller.
package protocol TokenVerifier: Sendable {
    /// Throws a `Problem` with 401 that says whether a fresh token would help.
    func verify(_ token: String) async throws -> Caller
}

/// The identity for development and demonstration: signs tokens of the shape Clerk's have (session token version 2,
/// RS256), so that every path after verification is the real one. Its key is a row of the store, which
/// `curaway token` and every node share. Refused on any address but loopback (`Settings`).
package struct DevelopmentIdentity: TokenVerifier {
    package static let issuer = "https://development.curaway.invalid"
    /// Clocks may differ by this much.
    static let leeway: Duration = .seconds(5)
    private static let kid = JWKIdentifier(string: "development")

    private let keys: JWTKeyCollection
    private let store: any CaseStore
    private let now: @Sendable () -> Moment
    package let lifetime: Duration

    package init(
        store: any CaseStore, lifetime: Duration = .seconds(12 * 3600),
        now: @escaping @Sendable () -> Moment = { .now }
    ) async throws {
        let pem = try await store.secret("development_key") {
            try _RSA.Signing.PrivateKey(keySize: .bits2048).pemRepresentation
        }
        keys = await JWTKeyCollection().add(
            rsa: try Insecure.RSA.PrivateKey(pem: pem), digestAlgorithm: .sha256, kid: Self.kid)
        self.store = store
        self.lifetime = lifetime
        self.now = now
    }

    package func token(for person: Person) async throws -> (token: String, expiresAt: Moment) {
        let now = now()
        let expires = now + lifetime
        let claims = SessionClaims(
            iss: Self.issuer, sub: person.id.rawValue, sid: "sess_\(Identifier<Person>.new())",
            iat: now.seconds, nbf: now.seconds - 10, exp: expires.seconds, sts: "active",
            o: person.role == .coordinator ? .init(id: "org_development", rol: "coordinator") : nil)
        return (try await keys.sign(claims, kid: Self.kid), expires)
    }

    package func verify(_ token: String) async throws -> Caller {
        let claims: SessionClaims
        do {
            claims = try await keys.verify(token, as: SessionClaims.self)
        } catch {
            throw Problem.unauthenticated
        }
        let now = now().seconds
        let leeway = Int(Self.leeway.components.seconds)
        guard claims.exp + leeway > now else { throw Problem.tokenExpired }
        guard claims.nbf - leeway <= now, claims.iss == Self.issuer, claims.sts == nil || claims.sts == "active",
            let id = PersonID(rawValue: claims.sub)
        else { throw Problem.unauthenticated }
        let role: Person.Role = claims.o?.rol == "coordinator" ? .coordinator : .patient
        let known = try await store.person(id)
        var person = known ?? Person(id: id, name: id.rawValue, role: role, language: .english)
        // The token decides what one may do, the store only knows the name.
        person.role = role
        return Caller(
            person: person, expiresAt: Moment(milliseconds: Int64(claims.exp) * 1000),
            session: SessionID(rawValue: claims.sid))
    }
}

/// A Clerk session token, version 2 (facts: integrations §2.2), as far as we read it.
struct SessionClaims: JWTPayload {
    struct Organization: Codable {
        var id: String
        var rol: String?
    }
    var v = 2
    var iss: String
    var sub: String
    var sid: String
    var iat: Int
    var nbf: Int
    var exp: Int
    var sts: String?
    var o: Organization?

    /// Times are checked by the verifier, with its own clock and leeway.
    func verify(using algorithm: some JWTAlgorithm) async throws {
        guard v == 2 else { throw JWTError.claimVerificationFailure(failedClaim: nil, reason: "version") }
    }
}

extension Moment {
    var seconds: Int { Int(milliseconds / 1000) }
}
