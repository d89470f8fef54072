package import CareDomain

/// What staff did with patients' data, as a chain that shows where somebody has edited it.
///
/// Guarantees:
/// - Rows are numbered densely from 1 and never changed. The chain's head is locked while a row is added, so two nodes
///   cannot both follow the same row, and a transaction that is rolled back leaves no gap.
/// - A verb of another port by which staff change something takes an `AuditEntry` and adds it in its own transaction.
/// - What `record` has returned from is durable.
package protocol AuditTrail: Sendable {
    /// Throws when it cannot be written; then the caller must not let happen what it is about.
    @discardableResult
    func record(_ entry: AuditEntry) async throws -> AuditRow
    /// The newest rows that fit, oldest of them first.
    func auditRows(_ query: AuditQuery) async throws -> [AuditRow]
    /// Rows after a number in order, with the head and the count of the same moment.
    func auditPage(after number: Int?, limit: Int) async throws -> AuditPage
    /// The head of the chain, `nil` when somebody has removed it.
    func auditHead() async throws -> AuditHead?
    /// How many rows there are, counted one by one.
    func auditCount() async throws -> (rows: Int, head: AuditHead?)
    /// SHA-256 in small hexadecimal letters.
    func digest(_ bytes: [UInt8]) -> String
}

package struct AuditQuery: Sendable {
    /// Rows in one answer.
    package static let limits = 1...10_000

    package var caseID: CaseID?
    package var person: PersonID?
    package var since: Moment?
    package var limit: Int

    package init(caseID: CaseID? = nil, person: PersonID? = nil, since: Moment? = nil, limit: Int = 100) {
        self.caseID = caseID
        self.person = person
        self.since = since
        self.limit = min(max(limit, Self.limits.lowerBound), Self.limits.upperBound)
    }
}

package struct AuditPage: Sendable {
    /// `nil` is a row that cannot be read as one.
    package var rows: [AuditRow?]
    package var head: AuditHead?

    package init(rows: [AuditRow?], head: AuditHead?) {
        self.rows = rows
        self.head = head
    }
}

/// Where the chain ends: `<number>:<hash>`. Noted outside, it shows later whether the trail is still the same up to there.
package struct AuditHead: Sendable, Hashable, CustomStringConvertible {
    /// Before the first row.
    package static let none = AuditHead(number: 0, hash: String(repeating: "0", count: 64))

    package var number: Int
    package var hash: String

    package init(number: Int, hash: String) {
        self.number = number
        self.hash = hash
    }

    /// `nil` when it is not one.
    package init?(parsing text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int(parts[0]), number >= 0, parts[1].utf8.count == 64,
            parts[1].utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        self.init(number: number, hash: String(parts[1]))
    }

    package var description: String { "\(number):\(hash)" }
}
