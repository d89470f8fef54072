package import CareDomain

/// Where one-time tickets lie when a stream may come to another node than the one that made its ticket.
package protocol TicketShelf: Sendable {
    /// Keeps a ticket, and throws away those whose time is over.
    func keep(_ ticket: KeptTicket, at now: Moment) async throws
    /// Gives it out and forgets it in one step: of two who ask at once, on whichever nodes, one gets it. Also one whose time
    /// is over; who asks looks at `until`.
    func takeTicket(_ digest: String) async throws -> KeptTicket?
}

/// A ticket as it is kept: not its text, which would open a stream for whoever reads the database.
package struct KeptTicket: Sendable, Hashable {
    /// SHA-256 of its text, in hex.
    package var digest: String
    package var person: Person
    package var session: SessionID?
    package var impersonator: String?
    /// When the token it was made with ends.
    package var expiresAt: Moment
    /// The case it is good for; nil: any that its person may read.
    package var caseID: CaseID?
    package var until: Moment

    package init(
        digest: String, person: Person, session: SessionID?, impersonator: String?, expiresAt: Moment, caseID: CaseID?,
        until: Moment
    ) {
        self.digest = digest
        self.person = person
        self.session = session
        self.impersonator = impersonator
        self.expiresAt = expiresAt
        self.caseID = caseID
        self.until = until
    }
}
