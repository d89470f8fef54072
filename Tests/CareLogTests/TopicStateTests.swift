import CareDomain
import CareLog
import CareTestKit
import Testing

struct `A topic` {
    private func topic(kept: Int, whileReplying: Int = 1_000) -> TopicState {
        var limits = LogLimits()
        limits.kept = kept
        limits.keptWhileReplying = whileReplying
        return TopicState(epoch: "e", limits: limits)
    }

    private func append(_ event: CareEvent, _ kind: Draft.Kind, to topic: inout TopicState) throws {
        let draft: Draft =
            switch kind {
            case .fact(let number, let fence): .fact(event, number: number, fence: fence)
            case .reply(let fence, let isVouched): .reply(event, under: fence, isVouched: isVouched)
            }
        let outcome = topic.append(draft, json: try event.json())
        guard case .appended = outcome else {
            Issue.record("\(event.type): \(outcome)")
            return
        }
    }

    @Test(arguments: [(8, 8, 1), (8, 9, 2), (8, 200, 193)])
    func `keeps as many entries as it may`(_ kept: Int, _ appended: Int, _ first: Int) throws {
        var topic = topic(kept: kept)
        for number in 1...appended { try append(Say.message("m"), .fact(number: number, fence: nil), to: &topic) }
        #expect(topic.first == first)
        #expect(topic.entries(after: first - 1)?.map(\.offset) == Array(first...appended))
        #expect(topic.entries(after: first - 2) == nil || first == 1)
        #expect(topic.entries(after: appended)?.isEmpty == true)
        #expect(topic.entries(after: appended + 1) == nil)
    }

    @Test func `trims nothing after a running reply began, up to a hard bound`() throws {
        let fence = Fence(takeover: 0, lease: 1)
        var topic = topic(kept: 4, whileReplying: 20)
        topic.raiseFence(fence, of: Say.caseID)
        for number in 1...4 { try append(Say.message("m"), .fact(number: number, fence: nil), to: &topic) }
        try append(Say.started(), .reply(fence, isVouched: false), to: &topic)
        for n in 1...15 { try append(Say.delta(n, "word "), .reply(fence, isVouched: false), to: &topic) }
        #expect(topic.first == 5, "the reply's start at 5 is kept")
        for n in 16...30 { try append(Say.delta(n, "word "), .reply(fence, isVouched: false), to: &topic) }
        #expect(topic.position.offset - topic.first + 1 == 20, "the hard bound holds")
        try append(Say.ended(), .fact(number: 5, fence: nil), to: &topic)
        #expect(topic.position.offset - topic.first + 1 == 4, "an ended reply protects nothing")
    }

    @Test func `a retry begins its text anew`() throws {
        var topic = topic(kept: 100)
        topic.raiseFence(Fence(takeover: 0, lease: 1), of: Say.caseID)
        try append(Say.started(), .reply(Fence(takeover: 0, lease: 1), isVouched: false), to: &topic)
        try append(Say.delta(1, "old"), .reply(Fence(takeover: 0, lease: 1), isVouched: false), to: &topic)
        try append(Say.started(2), .reply(Fence(takeover: 0, lease: 2), isVouched: false), to: &topic)
        try append(Say.delta(1, "new", attempt: 2), .reply(Fence(takeover: 0, lease: 2), isVouched: false), to: &topic)
        #expect(topic.folds.map(\.text) == ["new"])
        #expect(topic.folds.map(\.attempt.number) == [2])
    }

    @Test(arguments: [0, 1, 5, 6]) func `knows how many bytes a reader is behind`(_ offset: Int) throws {
        var topic = topic(kept: 100)
        var sizes: [Int] = []
        for number in 1...6 {
            let event = Say.message(String(repeating: "x", count: number * 10))
            sizes.append(try event.json().count)
            try append(event, .fact(number: number, fence: nil), to: &topic)
        }
        #expect(topic.lag(after: offset) == sizes.dropFirst(offset).reduce(0, +))
    }
}

struct `A reader far behind` {
    private let fence = Fence(takeover: 0, lease: 1)

    private func topic(deltas: Int, ended: Bool, limits: LogLimits) throws -> (TopicState, FollowerState) {
        var topic = TopicState(epoch: "e", limits: limits)
        topic.raiseFence(fence, of: Say.caseID)
        var reader = FollowerState(from: nil, view: StreamView(caseID: Say.caseID), in: topic)
        _ = reader.take(from: topic, limits: limits)
        func append(_ draft: Draft) throws { _ = topic.append(draft, json: try draft.event.json()) }
        try append(.reply(Say.started(), under: fence))
        for n in 1...deltas { try append(.reply(Say.delta(n, "word "), under: fence)) }
        if ended {
            let text = String(repeating: "word ", count: deltas)
            try append(.fact(Say.message(text, 7, reply: Say.reply), number: 1))
            try append(.fact(Say.ended(), number: 2))
        }
        return (topic, reader)
    }

