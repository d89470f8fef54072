import CareDesk
import CareDomain
import CareLog

/// What must hold when two nodes do it at the same time. Each check gets two stores on one database, with connections of
/// their own. SQLite hides most of these races behind its one writer; PostgreSQL shows them.
extension StoreContract {
    package typealias CheckAtOnce = @Sendable (Store, Store) async throws -> Void
    package static let atOnce: [(name: String, check: CheckAtOnce)] = [
        ("a case opened by one key everywhere is one case", opensOneCase),
        ("cases opened everywhere are no more than may be", opensNoMore),
        ("a message sent everywhere is stored once", storesOneMessage),
        ("the order of facts is the order of commits: a reader never sees a hole", factsInCommitOrder),
        ("a queued reply is started by one node", startsOnce),
        ("two replies of a case never run at once", runsOneOfTwo),
        ("a lapsed lease is interrupted by one node", interruptsOnce),
        ("a checkpoint that was kept is not lost to who interrupts", keepsWordsFromInterrupting),
        ("a checkpoint that was kept is not lost to a takeover", keepsWordsFromTakeover),
        ("a reply ends once, by its writer or by a takeover", endsOnce),
        ("a reply ends once, by its writer or by who takes its lease", endsOnceTaken),
        ("of two coordinators one has the case", takesOverOnce),
        ("a conversation is of one moment: with a person in it no reply runs", readsOneMoment),
        ("a retry is queued once", retriesOnce),
        ("a stop and a start agree", stopsOrStarts),
        ("facts are settled and purged by anybody at any time", settlesAtOnce),
        ("a secret is the same for everybody", sharesSecret),
        ("the trail of audit is one chain", auditsFromBoth),
        ("what one node wrote the other reads", readsOthers),
        ("a ticket is given out once, on whichever node", givesTicketOnce),
    ]

    /// Times that a race is run; one of them has to meet at the wrong moment.
    private static let rounds = 12

