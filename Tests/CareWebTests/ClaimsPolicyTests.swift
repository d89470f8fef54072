import CareDomain
import CareTestKit
import Foundation
import Synchronization
import Testing

@testable import CareWeb

/// Session claims as the tokens write them (integrations.md §2.2), and what they let somebody be.
struct `The policy for claims` {
    static let now = 1_800_000_000
    private static let both = [1, 2]

    private var policy: ClaimsPolicy {
        ClaimsPolicy(
            issuer: "https://clerk.example.org", parties: ["https://care.example.org"], organization: "org_care")
    }

    /// The claims of a coordinator of our organization in either version, with some fields changed; nil leaves one out.
    private func json(_ version: Int, _ changes: [String: String?] = [:]) -> Data {
        var fields: [String: String] = [
            "iss": #""https://clerk.example.org""#, "sub": #""user_1""#, "sid": #""sess_1""#,
            "azp": #""https://care.example.org""#, "iat": "\(Self.now)", "nbf": "\(Self.now - 10)",
            "exp": "\(Self.now + 60)",
        ]
        if version == 1 {
            fields["org_id"] = #""org_care""#
            fields["org_role"] = #""org:coordinator""#
            fields["org_permissions"] = #"["org:cases:read"]"#
        } else {
            fields["v"] = "2"
            fields["sts"] = #""active""#
            fields["jti"] = #""j1""#
            fields["fva"] = "[3,-1]"
            fields["o"] = #"{"id":"org_care","slg":"care","rol":"coordinator","per":"read","fpm":"1"}"#
        }
        for (name, value) in changes { fields[name] = value }
        return Data("{\(fields.map { "\"\($0)\":\($1)" }.joined(separator: ","))}".utf8)
    }

    private func admit(_ json: Data, at milliseconds: Int = 0) throws -> ClaimsPolicy.Admission {
        try policy.admit(
            try SessionClaims(json: json), at: Moment(milliseconds: Int64(Self.now * 1_000 + milliseconds)))
    }

    private func refusal(_ json: Data, at milliseconds: Int = 0) -> TokenRefusal? {
        do {
            _ = try admit(json, at: milliseconds)
            return nil
        } catch { return error as? TokenRefusal }
    }

    @Test(arguments: both) func `lets a coordinator of our organization be one, in both versions`(_ version: Int) throws
    {
        let admitted = try admit(json(version))
        #expect(admitted.id.rawValue == "user_1")
        #expect(admitted.role == .coordinator)
        #expect(admitted.name == nil)
        #expect(admitted.actor == nil)
        #expect(admitted.expires == Moment(milliseconds: Int64(Self.now + 60) * 1_000))
    }

    @Test(
        arguments: [
            (1, ["org_id": #""org_other""#]), (1, ["org_id": nil]), (1, ["org_role": #""org:admin""#]),
            (1, ["org_role": nil]), (1, ["org_role": #""org:org:coordinator""#]),
            // Fields of the other version say nothing.
            (1, ["org_id": nil, "org_role": nil, "o": #"{"id":"org_care","rol":"coordinator"}"#]),
            (2, ["o": #"{"id":"org_other","rol":"coordinator"}"#]), (2, ["o": nil]), (2, ["o": #"{"id":"org_care"}"#]),
            (2, ["o": #"{"id":"org_care","rol":"admin"}"#]), (2, ["o": #"{"id":"org_care","rol":"Coordinator"}"#]),
            (2, ["o": nil, "org_id": #""org_care""#, "org_role": #""org:coordinator""#]),
        ] as [(Int, [String: String?])])
    func `makes everybody else a patient and guesses nothing`(_ version: Int, _ changes: [String: String?]) throws {
        #expect(try admit(json(version, changes)).role == .patient)
    }

    @Test(arguments: both) func `makes nobody a coordinator when no organization is configured`(_ version: Int) throws {
        var policy = policy
        policy.organization = nil
        let claims = try SessionClaims(json: json(version))
        #expect(try policy.admit(claims, at: Moment(milliseconds: Int64(Self.now) * 1_000)).role == .patient)
    }

    @Test(arguments: both) func `allows clocks to differ by five seconds, and no more`(_ version: Int) {
        let claims = json(version)
        #expect(refusal(claims, at: 64_999) == nil)
        #expect(refusal(claims, at: 65_000) == .expired)
        // Issued now, good from ten seconds ago on.
        #expect(refusal(claims, at: -5_000) == nil)
        #expect(refusal(claims, at: -5_001) == .early)
        let later = json(version, ["nbf": "\(Self.now + 6)"])
        #expect(refusal(later, at: 1_000) == nil)
        #expect(refusal(later, at: 999) == .early)
    }

    @Test(
        arguments: [
            (["iss": #""https://clerk.example.com""#], .issuer), (["iss": #""https://clerk.example.org/""#], .issuer),
            (["iss": #""http://clerk.example.org""#], .issuer), (["iss": nil], .claims),
            (["azp": #""https://evil.example""#], .party), (["azp": nil], .party), (["azp": #""""#], .party),
            (["azp": "null"], .party), (["azp": #""https://care.example.org.evil.example""#], .party),
            (["sts": #""pending""#], .pending), (["sts": #""""#], .pending),
            (["sub": nil], .claims), (["sub": #""""#], .claims), (["sub": #""a b""#], .claims), (["sub": "1"], .claims),
            (["sid": nil], .claims), (["aud": #""https://other.example""#], .claims), (["aud": "null"], .claims),
            (["exp": nil], .claims), (["exp": #""1900000000""#], .claims), (["exp": "1e300"], .claims),
            (["exp": "-1"], .claims), (["nbf": nil], .claims), (["iat": nil], .claims), (["exp": "0"], .expired),
            (["v": "3"], .claims), (["v": #""2""#], .claims),
        ] as [([String: String?], TokenRefusal)], both)
    func `refuses what is foreign, missing or of another form`(
        _ row: ([String: String?], TokenRefusal), _ version: Int
    ) {
        #expect(refusal(json(version, row.0)) == row.1)
    }

    @Test(arguments: ["", "[]", "null", "{", "{}", "1"]) func `refuses what are no claims`(_ text: String) {
        #expect(refusal(Data(text.utf8)) == .claims)
    }

    @Test func `takes a session without a status, as version 1 writes it`() throws {
        #expect(try admit(json(2, ["sts": nil])).role == .coordinator)
    }

    @Test(arguments: [
        (#""Amina Haddad""#, "Amina Haddad"), (#""  Amina \n\t Haddad ""#, "Amina Haddad"), ("null", nil),
        (#""  ""#, nil),
        ("7", nil), (#""A\u202emina\u0007""#, "Amina"),
    ]) func `shows a name as one line, or none`(_ name: String, _ shown: String?) throws {
        #expect(try admit(json(2, ["name": name])).name == shown)
    }

    @Test func `cuts a name after 120 characters`() throws {
        #expect(try admit(json(2, ["name": "\"\(String(repeating: "ح", count: 120))\""])).name?.count == 120)
        #expect(try admit(json(2, ["name": "\"\(String(repeating: "ح", count: 121))\""])).name?.count == 120)
    }

    @Test func `keeps who acts for somebody`() throws {
        let act = #"{"iss":"https://dashboard.clerk.com","sid":"sess_2","sub":"user_staff"}"#
        #expect(try admit(json(2, ["act": act])).actor?.rawValue == "user_staff")
        #expect(refusal(json(2, ["act": #"{"sub":"a name"}"#])) == .claims, "nobody the audit trail could not name")
    }
}

/// A token's outside: what is refused before any key is looked at.
struct `A token that is taken apart` {
    private func token(header: String, payload: String = "{}", signature: String = "AAAA") -> String {
        "\(encoded(header)).\(encoded(payload)).\(signature)"
    }

    private func encoded(_ text: String) -> String {
        Data(text.utf8).base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }

    @Test(arguments: [
        #"{"alg":"none"}"#, #"{"alg":"None"}"#, #"{"alg":"HS256","kid":"a"}"#, #"{"alg":"RS512","kid":"a"}"#,
        #"{"alg":"PS256","kid":"a"}"#, #"{"alg":"ES256","kid":"a"}"#, #"{"alg":"rs256","kid":"a"}"#, #"{"alg":""}"#,
    ]) func `is refused for every algorithm but RS256`(_ header: String) throws {
        #expect(throws: TokenRefusal.algorithm) { try SessionToken(token(header: header)) }
    }

    @Test func `is refused when it is no compact JWS`() throws {
        let good = token(header: #"{"alg":"RS256","kid":"a"}"#)
        #expect(try SessionToken(good).kid == "a")
        let bad = [
            "", ".", "..", "a.b", good + ".", good + ".AAAA", good + "=", good + " ", "\n" + good,
            good.replacingOccurrences(of: ".", with: "..", options: [], range: nil), good + "+/", "é" + good,
            token(header: "{}"), token(header: "[]"), token(header: "not json"), token(header: #"{"alg":1}"#),
            token(header: #"{"alg":"RS256","kid":7}"#), token(header: #"{"alg":"RS256","crit":["exp"]}"#),
            token(header: #"{"alg":"RS256"}"#, signature: "A"),
        ]
        for text in bad { #expect(throws: TokenRefusal.malformed, "\(text)") { try SessionToken(text) } }
    }

    @Test func `has at most 8,192 bytes`() throws {
        let header = encoded(#"{"alg":"RS256"}"#)
        func text(of bytes: Int) -> String { "\(header)..\(String(repeating: "A", count: bytes - header.count - 2))" }
        #expect(text(of: 8_192).utf8.count == 8_192)
        _ = try SessionToken(text(of: 8_192))
        #expect(throws: TokenRefusal.malformed) { try SessionToken(text(of: 8_193)) }
    }
}

struct `The log of refusals` {
    @Test func `tells each reason once a minute, and never that a token is old`() {
        let told = Told()
        let log = RefusalLog { told.add($0) }
        let clock = ManualClock()
        for _ in 1...3 {
            log.note(.party, at: clock.now)
            log.note(.issuer, at: clock.now)
            log.note(.expired, at: clock.now)
            clock.advance(by: .milliseconds(19_999))
        }
        #expect(told.lines.count == 2)
        clock.advance(by: .milliseconds(3))
        log.note(.party, at: clock.now)
        #expect(told.lines.count == 3)
        #expect(told.lines.allSatisfy { $0.hasPrefix("a token was refused: ") })
    }
}

private final class Told: Sendable {
    private let all = Mutex<[String]>([])
    var lines: [String] { all.withLock { $0 } }
    func add(_ line: String) { all.withLock { $0.append(line) } }
}
