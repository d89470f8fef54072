import CareDomain
import CareTestKit
import Testing

@testable import CareWeb

struct `The rate of messages` {
    @Test func `lets 30 through at once, then one every two seconds`() throws {
        let clock = ManualClock()
        let rate = MessageRate(perMinute: 30, now: { clock.now })
        for _ in 1...30 { try rate.count(Cast.amina.id) }
        let refused = #expect(throws: Problem.self) { try rate.count(Cast.amina.id) }
        #expect(refused?.code == "too_many_messages")
        #expect(refused?.retryAfter == 2)
        try rate.count(Cast.tom.id)
        clock.advance(by: .milliseconds(1_999))
        #expect(throws: Problem.self) { try rate.count(Cast.amina.id) }
        clock.advance(by: .milliseconds(1))
        try rate.count(Cast.amina.id)
        #expect(throws: Problem.self) { try rate.count(Cast.amina.id) }
    }

    @Test func `forgets nobody who was just refused when a clock goes back`() throws {
        let clock = ManualClock()
        let rate = MessageRate(perMinute: 1, now: { clock.now })
        try rate.count(Cast.amina.id)
        clock.advance(by: .seconds(-3_600))
        #expect(throws: Problem.self) { try rate.count(Cast.amina.id) }
        clock.advance(by: .seconds(60))
        try rate.count(Cast.amina.id)
    }
}