    /// The same on both nodes, `each` times, all at once.
    private static func everywhere<Answer: Sendable>(
        _ one: Store, _ two: Store, each: Int = 4, _ body: @escaping @Sendable (Store, Int) async throws -> Answer
    ) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            for number in 0..<each {
                group.addTask { try await body(one, number) }
                group.addTask { try await body(two, number) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    @Sendable static func givesTicketOnce(_ one: Store, _ two: Store) async throws {
        for round in 0..<rounds {
            try await one.keep(ticket("t\(round)", until: now + .seconds(30)), at: now)
            let taken = try await everywhere(one, two) { store, _ in try await store.takeTicket("t\(round)") }
            try expect(taken.compactMap(\.self).count == 1, "given out \(taken.compactMap(\.self).count) times")
        }
    }

    @Sendable static func opensOneCase(_ one: Store, _ two: Store) async throws {
        for round in 0..<rounds {
            let opened = try await everywhere(one, two) { store, _ in
                try await store.open(
                    CaseDraft(
                        patient: Cast.amina.id, clientCaseID: "key-\(round)", title: "Knee", language: .english,
                        greeting: "Hello", at: now))
            }
            try expect(Set(opened.map(\.careCase.id)).count == 1, "one key, \(Set(opened.map(\.careCase.id)))")
            let new = opened.filter { if case .opened = $0 { true } else { false } }
            try expect(new.count == 1, "opened \(new.count) times")
        }
        let facts = try await one.pendingFacts(of: topic, limit: 100)
        try expect(facts.map(\.number) == Array(1...(rounds * 2)), "\(facts.map(\.number))")
    }

    @Sendable static func opensNoMore(_ one: Store, _ two: Store) async throws {
        for limit in 1...rounds {
            let opened = try await everywhere(one, two) { store, _ in
                try await store.open(
                    CaseDraft(
                        patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: now),
                    atMost: limit)
            }
            try expect(opened.compactMap(\.self).count == 1, "\(opened.compactMap(\.self).count) opened, one was left")
        }
    }

    @Sendable static func storesOneMessage(_ one: Store, _ two: Store) async throws {
        let careCase = try await open(one)
        for round in 0..<rounds {
            let outcomes = try await everywhere(one, two) { store, _ in
                try await say("Hi \(round)", key: "k\(round)", in: careCase, store) { $0.waitingLimit = 99 }
            }
            let stored = outcomes.filter { if case .stored = $0 { true } else { false } }
            let again = outcomes.filter { if case .duplicate = $0 { true } else { false } }
            try expect(stored.count == 1 && again.count == 7, "\(outcomes)")
        }
        let messages = try await two.messages(of: careCase.id, before: nil, limit: 100, audience: .everyone)
        try expect(messages.count == rounds + 1, "\(messages.count) messages")
        try expect(try await one.startable(limit: 10).count == 1, "all of them wait for one reply")
    }

    /// Two cases of one patient, so that nothing but the topic keeps their facts in order.
    @Sendable static func factsInCommitOrder(_ one: Store, _ two: Store) async throws {
        let cases = [try await open(one), try await open(two)]
        // An opening tells two facts; what is answered at once four: message, answer, end, case.
        let written = 2 * 2 + 4 * rounds * 4
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, store) in [one, two, two, one].enumerated() {
                group.addTask {
                    for number in 0..<rounds {
                        _ = try await say("x", key: "\(index)-\(number)", in: cases[index % 2], store) {
                            $0.waitingLimit = 99
                            $0.answer = .fixed("y", .guide)
                        }
                    }
                }
            }
            group.addTask {
                var seen = 0
                while seen < written {
                    let numbers = try await one.pendingFacts(of: topic, limit: 10_000).map(\.number)
                    try expect(numbers == Array(1...max(numbers.count, 1)), "a hole in \(numbers)")
                    try expect(numbers.count >= seen, "\(numbers.count) after \(seen)")
                    seen = numbers.count
                    try await Task.sleep(for: .milliseconds(1))
                }
            }
            try await group.waitForAll()
        }
        for careCase in cases {
            let sequences = try await two.messages(of: careCase.id, before: nil, limit: 1_000, audience: .everyone)
                .map(\.sequence)
            try expect(sequences == Array(Set(sequences)).sorted(), "sequences \(sequences)")
        }
    }

    @Sendable static func startsOnce(_ one: Store, _ two: Store) async throws {
        let careCase = try await open(one)
        for round in 0..<rounds {
            let id = try await ask("q\(round)", in: careCase, one)
            let started = try await everywhere(one, two) { store, _ in
                try await store.start(id, lease: lease, at: now)
            }.compactMap(\.self)
            try expect(started.count == 1, "started \(started.count) times")
            try expect(try await two.end(started[0], ending(.finished), at: now), "it could not end")
        }
    }

    @Sendable static func runsOneOfTwo(_ one: Store, _ two: Store) async throws {
        for round in 0..<rounds {
            let careCase = try await open(one)
            let first = try await start(try await ask("a\(round)", in: careCase, one), one)
            let second = try await ask("b\(round)", in: careCase, two)
            async let ended = one.end(first, ending(.interrupted, "Half"), at: now)
            async let next = everywhere(one, two) { store, _ in try await store.start(second, lease: lease, at: now) }
            let (hasEnded, started) = (try await ended, try await next.compactMap(\.self))
            try expect(hasEnded && started.count <= 1, "started \(started.count) times")
            let running = try await two.runningReplies(limit: 1_000).filter { $0.reply.caseID == careCase.id }
            try expect(running.map(\.reply.id) == started.map(\.reply.id), "what runs: \(running)")
        }
    }

    /// As a node's sweep does it; how many it ended.
    private static func interruptLapsed(_ store: Store, at moment: Moment) async throws -> Int {
        var count = 0
        for id in try await store.lapsed(before: moment, limit: 100) {
            let taken = try await store.takeLease(of: id, .lapsed(before: moment), until: moment + .seconds(5))
            guard let taken else { continue }
            let ending = ReplyEnding(
                state: .interrupted, text: taken.reply.text, through: taken.reply.through, author: nil)
            if try await store.end(taken, ending, at: moment) { count += 1 }
        }
        return count
    }

