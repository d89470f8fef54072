import NIOCore
import Testing

@testable import CareWeb

/// Until when a client may take its time, to the nanosecond, on a clock that only the test moves.
struct `The state of a connection` {
    private static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    private let limits: ConnectionLimits = {
        var limits = ConnectionLimits()
        limits.head = .seconds(10)
        limits.body = .seconds(30)
        limits.idle = .seconds(75)
        limits.stalled = .seconds(20)
        return limits
    }()

    private func expect(
        _ state: ConnectionState, _ seconds: Int64?, _ lateness: ConnectionState.Lateness?,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let due = state.due(limits)
        #expect(due?.0 == seconds.map(Self.at), sourceLocation: location)
        #expect(due?.1 == lateness, sourceLocation: location)
    }

    @Test func `hurries a client over each part of what is its turn, and nobody over what is ours`() {
        var state = ConnectionState(at: Self.at(0))
        expect(state, 10, .head)
        state.headRead(isLast: false, at: Self.at(7))
        expect(state, 37, .body)
        state.bodyRead()
        expect(state, nil, nil)
        state.answerBegan()
        state.answerEnded(at: Self.at(100))
        expect(state, 175, .head)
        state.headRead(isLast: false, at: Self.at(170))
        expect(state, 200, .body)
    }

    @Test func `gives a body that outlives its answer no more time than it had`() {
        var state = ConnectionState(at: Self.at(0))
        state.headRead(isLast: false, at: Self.at(1))
        state.answerBegan()
        state.answerEnded(at: Self.at(20))
        expect(state, 31, .body)
        state.bodyRead()
        expect(state, 76, .head)
    }

    @Test func `begins to count for the next request when it could be read`() {
        var state = ConnectionState(at: Self.at(0))
        state.headRead(isLast: false, at: Self.at(1))
        state.bodyRead()
        state.headRead(isLast: false, at: Self.at(2))
        expect(state, nil, nil)
        state.answerEnded(at: Self.at(50))
        expect(state, 80, .body)
    }

    @Test func `knows how long an answer has lain unread, whatever else is due`() {
        var state = ConnectionState(at: Self.at(0))
        state.headRead(isLast: false, at: Self.at(1))
        state.bodyRead()
        state.writable(false, at: Self.at(5))
        state.writable(false, at: Self.at(6))
        expect(state, 25, .reader)
        state.writable(true, at: Self.at(7))
        expect(state, nil, nil)
    }

    @Test func `says its last word after the answers that are due, once`() {
        var state = ConnectionState(at: Self.at(0))
        state.headRead(isLast: false, at: Self.at(1))
        state.bodyRead()
        state.refuse(.malformedRequest)
        state.refuse(.headTooLarge)
        #expect(!state.isAtEnd)
        state.answerEnded(at: Self.at(2))
        #expect(state.isAtEnd)
        #expect(state.refusal == .malformedRequest)
        state.ended(lingersUntil: Self.at(4))
        #expect(!state.isAtEnd)
        expect(state, 4, .lingering)
    }
}
