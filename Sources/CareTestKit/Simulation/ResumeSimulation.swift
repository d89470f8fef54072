import CareDesk
import CareDomain
import CareLog

/// One patient's log, its readers and everything that can happen to them, in virtual time and from one seed.
///
/// What is true is a small model of the store; what is tested is real: `TopicState`, `FollowerState`, `withWords`
/// (the snapshot's rule) and the five rules of a client. Each step does one thing (a message, a word, an ending, a
/// takeover, a late fact, a lost log, a cut in the middle of a byte, a return by one of four ways) and then checks:
///
/// - a snapshot of before plus the entries since shows what a fresh snapshot shows;
/// - no reader is given an entry twice, and none skips one without a `reset`;
/// - the writer that was shut out by a takeover or a newer lease is refused.
package struct ResumeSimulation {
    package struct Report: Sendable, Equatable {
        package var steps = 0
        package var entries = 0
        package var cuts = 0
        package var resets = 0
        package var folds = 0
        package var takeovers = 0
        package var epochs = 0

        package init() {}

        package static func + (one: Report, other: Report) -> Report {
            var sum = one
            for count in [\Self.steps, \.entries, \.cuts, \.resets, \.folds, \.takeovers, \.epochs] {
                sum[keyPath: count] += other[keyPath: count]
            }
            return sum
        }
    }

    package struct Broken: Error, CustomStringConvertible {
        package var description: String
    }

    /// Small, so that trimming, folding and `behind` happen all the time.
    private static let limits: LogLimits = {
        var limits = LogLimits()
        limits.kept = 40
        limits.keptWhileReplying = 80
        limits.lagBytes = 6_000
        limits.batchBytes = 700
        return limits
    }()

    /// The store, as far as a log's readers can tell.
    private struct Truth {
        var careCase = CareCase(
            id: Say.caseID, patientID: Cast.amina.id, title: "Knee", language: .english,
            createdAt: Moment(milliseconds: 0),
            updatedAt: Moment(milliseconds: 0))
        var messages: [Message] = []
        var facts: [(event: CareEvent, fence: Fence?)] = []
        var reply: Reply?
        var lease = 0
        var takeover = 0
        var sequence = 0
        var replies = 0
    }

    private struct Reader {
        var picture = ClientPicture()
        var follower: FollowerState?
        /// Sent and not yet read, as frames with their length in bytes.
        var wire: [(item: Follower.Item, bytes: Int)] = []
        var position: Position?
        /// The URL it once connected with, as a native EventSource keeps it.
        var firstCursor: Position?
        var sleeps = 0
    }

    private var random: SeededRandom
    private var truth = Truth()
    private var topic = TopicState(epoch: "e1", limits: limits)
    private var published = 0
    private var epochs = 1
    /// The running reply's writer: what it has said, under which fence.
    private var writer: (attempt: ReplyAttempt, sequence: Int, fence: Fence, through: Int, text: String)?
    private var zombies: [(attempt: ReplyAttempt, fence: Fence)] = []
    private var readers = Array(repeating: Reader(), count: 4)
    private var stale: [(picture: ClientPicture, cursor: Position)] = []
    private var report = Report()

    /// Runs one schedule. Throws `Broken` with what is wrong and the step it was found at.
    package static func run(seed: UInt64, steps: Int = 400) throws -> Report {
        var simulation = ResumeSimulation(random: SeededRandom(seed: seed))
        for step in 1...steps {
            do {
                try simulation.step()
            } catch let broken as Broken {
                throw Broken(description: "seed \(seed), step \(step): \(broken.description)")
            }
        }
        do {
            try simulation.settle()
        } catch let broken as Broken {
            throw Broken(description: "seed \(seed), at the end: \(broken.description)")
        }
        return simulation.report
    }

    private init(random: SeededRandom) {
        self.random = random
        say(.ai, "Hello")
    }

    // MARK: What can happen

    private mutating func step() throws {
        report.steps += 1
        switch random.below(100) {
        case 0..<8: say(.patient, random.words())
        case 8..<18: try begin()
        case 18..<44: try speak()
        case 44..<49: finish()
        case 49..<52: retry()
        case 52..<55: try takeOver()
        case 55..<58: release()
        case 58..<60: checkpoint()
        case 60..<61: forget()
        case 61..<64: noise()
        case 64..<70: try publish(all: random.once(in: 2))
        case 70..<72: try beZombie()
        default: try read(random.below(readers.count))
        }
        try compare()
    }

    private mutating func say(_ sender: Sender, _ body: String) {
        truth.sequence += 1
        let message = Message(
            id: id("m\(truth.sequence)"), caseID: Say.caseID, sequence: truth.sequence,
            role: sender == .patient ? .user : .assistant, sender: sender, body: body,
            createdAt: Moment(milliseconds: 1))
        truth.messages.append(message)
        commit(.message(message))
    }

    /// What only staff may see, and another case of the same patient: entries that must not show and must not hurt.
    private mutating func noise() {
        truth.sequence += 1
        let isNote = random.once(in: 2)
        commit(
            .message(
                Message(
                    id: id("n\(truth.sequence)"), caseID: isNote ? Say.caseID : Say.otherCase, sequence: truth.sequence,
                    role: .assistant, sender: .coordinator, audience: isNote ? .staff : .everyone, body: "noise",
                    createdAt: Moment(milliseconds: 1))))
    }

    private mutating func begin() throws {
        guard truth.careCase.handling.letsAIAnswer, truth.reply?.state != .running else { return }
        // As the orchestrator does: words under a fence whose `handling` is not in the log yet would be refused.
        try publish(all: true)
        truth.lease += 1
        if truth.reply?.state != .queued {
            truth.replies += 1
            truth.reply = Reply(id: id("r\(truth.replies)"), caseID: Say.caseID, patientID: Cast.amina.id)
        }
        guard var reply = truth.reply else { return }
        if reply.sequence == nil {
            truth.sequence += 1
            reply.sequence = truth.sequence
        }
        reply.state = .running
        reply.text = ""
        reply.through = 0
        truth.reply = reply
        let attempt = ReplyAttempt(caseID: Say.caseID, replyID: reply.id, number: reply.attempt)
        writer = (
            attempt, reply.sequence ?? 0, Fence(takeover: truth.takeover, lease: truth.lease), 0, ""
        )
        _ = write(.replyStarted(attempt, sequence: reply.sequence ?? 0))
    }

    private mutating func speak() throws {
        guard var now = writer else { return }
        let text = random.words()
        now.through += 1
        now.text += text
        writer = now
        if random.once(in: 40) { return }  // the append failed; the next one finds the hole
        var outcome = write(.replyDelta(now.attempt, n: now.through, text: text))
        if case .behind = outcome {
            outcome = write(
                .replySnapshot(
                    ReplyFold(attempt: now.attempt, sequence: now.sequence, through: now.through, text: now.text)))
        }
        guard case .appended = outcome else { throw Broken(description: "the writer was refused: \(outcome)") }
    }

    private mutating func checkpoint() {
        guard let writer else { return }
        truth.reply?.text = writer.text
        truth.reply?.through = writer.through
    }

    /// The end of an attempt: by itself with all its words, or by somebody who has only the checkpoint.
    private mutating func finish() {
        guard let writer else { return }
        let states: [Reply.State] = [.finished, .finished, .stopped, .interrupted]
        var state = random.element(of: states)
        var text = writer.text
        var fence: Fence?
        if state == .interrupted, random.once(in: 2) {
            // Its lease lapsed: a newer lease number shuts it out.
            text = truth.reply?.text ?? ""
            truth.lease += 1
            fence = Fence(takeover: truth.takeover, lease: truth.lease)
            zombies.append((writer.attempt, writer.fence))
        }
        if text.isEmpty, state == .finished { state = .failed }
        end(state, text, fence: fence)
    }

    private mutating func end(_ state: Reply.State, _ text: String, fence: Fence? = nil) {
        guard let ended = writer else { return }
        writer = nil
        truth.reply?.state = state
        truth.reply?.text = text
        truth.reply?.through = 0
        var messageID: MessageID?
        if !text.isEmpty {
            let message = Message(
                id: Cast.same(ended.attempt.replyID), caseID: Say.caseID, sequence: ended.sequence,
                version: ended.attempt.number, role: .assistant, sender: .ai, body: text,
                replyID: ended.attempt.replyID, status: state == .finished ? .complete : .stopped,
                createdAt: Moment(milliseconds: 2))
            truth.messages.removeAll { $0.id == message.id }
            truth.messages.append(message)
            messageID = message.id
            commit(.message(message))
        }
        commit(
            .replyEnded(ended.attempt, state: state, sequence: ended.sequence, messageID: messageID, code: nil),
            fence: fence)
    }

    private mutating func retry() {
        guard var reply = truth.reply, reply.state.isRetryable, truth.careCase.handling.letsAIAnswer else { return }
        reply.attempt += 1
        reply.state = .queued
        reply.text = ""
        reply.through = 0
        truth.reply = reply
    }

    private mutating func takeOver() throws {
        guard truth.careCase.handling.letsAIAnswer else { return }
        report.takeovers += 1
        truth.lease += 1
        let fence = Fence(takeover: truth.takeover, lease: truth.lease)
        topic.raiseFence(fence, of: Say.caseID)
        if let writer {
            let shown = topic.folds.first { $0.attempt == writer.attempt }
            let checkpoint = truth.reply?.through ?? 0
            zombies.append((writer.attempt, writer.fence))
            let knowsMore = (shown?.through ?? 0) >= checkpoint
            end(.stopped, knowsMore ? shown?.text ?? truth.reply?.text ?? "" : truth.reply?.text ?? "")
        } else if let queued = truth.reply, queued.state == .queued {
            if queued.sequence == nil { truth.sequence += 1 }
            let sequence = queued.sequence ?? truth.sequence
            truth.reply?.sequence = sequence
            truth.reply?.state = .stopped
            let attempt = ReplyAttempt(caseID: Say.caseID, replyID: queued.id, number: queued.attempt)
            commit(.replyEnded(attempt, state: .stopped, sequence: sequence, messageID: nil, code: nil))
        }
        change(.coordinator)
    }

    private mutating func release() {
        guard truth.careCase.handling.state == .coordinator else { return }
        change(.ai)
    }

    private mutating func change(_ state: Handling.State) {
        let handling = Handling(state: state, version: truth.careCase.handling.version + 1, by: "Priya")
        truth.careCase.handling = handling
        truth.careCase.version += 1
        var fence: Fence?
        if state == .coordinator {
            truth.takeover = handling.version
            fence = Fence(takeover: truth.takeover, lease: truth.lease)
        }
        commit(.handling(Say.caseID, handling), fence: fence)
        commit(.careCase(truth.careCase))
    }

    /// The log loses everything, as after a failover.
    private mutating func forget() {
        epochs += 1
        report.epochs += 1
        topic = TopicState(epoch: "e\(epochs)", limits: Self.limits)
    }

    /// A writer that was shut out wakes up and tries everything it knows.
    private mutating func beZombie() throws {
        guard !zombies.isEmpty else { return }
        try publish(all: true)
        loadFence()
        let zombie = random.element(of: zombies)
        let fold = ReplyFold(attempt: zombie.attempt, sequence: 1, through: 99, text: "zombie")
        for event in [
            CareEvent.replyStarted(zombie.attempt, sequence: 1), .replySnapshot(fold),
            .replyDelta(zombie.attempt, n: 1, text: "zombie"), .replyDelta(zombie.attempt, n: 100, text: "zombie"),
        ] {
            let outcome = append(.reply(event, under: zombie.fence))
            guard outcome == .fenced else { throw Broken(description: "a zombie was heard: \(outcome)") }
        }
    }

    // MARK: The log

    private mutating func commit(_ event: CareEvent, fence: Fence? = nil) { truth.facts.append((event, fence)) }

    /// Brings committed facts to the log, some or all: what is left is a crash between commit and append.
    private mutating func publish(all: Bool) throws {
        var left = all ? Int.max : 1 + random.below(3)
        while published < truth.facts.count, left > 0 {
            let fact = truth.facts[published]
            let draft = Draft.fact(fact.event, number: published + 1, fence: fact.fence)
            if case .behind = append(draft) {
                forget()
                continue
            }
            published += 1
            left -= 1
        }
    }

    private mutating func write(_ event: CareEvent) -> AppendOutcome {
        guard let writer else { return .fenced }
        let draft = Draft.reply(event, under: writer.fence)
        let outcome = append(draft)
        guard outcome == .unknownFence else { return outcome }
        loadFence()
        return append(draft)
    }

    private mutating func loadFence() {
        topic.raiseFence(Fence(takeover: truth.takeover, lease: truth.lease), of: Say.caseID)
    }

    private mutating func append(_ draft: Draft) -> AppendOutcome {
        let json = (try? draft.event.json()) ?? []
        let outcome = topic.append(draft, json: json)
        if case .appended = outcome { report.entries += 1 }
        return outcome
    }

    // MARK: Readers

    private static let view = StreamView(caseID: Say.caseID)

    /// Cursor first, then state, as `CaseReader.snapshot` does it.
    private func snapshot() -> (ClientPicture.Snapshot, Position) {
        var reply = truth.reply
        if reply?.state.isOver == true, reply?.state == .finished || reply?.text.isEmpty == false { reply = nil }
        let current = reply?.withWords(of: topic.folds)
        return (
            ClientPicture.Snapshot(
                careCase: truth.careCase, messages: truth.messages.sorted { $0.sequence < $1.sequence }, reply: current),
            topic.position
        )
    }

    private mutating func read(_ index: Int) throws {
        var reader = readers[index]
        defer { readers[index] = reader }
        if reader.sleeps > 0 {
            reader.sleeps -= 1
            return
        }
        if reader.follower == nil { connect(&reader) }
        switch random.below(10) {
        case 0:
            cut(&reader)
            return
        case 1:
            reader.sleeps = 1 + random.below(30)
            return
        case 2: reader.follower?.wantsHeartbeat()
        default: break
        }
        if let items = reader.follower?.take(from: topic, limits: Self.limits) {
            reader.wire += items.map { ($0, Self.bytes(of: $0)) }
        }
        // The network delivers what it likes: whole frames are heard, a part of one is not.
        let arrives = random.once(in: 3) ? random.below(400) : Int.max
        try hear(arrives, &reader)
        if reader.picture.needsSnapshot, reader.wire.isEmpty { refresh(&reader) }
    }

    private mutating func hear(_ arrives: Int, _ reader: inout Reader) throws {
        var left = arrives
        while let (item, bytes) = reader.wire.first, bytes <= left {
            left -= bytes
            reader.wire.removeFirst()
            try take(item, &reader)
        }
    }

    private mutating func take(_ item: Follower.Item, _ reader: inout Reader) throws {
        if case .entry(let entry, let position) = item {
            if let before = reader.position, before.epoch == position.epoch, position.offset <= before.offset {
                throw Broken(description: "entry \(position) came to a reader at \(before)")
            }
            if entry.event.audience == .staff { throw Broken(description: "a patient was shown what is for staff") }
            let knew = reader.picture.needsSnapshot
            reader.picture.apply(entry.event)
            if reader.picture.needsSnapshot, !knew {
                throw Broken(description: "words are missing before \(entry.event.type) at \(position), and no reset")
            }
        }
        if case .fold(let fold, _) = item {
            report.folds += 1
            reader.picture.apply(.replySnapshot(fold))
        }
        if case .reset = item {
            report.resets += 1
            reader.picture.reset()
        }
        if let position = item.position { reader.position = position }
    }

    /// What was on its way and not whole is gone; the reader knows the last whole frame.
    private mutating func cut(_ reader: inout Reader) {
        report.cuts += 1
        reader.wire = []
        reader.follower = nil
    }

    private mutating func connect(_ reader: inout Reader) {
        var from = reader.position
        switch random.below(4) {
        case 0:
            // A reload: everything from the beginning.
            reader.picture = ClientPicture()
            refresh(&reader)
            from = reader.position
            reader.firstCursor = from
        case 1: reader.firstCursor = from
        default: from = from ?? reader.firstCursor
        }
        if reader.picture.careCase == nil {
            refresh(&reader)
            from = reader.position
        }
        reader.follower = FollowerState(from: from, view: Self.view, in: topic)
    }

    private func refresh(_ reader: inout Reader) {
        let (snapshot, cursor) = snapshot()
        reader.picture.apply(snapshot)
        // A stream that is open goes on where it is; the cursor is for the next one.
        if reader.follower == nil { reader.position = cursor }
    }

    private static func bytes(of item: Follower.Item) -> Int {
        if case .entry(let entry, _) = item { return entry.json.count + 40 }
        return 60
    }

    // MARK: The test of tests

    private mutating func compare() throws {
        let (fresh, cursor) = snapshot()
        if stale.count < 3 || random.once(in: 6) {
            var picture = ClientPicture()
            picture.apply(fresh)
            stale.append((picture, cursor))
            if stale.count > 3 { stale.removeFirst() }
        }
        guard random.once(in: 4) else { return }
        try publish(all: true)
        for old in stale { try agree(old.picture, from: old.cursor, "a stale snapshot and the entries since") }
    }

    /// Everybody hears everything, and shows the same as somebody who comes now.
    private mutating func settle() throws {
        try publish(all: true)
        for index in readers.indices {
            var reader = readers[index]
            if reader.follower == nil { connect(&reader) }
            while let items = reader.follower?.take(from: topic, limits: Self.limits), !items.isEmpty {
                reader.wire += items.map { ($0, 0) }
            }
            try hear(Int.max, &reader)
            if reader.picture.needsSnapshot { refresh(&reader) }
            try expectSame(reader.picture, "reader \(index)")
        }
    }

    private mutating func agree(_ picture: ClientPicture, from cursor: Position, _ who: String) throws {
        var reader = Reader(picture: picture, position: cursor)
        reader.follower = FollowerState(from: cursor, view: Self.view, in: topic)
        while let items = reader.follower?.take(from: topic, limits: Self.limits), !items.isEmpty {
            for item in items { try take(item, &reader) }
        }
        if reader.picture.needsSnapshot { refresh(&reader) }
        try expectSame(reader.picture, who)
    }

    private func expectSame(_ picture: ClientPicture, _ who: String) throws {
        var fresh = ClientPicture()
        fresh.apply(snapshot().0)
        var (shown, expected) = (picture.shown, fresh.shown)
        if let writer, !topic.folds.contains(where: { $0.attempt == writer.attempt && $0.through == writer.through }) {
            // The log lacks the latest words, and the writer has not yet said them all again. Until its next word
            // whoever comes has the checkpoint, and whoever was there may know more.
            shown.reply = nil
            expected.reply = nil
        }
        if truth.reply?.state == .queued {
            // That an attempt waits is in the snapshot and in no entry; `reply.started` comes when it begins.
            shown.reply = nil
            expected.reply = nil
        }
        guard shown == expected else {
            throw Broken(description: "\(who) shows\n\(shown)\nand not\n\(expected)")
        }
    }

    private func id<Subject>(_ text: String) -> Identifier<Subject> {
        Identifier<Subject>(rawValue: text) ?? .new()
    }
}