    @Test func `gets a running reply in one piece, and the newest position after everything`() throws {
        var limits = LogLimits()
        limits.lagBytes = 4_000
        var (topic, reader) = try topic(deltas: 200, ended: false, limits: limits)
        let taken = reader.take(from: topic, limits: limits)
        let items = try #require(taken)
        #expect(items.count == 3)
        guard case .fold(let fold, nil) = items[0], case .entry(let entry, _) = items[1],
            case .heartbeat(let position) = items[2]
        else {
            Issue.record("\(items)")
            return
        }
        #expect(entry.event.type == "reply.started")
        #expect(fold.through == 200)
        #expect(fold.text == String(repeating: "word ", count: 200))
        #expect(position == topic.position)
        #expect(reader.take(from: topic, limits: limits) == nil, "and then nothing twice")
    }

    @Test func `gets an ended reply as its message only`() throws {
        var limits = LogLimits()
        limits.lagBytes = 4_000
        var (topic, reader) = try topic(deltas: 200, ended: true, limits: limits)
        let taken = reader.take(from: topic, limits: limits)
        let types = try #require(taken).map { item in
            if case .entry(let entry, _) = item { entry.event.type } else { "other" }
        }
        #expect(types == ["reply.started", "message", "reply.finished", "other"])
    }

    /// Was: it got `bye slow`, came back with the same position, was as far behind as before, and so for ever.
    @Test func `is told to fetch a snapshot when even folding does not help, and then goes on`() throws {
        var limits = LogLimits()
        limits.lagBytes = 600
        var (topic, reader) = try topic(deltas: 200, ended: true, limits: limits)
        guard case .reset(.behind, let now)? = reader.take(from: topic, limits: limits)?.first else {
            Issue.record("not told")
            return
        }
        #expect(now == topic.position)
        #expect(reader.take(from: topic, limits: limits) == nil, "it stands at now")
    }

    /// Was: a heartbeat that was due when the log lost entries came after the `reset` and before the next entry.
    @Test func `has had its sign of life with a reset, and is sent no other before the next entry`() throws {
        var limits = LogLimits()
        limits.lagBytes = 600
        var (topic, reader) = try topic(deltas: 200, ended: true, limits: limits)
        reader.wantsHeartbeat()
        guard case .reset? = reader.take(from: topic, limits: limits)?.first else {
            Issue.record("not told")
            return
        }
        #expect(reader.take(from: topic, limits: limits) == nil, "a heartbeat after it")
        reader.wantsHeartbeat()
        guard case .heartbeat(nil)? = reader.take(from: topic, limits: limits)?.first else {
            Issue.record("the next one is sent")
            return
        }
        _ = topic.append(.fact(Say.message("Later"), number: 3), json: [1])
        reader.wantsHeartbeat()
        let next = reader.take(from: topic, limits: limits)
        guard case .entry? = next?.first, next?.count == 1 else {
            Issue.record("\(String(describing: next))")
            return
        }
        #expect(reader.take(from: topic, limits: limits) == nil)
    }

    @Test func `of replies only is told so too, because no message would hold the words it missed`() throws {
        var limits = LogLimits()
        limits.lagBytes = 4_000
        let (topic, _) = try topic(deltas: 200, ended: true, limits: limits)
        var reader = FollowerState(
            from: Position(epoch: "e", offset: 0), view: StreamView(caseID: Say.caseID, part: .replies), in: topic)
        _ = reader.take(from: topic, limits: limits)
        guard case .reset(.behind, _)? = reader.take(from: topic, limits: limits)?.first else {
            Issue.record("not told")
            return
        }
    }

    /// Was: the `reset` told the position, and a reader that was cut between it and the words so far came back after them,
    /// to deltas of a reply whose beginning it had never heard.
    @Test(arguments: [nil, Position(epoch: "another", offset: 3)])
    func `is told its position by the last of what it begins with`(_ from: Position?) throws {
        var (topic, _) = try topic(deltas: 2, ended: false, limits: LogLimits())
        let second = ReplyAttempt(caseID: Say.caseID, replyID: .new(), number: 1)
        _ = topic.append(.reply(.replyStarted(second, sequence: 9), under: fence), json: [1])
        for (caseID, replies) in [(Say.caseID, 2), (Say.otherCase, 0)] {
            var reader = FollowerState(from: from, view: StreamView(caseID: caseID), in: topic)
            let taken = reader.take(from: topic, limits: LogLimits())
            let items = try #require(taken)
            #expect(items.count == (from == nil ? 1 : 2) + replies)
            #expect(items.dropLast().allSatisfy { $0.position == nil })
            #expect(items.last?.position == topic.position)
        }
    }

    @Test(arguments: [(true, 1), (false, 2)]) func `is handed no more than a batch at a time`(
        _ fits: Bool, _ batches: Int
    ) throws {
        var limits = LogLimits()
        var (topic, reader) = try topic(deltas: 4, ended: false, limits: limits)
        limits.batchBytes = fits ? topic.lag(after: 0) : topic.lag(after: 0) - topic.lag(after: 4)
        var count = 0
        while let items = reader.take(from: topic, limits: limits), !items.isEmpty { count += 1 }
        #expect(count == batches)
    }
}
