package import CareDesk
import CareDomain
import CareLog

/// What every store must do, as checks that throw a sentence. SQLite and PostgreSQL run all of them. What must hold when
/// several nodes do it at once is in `atOnce`.
package struct StoreContract: Sendable {
    package typealias Store = any CaseStore & DocumentStore & Flags & AuditTrail & TicketShelf & RevocationStore
    package typealias Check = @Sendable (Store) async throws -> Void
    package static let all = cases + documents
    private static let cases: [(name: String, check: Check)] = [
        ("opening a case twice with one key gives one case", opensOnce),
        ("so many cases of a patient are open and no more, and the key of one still finds it", opensUpToTheBound),
        ("a message is stored once, and its key belongs to its words", receivesOnce),
        ("sequences grow and facts are dense", facts),
        ("facts that are settled stay for a while, for who cannot read the log", settledFacts),
        ("messages that come while an answer waits share its reply, up to the bound", waiting),
        ("one reply of a case runs at a time, and the next starts after it", oneAtATime),
        ("a checkpoint renews, hears a stop, and is lost with the lease", checkpoints),
        ("replies that run are listed as their checkpoints have them", running),
        ("an ending leaves message, then end, then case, once", endings),
        ("a reply that ended without a word leaves no message and can be retried", wordless),
        ("a retry is the next attempt of the same message, and only of the last reply", retries),
        ("a lapsed lease is taken once, with its checkpoint, and shuts out the zombie", lapses),
        ("asking for a person changes handling once; the AI goes on", asksForPerson),
        ("an emergency is answered at once and silences what runs and waits", emergencies),
        ("a takeover ends what the AI says with the words that were shown, before the handling changes", takeovers),
        ("a takeover that a newer reply outran is tried again", outrunTakeovers),
        ("a lease that is taken shuts out its writer, and is itself no match for a person", takenLeases),
        ("history pages backwards without holes", pages),
        ("another patient's case is not there", others),
        ("audit rows are numbered densely and chained, whoever writes at the same time", auditsInOneChain),
        ("audit rows are found by case, person and time, the newest that fit", auditsFound),
        ("a noted head tells the same trail from another", auditsNoted),
        ("a secret is made once; flags go back to their defaults", smallThings),
        ("a ticket is kept whole, given out once, and thrown away when its time is over", tickets),
        ("who is shut out stays so, from the latest moment, until no token can be so old", revocations),
    ]

    static let now = Moment(milliseconds: 1_800_000_000_000)
    static let lease = now + .seconds(5)
    static let topic = Topic.patient(Cast.amina.id)

    static func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) throws {
        try EventLogContract.expect(holds, sentence())
    }

    @Sendable static func opensUpToTheBound(_ store: Store) async throws {
        func draft(_ patient: Person, _ key: String?) -> CaseDraft {
            CaseDraft(
                patient: patient.id, clientCaseID: key, title: "Knee", language: .english, greeting: "Hello", at: now)
        }
        for number in 1...3 {
            let opened = try await store.open(draft(Cast.amina, "key-\(number)"), atMost: 3)
            guard case .opened? = opened else { throw EventLogContract.Broken(description: "no case \(number)") }
        }
        for key in ["key-4", nil] {
            try expect(try await store.open(draft(Cast.amina, key), atMost: 3) == nil, "a fourth was opened")
        }
        let again = try await store.open(draft(Cast.amina, "key-3"), atMost: 3)
        guard case .existing? = again else {
            throw EventLogContract.Broken(description: "who lost the answer is refused the case they have")
        }
        guard case .opened? = try await store.open(draft(Cast.tom, nil), atMost: 3) else {
            throw EventLogContract.Broken(description: "one patient's cases are counted as another's")
        }
        let kept = try await store.cases(of: Cast.amina.id, limit: 10)
        try expect(kept.count == 3, "\(kept.count) cases")
        let facts = try await store.pendingFacts(of: topic, limit: 100)
        try expect(facts.map(\.number) == Array(1...6), "\(facts.map(\.number))")
    }

    static func open(_ store: Store, key: String? = nil) async throws -> CareCase {
        try await store.open(
            CaseDraft(
                patient: Cast.amina.id, clientCaseID: key, title: "Knee", language: .english, greeting: "Hello",
                at: now)
        ).careCase
    }

    static func say(
        _ text: String, key: String, in careCase: CareCase, _ store: Store,
        _ change: (inout PatientMessage) -> Void = { _ in }
    ) async throws -> Received {
        var draft = PatientMessage(
            caseID: careCase.id, patient: Cast.amina, body: text, clientMessageID: key, at: now)
        change(&draft)
        return try await store.receive(draft)
    }

    /// Says something and returns the reply that shall answer it.
    static func ask(_ key: String, in careCase: CareCase, _ store: Store) async throws -> ReplyID {
        guard case .stored(_, let reply?) = try await say("Question \(key)", key: key, in: careCase, store) else {
            throw EventLogContract.Broken(description: "\(key) was not stored with a reply")
        }
        return reply
    }

    static func start(_ id: ReplyID, _ store: Store) async throws -> StartedReply {
        guard let started = try await store.start(id, lease: lease, at: now) else {
            throw EventLogContract.Broken(description: "it did not start")
        }
        return started
    }

    static func ending(_ state: Reply.State, _ text: String = "An answer") -> ReplyEnding {
        ReplyEnding(state: state, text: text, through: 1, author: .guide)
    }

    static func types(_ store: Store) async throws -> [String] {
        try await store.pendingFacts(of: topic, limit: 100).map(\.event.type)
    }

    static func settleAll(_ store: Store) async throws {
        if let last = try await store.pendingFacts(of: topic, limit: 1_000).last {
            try await store.settle(topic, through: last.number)
        }
    }

    @Sendable static func opensOnce(_ store: Store) async throws {
        let first = try await open(store, key: "one")
        let second = try await open(store, key: "one")
        try expect(first == second, "\(first) and \(second)")
        let other = try await open(store)
        let another = try await open(store)
        try expect(Set([first.id, other.id, another.id]).count == 3, "no key, no sameness")
        let list = try await store.cases(of: Cast.amina.id, limit: 2)
        try expect(list.count == 2, "the limit of the list: \(list.count)")
        try expect(try await store.cases(of: Cast.tom.id, limit: 2).isEmpty, "Tom has none")
    }

    @Sendable static func receivesOnce(_ store: Store) async throws {
        let careCase = try await open(store)
        guard case .stored(let message, let reply) = try await say("Hi", key: "k", in: careCase, store) else {
            throw EventLogContract.Broken(description: "not stored")
        }
        let again = try await say("Hi", key: "k", in: careCase, store)
        try expect(again == .duplicate(message, reply), "\(again)")
        let other = try await say("Other", key: "k", in: careCase, store)
        try expect(other == .keyReused, "\(other)")
        let count = try await store.messages(of: careCase.id, before: nil, limit: 10, audience: .everyone).count
        try expect(count == 2, "greeting and one message, not \(count)")
    }

    @Sendable static func facts(_ store: Store) async throws {
        let careCase = try await open(store)
        for key in ["a", "b", "c"] { _ = try await say(key, key: key, in: careCase, store) }
        let pending = try await store.pendingFacts(of: topic, limit: 100)
        try expect(pending.map(\.number) == Array(1...8), "numbers \(pending.map(\.number))")
        let sequences = try await store.messages(of: careCase.id, before: nil, limit: 10, audience: .everyone)
            .map(\.sequence)
        try expect(sequences == sequences.sorted() && Set(sequences).count == 4, "sequences \(sequences)")
        try await store.settle(topic, through: 6)
        let left = try await store.pendingFacts(of: topic, limit: 100).map(\.number)
        try expect(left == [7, 8], "left \(left)")
        let old = try await store.topicsWithFacts(olderThan: now + .milliseconds(1), limit: 10)
        try expect(old == [topic], "\(old)")
        let young = try await store.topicsWithFacts(olderThan: now, limit: 10)
        try expect(young.isEmpty, "\(young)")
    }

    @Sendable static func settledFacts(_ store: Store) async throws {
        let careCase = try await open(store)
        for key in ["a", "b"] { _ = try await say(key, key: key, in: careCase, store) }
        let all = try await store.pendingFacts(of: topic, limit: 100)
        let beyond = try await store.pendingFacts(of: topic, after: 2, limit: 3)
        try expect(beyond == Array(all[2...4]), "beyond 2: \(beyond.map(\.number))")
        try await store.settle(topic, through: 4)
        let left = try await store.pendingFacts(of: topic, after: 0, limit: 100)
        try expect(left == Array(all[4...]), "left \(left.map(\.number))")
        try expect(try await store.pendingFacts(of: topic, after: 5, limit: 1) == [all[5]], "beyond 5")

        let recent = try await store.recentFacts(since: now, limit: 100)
        try expect(recent.map(\.1) == all && recent.allSatisfy { $0.0 == topic }, "settled ones are gone: \(recent)")
        let few = try await store.recentFacts(since: now, limit: 3)
        try expect(few.map(\.1) == Array(all[..<3]), "the limit: \(few.map(\.1.number))")
        try expect(try await store.recentFacts(since: now + .milliseconds(1), limit: 100).isEmpty, "since then")

        try await store.purgeSettledFacts(olderThan: .now + .seconds(-3_600))
        let young = try await store.recentFacts(since: now, limit: 100)
        try expect(young.count == all.count, "purged what was settled just now: \(young.count)")
        try await store.purgeSettledFacts(olderThan: .now + .seconds(3_600))
        let kept = try await store.recentFacts(since: now, limit: 100)
        try expect(kept.map(\.1) == Array(all[4...]), "kept \(kept.map(\.1.number))")
        let old = try await store.topicsWithFacts(olderThan: now + .seconds(1), limit: 10)
        try expect(old == [topic], "\(old)")
        try await settleAll(store)
        let none = try await store.topicsWithFacts(olderThan: now + .seconds(1), limit: 10)
        try expect(none.isEmpty, "settled ones are looked for again: \(none)")
        _ = try await say("c", key: "c", in: careCase, store)
        let next = try await store.pendingFacts(of: topic, limit: 1)
        try expect(next.first?.number == all.count + 1, "numbers go on: \(next)")
    }

    @Sendable static func running(_ store: Store) async throws {
        let careCase = try await open(store)
        try expect(try await store.runningReplies(limit: 10).isEmpty, "something runs")
        let started = try await start(try await ask("1", in: careCase, store), store)
        _ = try await ask("2", in: careCase, store)
        _ = try await store.checkpoint(started, through: 2, text: "Some words", lease: lease)
        var expected = started
        expected.reply.through = 2
        expected.reply.text = "Some words"
        let found = try await store.runningReplies(limit: 10)
        try expect(found == [expected], "\(found)")
        let other = try await start(try await ask("1", in: try await open(store), store), store)
        try expect(try await store.runningReplies(limit: 10).count == 2, "two run")
        try expect(try await store.runningReplies(limit: 1).count == 1, "the limit")
        _ = try await store.end(started, ending(.finished), at: now)
        let left = try await store.runningReplies(limit: 10)
        try expect(left == [other], "\(left)")
    }

    @Sendable static func waiting(_ store: Store) async throws {
        let careCase = try await open(store)
        let running = try await ask("1", in: careCase, store)
        _ = try await start(running, store)
        let queued = try await ask("2", in: careCase, store)
        try expect(queued != running, "a running reply answers nothing new")
        for key in ["3", "4"] {
            let reply = try await ask(key, in: careCase, store)
            try expect(reply == queued, "one queued reply answers all")
        }
        let full = try await say("5", key: "5", in: careCase, store) { $0.waitingLimit = 3 }
        try expect(full == .tooManyWaiting, "\(full)")
        let fits = try await say("5", key: "5", in: careCase, store) { $0.waitingLimit = 4 }
        guard case .stored = fits else { throw EventLogContract.Broken(description: "\(fits)") }
    }

    @Sendable static func oneAtATime(_ store: Store) async throws {
        let careCase = try await open(store)
        let first = try await start(try await ask("1", in: careCase, store), store)
        let second = try await ask("2", in: careCase, store)
        try expect(try await store.start(second, lease: lease, at: now) == nil, "two run at once")
        try expect(try await store.startable(limit: 10).isEmpty, "it is startable while another runs")
        try expect(try await store.end(first, ending(.finished), at: now), "the first could not end")
        try expect(try await store.startable(limit: 10) == [second], "it is not startable afterwards")
        let next = try await start(second, store)
        try expect(next.fence.lease == first.fence.lease + 1, "lease numbers grow")
        try expect(next.sequence > first.sequence, "bubbles stand in order")
        let fence = try await store.fence(of: careCase.id)
        try expect(fence == next.fence, "the store knows the fence: \(String(describing: fence))")
    }

    @Sendable static func checkpoints(_ store: Store) async throws {
        let careCase = try await open(store)
        let started = try await start(try await ask("1", in: careCase, store), store)
        let kept = try await store.checkpoint(started, through: 3, text: "One two", lease: lease)
        try expect(kept == .kept, "\(kept)")
        let reply = try await store.reply(started.reply.id)
        try expect(reply?.text == "One two" && reply?.through == 3, "\(String(describing: reply))")
        _ = try await store.requestStop(started.reply.id, at: now)
        let stop = try await store.checkpoint(started, through: 4, text: "One two three", lease: lease)
        try expect(stop == .stopWanted, "\(stop)")
        var zombie = started
        zombie.fence.lease -= 1
        let lost = try await store.checkpoint(zombie, through: 9, text: "zombie", lease: lease)
        try expect(lost == .lost, "\(lost)")
        try expect(try await store.reply(started.reply.id)?.text == "One two three", "the zombie wrote")
    }

    @Sendable static func endings(_ store: Store) async throws {
        let careCase = try await open(store)
        let started = try await start(try await ask("1", in: careCase, store), store)
        try await settleAll(store)
        var zombie = started
        zombie.fence.takeover += 1
        try expect(try await store.end(zombie, ending(.finished), at: now) == false, "another takeover count ended it")
        try expect(try await types(store).isEmpty, "a refused ending left facts")
        try expect(try await store.end(started, ending(.finished), at: now), "it could not end")
        let seen = try await types(store)
        try expect(seen == ["message", "reply.finished", "case"], "\(seen)")
        try expect(try await store.end(started, ending(.stopped), at: now) == false, "it ended twice")
        let message = try await store.message(Cast.same(started.reply.id))
        try expect(message?.body == "An answer" && message?.version == 1, "\(String(describing: message))")
        try expect(message?.sequence == started.sequence, "it stands where its bubble stood")
    }

    @Sendable static func wordless(_ store: Store) async throws {
        let careCase = try await open(store)
        let started = try await start(try await ask("1", in: careCase, store), store)
        try await settleAll(store)
        _ = try await store.end(started, ending(.stopped, ""), at: now)
        let seen = try await types(store)
        try expect(seen == ["reply.stopped", "case"], "\(seen)")
        try expect(try await store.message(Cast.same(started.reply.id)) == nil, "a message without words")
        let shown = try await store.currentReply(of: careCase.id)
        try expect(
            shown?.id == started.reply.id && shown?.state == .stopped && shown?.sequence == started.sequence,
            "a wordless end is shown: \(String(describing: shown))")
        guard case .queued(let again) = try await store.retry(started.reply.id, at: now) else {
            throw EventLogContract.Broken(description: "no retry")
        }
        try expect(again.attempt == 2, "attempt \(again.attempt)")
        _ = try await store.requestStop(again.id, at: now)
        let waited = try await store.currentReply(of: careCase.id)
        try expect(waited?.attempt == 2 && waited?.state == .stopped, "\(String(describing: waited))")
        let next = try await start(try await ask("2", in: careCase, store), store)
        try expect(try await store.currentReply(of: careCase.id)?.id == next.reply.id, "the talk moved on")
        _ = try await store.end(next, ending(.interrupted, "Half"), at: now)
        let after = try await store.currentReply(of: careCase.id)
        try expect(after == nil, "what left a message is told by it: \(String(describing: after))")
    }

    @Sendable static func retries(_ store: Store) async throws {
        let careCase = try await open(store)
        let first = try await start(try await ask("1", in: careCase, store), store)
        let early = try await store.retry(first.reply.id, at: now)
        try expect(early == .running, "\(early)")
        _ = try await store.end(first, ending(.interrupted, "Half"), at: now)
        guard case .queued(let again) = try await store.retry(first.reply.id, at: now) else {
            throw EventLogContract.Broken(description: "no retry")
        }
        let second = try await start(again.id, store)
        try expect(second.attempt.number == 2 && second.sequence == first.sequence, "\(second)")
        _ = try await store.end(second, ending(.finished, "Whole"), at: now)
        let message = try await store.message(Cast.same(first.reply.id))
        try expect(message?.version == 2 && message?.body == "Whole", "\(String(describing: message))")
        try expect(message?.status == .complete, "its status follows")
        let done = try await store.retry(first.reply.id, at: now)
        try expect(done == .finished, "\(done)")
        let later = try await start(try await ask("2", in: careCase, store), store)
        _ = try await store.end(later, ending(.stopped), at: now)
        let old = try await store.retry(first.reply.id, at: now)
        try expect(old == .superseded, "\(old)")
        let unknown = try await store.retry(.new(), at: now)
        try expect(unknown == .noSuchReply, "\(unknown)")
    }

    @Sendable static func lapses(_ store: Store) async throws {
        let careCase = try await open(store)
        let started = try await start(try await ask("1", in: careCase, store), store)
        _ = try await store.checkpoint(started, through: 2, text: "Partial", lease: lease)
        try await settleAll(store)
        try expect(try await store.lapsed(before: lease, limit: 9).isEmpty, "lapsed at the last moment of its lease")
        let late = lease + .milliseconds(1), until = late + .seconds(5)
        try expect(try await store.lapsed(before: late, limit: 9) == [started.reply.id], "not found")
        try expect(try await store.lapsed(before: late, limit: 0).isEmpty, "more than was asked for")
        let healthy = try await store.takeLease(of: started.reply.id, .lapsed(before: lease), until: until)
        try expect(healthy == nil, "taken from a healthy writer")
        let found = try await store.takeLease(of: started.reply.id, .lapsed(before: late), until: until)
        guard let taken = found else { throw EventLogContract.Broken(description: "not taken") }
        try expect(!taken.reply.isStopWanted && taken.reply.text == "Partial", "\(taken)")
        try expect(taken.fence.lease > started.fence.lease, "its writer is not shut out: \(taken)")
        try expect(taken.sequence == started.sequence && taken.attempt == started.attempt, "\(taken)")
        let twice = try await store.takeLease(of: started.reply.id, .lapsed(before: late), until: until)
        try expect(twice == nil, "taken twice")
        let mine = try await store.end(started, ending(.finished), at: now)
        try expect(!mine, "ended by who lost the lease")
        var partial = ending(.interrupted, "Partial and")
        partial.author = nil
        try expect(try await store.end(taken, partial, at: now), "not ended by who took the lease")
        try expect(try await store.lapsed(before: until + .seconds(9), limit: 9).isEmpty, "something holds a lease")
        let facts = try await store.pendingFacts(of: topic, limit: 9)
        try expect(
            facts.contains { $0.fence == taken.fence }, "a log that was away would not learn of the fence")
        try expect(facts.map(\.event.type) == ["message", "reply.interrupted", "case"], "\(facts.map(\.event.type))")
        let message = try await store.message(Cast.same(started.reply.id))
        try expect(message?.body == "Partial and" && message?.status == .interrupted, "\(String(describing: message))")
        let zombie = try await store.end(started, ending(.finished), at: now)
        try expect(!zombie, "the zombie ended it")
        let kept = try await store.checkpoint(started, through: 3, text: "zombie", lease: lease)
        try expect(kept == .lost, "\(kept)")
    }

    @Sendable static func asksForPerson(_ store: Store) async throws {
        let careCase = try await open(store)
        for key in ["1", "2"] {
            let outcome = try await say("A person please", key: key, in: careCase, store) {
                $0.asksForPerson = true
                $0.answer = .fixed("Of course", .guide)
            }
            guard case .stored(_, let reply?) = outcome else {
                throw EventLogContract.Broken(description: "\(outcome)")
            }
            try expect(try await store.reply(reply)?.state == .finished, "a fixed answer is a finished reply")
            try expect(try await store.message(Cast.same(reply))?.body == "Of course", "with its message")
        }
        let handling = try await store.careCase(careCase.id)?.handling
        try expect(handling?.state == .requested && handling?.version == 1, "\(String(describing: handling))")
        _ = try await start(try await ask("3", in: careCase, store), store)
    }

    @Sendable static func emergencies(_ store: Store) async throws {
        let careCase = try await open(store)
        let running = try await start(try await ask("1", in: careCase, store), store)
        let queued = try await ask("2", in: careCase, store)
        let outcome = try await say("My chest hurts", key: "3", in: careCase, store) {
            $0.asksForPerson = true
            $0.silencesReplies = true
            $0.answer = .fixed("Call the emergency number now", .emergency)
        }
        guard case .stored(_, let reply?) = outcome else { throw EventLogContract.Broken(description: "\(outcome)") }
        let message = try await store.message(Cast.same(reply))
        try expect(message?.answeredBy == .emergency && message?.sender == .ai, "\(String(describing: message))")
        try expect(try await store.reply(queued)?.state == .stopped, "what waited still waits")
        let kept = try await store.checkpoint(running, through: 1, text: "", lease: lease)
        try expect(kept == .stopWanted, "\(kept)")
    }

    @Sendable static func takeovers(_ store: Store) async throws {
        let careCase = try await open(store)
        let running = try await start(try await ask("1", in: careCase, store), store)
        _ = try await store.checkpoint(running, through: 2, text: "Some words", lease: lease)
        let queued = try await ask("2", in: careCase, store)
        try await settleAll(store)
        guard let fence = try await store.fenceOff(careCase.id) else {
            throw EventLogContract.Broken(description: "no fence")
        }
        try expect(fence.lease > running.fence.lease, "the writer is not shut out: \(fence)")
        let shown = ReplyFold(
            attempt: running.attempt, sequence: running.sequence, through: 3, text: "Some words more")
        var takeover = Takeover(caseID: careCase.id, person: Cast.priya, fencedOff: fence, shown: [shown], at: now)
        guard case .changed(let taken) = try await store.takeOver(takeover) else {
            throw EventLogContract.Broken(description: "not taken over")
        }
        try expect(
            taken.handling == Handling(state: .coordinator, version: 1, by: Cast.priya.name), "\(taken.handling)")
        let facts = try await store.pendingFacts(of: topic, limit: 100)
        let order = ["message", "reply.stopped", "case", "reply.stopped", "handling", "case"]
        try expect(facts.map(\.event.type) == order, "\(facts.map(\.event.type))")
        let after = try await store.fence(of: careCase.id)
        try expect(facts[4].fence == after && after?.takeover == 1, "the fence moves with the handling entry")
        try expect(facts.filter { $0.fence != nil }.count == 1, "and with nothing else")
        let message = try await store.message(Cast.same(running.reply.id))
        try expect(message?.body == "Some words more" && message?.status == .stopped, "\(String(describing: message))")
        try expect(try await store.reply(queued)?.state == .stopped, "what waited still waits")
        let kept = try await store.checkpoint(running, through: 4, text: "zombie", lease: lease)
        try expect(kept == .lost, "\(kept)")
        try expect(try await store.end(running, ending(.finished), at: now) == false, "the zombie ended it")
        try expect(
            try await store.lapsed(before: lease + .seconds(60), limit: 9).isEmpty, "something still holds a lease")

        let again = try await store.takeOver(takeover)
        try expect(again == .already(taken), "\(again)")
        takeover.person = Person(id: .new(), name: Cast.priya.name, role: .coordinator, language: .english)
        let other = try await store.takeOver(takeover)
        try expect(other == .takenBy(taken), "a namesake is somebody else: \(other)")
        let retry = try await store.retry(queued, at: now)
        try expect(retry == .handledByPerson, "\(retry)")
        guard case .stored(_, nil) = try await say("3", key: "3", in: careCase, store) else {
            throw EventLogContract.Broken(description: "the AI was to answer what was for a person")
        }
        guard case .changed(let released) = try await store.release(careCase.id, by: Cast.priya, at: now, noting: nil)
        else {
            throw EventLogContract.Broken(description: "not released")
        }
        try expect(released.handling.state == .ai && released.handling.version == 2, "\(released.handling)")
        let twice = try await store.release(careCase.id, by: Cast.priya, at: now, noting: nil)
        try expect(twice == .notTaken(released), "\(twice)")
        let next = try await start(try await ask("4", in: careCase, store), store)
        try expect(next.fence.takeover == 1, "a release does not move the fence: \(next.fence)")
        let nowhere = try await store.release(.new(), by: Cast.priya, at: now, noting: nil)
        try expect(nowhere == .noSuchCase, "\(nowhere)")
        try expect(try await store.fenceOff(.new()) == nil, "a fence of no case")
    }

    @Sendable static func outrunTakeovers(_ store: Store) async throws {
        let careCase = try await open(store)
        guard let fence = try await store.fenceOff(careCase.id) else {
            throw EventLogContract.Broken(description: "no fence")
        }
        let running = try await start(try await ask("1", in: careCase, store), store)
        _ = try await store.checkpoint(running, through: 1, text: "Checkpoint", lease: lease)
        var old = running.attempt
        old.number = 7
        let stale = ReplyFold(attempt: old, sequence: running.sequence, through: 9, text: "of another attempt")
        var takeover = Takeover(caseID: careCase.id, person: Cast.priya, fencedOff: fence, shown: [stale], at: now)
        let raced = try await store.takeOver(takeover)
        try expect(raced == .raced, "\(raced)")
        try expect(try await store.careCase(careCase.id)?.handling.state == .ai, "a raced takeover changed something")
        takeover.isLastTry = true
        guard case .changed = try await store.takeOver(takeover) else {
            throw EventLogContract.Broken(description: "the last try must go through")
        }
        let message = try await store.message(Cast.same(running.reply.id))
        try expect(message?.body == "Checkpoint", "\(String(describing: message))")
    }

    @Sendable static func takenLeases(_ store: Store) async throws {
        let careCase = try await open(store)
        let id = try await ask("1", in: careCase, store)
        let queued = try await store.takeLease(of: id, .stopWanted, until: lease)
        try expect(queued == nil, "of one that does not run")
        let running = try await start(id, store)
        _ = try await store.checkpoint(running, through: 2, text: "Some words", lease: lease)
        let unasked = try await store.takeLease(of: id, .stopWanted, until: lease)
        try expect(unasked == nil, "of one that nobody wants to stop")
        let asked = try await store.requestStop(id, at: now)
        try expect(asked?.isStopWanted == true, "\(String(describing: asked))")
        guard let taken = try await store.takeLease(of: id, .stopWanted, until: lease) else {
            throw EventLogContract.Broken(description: "not taken from a healthy writer")
        }
        try expect(taken.reply.isStopWanted && taken.reply.through == 2, "\(taken)")
        let kept = try await store.checkpoint(running, through: 3, text: "zombie", lease: lease)
        try expect(kept == .lost, "\(kept)")
        guard case .changed = try await takeOver(careCase, store) else {
            throw EventLogContract.Broken(description: "a taken lease is in the way of a person")
        }
        let late = try await store.end(taken, ending(.stopped), at: now)
        try expect(!late, "ended after it was over")
        let none = try await store.takeLease(of: .new(), .stopWanted, until: lease)
        try expect(none == nil, "of no reply")

        let other = try await open(store, key: "other")
        let first = try await start(try await ask("2", in: other, store), store)
        _ = try await store.requestStop(first.reply.id, at: now)
        _ = try await store.end(first, ending(.stopped), at: now)
        _ = try await store.retry(first.reply.id, at: now)
        let second = try await start(first.reply.id, store)
        try expect(!second.reply.isStopWanted, "\(second)")
        let tooLate = try await store.takeLease(of: first.reply.id, .stopWanted, until: lease)
        try expect(tooLate == nil, "a stop of the first attempt ended the second")
    }

    static func takeOver(_ careCase: CareCase, _ store: Store) async throws -> HandlingOutcome {
        guard let fence = try await store.fenceOff(careCase.id) else {
            throw EventLogContract.Broken(description: "no fence")
        }
        return try await store.takeOver(Takeover(caseID: careCase.id, person: Cast.priya, fencedOff: fence, at: now))
    }

    @Sendable static func pages(_ store: Store) async throws {
        let careCase = try await open(store)
        for number in 1...9 {
            _ = try await say("m\(number)", key: "k\(number)", in: careCase, store) { $0.waitingLimit = 99 }
        }
        var before: Int?
        var bodies: [String] = []
        while true {
            let page = try await store.messages(of: careCase.id, before: before, limit: 4, audience: .everyone)
            bodies = page.map(\.body) + bodies
            guard page.count == 4, let first = page.first else { break }
            before = first.sequence
        }
        try expect(bodies == ["Hello"] + (1...9).map { "m\($0)" }, "\(bodies)")
    }

    @Sendable static func others(_ store: Store) async throws {
        let careCase = try await open(store)
        let outcome = try await store.receive(
            PatientMessage(caseID: careCase.id, patient: Cast.tom, body: "Hi", clientMessageID: "t", at: now))
        try expect(outcome == .noSuchCase, "\(outcome)")
        let nowhere = try await store.receive(
            PatientMessage(caseID: .new(), patient: Cast.amina, body: "Hi", clientMessageID: "t", at: now))
        try expect(nowhere == .noSuchCase, "\(nowhere)")
    }

    @Sendable static func smallThings(_ store: Store) async throws {
        let first = try await store.secret("key") { "first" }
        let second = try await store.secret("key") { "second" }
        try expect(first == "first" && second == "first", "\(first), \(second)")
        for flag in Flag.allCases {
            try await store.set(flag, to: !flag.byDefault)
            try expect(try await store.value(of: flag) != flag.byDefault, "\(flag) was not set")
            try await store.set(flag, to: nil)
            try expect(try await store.value(of: flag) == flag.byDefault, "\(flag) did not go back")
        }
        try await store.save(Cast.amina)
        try await store.save(Cast.amina)
        try expect(try await store.people() == [Cast.amina], "one Amina")
        try expect(try await store.person(Cast.tom.id) == nil, "no Tom")
        try expect(await store.health() == .ok, "it answers")
    }

    static func ticket(_ digest: String, until: Moment, caseID: CaseID? = nil) -> KeptTicket {
        KeptTicket(
            digest: digest, person: Cast.priya, session: SessionID(rawValue: "s-1"), impersonator: "someone",
            expiresAt: now + .seconds(60), caseID: caseID, until: until)
    }

    @Sendable static func tickets(_ store: Store) async throws {
        let bound = ticket("bound", until: now + .seconds(30), caseID: try await open(store).id)
        var bare = ticket("bare", until: now + .seconds(30))
        bare.session = nil
        bare.impersonator = nil
        for ticket in [bound, bare, ticket("old", until: now + .seconds(1))] { try await store.keep(ticket, at: now) }
        try expect(try await store.takeTicket("bound") == bound, "not what was kept")
        try expect(try await store.takeTicket("bound") == nil, "given out twice")
        try expect(try await store.takeTicket("nothing") == nil, "a ticket nobody made")
        try await store.keep(ticket("new", until: now + .seconds(60)), at: now + .seconds(2))
        try expect(try await store.takeTicket("old") == nil, "kept for ever")
        try expect(try await store.takeTicket("bare") == bare, "thrown away too early")
    }

    @Sendable static func revocations(_ store: Store) async throws {
        // A person and a sign-in may have the same name.
        let person = Revocation(.person(Cast.id("a")), at: now), session = Revocation(.session(Cast.id("a")), at: now)
        try expect(try await store.revocations().isEmpty, "somebody is shut out already")
        for revocation in [person, session] { try await store.revoke(revocation) }
        let later = Revocation(person.subject, at: now + .seconds(5))
        for revocation in [later, person] { try await store.revoke(revocation) }
        try expect(Set(try await store.revocations()) == [later, session], "the later one stays")
        let other = Revocation(.person(Cast.id("b")), at: now + Revocation.kept + .seconds(1))
        try await store.revoke(other)
        try expect(Set(try await store.revocations()) == [later, other], "no token is so old")
    }

    // MARK: Audit

    static func entry(
        _ number: Int = 0, by person: Person = Cast.priya, about caseID: CaseID? = Cast.id("case"),
        _ outcome: AuditEntry.Outcome = .allowed
    ) -> AuditEntry {
        AuditEntry(
            at: now + .seconds(number), person: person.id, session: number.isMultiple(of: 2) ? Cast.id("sess") : nil,
            right: .readCase, caseID: caseID, patientID: Cast.amina.id, outcome: outcome, request: "request-\(number)")
    }

    private static func auditsInOneChain(_ store: Store) async throws {
        try expect(try await store.auditHead() == AuditHead.none, "an empty trail does not begin at none")
        try expect(try await store.verify().fault == nil, "an empty trail is not whole")
        let hashes = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 1...20 { group.addTask { try await store.record(entry(number)).hash } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        let rows = try await store.auditRows(AuditQuery())
        try expect(rows.map(\.number) == Array(1...20), "the numbers are \(rows.map(\.number))")
        try expect(Set(rows.map(\.hash)) == hashes && hashes.count == 20, "what was returned is not what stands")
        try expect(Set(rows.map(\.request)).count == 20, "a row is missing")
        // Pages of seven: the last one is not full; of five: the last one is.
        for page in [1, 5, 7, 20, 21] {
            let (head, fault) = try await store.verify(page: page)
            try expect(fault == nil, "\(String(describing: fault)) in pages of \(page)")
            try expect(head == AuditHead(number: 20, hash: rows.last?.hash ?? ""), "the head is \(head)")
        }
        let (count, head) = try await store.auditCount()
        try expect(count == 20 && head?.number == 20, "it counts \(count)")
        try expect(
            store.digest(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "the digest is not SHA-256")
    }

    private static func auditsFound(_ store: Store) async throws {
        let other: CaseID = Cast.id("other")
        for number in 1...6 {
            try await store.record(
                entry(
                    number, by: number < 5 ? Cast.priya : Cast.tom, about: number.isMultiple(of: 2) ? other : nil,
                    number == 6 ? .notFound : .allowed))
        }
        func found(_ query: AuditQuery) async throws -> [Int] { try await store.auditRows(query).map(\.number) }
        for (query, numbers) in [
            (AuditQuery(), [1, 2, 3, 4, 5, 6]), (AuditQuery(limit: 2), [5, 6]), (AuditQuery(caseID: other), [2, 4, 6]),
            (AuditQuery(person: Cast.tom.id), [5, 6]), (AuditQuery(caseID: other, person: Cast.tom.id), [6]),
            (AuditQuery(since: now + .seconds(3)), [3, 4, 5, 6]),
            (AuditQuery(caseID: other, person: Cast.priya.id, since: now + .seconds(3), limit: 1), [4]),
            (AuditQuery(person: Cast.amina.id), []), (AuditQuery(limit: 0), [6]),
        ] {
            let rows = try await found(query)
            try expect(rows == numbers, "\(query) found \(rows), not \(numbers)")
        }
        let last = try await store.auditRows(AuditQuery(limit: 1)).first
        try expect(
            last?.person == "tom" && last?.verb == "read_case" && last?.outcome == "not_found"
                && last?.session == "sess" && last?.caseID == "other" && last?.patientID == "amina"
                && last?.request == "request-6" && last?.at == now + .seconds(6),
            "it is \(String(describing: last))")
    }

    private static func auditsNoted(_ store: Store) async throws {
        var heads = [AuditHead.none]
        for number in 1...5 {
            let row = try await store.record(entry(number))
            heads.append(AuditHead(number: row.number, hash: row.hash))
        }
        for head in heads {
            try expect(try await store.verify(noted: head, page: 2).fault == nil, "\(head) is not found again")
        }
        for (number, what) in [
            (0, AuditFault.What.notAsNoted), (3, .notAsNoted), (5, .notAsNoted), (6, .endsEarly(head: 6)),
        ] {
            let noted = AuditHead(number: number, hash: String(repeating: "a", count: 64))
            let fault = try await store.verify(noted: noted, page: 2).fault
            try expect(fault == AuditFault(row: number, what: what), "\(String(describing: fault)) for \(noted)")
        }
    }
}