    @Sendable static func interruptsOnce(_ one: Store, _ two: Store) async throws {
        var cases: [CareCase] = []
        for round in 0..<rounds {
            let careCase = try await open(one)
            cases.append(careCase)
            let started = try await start(try await ask("q\(round)", in: careCase, one), one)
            _ = try await one.checkpoint(started, through: 1, text: "Partial", lease: lease)
        }
        let late = lease + .seconds(1)
        let ended = try await everywhere(one, two, each: 2) { store, _ in try await interruptLapsed(store, at: late) }
        // Who is in another's way leaves it to the other, or to the next look.
        let rest = try await interruptLapsed(one, at: late)
        let times = ended.reduce(rest, +)
        try expect(times == rounds, "interrupted \(times) times")
        for careCase in cases {
            let left = try await two.messages(of: careCase.id, before: nil, limit: 10, audience: .everyone)
                .filter { $0.status == .interrupted }
            try expect(left.count == 1 && left.first?.body == "Partial", "\(left)")
        }
        let ends = try await one.pendingFacts(of: topic, limit: 1_000).filter { $0.event.type == "reply.interrupted" }
        try expect(ends.count == rounds, "\(ends.count) ends were told")
    }

    /// A writer that goes on keeping its words until it hears that they are not wanted, and the last ones that were kept.
    private static func keepWriting(_ started: StartedReply, _ store: Store) async throws -> String {
        var kept = ""
        for number in 1... {
            let text = String(repeating: "word ", count: number)
            let outcome = try await store.checkpoint(started, through: number, text: text, lease: lease)
            guard outcome != .lost else { break }
            kept = text
            // As a real one does: without a gap SQLite's other writers may not get in within their time.
            try await Task.sleep(for: .milliseconds(1))
        }
        return kept
    }

    @Sendable static func keepsWordsFromInterrupting(_ one: Store, _ two: Store) async throws {
        for round in 0..<rounds {
            let started = try await start(try await ask("q\(round)", in: try await open(one), one), one)
            async let kept = keepWriting(started, one)
            // Each checkpoint renews the lease only to where it has lapsed already.
            while try await interruptLapsed(two, at: lease + .seconds(1)) == 0 {}
            let (words, message) = (try await kept, try await two.message(Cast.same(started.reply.id)))
            try expect((message?.body ?? "") == words, "kept \(words.count), left \(message?.body.count ?? 0)")
        }
    }

    @Sendable static func keepsWordsFromTakeover(_ one: Store, _ two: Store) async throws {
        for round in 0..<rounds {
            let careCase = try await open(one)
            let started = try await start(try await ask("q\(round)", in: careCase, one), one)
            async let kept = keepWriting(started, one)
            guard let fence = try await two.fenceOff(careCase.id) else {
                throw EventLogContract.Broken(description: "no fence")
            }
            let outcome = try await two.takeOver(
                Takeover(caseID: careCase.id, person: Cast.priya, fencedOff: fence, at: now))
            guard case .changed = outcome else { throw EventLogContract.Broken(description: "\(outcome)") }
            let (words, message) = (try await kept, try await two.message(Cast.same(started.reply.id)))
            try expect((message?.body ?? "") == words, "kept \(words.count), left \(message?.body.count ?? 0)")
        }
    }

    @Sendable static func endsOnce(_ one: Store, _ two: Store) async throws {
        for round in 0..<rounds {
            let careCase = try await open(one)
            let started = try await start(try await ask("q\(round)", in: careCase, one), one)
            guard let fence = try await two.fenceOff(careCase.id) else {
                throw EventLogContract.Broken(description: "no fence")
            }
            async let ended = one.end(started, ending(.finished, "Whole"), at: now)
            async let taken = two.takeOver(
                Takeover(caseID: careCase.id, person: Cast.priya, fencedOff: fence, at: now))
            let (byWriter, byPerson) = (try await ended, try await taken)
            guard case .changed = byPerson else { throw EventLogContract.Broken(description: "\(byPerson)") }
            let reply = try await one.reply(started.reply.id)
            try expect(reply?.state == (byWriter ? .finished : .stopped), "\(byWriter): \(String(describing: reply))")
            let message = try await two.message(Cast.same(started.reply.id))
            try expect((message != nil) == byWriter, "\(byWriter): \(String(describing: message))")
            let ends = try await one.pendingFacts(of: topic, limit: 10_000).filter {
                if case .replyEnded(let attempt, _, _, _, _) = $0.event {
                    attempt.replyID == started.reply.id
                } else {
                    false
                }
            }
            try expect(ends.count == 1, "told \(ends.count) ends")
        }
    }

