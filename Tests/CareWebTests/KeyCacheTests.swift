import CareDomain
import CareTestKit
import Testing

@testable import CareWeb

/// When published keys are trusted and when they are asked for, on a clock that only the test moves.
struct `The cache of published keys` {
    private let clock = ManualClock()

    private func filled() -> KeyCache<String> {
        var cache = KeyCache<String>()
        cache.asked(at: clock.now)
        cache.received(["a": "key A"], at: clock.now)
        return cache
    }

    @Test func `asks before it has anything, and says so when that fails`() {
        var cache = KeyCache<String>()
        #expect(cache.key("a", at: clock.now) == .ask)
        cache.asked(at: clock.now)
        #expect(cache.key("a", at: clock.now) == .unavailable, "not unknown: nobody has said so yet")
        cache.missed()
        #expect(cache.key("a", at: clock.now) == .unavailable)
        clock.advance(by: .milliseconds(4_999))
        #expect(cache.key("a", at: clock.now) == .unavailable)
        clock.advance(by: .milliseconds(1))
        #expect(cache.key("a", at: clock.now) == .ask)
    }

    @Test func `asks nobody for five minutes, then once, and goes on with what it has meanwhile`() {
        var cache = filled()
        clock.advance(by: .milliseconds(299_999))
        #expect(cache.key("a", at: clock.now) == .use("key A"))
        clock.advance(by: .milliseconds(1))
        #expect(cache.key("a", at: clock.now) == .ask)
        cache.asked(at: clock.now)
        #expect(cache.key("a", at: clock.now) == .use("key A"), "one waits, the others need not")
    }

    @Test func `asks for an unknown kid at most once in 30 s, however many are forged`() {
        var cache = filled()
        clock.advance(by: .milliseconds(29_999))
        #expect(cache.key("b", at: clock.now) == .unknown)
        clock.advance(by: .milliseconds(1))
        #expect(cache.key("b", at: clock.now) == .ask)
        cache.asked(at: clock.now)
        cache.received(["a": "key A"], at: clock.now)
        for kid in ["b", "c", "d"] { #expect(cache.key(kid, at: clock.now) == .unknown) }
        clock.advance(by: .milliseconds(29_999))
        #expect(cache.key("e", at: clock.now) == .unknown)
    }

    /// A kid is the instance's id: Clerk may publish another key under the same one.
    @Test func `asks again when the key of a kid did not fit, and knows when there is no other`() {
        var cache = filled()
        #expect(cache.key("a", insteadOf: "key A", at: clock.now) == .unknown, "within the pause")
        clock.advance(by: .seconds(30))
        #expect(cache.key("a", at: clock.now) == .use("key A"))
        #expect(cache.key("a", insteadOf: "key A", at: clock.now) == .ask)
        cache.asked(at: clock.now)
        cache.received(["a": "key B"], at: clock.now)
        #expect(cache.key("a", insteadOf: "key A", mayAsk: false, at: clock.now) == .use("key B"))
        #expect(cache.key("a", insteadOf: "key B", mayAsk: false, at: clock.now) == .unknown)
    }

    @Test func `serves old keys for an hour when nothing newer can be had, and not a moment longer`() {
        var cache = filled()
        clock.advance(by: .seconds(3_600))
        cache.asked(at: clock.now)
        cache.missed()
        #expect(cache.key("a", at: clock.now) == .use("key A"))
        #expect(cache.key("b", at: clock.now) == .unavailable, "whether b exists cannot be known now")
        clock.advance(by: .milliseconds(1))
        #expect(cache.key("a", at: clock.now) == .unavailable)
    }

    @Test func `forgets a key that was withdrawn at once`() {
        var cache = filled()
        cache.received(["b": "key B"], at: clock.now)
        #expect(cache.key("a", mayAsk: false, at: clock.now) == .unknown)
        #expect(cache.key("b", at: clock.now) == .use("key B"))
    }

    @Test func `is not silenced by a clock that goes back`() {
        let cache = filled()
        clock.advance(by: .seconds(-3_600))
        #expect(cache.key("b", at: clock.now) == .ask)
    }
}
