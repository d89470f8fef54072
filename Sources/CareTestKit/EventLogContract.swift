import CareDomain
package import CareLog

/// What every `EventLog` must do, as checks that throw a sentence. Each adapter's tests run all of them.
package struct EventLogContract: Sendable {
    package struct Broken: Error, CustomStringConvertible {
        package var description: String
        package init(description: String) { self.description = description }
    }
    package static let topic = Topic.patient(Cast.amina.id)
    package static let view = StreamView(caseID: Say.caseID)

    package typealias Check = @Sendable (any EventLog) async throws -> Void
    package static let all: [(name: String, check: Check)] = [
        ("a reader sees each entry once and in order", inOrder),
        ("resuming at every offset gives exactly the rest", resumesEverywhere),
        ("facts are taken once and in order", factsInOrder),
        ("a reply is refused after a takeover", fenced),
        ("an unknown fence refuses until it is loaded", unknownFence),
        ("an old lease is refused after a newer one", oldLease),
        ("another epoch, and a position ahead, are reset", resets),
        ("a reading is the fold of exactly the entries up to its position", folds),
        ("a view hides other cases, other parts and staff", views),
        ("a second append of the same delta is a duplicate, a skipped one is refused", deltas),
        ("a new epoch resets who follows, takes facts from any number, and words as one snapshot", renews),
        ("parting comes after what is already there", parts),
        ("a reply begins once per attempt, and a later attempt's words replace an earlier one's", attempts),
        ("facts move a fence, and only ever up", movesFences),
        ("a reading holds what was appended just before", readsItsWrites),
        ("signals are heard by who follows and may, the newest of each, and move nothing", signals),
    ]

    static func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) throws {
        if !holds { throw Broken(description: sentence()) }
    }

    /// Takes items until the count of entries and folds is reached.
    package static func take(_ count: Int, from follower: Follower) async -> [Follower.Item] {
        var items: [Follower.Item] = []
        while items.count < count {
            let more = await follower.next()
            if more.isEmpty { break }
            items += more
        }
        return items
    }

    package static func bodies(_ items: [Follower.Item]) -> [String] {
        items.map { item in
            switch item {
            case .entry(let entry, let position): "\(position.offset):\(entry.event.type)"
            case .fold(let fold, _): "fold \(fold.through) \(fold.text)"
            case .ready(let position): position == nil ? "ready" : "ready at"
            case .reset(let reason, _): "reset \(reason.rawValue)"
            case .heartbeat(let position): position == nil ? "beat" : "beat at"
            case .signal(let signal): "\(signal.kind) \(signal.who) \(signal.state)"
            case .parting(let parting): "parting \(parting.reason)"
            }
        }
    }

    @Sendable static func renews(_ log: any EventLog) async throws {
        try await speak(log)
        let before = try await log.reading(of: topic).position
        let follower = try await log.follow(topic, from: before, view: view)
        _ = await take(1, from: follower)
        try await log.renew(topic)
        let after = try await log.reading(of: topic)
        try expect(after.position.epoch != before.epoch && after.running.isEmpty, "\(after)")
        let reset = bodies(await follower.next())
        try expect(reset == ["reset unknown_epoch"], "\(reset)")

        let fact = try await log.append(.fact(Say.message("Later", 9), number: 40), to: topic)
        try expect(fact == .appended(Position(epoch: after.position.epoch, offset: 1)), "\(fact)")
        let fence = Fence(takeover: 0, lease: 1)
        let delta = Draft.reply(Say.delta(3, "again"), under: fence)
        let unknown = try await log.append(delta, to: topic)
        try expect(unknown == .unknownFence, "\(unknown)")
        try await log.loadFence(fence, of: Say.caseID, in: topic)
        let lost = try await log.append(delta, to: topic)
        try expect(lost == .behind(last: 0), "\(lost)")
        let fold = ReplyFold(attempt: Say.attempt(1), sequence: 7, through: 3, text: "Good morning again")
        let all = Draft.reply(.replySnapshot(fold), under: fence)
        guard case .appended = try await log.append(all, to: topic) else {
            throw Broken(description: "the words were not taken again")
        }
        let twice = try await log.append(all, to: topic)
        try expect(twice == .duplicate, "\(twice)")
        let running = try await log.reading(of: topic).running
        try expect(running == [fold], "\(running)")
        guard case .appended = try await log.append(.reply(Say.delta(4, "."), under: fence), to: topic) else {
            throw Broken(description: "the reply did not go on")
        }
        let seen = bodies(await take(3, from: follower))
        try expect(seen == ["1:message", "2:reply.snapshot", "3:reply.delta"], "\(seen)")
        let zombie = try await log.append(
            .reply(.replySnapshot(fold), under: Fence(takeover: 0, lease: 0)), to: topic)
        try expect(zombie == .fenced, "\(zombie)")
    }

    package static func speak(_ log: any EventLog) async throws {
        let fence = Fence(takeover: 0, lease: 1)
        try await log.loadFence(fence, of: Say.caseID, in: topic)
        for draft in [
            Draft.fact(Say.message("Hello"), number: 1), .reply(Say.started(), under: fence),
            .reply(Say.delta(1, "Good "), under: fence), .reply(Say.delta(2, "morning"), under: fence),
            .fact(Say.message("Good morning", 2, reply: Say.reply), number: 2), .fact(Say.ended(), number: 3),
        ] {
            let outcome = try await log.append(draft, to: topic)
            guard case .appended = outcome else { throw Broken(description: "\(draft.event.type): \(outcome)") }
        }
    }

    private static let spoken = [
        "1:message", "2:reply.started", "3:reply.delta", "4:reply.delta", "5:message", "6:reply.finished",
    ]

    @Sendable static func inOrder(_ log: any EventLog) async throws {
        let follower = try await log.follow(topic, from: nil, view: view)
        async let items = take(7, from: follower)
        try await speak(log)
        let seen = bodies(await items)
        try expect(seen == ["ready at"] + spoken, "live: \(seen)")
    }

    @Sendable static func resumesEverywhere(_ log: any EventLog) async throws {
        try await speak(log)
        let end = try await log.reading(of: topic).position
        for offset in 0...end.offset {
            let follower = try await log.follow(
                topic, from: Position(epoch: end.epoch, offset: offset), view: view)
            let seen = bodies(await take(1 + end.offset - offset, from: follower))
            try expect(seen == ["ready at"] + spoken.dropFirst(offset), "from \(offset): \(seen)")
        }
    }

    @Sendable static func factsInOrder(_ log: any EventLog) async throws {
        _ = try await log.append(.fact(Say.message("a"), number: 5), to: topic)
        let same = try await log.append(.fact(Say.message("a"), number: 5), to: topic)
        try expect(same == .duplicate, "same number: \(same)")
        let ahead = try await log.append(.fact(Say.message("c"), number: 7), to: topic)
        try expect(ahead == .behind(last: 5), "ahead: \(ahead)")
        let next = try await log.append(.fact(Say.message("b"), number: 6), to: topic)
        try expect(next != .duplicate, "next: \(next)")
        try expect(try await log.reading(of: topic).position.offset == 2, "two entries stand")
    }

    @Sendable static func fenced(_ log: any EventLog) async throws {
        let fence = Fence(takeover: 0, lease: 1)
        try await log.loadFence(fence, of: Say.caseID, in: topic)
        _ = try await log.append(.reply(Say.started(), under: fence), to: topic)
        let takeover = Draft.fact(
            .handling(Say.caseID, Handling(state: .coordinator, version: 1)), number: 1,
            fence: Fence(takeover: 1, lease: 1))
        _ = try await log.append(takeover, to: topic)
        let late = try await log.append(.reply(Say.delta(1, "late"), under: fence), to: topic)
        try expect(late == .fenced, "after the takeover: \(late)")
        try await log.loadFence(fence, of: Say.caseID, in: topic)
        let again = try await log.append(.reply(Say.delta(1, "late"), under: fence), to: topic)
        try expect(again == .fenced, "loading an old fence must not lower it: \(again)")
    }

    @Sendable static func unknownFence(_ log: any EventLog) async throws {
        let fence = Fence(takeover: 0, lease: 1)
        let first = try await log.append(.reply(Say.started(), under: fence), to: topic)
        try expect(first == .unknownFence, "before loading: \(first)")
        try await log.loadFence(fence, of: Say.caseID, in: topic)
        let second = try await log.append(.reply(Say.started(), under: fence), to: topic)
        try expect(second != .unknownFence && second != .fenced, "after loading: \(second)")
    }

    @Sendable static func oldLease(_ log: any EventLog) async throws {
        let old = Fence(takeover: 0, lease: 1)
        let new = Fence(takeover: 0, lease: 2)
        try await log.loadFence(old, of: Say.caseID, in: topic)
        _ = try await log.append(.reply(Say.started(), under: old), to: topic)
        _ = try await log.append(.reply(Say.started(2), under: new), to: topic)
        let zombie = try await log.append(.reply(Say.delta(1, "zombie"), under: old), to: topic)
        try expect(zombie == .fenced, "the zombie: \(zombie)")
    }

    @Sendable static func resets(_ log: any EventLog) async throws {
        try await speak(log)
        let now = try await log.reading(of: topic).position
        for (position, reason) in [
            (Position(epoch: "0another", offset: 1), "unknown_epoch"),
            (Position(epoch: now.epoch, offset: now.offset + 1), "ahead"),
        ] {
            let follower = try await log.follow(topic, from: position, view: view)
            let seen = bodies(await take(2, from: follower))
            try expect(seen == ["ready", "reset \(reason)"], "\(seen)")
        }
    }

    @Sendable static func folds(_ log: any EventLog) async throws {
        let fence = Fence(takeover: 0, lease: 1)
        try await log.loadFence(fence, of: Say.caseID, in: topic)
        _ = try await log.append(.reply(Say.started(), under: fence), to: topic)
        for (n, text) in ["One ", "two ", "three"].enumerated() {
            _ = try await log.append(.reply(Say.delta(n + 1, text), under: fence), to: topic)
            let reading = try await log.reading(of: topic)
            try expect(reading.position.offset == n + 2, "position \(reading.position)")
            try expect(reading.running.map(\.through) == [n + 1], "fold \(reading.running)")
        }
        let follower = try await log.follow(topic, from: nil, view: view)
        let items = await take(2, from: follower)
        try expect(bodies(items) == ["ready", "fold 3 One two three"], "\(items)")
        try expect(items.last?.position == (try await log.reading(of: topic)).position, "the fold tells the position")
        _ = try await log.append(.fact(Say.ended(.stopped), number: 1), to: topic)
        try expect(try await log.reading(of: topic).running.isEmpty, "an ended reply still runs")
    }

    @Sendable static func views(_ log: any EventLog) async throws {
        try await speak(log)
        _ = try await log.append(.fact(Say.message("other", 1, in: Say.otherCase), number: 4), to: topic)
        _ = try await log.append(.fact(Say.message("note", 3, audience: .staff), number: 5), to: topic)
        // A newer version's: one that says it is everyone's, one that does not say whose it is.
        _ = try await log.append(.fact(try Say.unknown("note"), number: 6), to: topic)
        _ = try await log.append(.fact(try Say.unknown("receipt", audience: .everyone), number: 7), to: topic)
        let epoch = try await log.reading(of: topic).position.epoch
        for (view, wanted) in [
            (StreamView(caseID: Say.caseID, part: .replies), ["2", "3", "4", "6"]),
            (StreamView(caseID: Say.caseID, part: .messages), ["1", "5"]),
            (StreamView(caseID: Say.caseID, part: .messages, audience: .staff), ["1", "5", "8"]),
            (StreamView(caseID: nil, part: .documents, audience: .staff), []),
            (StreamView(caseID: Say.caseID), ["1", "2", "3", "4", "5", "6", "10"]),
            (StreamView(caseID: nil, audience: .staff), ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]),
        ] {
            let follower = try await log.follow(topic, from: Position(epoch: epoch, offset: 0), view: view)
            let seen = bodies(await take(1 + wanted.count, from: follower)).dropFirst().compactMap {
                $0.split(separator: ":").first.map(String.init)
            }
            try expect(seen == wanted, "\(view.part) for \(view.audience): \(seen)")
            follower.beat()
            let beat = bodies(await follower.next())
            try expect(beat == [wanted.last == "10" ? "beat" : "beat at"], "\(view.part): \(beat)")
        }
    }

    @Sendable static func deltas(_ log: any EventLog) async throws {
        let fence = Fence(takeover: 0, lease: 1)
        try await log.loadFence(fence, of: Say.caseID, in: topic)
        let early = try await log.append(.reply(Say.delta(1, "x"), under: fence), to: topic)
        try expect(early == .behind(last: 0), "a delta of a reply that has not started: \(early)")
        _ = try await log.append(.reply(Say.started(), under: fence), to: topic)
        _ = try await log.append(.reply(Say.delta(1, "x"), under: fence), to: topic)
        let same = try await log.append(.reply(Say.delta(1, "x"), under: fence), to: topic)
        try expect(same == .duplicate, "the same: \(same)")
        let skipped = try await log.append(.reply(Say.delta(3, "z"), under: fence), to: topic)
        try expect(skipped == .behind(last: 1), "skipped: \(skipped)")
    }

    @Sendable static func parts(_ log: any EventLog) async throws {
        let follower = try await log.follow(topic, from: nil, view: view)
        _ = await follower.next()
        try await speak(log)
        follower.part(.restarting(retry: .seconds(1)))
        follower.part(.gone)
        let seen = bodies(await take(7, from: follower))
        try expect(seen == spoken + ["parting restarting"], "\(seen)")
        try expect(await follower.next().isEmpty, "it is over")
    }

    @Sendable static func attempts(_ log: any EventLog) async throws {
        let fence = Fence(takeover: 0, lease: 1)
        try await log.loadFence(fence, of: Say.caseID, in: topic)
        _ = try await log.append(.reply(Say.started(), under: fence), to: topic)
        _ = try await log.append(.reply(Say.delta(1, "old "), under: fence), to: topic)
        _ = try await log.append(.reply(Say.delta(2, "words"), under: fence), to: topic)
        // Was: it was taken again and the words so far were forgotten. A writer that did not hear the answer asks twice.
        let again = try await log.append(.reply(Say.started(), under: fence), to: topic)
        try expect(again == .duplicate, "begun twice: \(again)")
        // Was: dropped, because the earlier attempt had said more.
        let fold = ReplyFold(attempt: Say.attempt(2), sequence: 7, through: 1, text: "new")
        guard case .appended = try await log.append(.reply(.replySnapshot(fold), under: fence), to: topic) else {
            throw Broken(description: "a later attempt's words were not taken")
        }
        let late = try await log.append(.reply(Say.delta(3, "late"), under: fence), to: topic)
        try expect(late == .behind(last: 0), "an earlier attempt: \(late)")
        let earlier = try await log.append(.reply(Say.started(), under: fence), to: topic)
        try expect(earlier == .duplicate, "an earlier attempt begins: \(earlier)")
        let running = try await log.reading(of: topic).running
        try expect(running == [fold], "\(running)")
        // A message of an earlier attempt does not end a later one; one of its own does.
        _ = try await log.append(.fact(Say.message("old words", 7, reply: Say.reply), number: 1), to: topic)
        try expect(try await log.reading(of: topic).running == [fold], "ended by an earlier attempt's message")
        _ = try await log.append(.fact(Say.message("new", 7, reply: Say.reply, version: 2), number: 2), to: topic)
        try expect(try await log.reading(of: topic).running.isEmpty, "still running")
    }

    @Sendable static func movesFences(_ log: any EventLog) async throws {
        func handling(_ number: Int, _ fence: Fence) -> Draft {
            .fact(
                .handling(Say.caseID, Handling(state: .coordinator, version: number)), number: number, fence: fence)
        }
        try await log.loadFence(Fence(takeover: 0, lease: 0), of: Say.caseID, in: topic)
        _ = try await log.append(handling(1, Fence(takeover: 2, lease: 5)), to: topic)
        let unheard = try await log.append(
            .reply(Say.started(), under: Fence(takeover: 1, lease: 9)), to: topic)
        try expect(unheard == .fenced, "an earlier takeover: \(unheard)")
        let ahead = try await log.append(.reply(Say.started(), under: Fence(takeover: 3, lease: 9)), to: topic)
        try expect(ahead == .fenced, "a takeover the log has not heard of: \(ahead)")
        _ = try await log.append(handling(2, Fence(takeover: 1, lease: 7)), to: topic)
        let below = try await log.append(.reply(Say.started(), under: Fence(takeover: 2, lease: 6)), to: topic)
        try expect(below == .fenced, "each part is raised by itself: \(below)")
        let other = try await log.append(
            .reply(.replyStarted(Say.attempt(in: Say.otherCase), sequence: 1), under: Fence(takeover: 2, lease: 7)),
            to: topic)
        try expect(other == .unknownFence, "another case: \(other)")
        guard
            case .appended = try await log.append(
                .reply(Say.started(), under: Fence(takeover: 2, lease: 7)), to: topic)
        else { throw Broken(description: "the fence's own words") }
    }

    @Sendable static func readsItsWrites(_ log: any EventLog) async throws {
        for number in 1...20 {
            let outcome = try await log.append(.fact(Say.message("m", number), number: number), to: topic)
            let reading = try await log.reading(of: topic)
            try expect(outcome == .appended(reading.position), "\(outcome), read \(reading.position)")
        }
    }

    @Sendable static func signals(_ log: any EventLog) async throws {
        let priya = Cast.priya.id
        let here = Signal(caseID: Say.caseID, who: priya, state: .here)
        let staff = try await log.follow(
            topic, from: nil, view: StreamView(caseID: Say.caseID, audience: .staff))
        let patient = try await log.follow(topic, from: nil, view: view)
        let before = try await log.reading(of: topic).position
        for follower in [staff, patient] { _ = await follower.next() }
        await log.tell(Signal(caseID: Say.otherCase, who: priya, state: .started), to: topic)
        await log.tell(Signal(caseID: Say.caseID, who: priya, state: .started, audience: .staff), to: topic)
        await log.tell(Signal(caseID: Say.caseID, who: Cast.amina.id, state: .started), to: topic)
        await log.tell(Signal(caseID: Say.caseID, who: Cast.amina.id, state: .stopped), to: topic)
        await log.tell(here, to: topic)
        // Heard at once or one after the other; what was heard before it is there by then.
        var heard: [Follower.Item] = []
        while bodies(heard).last != "presence priya here" { heard += await patient.next() }
        try expect(
            [
                ["typing amina stopped", "presence priya here"],
                ["typing amina started", "typing amina stopped", "presence priya here"],
            ].contains(bodies(heard)), "a patient heard \(bodies(heard))")
        try expect(heard.allSatisfy { $0.position == nil }, "a signal has no position")
        heard = []
        while bodies(heard).last != "presence priya here" { heard += await staff.next() }
        try expect(bodies(heard).first == "typing priya started", "staff heard \(bodies(heard))")
        try expect(try await log.reading(of: topic).position == before, "a signal moved the log")
        let late = try await log.follow(topic, from: before, view: view)
        try expect(bodies(await late.next()) == ["ready at"], "nothing is kept for who comes later")
        late.beat()
        try expect(bodies(await late.next()) == ["beat"], "nothing is kept for who comes later")
    }
}