    @Sendable static func endsOnceTaken(_ one: Store, _ two: Store) async throws {
        for round in 0..<rounds {
            let started = try await start(try await ask("q\(round)", in: try await open(one), one), one)
            _ = try await one.requestStop(started.reply.id, at: now)
            async let ended = one.end(started, ending(.finished, "Whole"), at: now)
            async let taking = two.takeLease(of: started.reply.id, .stopWanted, until: lease)
            let (byWriter, taken) = (try await ended, try await taking)
            try expect(byWriter == (taken == nil), "ended and taken, or neither: \(byWriter)")
            if let taken { _ = try await two.end(taken, ending(.stopped, ""), at: now) }
            let reply = try await one.reply(started.reply.id)
            try expect(reply?.state == (byWriter ? .finished : .stopped), "\(byWriter): \(String(describing: reply))")
            let ends = try await one.pendingFacts(of: topic, limit: 10_000).filter {
                $0.event.attempt?.replyID == started.reply.id
            }
            try expect(ends.count == 1, "told \(ends.count) ends")
        }
    }

    @Sendable static func takesOverOnce(_ one: Store, _ two: Store) async throws {
        let other = Person(id: .new(), name: "Omar", role: .coordinator, language: .english)
        for _ in 0..<rounds {
            let careCase = try await open(one)
            guard let fence = try await one.fenceOff(careCase.id) else {
                throw EventLogContract.Broken(description: "no fence")
            }
            let outcomes = try await everywhere(one, two, each: 2) { store, number in
                try await store.takeOver(
                    Takeover(
                        caseID: careCase.id, person: number == 0 ? Cast.priya : other, fencedOff: fence, at: now,
                        audit: entry(1, about: careCase.id)))
            }
            let changed = outcomes.filter { if case .changed = $0 { true } else { false } }
            let taken = outcomes.filter { if case .takenBy = $0 { true } else { false } }
            try expect(changed.count == 1 && taken.count == 2, "\(outcomes)")
            try expect(try await two.careCase(careCase.id)?.handling.version == 1, "the handling changed twice")
            let rows = try await two.auditRows(AuditQuery(caseID: careCase.id))
            try expect(rows.count == 1, "\(rows.count) rows for one change")
        }
        try expect(try await one.verify().fault == nil, "the chain is broken")
    }

