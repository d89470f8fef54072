import CareDesk
import CareDomain
import Synchronization

/// Turns a token into a caller.
package protocol TokenVerifier: Sendable {
    /// Throws a `Problem`: 401 says whether a fresh token would help, 503 that nobody can say now.
    func verify(_ token: String) async throws -> Caller
}

/// The one way from a session token to a caller, whoever signed it: key, signature, claims, person.
struct SessionVerifier: TokenVerifier {
    let keys: any KeySource
    let policy: ClaimsPolicy
    let store: any CaseStore
    /// For people whose language is not known.
    let language: Language
    let now: @Sendable () -> Moment
    let refusals: RefusalLog

    func verify(_ token: String) async throws -> Caller {
        let admission: ClaimsPolicy.Admission
        do {
            admission = try policy.admit(try await claims(of: token), at: now())
        } catch {
            refusals.note(error, at: now())
            throw error.problem
        }
        return Caller(
            person: try await person(admission), issuedAt: admission.issued, expiresAt: admission.expires,
            session: SessionID(rawValue: admission.session), impersonator: admission.actor)
    }

    private func claims(of text: String) async throws(TokenRefusal) -> SessionClaims {
        let token = try SessionToken(text)
        let key = try await keys.key(token.kid, insteadOf: nil)
        if !token.isSigned(by: key) {
            let other = try await keys.key(token.kid, insteadOf: key)
            guard token.isSigned(by: other) else { throw .signature }
        }
        return try SessionClaims(json: token.payload)
    }

    /// The token decides what one may do; the store remembers the name, and learns of people when they first come.
    private func person(_ admission: ClaimsPolicy.Admission) async throws -> Person {
        let known = try await store.person(admission.id)
        var person =
            known
            ?? Person(id: admission.id, name: admission.id.rawValue, role: admission.role, language: language)
        person.role = admission.role
        if let name = admission.name { person.name = name }
        if person != known { try await store.save(person) }
        return person
    }
}

/// Tells the operator why tokens are refused, at most once a minute for each reason, and never which token: a wrong
/// setting shuts everybody out with the same 401, and a forger could otherwise fill the log.
package final class RefusalLog: Sendable {
    static let pause: Duration = .seconds(60)
    private let last = Mutex<[TokenRefusal: Moment]>([:])
    private let report: @Sendable (String) -> Void

    package init(report: @escaping @Sendable (String) -> Void) { self.report = report }

    func note(_ refusal: TokenRefusal, at now: Moment) {
        // Every token ends so.
        guard refusal != .expired else { return }
        let isNews = last.withLock { last in
            if let before = last[refusal], before <= now, now - before < Self.pause { return false }
            last[refusal] = now
            return true
        }
        if isNews { report("a token was refused: \(refusal.rawValue)") }
    }
}
