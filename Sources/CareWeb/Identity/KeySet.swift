package import CareDomain
package import Foundation
import JWTKit

/// Where the key that may have signed a token comes from.
protocol KeySource: Sendable {
    /// `refused`: the key this gave before for the same kid, which did not fit. Throws `signature` when there is no other.
    func key(_ kid: String?, insteadOf refused: VerificationKey?) async throws(TokenRefusal) -> VerificationKey
}

/// One key, known without asking anybody, whatever kid a token names.
struct FixedKey: KeySource {
    let key: VerificationKey

    func key(_ kid: String?, insteadOf refused: VerificationKey?) async throws(TokenRefusal) -> VerificationKey {
        guard refused == nil else { throw .signature }
        return key
    }
}

/// The keys that one configured issuer publishes, never those of an issuer that a token names.
package actor KeySet: KeySource {
    /// Fetches the JWKS document. It has an end of its own: a time limit and a bound on size.
    package typealias Fetch = @Sendable () async throws -> Data

    private var cache: KeyCache<VerificationKey>
    private let fetch: Fetch
    private let now: @Sendable () -> Moment
    private var fetching: Task<Void, Never>?

    package init(
        settings: KeyCacheSettings = .init(), now: @escaping @Sendable () -> Moment = { .now },
        fetch: @escaping Fetch
    ) {
        cache = KeyCache(settings: settings)
        self.fetch = fetch
        self.now = now
    }

    /// Asks now, so that the first patient does not wait for it. `false` when nothing came; it is asked for again then.
    @discardableResult
    package func warm() async -> Bool {
        await ask()
        return !cache.isEmpty
    }

    func key(_ kid: String?, insteadOf refused: VerificationKey?) async throws(TokenRefusal) -> VerificationKey {
        guard let kid else { throw .unknownKey }
        switch cache.key(kid, insteadOf: refused, at: now()) {
        case .use(let key): return key
        case .ask: await ask()
        case .unknown, .unavailable: if fetching != nil { await ask() }
        }
        // Looked up anew: while we waited time went on, and the answer may be another one.
        switch cache.key(kid, insteadOf: refused, mayAsk: false, at: now()) {
        case .use(let key): return key
        case .unavailable: throw .unavailable
        case .ask, .unknown: throw refused == nil ? .unknownKey : .signature
        }
    }

    /// Whoever comes while a request is under way waits for that one.
    private func ask() async {
        if fetching == nil {
            cache.asked(at: now())
            // A task of its own: many wait for it, and the first of them may hang up. It ends with the fetch.
            fetching = Task { await refresh() }
        }
        await fetching?.value
    }

    private func refresh() async {
        do {
            let keys = try await Self.keys(in: try await fetch())
            cache.received(keys, at: now())
        } catch {
            cache.missed()
        }
        fetching = nil
    }

    private struct Document: Decodable {
        struct Entry: Decodable {
            var kty: String?
            var kid: String?
            var use: String?
            var alg: String?
            var n: String?
            var e: String?
        }
        var keys: [Entry]
    }
    private struct NoKeys: Error {}

    /// RSA keys for signatures; what else a document holds is for somebody else. A document without any is a mistake on
    /// the other side, not the withdrawal of all keys.
    private static func keys(in document: Data) async throws -> [String: VerificationKey] {
        var keys: [String: VerificationKey] = [:]
        for entry in try JSONDecoder().decode(Document.self, from: document).keys {
            guard entry.kty == "RSA", entry.use ?? "sig" == "sig", entry.alg ?? "RS256" == "RS256",
                let kid = entry.kid, keys[kid] == nil, let n = entry.n, let e = entry.e,
                let rsa = try? Insecure.RSA.PublicKey(modulus: n, exponent: e)
            else { continue }
            keys[kid] = try await VerificationKey(rsa)
        }
        guard !keys.isEmpty else { throw NoKeys() }
        return keys
    }
}
