package import CareDesk
package import CareDomain
import Crypto
import Foundation
import HTTPTypes
import Synchronization

/// One-time tickets for streams: what a native `EventSource`, which can send no header, puts into its address instead of
/// a token. An address is written down by proxies, so what is in it must be worth nothing by then.
///
/// Pure: no clock, no chance, no lock. Tickets live equally long, so the first made is the first forgotten.
package struct TicketBook: Sendable {
    package struct Settings: Sendable {
        package var lifetime: Duration = .seconds(30)
        /// Tickets made for one person within a lifetime, used or not; more is `too_many_tickets`.
        package var perPerson = 24
        /// The same for everybody on this node; more is `tickets_exhausted`.
        package var inAll = 10_000
        package init() {}
    }

    private struct Ticket {
        var text: String
        var caller: Caller
        var caseID: CaseID?
        var until: Moment
    }

    let settings: Settings
    private var made: [Ticket] = []
    private var perPerson: [PersonID: Int] = [:]
    private var unused: [String: Ticket] = [:]

    package init(settings: Settings = Settings()) { self.settings = settings }

    /// Writes a ticket down; `text` is new and nobody can guess it. Returns until when it is good.
    package mutating func issue(
        _ text: String, to caller: Caller, for caseID: CaseID?, at now: Moment
    ) throws(Problem) -> Moment {
        forget(at: now)
        let person = caller.person.id
        if perPerson[person, default: 0] >= settings.perPerson {
            let oldest = made.first { $0.caller.person.id == person }
            let wait = oldest.map { ($0.until - now).milliseconds } ?? 0
            throw Problem(
                .tooManyRequests, "too_many_tickets",
                "One person may ask for \(settings.perPerson) tickets in \(settings.lifetime.components.seconds) s.",
                retryAfter: max(1, Int((wait + 999) / 1_000)))
        }
        if made.count >= settings.inAll { throw .ticketsExhausted }
        let ticket = Ticket(text: text, caller: caller, caseID: caseID, until: now + settings.lifetime)
        made.append(ticket)
        unused[text] = ticket
        perPerson[person, default: 0] += 1
        return ticket.until
    }

    /// Whose ticket it is, once: it is worth nothing afterwards, also if it was for another case.
    package mutating func redeem(_ text: String, for caseID: CaseID?, at now: Moment) -> Caller? {
        guard let ticket = unused.removeValue(forKey: text), now < ticket.until else { return nil }
        if let bound = ticket.caseID, bound != caseID { return nil }
        return ticket.caller
    }

    private mutating func forget(at now: Moment) {
        let old = made.prefix { $0.until <= now }
        for ticket in old {
            unused[ticket.text] = nil
            let left = perPerson[ticket.caller.person.id, default: 1] - 1
            perPerson[ticket.caller.person.id] = left > 0 ? left : nil
        }
        made.removeFirst(old.count)
    }

    /// Everything held, for tests of the bounds.
    var size: Int { made.count + perPerson.count + unused.count }
}

/// The book of this node, which bounds what it makes; and with a shelf, which several nodes share, the place where the
/// tickets themselves lie.
package final class StreamTickets: Sendable {
    private let book: Mutex<TicketBook>
    private let shelf: (any TicketShelf)?
    private let lifetime: Duration
    private let now: @Sendable () -> Moment

    package init(
        settings: TicketBook.Settings = .init(), shelf: (any TicketShelf)? = nil,
        now: @escaping @Sendable () -> Moment = { .now }
    ) {
        book = Mutex(TicketBook(settings: settings))
        self.shelf = shelf
        lifetime = settings.lifetime
        self.now = now
    }

    func issue(to caller: Caller, for caseID: CaseID?) async throws -> (ticket: String, until: Moment) {
        let text = Self.random()
        let now = now()
        let until: Result<Moment, Problem> = book.withLock { book in
            Result { () throws(Problem) in try book.issue(text, to: caller, for: caseID, at: now) }
        }
        let ticket = KeptTicket(
            digest: Self.digest(of: text), person: caller.person, session: caller.session,
            impersonator: caller.impersonator?.rawValue, expiresAt: caller.expiresAt, caseID: caseID,
            until: try until.get())
        try await shelf?.keep(ticket, at: now)
        return (text, ticket.until)
    }

    /// Whose ticket it is, once, on whichever node; nil when it was used, is too old or is for another case.
    func redeem(_ text: String, for caseID: CaseID?) async throws -> Caller? {
        guard let shelf else { return book.withLock { $0.redeem(text, for: caseID, at: now()) } }
        guard let kept = try await shelf.takeTicket(Self.digest(of: text)), now() < kept.until,
            kept.caseID == nil || kept.caseID == caseID
        else { return nil }
        let impersonator = kept.impersonator.flatMap { PersonID(rawValue: $0) }
        // Never the person's own ticket because of a name that cannot be read.
        guard (kept.impersonator == nil) == (impersonator == nil) else { return nil }
        return Caller(
            person: kept.person, issuedAt: kept.until + (.zero - lifetime), expiresAt: kept.expiresAt,
            session: kept.session, impersonator: impersonator)
    }

    private static func digest(of text: String) -> String {
        SHA256.hash(data: Data(text.utf8)).map { byte in
            let hex = String(byte, radix: 16)
            return byte < 16 ? "0" + hex : hex
        }.joined()
    }

    /// 256 bits of chance in the URL alphabet.
    private static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = Data((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
        return bytes.base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }
}
