import CareDomain
import CareTestKit
import Testing

@testable import CareWeb

struct `A ticket for a stream` {
    private let clock = ManualClock()
    private let knee: CaseID = Cast.id("knee")
    private var amina: Caller { Caller(person: Cast.amina, issuedAt: clock.now, expiresAt: clock.now + .seconds(60)) }
    private var tom: Caller { Caller(person: Cast.tom, issuedAt: clock.now, expiresAt: clock.now + .seconds(60)) }

    @Test func `is good once`() throws {
        var book = TicketBook()
        _ = try book.issue("t", to: amina, for: nil, at: clock.now)
        #expect(book.redeem("other", for: knee, at: clock.now) == nil)
        #expect(book.redeem("t", for: knee, at: clock.now) == amina)
        #expect(book.redeem("t", for: knee, at: clock.now) == nil)
    }

    @Test func `is good for thirty seconds`() throws {
        var book = TicketBook()
        let until = try book.issue("a", to: amina, for: nil, at: clock.now)
        _ = try book.issue("b", to: amina, for: nil, at: clock.now)
        #expect(until == clock.now + .seconds(30))
        clock.advance(by: .milliseconds(29_999))
        #expect(book.redeem("a", for: nil, at: clock.now) != nil)
        clock.advance(by: .milliseconds(1))
        #expect(book.redeem("b", for: nil, at: clock.now) == nil)
    }

    @Test func `made for a case opens no other, and is spent by the attempt`() throws {
        var book = TicketBook()
        for ticket in ["a", "b"] { _ = try book.issue(ticket, to: amina, for: knee, at: clock.now) }
        #expect(book.redeem("a", for: Cast.id("hip"), at: clock.now) == nil)
        #expect(book.redeem("a", for: knee, at: clock.now) == nil)
        #expect(book.redeem("b", for: knee, at: clock.now) == amina)
    }

    @Test func `is one of 24 that one person gets in thirty seconds, used or not`() throws {
        var book = TicketBook()
        for number in 1...24 {
            _ = try book.issue("\(number)", to: amina, for: nil, at: clock.now)
            _ = book.redeem("\(number)", for: nil, at: clock.now)
            if number == 1 { clock.advance(by: .milliseconds(500)) }
        }
        var copy = book
        let refused = #expect(throws: Problem.self) { try copy.issue("25", to: amina, for: nil, at: clock.now) }
        #expect(refused?.code == "too_many_tickets")
        #expect(refused?.retryAfter == 30)
        _ = try book.issue("tom", to: tom, for: nil, at: clock.now)
        clock.advance(by: .milliseconds(29_500))
        _ = try book.issue("25", to: amina, for: nil, at: clock.now)
        #expect(throws: Problem.self, "only the first has been forgotten") {
            try book.issue("26", to: amina, for: nil, at: clock.now)
        }
    }

    @Test func `is one of a bounded number on a node, which forgets what is over`() throws {
        var settings = TicketBook.Settings()
        settings.inAll = 2
        var book = TicketBook(settings: settings)
        _ = try book.issue("a", to: amina, for: nil, at: clock.now)
        _ = try book.issue("b", to: tom, for: nil, at: clock.now)
        let refused = #expect(throws: Problem.self) { try book.issue("c", to: tom, for: nil, at: clock.now) }
        #expect(refused?.code == "tickets_exhausted")
        clock.advance(by: .seconds(30))
        _ = try book.issue("c", to: tom, for: nil, at: clock.now)
        #expect(book.size == 3, "one ticket made, one person, one unused")
    }
}
