import CareDomain
import Crypto
import CryptoExtras
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// A Clerk instance on loopback, as far as a server sees one: it publishes keys. Its people sign in by asking it for a
/// token. It can be down, slow, or publish other keys than those it signs with.
final class ClerkPeer: Sendable {
    enum Mood: Sendable {
        case well
        case answers(status: HTTPResponse.Status, body: String)
        /// Takes requests and says nothing until it is well again.
        case silent
    }
    private struct State {
        var keys: [SigningKey]
        var mood = Mood.well
        var asked = 0
    }
    static let organization = "org_care"
    static let site = "https://care.example.org"

    private let state: Mutex<State>
    let origin: String
    /// How often the keys were asked for.
    var asked: Int { state.withLock { $0.asked } }

    private init(origin: String, key: SigningKey) {
        self.origin = origin
        state = Mutex(State(keys: [key]))
    }

    func publish(_ keys: [SigningKey]) { state.withLock { $0.keys = keys } }
    func become(_ mood: Mood) { state.withLock { $0.mood = mood } }

    /// What a server must be told to believe this instance.
    var settings: [String: String] {
        let host = Data("clerk.example.org$".utf8).base64EncodedString()
        return [
            "identity": "clerk", "clerk.publishableKey": "pk_test_\(host)", "clerk.frontendApi": origin,
            "clerk.authorizedParties": "\(Self.site), http://localhost:1", "clerk.organization": Self.organization,
        ]
    }

    /// A session token of version 2 for a patient, with some claims changed; `null` leaves one out.
    func claims(_ subject: String, _ changes: [String: JSONValue] = [:]) -> [String: JSONValue] {
        let now = Double(Moment.now.milliseconds / 1000)
        var claims: [String: JSONValue] = [
            "v": .number(2), "iss": .string(origin), "sub": .string(subject), "sid": .string("sess_\(subject)"),
            "azp": .string(Self.site), "sts": .string("active"), "iat": .number(now), "nbf": .number(now - 10),
            "exp": .number(now + 60), "fva": .array([.number(1), .number(-1)]),
        ]
        for (name, value) in changes { claims[name] = value == .null ? nil : value }
        return claims
    }

    func token(_ subject: String, _ changes: [String: JSONValue] = [:]) throws -> String {
        let key = state.withLock { $0.keys[0] }
        return try key.token(claims(subject, changes))
    }

    func coordinator(_ subject: String, _ changes: [String: JSONValue] = [:]) throws -> String {
        let active: JSONValue = .object(["id": .string(Self.organization), "rol": .string("coordinator")])
        return try token(subject, changes.merging(["o": active]) { $1 })
    }

    /// Listens for the length of the closure.
    static func listening(
        signingWith key: SigningKey = .shared, _ body: @escaping @Sendable (ClerkPeer) async throws -> Void
    ) async throws {
        let (peers, told) = AsyncStream.makeStream(of: ClerkPeer.self)
        let current = Mutex<ClerkPeer?>(nil)
        let router = Router()
        router.get("/.well-known/jwks.json") { _, _ -> Response in
            guard let peer = current.withLock({ $0 }) else { return Response(status: .serviceUnavailable) }
            return try await peer.answer()
        }
        var logger = Logger(label: "clerk")
        logger.logLevel = .critical
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                let peer = ClerkPeer(origin: "http://127.0.0.1:\(channel.localAddress?.port ?? 0)", key: key)
                current.withLock { $0 = peer }
                told.yield(peer)
            }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await application.runService(gracefulShutdownSignals: []) } catch is CancellationError {}
            }
            group.addTask {
                guard let peer = await peers.first(where: { _ in true }) else { return }
                try await body(peer)
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func answer() async throws -> Response {
        state.withLock { $0.asked += 1 }
        while case .silent = state.withLock({ $0.mood }) { try await Task.sleep(for: .milliseconds(10)) }
        let (mood, keys) = state.withLock { ($0.mood, $0.keys) }
        if case .answers(let status, let body) = mood {
            return Response(
                status: status, headers: [.location: "/elsewhere"], body: .init(byteBuffer: ByteBuffer(string: body)))
        }
        let document = JSONValue.object(["keys": .array(try keys.map { try $0.published() })])
        return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(bytes: try JSONEncoder().encode(document))))
    }
}

/// A key pair, its name, and what it signs.
struct SigningKey: Sendable {
    let kid: String
    let key: _RSA.Signing.PrivateKey

    /// Making a key takes long; whoever needs no key of their own takes this one.
    static let shared = SigningKey(kid: "ins_1")

    init(kid: String) {
        self.kid = kid
        guard let key = try? _RSA.Signing.PrivateKey(keySize: .bits2048) else { preconditionFailure("no key") }
        self.key = key
    }

    var pem: String { key.publicKey.pemRepresentation }

    func token(_ claims: [String: JSONValue], header: [String: JSONValue] = [:]) throws -> String {
        let signed = try signed(claims, header)
        let digest = SHA256.hash(data: Data(signed.utf8))
        let signature = try key.signature(for: digest, padding: .insecurePKCS1v1_5)
        return "\(signed).\(signature.rawRepresentation.base64URL)"
    }

    /// The same, "signed" by whoever only has the public key: the text of it as the secret of an HMAC.
    func confused(_ claims: [String: JSONValue]) throws -> String {
        let signed = try signed(claims, ["alg": .string("HS256")])
        let secret = SymmetricKey(data: Data(pem.utf8))
        let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: secret)
        return "\(signed).\(Data(code).base64URL)"
    }

    /// Claims under a header, without a signature and its dot.
    func signed(_ claims: [String: JSONValue], _ header: [String: JSONValue]) throws -> String {
        var fields: [String: JSONValue] = ["alg": .string("RS256"), "typ": .string("JWT"), "kid": .string(kid)]
        for (name, value) in header { fields[name] = value == .null ? nil : value }
        let encoder = JSONEncoder()
        return "\(try encoder.encode(fields).base64URL).\(try encoder.encode(claims).base64URL)"
    }

    /// A JWKS of this key alone.
    func document() throws -> JSONValue { .object(["keys": .array([try published()])]) }

    /// The public half as a JWK.
    func published() throws -> JSONValue {
        let parts = try key.publicKey.getKeyPrimitives()
        return .object([
            "use": .string("sig"), "kty": .string("RSA"), "kid": .string(kid), "alg": .string("RS256"),
            "n": .string(parts.modulus.base64URL), "e": .string(parts.publicExponent.base64URL),
        ])
    }
}

extension Data {
    var base64URL: String {
        base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }
}
