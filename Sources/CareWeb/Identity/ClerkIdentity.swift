package import CareDesk
package import CareDomain
import Foundation
import JWTKit

/// One Clerk instance, as its publishable key and the operator's settings describe it.
package struct ClerkInstance: Sendable {
    package let publishableKey: String
    /// `https://clerk.example.org`: issuer of the tokens, and where keys and clerk-js come from.
    package let frontendAPI: String
    package var parties: Set<String>
    package var organization: String?
    /// Major version of clerk-js.
    package var scriptVersion: String

    /// `frontendAPI` only where it is not the one in the key. Nil when the key is none.
    package init?(
        publishableKey: String, frontendAPI: String?, parties: Set<String>, organization: String?, scriptVersion: String
    ) {
        guard let host = Self.host(in: publishableKey) else { return nil }
        self.publishableKey = publishableKey
        self.frontendAPI = frontendAPI ?? "https://\(host)"
        self.parties = parties
        self.organization = organization
        self.scriptVersion = scriptVersion
    }

    package var keysURL: String { "\(frontendAPI)/.well-known/jwks.json" }
    /// Without Clerk's own components: those want inline styles and a third host, which our policy has not.
    var scriptURL: String { "\(frontendAPI)/npm/@clerk/clerk-js@\(scriptVersion)/dist/clerk.headless.browser.js" }

    /// `pk_test_` or `pk_live_`, then the host and a dollar sign in base64.
    private static func host(in key: String) -> String? {
        guard let prefix = ["pk_test_", "pk_live_"].first(where: key.hasPrefix) else { return nil }
        let encoded = key.dropFirst(prefix.count).filter { $0 != "=" }
        guard let data = Data(base64URL: encoded) ?? Data(base64Encoded: String(key.dropFirst(prefix.count))),
            let text = String(data: data, encoding: .utf8), text.hasSuffix("$")
        else { return nil }
        let host = text.dropLast()
        let isHost =
            (1...253).contains(host.utf8.count)
            && host.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "-") }
        return isHost ? String(host) : nil
    }
}

/// Clerk session tokens (facts: integrations §2).
package struct ClerkIdentity: TokenVerifier {
    package let instance: ClerkInstance
    /// Nil when the operator gave the key and nobody is asked.
    package let published: KeySet?
    private let verifier: SessionVerifier

    /// The instance's published keys decide.
    package init(
        _ instance: ClerkInstance, keys: KeySet, store: any CaseStore, language: Language, refusals: RefusalLog,
        now: @escaping @Sendable () -> Moment = { .now }
    ) {
        self.init(instance, published: keys, keys: keys, store, language, refusals, now)
    }

    /// Without a network: `pem` is the instance's public key. Throws when it is none of at least 2,048 bits.
    package init(
        _ instance: ClerkInstance, pem: String, store: any CaseStore, language: Language, refusals: RefusalLog,
        now: @escaping @Sendable () -> Moment = { .now }
    ) async throws {
        let key = FixedKey(key: try await VerificationKey(try Insecure.RSA.PublicKey(pem: pem)))
        self.init(instance, published: nil, keys: key, store, language, refusals, now)
    }

    private init(
        _ instance: ClerkInstance, published: KeySet?, keys: any KeySource, _ store: any CaseStore,
        _ language: Language, _ refusals: RefusalLog, _ now: @escaping @Sendable () -> Moment
    ) {
        self.instance = instance
        self.published = published
        verifier = SessionVerifier(
            keys: keys,
            policy: ClaimsPolicy(
                issuer: instance.frontendAPI, parties: instance.parties, organization: instance.organization),
            store: store, language: language, now: now, refusals: refusals)
    }

    package func verify(_ token: String) async throws -> Caller { try await verifier.verify(token) }
}
