package import CareDesk
import CareDomain
import Synchronization

/// The revocations that this node knows. Each request is compared with them, and each open stream once a second, so they are
/// in memory; `refresh` brings them up to the store's. While the store is away those that are known go on to hold.
package final class RevocationList: Sendable {
    private let store: any RevocationStore
    private let known = Mutex<[Revocation.Subject: Moment]>([:])

    package init(store: any RevocationStore) { self.store = store }

    package func refresh() async throws {
        let all = try await store.revocations()
        let fresh = Dictionary(all.map { ($0.subject, $0.at) }) { max($0, $1) }
        known.withLock { $0 = fresh }
    }

    /// Whether what this caller came with is worth nothing any more. Also when it is somebody who acts as another, and it is
    /// they who were shut out.
    func covers(_ caller: Caller) -> Bool {
        known.withLock { known in
            guard !known.isEmpty else { return false }
            if let session = caller.session, known[.session(session)] != nil { return true }
            return [caller.person.id, caller.impersonator].contains { id in
                guard let id, let at = known[.person(id)] else { return false }
                return caller.issuedAt < at
            }
        }
    }
}
