package import CareDesk
package import CareDomain
import CryptoExtras
import Foundation
import JWTKit

/// The identity for development and demonstration: signs tokens of the shape Clerk's have (session token version 2,
/// RS256), so that every path after the key is the real one. Its key is a row of the store, which `curaway token` and
/// every node share. Refused on any address but loopback (`Settings`).
package struct DevelopmentIdentity: TokenVerifier {
    package static let issuer = "https://development.curaway.invalid"
    private static let organization = "org_development"
    private static let kid = JWKIdentifier(string: "development")

    private let keys: JWTKeyCollection
    private let verifier: SessionVerifier
    private let now: @Sendable () -> Moment
    package let lifetime: Duration

    package init(
        store: any CaseStore, lifetime: Duration = .seconds(12 * 3600), language: Language = .english,
        now: @escaping @Sendable () -> Moment = { .now }
    ) async throws {
        let pem = try await store.secret("development_key") {
            try _RSA.Signing.PrivateKey(keySize: .bits2048).pemRepresentation
        }
        let key = try Insecure.RSA.PrivateKey(pem: pem)
        keys = await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha256, kid: Self.kid)
        verifier = SessionVerifier(
            keys: FixedKey(key: try await VerificationKey(key.publicKey)),
            policy: ClaimsPolicy(issuer: Self.issuer, parties: nil, organization: Self.organization), store: store,
            language: language, now: now, refusals: RefusalLog { _ in })
        self.lifetime = lifetime
        self.now = now
    }

    package func token(for person: Person) async throws -> (token: String, expiresAt: Moment) {
        let now = now()
        let expires = now + lifetime
        let claims = Claims(
            iss: Self.issuer, sub: person.id.rawValue, sid: "sess_\(Identifier<Person>.new())",
            iat: now.seconds, nbf: now.seconds - 10, exp: expires.seconds,
            o: person.role == .coordinator
                ? .init(id: Self.organization, rol: ClaimsPolicy.coordinatorRole) : nil)
        return (try await keys.sign(claims, kid: Self.kid), expires)
    }

    package func verify(_ token: String) async throws -> Caller { try await verifier.verify(token) }

    /// What we sign.
    private struct Claims: JWTPayload {
        struct Organization: Codable {
            var id: String
            var rol: String
        }
        var v = 2
        var iss: String
        var sub: String
        var sid: String
        var iat: Int
        var nbf: Int
        var exp: Int
        var sts = "active"
        var o: Organization?

        /// Asked by the library on reading only, and it never reads these.
        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }
}
