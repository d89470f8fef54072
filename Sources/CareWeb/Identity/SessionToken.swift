import Foundation
import JWTKit

/// A compact JWS taken apart, and not believed yet. Everything but RS256 is refused here, before any key is looked at:
/// `none`, and HS256 "signed" with a public key as its secret.
struct SessionToken {
    /// Longer is not a session token: browsers keep no cookie of more than 4 KiB.
    static let limit = 8_192

    let kid: String?
    /// The claims as JSON; only to be read when the signature fits.
    let payload: Data
    private let signed: Data
    private let signature: Data

    private struct Header: Decodable {
        var alg: String
        var kid: String?
        var crit: [String]?
    }

    init(_ text: String) throws(TokenRefusal) {
        guard text.utf8.count <= Self.limit else { throw .malformed }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Data(base64URL: parts[0]), let payload = Data(base64URL: parts[1]),
            let signature = Data(base64URL: parts[2])
        else { throw .malformed }
        let fields: Header
        do { fields = try JSONDecoder().decode(Header.self, from: header) } catch { throw .malformed }
        guard fields.alg == "RS256" else { throw .algorithm }
        // RFC 7515 §4.1.11: who does not understand a critical extension must refuse; we understand none.
        guard fields.crit == nil else { throw .malformed }
        kid = fields.kid
        self.payload = payload
        self.signature = signature
        signed = Data(text.utf8.prefix(parts[0].utf8.count + 1 + parts[1].utf8.count))
    }

    func isSigned(by key: VerificationKey) -> Bool { key.verifies(signature, of: signed) }
}

/// A public key that can do one thing: check RS256.
struct VerificationKey: Sendable, Equatable {
    private let algorithm: any JWTAlgorithm
    private let identity: Data

    /// Smaller keys than 2,048 bits throw.
    init(_ key: Insecure.RSA.PublicKey) async throws {
        // A collection of this key alone, because a library's collection falls back to its first key for a kid it does
        // not know. Bound to RS256 (PKCS#1 v1.5) whatever a token's header says.
        algorithm = try await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha256).getKey()
        identity = key.derRepresentation
    }

    func verifies(_ signature: Data, of signed: Data) -> Bool {
        (try? algorithm.verify(signature, signs: signed)) ?? false
    }

    static func == (one: Self, other: Self) -> Bool { one.identity == other.identity }
}

extension Data {
    /// RFC 7515 §2: the URL alphabet, no padding, and nothing else.
    init?(base64URL text: some StringProtocol) {
        guard text.utf8.allSatisfy({ $0.isBase64URL }) else { return nil }
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let standard = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        self.init(base64Encoded: standard + padding)
    }
}

extension UInt8 {
    fileprivate var isBase64URL: Bool {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
