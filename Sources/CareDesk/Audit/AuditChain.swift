import CareDomain

/// The chain up to one row: adds the next, or says what is wrong with it. Pure.
///
///     hash(n) = digest(hash(n − 1) + canonical(row n))         hash(0) = 64 zeros
package struct AuditChain: Sendable {
    package private(set) var head: AuditHead
    private let digest: @Sendable ([UInt8]) -> String

    package init(after head: AuditHead = .none, digest: @escaping @Sendable ([UInt8]) -> String) {
        self.head = head
        self.digest = digest
    }

    package mutating func add(_ entry: AuditEntry) -> AuditRow {
        var row = AuditRow(
            number: head.number + 1, at: entry.at, person: entry.person.rawValue, session: entry.session?.rawValue,
            verb: entry.right.rawValue, caseID: entry.caseID?.rawValue, patientID: entry.patientID?.rawValue,
            outcome: entry.outcome.rawValue, request: entry.request, hash: "")
        row.hash = hash(of: row)
        head = AuditHead(number: row.number, hash: row.hash)
        return row
    }

    /// What is wrong with the row that stands next; `nil`: nothing, and the chain goes on after it.
    package mutating func follow(_ row: AuditRow?) -> AuditFault? {
        let next = head.number + 1
        guard let row else { return AuditFault(row: next, what: .unreadable) }
        guard row.number == next else { return AuditFault(row: next, what: .missing(found: row.number)) }
        guard row.hash == hash(of: row) else { return AuditFault(row: next, what: .altered) }
        head = AuditHead(number: row.number, hash: row.hash)
        return nil
    }

    private func hash(of row: AuditRow) -> String { digest(Array(head.hash.utf8) + row.canonical) }
}

/// The first place where a trail is not what was written.
package struct AuditFault: Sendable, Hashable, CustomStringConvertible {
    package enum What: Sendable, Hashable {
        case unreadable
        case missing(found: Int)
        case altered
        /// The rows end before the head that the store keeps, or before one that was noted.
        case endsEarly(head: Int)
        /// There are rows which the head knows nothing of.
        case beyondHead
        /// The head is gone, or is not that of the last row.
        case headAltered
        /// The row is not the one whose hash was noted.
        case notAsNoted
        case uncounted(Int)
    }
    package var row: Int
    package var what: What

    package init(row: Int, what: What) {
        self.row = row
        self.what = what
    }

    package var description: String {
        let why =
            switch what {
            case .unreadable: "it cannot be read"
            case .missing(let found): "it is not there, and row \(found) stands in its place"
            case .altered: "its hash does not follow from it and the row before"
            case .endsEarly(let head): "it is not there, though the chain went on to row \(head)"
            case .beyondHead: "it stands after the end of the chain"
            case .headAltered: "the head kept beside the rows is missing or not its own"
            case .notAsNoted: "it is not the row whose hash was noted"
            case .uncounted(let rows): "the store holds \(rows) rows, some of them outside the chain"
            }
        return "row \(row): \(why)"
    }
}

extension AuditTrail {
    /// Rows held in memory at a time.
    package static var auditPageSize: Int { 500 }

    /// Walks the whole chain in pages, also while rows are being added. The fault is the first one.
    package func verify(
        noted: AuditHead? = nil, page: Int = auditPageSize
    ) async throws -> (head: AuditHead, fault: AuditFault?) {
        var chain = AuditChain(digest: digest)
        if let noted, noted.number == 0, noted != .none { return (.none, AuditFault(row: 0, what: .notAsNoted)) }
        while true {
            let page = try await auditPage(after: chain.head.number == 0 ? nil : chain.head.number, limit: page)
            for row in page.rows {
                if let head = page.head, chain.head.number == head.number {
                    return (chain.head, AuditFault(row: head.number + 1, what: .beyondHead))
                }
                if let fault = chain.follow(row) { return (chain.head, fault) }
                if let noted, noted.number == chain.head.number, noted != chain.head {
                    return (chain.head, AuditFault(row: noted.number, what: .notAsNoted))
                }
            }
            guard page.rows.isEmpty else { continue }
            if let fault = end(of: chain.head, kept: page.head, noted: noted) { return (chain.head, fault) }
            // Rows that no walk in order comes by: without a number, for one.
            let (rows, head) = try await auditCount()
            if let head, rows != head.number {
                return (chain.head, AuditFault(row: chain.head.number + 1, what: .uncounted(rows)))
            }
            return (chain.head, nil)
        }
    }

    private func end(of last: AuditHead, kept: AuditHead?, noted: AuditHead?) -> AuditFault? {
        if let kept, kept.number > last.number {
            return AuditFault(row: last.number + 1, what: .endsEarly(head: kept.number))
        }
        if let noted, noted.number > last.number {
            return AuditFault(row: last.number + 1, what: .endsEarly(head: noted.number))
        }
        return kept == last ? nil : AuditFault(row: last.number, what: .headAltered)
    }
}