    @Sendable static func readsOneMoment(_ one: Store, _ two: Store) async throws {
        let careCase = try await open(one)
        try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                for round in 0..<rounds {
                    let started = try await start(
                        try await ask("k\(round)", in: careCase, two), two)
                    guard let fence = try await two.fenceOff(careCase.id) else { return 0 }
                    let fold = ReplyFold(
                        attempt: started.attempt, sequence: started.sequence, through: 1, text: "Part \(round)")
                    _ = try await two.takeOver(
                        Takeover(
                            caseID: careCase.id, person: Cast.priya, fencedOff: fence, shown: [fold], at: now))
                    _ = try await two.release(careCase.id, by: Cast.priya, at: now, noting: nil)
                }
                return 0
            }
            group.addTask {
                var looked = 0
                while !Task.isCancelled {
                    guard let seen = try await one.conversation(in: careCase.id, limit: 100, audience: .everyone) else {
                        throw EventLogContract.Broken(description: "no conversation")
                    }
                    let runs = seen.reply?.state == .running
                    try expect(
                        !runs || seen.careCase.handling.state == .ai, "a person, and \(String(describing: seen.reply))")
                    let told = seen.messages.contains { $0.id.rawValue == seen.reply?.id.rawValue }
                    try expect(!runs || !told, "a reply that runs has left its message")
                    looked += 1
                }
                return looked
            }
            _ = try await group.next()
            group.cancelAll()
            // A look that was under way when it was cancelled throws that; what it found before is what counts.
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }

    @Sendable static func retriesOnce(_ one: Store, _ two: Store) async throws {
        for round in 0..<rounds {
            let started = try await start(try await ask("q\(round)", in: try await open(one), one), one)
            _ = try await one.end(started, ending(.interrupted, "Half"), at: now)
            let outcomes = try await everywhere(one, two) { store, _ in
                try await store.retry(started.reply.id, at: now)
            }
            let queued = outcomes.filter { if case .queued = $0 { true } else { false } }
            try expect(queued.count == 1 && outcomes.filter { $0 == .running }.count == 7, "\(outcomes)")
            try expect(try await two.reply(started.reply.id)?.attempt == 2, "one attempt more")
        }
    }

    @Sendable static func stopsOrStarts(_ one: Store, _ two: Store) async throws {
        for round in 0..<rounds {
            let id = try await ask("q\(round)", in: try await open(one), one)
            async let starting = one.start(id, lease: lease, at: now)
            async let stopping = two.requestStop(id, at: now)
            let (started, stopped) = (try await starting, try await stopping)
            let reply = try await one.reply(id)
            if let started {
                try expect(reply?.state == .running && stopped?.state == .running, "\(String(describing: reply))")
                let kept = try await two.checkpoint(started, through: 1, text: "", lease: lease)
                try expect(kept == .stopWanted, "the stop was lost: \(kept)")
            } else {
                try expect(reply?.state == .stopped, "neither started nor stopped: \(String(describing: reply))")
            }
        }
    }

    @Sendable static func settlesAtOnce(_ one: Store, _ two: Store) async throws {
        let careCase = try await open(one)
        for round in 0..<rounds {
            for number in 0..<5 {
                _ = try await say("x", key: "\(round)-\(number)", in: careCase, one) { $0.waitingLimit = 99 }
            }
            guard let last = try await one.pendingFacts(of: topic, limit: 1_000).last else {
                throw EventLogContract.Broken(description: "no facts")
            }
            _ = try await everywhere(one, two) { store, number in
                try await store.settle(topic, through: last.number - number)
                try await store.purgeSettledFacts(olderThan: .now + .seconds(3_600))
            }
            try await two.settle(topic, through: last.number)
            let left = try await one.pendingFacts(of: topic, limit: 1_000)
            try expect(left.isEmpty, "left \(left.map(\.number))")
        }
        try await one.purgeSettledFacts(olderThan: .now + .seconds(3_600))
        try expect(try await two.recentFacts(since: now, limit: 1_000).isEmpty, "something was not purged")
    }

    @Sendable static func sharesSecret(_ one: Store, _ two: Store) async throws {
        for round in 0..<rounds {
            let values = try await everywhere(one, two) { store, number in
                try await store.secret("key-\(round)") { "\(number)-\(CaseID.new())" }
            }
            try expect(Set(values).count == 1, "\(values)")
        }
    }

    @Sendable static func auditsFromBoth(_ one: Store, _ two: Store) async throws {
        let hashes = try await everywhere(one, two, each: 20) { store, number in
            try await store.record(entry(number)).hash
        }
        let (head, fault) = try await two.verify(page: 7)
        try expect(
            fault == nil && head.number == 40 && Set(hashes).count == 40, "\(String(describing: fault)) at \(head)")
    }

    @Sendable static func readsOthers(_ one: Store, _ two: Store) async throws {
        let careCase = try await open(one)
        try expect(try await two.careCase(careCase.id) == careCase, "not the same case")
        try await two.set(.coordinatorEnabled, to: true)
        try expect(try await one.value(of: .coordinatorEnabled), "the flag is not turned here")
        try await one.set(.coordinatorEnabled, to: nil)
        try expect(try await two.value(of: .coordinatorEnabled) == false, "the flag is still turned there")
    }
}
