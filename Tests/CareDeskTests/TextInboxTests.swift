import CareTestKit
import Testing

@testable import CareDesk

/// Between model and log, on a clock that only the test moves.
@Suite(.timeLimit(.minutes(4)))
struct `A text inbox` {
    private let clock = ManualClock()
    private let inbox = TextInbox()
    private static let pause: Duration = .milliseconds(30)

    private func next() async -> String? { await inbox.next(pause: Self.pause, time: clock.timekeeper) }

    /// Takes a first word, so that the pause has begun.
    private func begun() async {
        await inbox.put("first")
        #expect(await next() == "first")
    }

    @Test func `gives the first words at once`() async {
        await inbox.put("Hel")
        await inbox.put("lo")
        #expect(await next() == "Hello")
        #expect(clock.sleeping == 0)
    }

    @Test func `gives words after a silence at once`() async {
        await begun()
        clock.advance(by: Self.pause)
        await inbox.put("later")
        #expect(await next() == "later")
        #expect(clock.sleeping == 0)
    }

    @Test func `holds words back until 30 ms after the last ones, and gives them together`() async throws {
        await begun()
        await inbox.put("one ")
        async let words = next()
        try await clock.until(sleepingFor: Self.pause)
        await inbox.put("two ")
        clock.advance(by: Self.pause - .milliseconds(1))
        #expect(clock.sleeping == 1, "it would have given them a millisecond early")
        await inbox.put("three")
        clock.advance(by: .milliseconds(1))
        #expect(await words == "one two three")
    }

    @Test(arguments: [(TextInbox.enough - 1, true), (TextInbox.enough, false)])
    func `does not hold back 64 characters`(count: Int, waits: Bool) async throws {
        await begun()
        // Two code points each: characters are counted, as a person would.
        await inbox.put(String(repeating: "e\u{301}", count: count))
        async let words = next()
        if waits {
            try await clock.until(sleepingFor: Self.pause)
            clock.advance(by: Self.pause)
        }
        #expect(await words?.count == count)
        #expect(clock.sleeping == 0)
    }

    @Test func `wakes for the 64th character in the middle of a pause`() async throws {
        await begun()
        await inbox.put("a")
        async let words = next()
        try await clock.until(sleepingFor: Self.pause)
        await inbox.put(String(repeating: "b", count: TextInbox.enough - 1))
        #expect(await words?.count == TextInbox.enough)
    }

    @Test func `gives what is left without a pause once it is closed, then nil`() async throws {
        await begun()
        await inbox.put("the end")
        async let words = next()
        try await clock.until(sleepingFor: Self.pause)
        inbox.close(.finished)
        #expect(await words == "the end")
        #expect(await next() == nil)
        await inbox.put("more")
        #expect(await next() == nil, "what comes after the end is not said")
    }

    @Test func `keeps its first ending`() {
        inbox.close(.stopped)
        inbox.close(.finished)
        #expect(inbox.ending == .stopped)
    }

    @Test func `makes the model wait from 64 KiB on, until they are taken`() async throws {
        await inbox.put(String(repeating: "x", count: TextInbox.capacity - 1))
        let gate = Gate()
        async let put: Void = {
            await inbox.put("y")
            gate.open()
        }()
        try await Task.sleep(for: .milliseconds(20))
        #expect(!gate.isOpen, "the model was not made to wait")
        #expect(await next()?.utf8.count == TextInbox.capacity)
        await put
        #expect(gate.isOpen)
    }

    @Test func `lets a waiting model go when it is closed`() async {
        async let put: Void = inbox.put(String(repeating: "x", count: TextInbox.capacity))
        inbox.close(.stopped)
        await put
    }

    @Test func `lets a cancelled reader go`() async {
        let reader = Task { await next() }
        reader.cancel()
        #expect(await reader.value == nil)
    }
}
