package import CareDomain
package import CareLog
import Synchronization

/// Writes replies. Each belongs to this, not to the request that began it: the patient may close the tab and resume.
///
///     queued ─ start (lease, fence) ─▶ reply.started ─▶ reply.delta … ─▶ end ─▶ message + reply.finished
///                                       keeper: checkpoint and lease each second, hears `stop`
///
/// A reply ends in the store first, then in the log; a writer that lost its lease or whose case was taken over is
/// refused in both places. What a crash leaves, `interruptLapsed` finds, and ends it with what readers have been shown.
package final class ReplyOrchestrator: Sendable {
    package struct Settings: Sendable {
        /// After this without renewal somebody else may mark the reply interrupted.
        package var lease: Duration = .seconds(5)
        /// How often text is kept and the lease renewed.
        package var checkpoint: Duration = .seconds(1)
        /// Words of this time go out together.
        package var coalescing: Duration = .milliseconds(30)
        /// The same while the shared log is away.
        package var coalescingAlone: Duration = .milliseconds(200)
        /// Replies running at once on this node; more stay queued.
        package var running = 256
        /// How often lapsed leases, forgotten queues and unpublished facts are looked for.
        package var sweep: Duration = .seconds(1)
        /// How long running replies may go on after a shutdown was asked for.
        package var drain: Duration = .seconds(5)
        package init() {}
    }

    private struct Desk {
        var writing: [ReplyID: Writing] = [:]
        /// Endings the store could not take; the sweep brings them again. At most as many as ran when it stopped
        /// taking writes, because nothing starts before it takes them again.
        var unsaved: [ReplyID: (started: StartedReply, ending: ReplyEnding)] = [:]
        var isDraining = false
    }

    private struct Writing {
        let inbox: TextInbox
        /// Known once it has started.
        var attempt: ReplyAttempt?
    }

    private let store: any CaseStore
    private let log: any EventLog
    private let publisher: FactPublisher
    private let answering: Answering
    private let prompts: PromptWriter
    private let documents: (any DocumentStore)?
    private let flags: any Flags
    private let time: Timekeeper
    private let settings: Settings
    private let report: @Sendable (String) -> Void
    private let shutOut: ShutOut
    private let desk = Mutex(Desk())
    private let wanted: AsyncStream<ReplyID>
    private let wanting: AsyncStream<ReplyID>.Continuation

    package init(
        store: any CaseStore, log: any EventLog, publisher: FactPublisher, answering: Answering, prompts: PromptWriter,
        documents: (any DocumentStore)? = nil, flags: any Flags, time: Timekeeper = .system,
        settings: Settings = Settings(),
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.store = store
        self.log = log
        self.publisher = publisher
        self.answering = answering
        self.prompts = prompts
        self.documents = documents
        self.flags = flags
        self.time = time
        self.settings = settings
        self.report = report
        shutOut = ShutOut(log: log, report: report)
        // A request that does not fit is not lost: the reply is queued in the store and the sweep starts it.
        (wanted, wanting) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1_024))
    }

    /// Owns every reply until cancelled. The one place where replies run.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.sweeps() }
            for await id in wanted { group.addTask { await self.write(id) } }
            group.cancelAll()
        }
    }

    /// There is a queued reply.
    package func wake(_ id: ReplyID) { wanting.yield(id) }

    /// Stops a reply wherever it runs, before its first word too. What was said is kept.
    package func stop(_ id: ReplyID) async throws -> Reply? {
        guard let reply = try await store.requestStop(id, at: time.now()) else { return nil }
        await publisher.publish(.patient(reply.patientID))
        try await end(wanted: reply)
        return reply
    }

    /// Stops what this node writes in a case.
    package func hush(_ caseID: CaseID) {
        let inboxes = desk.withLock { $0.writing.values.filter { $0.attempt?.caseID == caseID }.map(\.inbox) }
        for inbox in inboxes { inbox.close(.stopped) }
    }

    /// Stops what the store has been told to want stopped in a case, by whatever node it is written. Where this fails, its writer
    /// hears it at the next checkpoint.
    package func silence(_ caseID: CaseID) async {
        do {
            if let reply = try await store.currentReply(of: caseID) { try await end(wanted: reply) }
        } catch {
            complain("a reply could not be silenced at once", error)
        }
    }

    /// Where the log cannot be reached: has what another node writes in a case ended by its writer, at its next checkpoint and with
    /// all that was shown. This node cannot shut it out and knows less. A writer that is gone is waited for no longer
    /// than a living one needs; then what the store has kept has to do.
    package func hearOut(_ caseID: CaseID) async throws {
        guard log.standing == .alone, let running = try await store.currentReply(of: caseID), running.state == .running,
            desk.withLock({ $0.writing[running.id] == nil }),
            try await store.requestStop(running.id, at: time.now()) != nil
        else { return }
        let until = time.now() + settings.checkpoint + Self.slack
        while time.now() < until {
            try await time.sleep(.milliseconds(50))
            guard let now = try await store.reply(running.id), now.state == .running, now.attempt == running.attempt
            else { return }
        }
    }

    /// What a checkpoint and the end after it may take, beside the time between checkpoints.
    private static let slack: Duration = .seconds(1)

    /// Ends the attempt that is wanted to stop, and no later one. One of another node, or of a node that is no more, not by asking
    /// its writer, which would hear it at its next checkpoint only: its lease is taken, and it ends here. Its request to
    /// the model it closes when it notices.
    private func end(wanted reply: Reply) async throws {
        guard reply.state == .running, reply.isStopWanted else { return }
        let attempt = ReplyAttempt(caseID: reply.caseID, replyID: reply.id, number: reply.attempt)
        if let mine = desk.withLock({ $0.writing[reply.id] }), mine.attempt == attempt {
            return mine.inbox.close(.stopped)
        }
        // Who does not reach the log does not know what its writer has shown since the checkpoint, and cannot shut it out. The
        // writer does, at its next one; or the sweep, if it is gone.
        guard log.standing == .shared else { return }
        if let taken = try await store.takeLease(of: reply.id, .stopWanted, until: time.now() + settings.lease) {
            try await end(taken)
        }
    }

    /// With what readers have been shown, which the log knows better than the checkpoint.
    private func end(_ taken: StartedReply) async throws {
        let wasShared = log.standing == .shared
        let shown = await shutOut(of: taken.reply.caseID, in: taken.topic, under: taken.fence)
        // It was lost meanwhile, so what is known of it may be old. The lease lapses again, and a node that reaches it goes first.
        if wasShared, log.standing != .shared { return }
        let reply = taken.reply.withWords(of: shown)
        let ending =
            reply.isStopWanted
            ? ReplyEnding(of: reply, .stopped) : ReplyEnding(of: reply, .interrupted, code: "lease_lapsed")
        if try await store.end(taken, ending, at: time.now()) { await publisher.publish(taken.topic) }
    }

    package func retry(_ id: ReplyID) async throws -> RetryOutcome {
        let outcome = try await store.retry(id, at: time.now())
        if case .queued(let reply) = outcome {
            await publisher.publish(.patient(reply.patientID))
            wake(id)
        }
        return outcome
    }

    /// Takes nothing new, lets running replies end for a while, then interrupts them, keeping their words.
    package func drain() async {
        desk.withLock { $0.isDraining = true }
        let until = time.now() + settings.drain
        while time.now() < until, !desk.withLock({ $0.writing.isEmpty }) {
            try? await time.sleep(.milliseconds(50))
        }
        for inbox in desk.withLock({ $0.writing.values.map(\.inbox) }) { inbox.close(.interrupted("restarting")) }
        while !desk.withLock({ $0.writing.isEmpty }), !Task.isCancelled { try? await time.sleep(.milliseconds(10)) }
        wanting.finish()
    }

    // MARK: One reply

    private func write(_ id: ReplyID) async {
        let inbox = TextInbox()
        guard admit(id, inbox) else { return }
        var more: ReplyID?
        do {
            if let started = try await store.start(id, lease: time.now() + settings.lease, at: time.now()) {
                desk.withLock { $0.writing[id]?.attempt = started.attempt }
                await publisher.publish(started.topic)
                try await write(started, inbox)
                more = try await store.currentReply(of: started.reply.caseID).flatMap {
                    $0.state == .queued ? $0.id : nil
                }
            }
        } catch {
            // The lease lapses and the sweep marks it interrupted; what was said is in the checkpoint and the log.
            complain("a reply could not be written", error)
        }
        desk.withLock { $0.writing[id] = nil }
        if let more { wake(more) }
    }

    private func admit(_ id: ReplyID, _ inbox: TextInbox) -> Bool {
        desk.withLock { desk in
            guard !desk.isDraining, desk.writing[id] == nil, desk.writing.count < settings.running else {
                return false
            }
            desk.writing[id] = Writing(inbox: inbox)
            return true
        }
    }

    private func write(_ started: StartedReply, _ inbox: TextInbox) async throws {
        let said = Said(author: answering.model.author)
        let begun = try await append(.replyStarted(started.attempt, sequence: started.sequence), started, said)
        guard begun != .fenced, begun != .unknownFence else { return }
        let streams = try await flags.value(of: .enableResponseStreaming)
        said.isShown = streams
        let prompt = try await prompt(for: started)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let end = await self.answering.answer(prompt) { await inbox.put($0.withoutNUL()) }
                said.author = end.author
                switch end.end {
                case .finished: inbox.close(.finished)
                case .interrupted(let code): inbox.close(.interrupted(code))
                case .failed(let code): inbox.close(.failed(code))
                }
            }
            group.addTask { await self.keep(started, said, inbox) }
            while let text = await inbox.next(pause: coalescing, time: time) {
                do {
                    try await self.say(text, of: started, said, visibly: streams, inbox)
                } catch {
                    // The log does not take words now. They are in `said`, so the message will have them all.
                    complain("a delta could not be appended", error)
                }
                if Task.isCancelled { inbox.close(.interrupted("restarting")) }
            }
            // Also when the loop ended by cancellation: a model that goes on speaking must not wait for room for ever.
            inbox.close(.interrupted("restarting"))
            group.cancelAll()
        }
        await end(started, said.reply(inbox.ending ?? .interrupted("restarting")))
    }

    /// Alone each delta costs a write of the store, so more words go out together.
    private var coalescing: Duration {
        log.standing == .shared ? settings.coalescing : max(settings.coalescing, settings.coalescingAlone)
    }

    private func say(
        _ text: String, of started: StartedReply, _ said: Said, visibly: Bool, _ inbox: TextInbox
    ) async throws {
        let n = said.add(text)
        guard visibly else { return }
        var outcome = try await append(.replyDelta(started.attempt, n: n, text: text), started, said)
        if case .behind = outcome {
            let (through, text) = said.soFar
            let all = ReplyFold(attempt: started.attempt, sequence: started.sequence, through: through, text: text)
            outcome = try await append(.replySnapshot(all), started, said)
        }
        switch outcome {
        case .appended, .alone, .duplicate, .behind: break
        case .fenced, .unknownFence, .unvouched: inbox.close(.lost)
        }
    }

    /// Renews the lease and keeps the text while the reply runs; hears that it shall stop.
    private func keep(_ started: StartedReply, _ said: Said, _ inbox: TextInbox) async {
        while inbox.ending == nil {
            do {
                try await time.sleep(settings.checkpoint)
                switch try await keep(started, said) {
                case .kept: break
                case .stopWanted: inbox.close(.stopped)
                case .lost: inbox.close(.lost)
                }
            } catch is CancellationError {
                return
            } catch {
                complain("a checkpoint failed", error)
            }
        }
    }

    /// `fenced` and `unknownFence`: the reply is no longer ours to write.
    private func append(_ event: CareEvent, _ started: StartedReply, _ said: Said) async throws -> AppendOutcome {
        var draft = Draft.reply(event, under: started.fence)
        // Both questions twice, because the shared log may be lost or found in between.
        for _ in 0..<4 {
            let outcome = try await log.append(draft, to: started.topic)
            switch outcome {
            case .unvouched:
                // The log cannot know whether somebody took over on another node, but the store does; and words that it has
                // kept before anybody was shown them are taken back by no takeover.
                guard try await keep(started, said) != .lost else { return .fenced }
                draft = .reply(event, under: started.fence, isVouched: true)
            case .unknownFence:
                guard let fence = try await store.fence(of: started.reply.caseID) else { return outcome }
                try await log.loadFence(fence, of: started.reply.caseID, in: started.topic)
            case .appended, .alone, .duplicate, .behind, .fenced: return outcome
            }
        }
        return .unknownFence
    }

    /// Keeps what has been said and renews the lease.
    private func keep(_ started: StartedReply, _ said: Said) async throws -> Kept {
        let (through, text) = said.shown
        return try await store.checkpoint(started, through: through, text: text, lease: time.now() + settings.lease)
    }

    private func prompt(for started: StartedReply) async throws -> Prompt {
        guard let careCase = try await store.careCase(started.reply.caseID) else { throw CancellationError() }
        let messages = try await store.messages(
            of: careCase.id, before: nil, limit: PromptWriter.historyLimit, audience: .everyone)
        // A retry answers again; what the earlier attempt left is not part of the conversation it answers.
        let told = messages.filter { $0.replyID != started.reply.id }
        let question = told.last { $0.sender == .patient }?.body ?? ""
        let (papers, leftOut) = try await papers(of: careCase, about: question)
        return prompts.prompt(for: careCase, messages: told, papers: papers, papersLeftOut: leftOut)
    }

    /// The documents of the case that the question may be about, then the newest, oldest first; and how many more were read.
    private func papers(of careCase: CareCase, about question: String) async throws -> (told: [Paper], leftOut: Int) {
        guard let documents else { return ([], 0) }
        let read = try await documents.documents(in: careCase.id, limit: Paper.choiceLimit)
            .filter { $0.stage == .ready }
        var found: [DocumentID: Int] = [:]
        // Up to the limit all are told, whatever they say.
        if read.count > Paper.limit {
            for word in PaperQuestion(question).lookups {
                let hits = try await documents.search([word], of: careCase.patientID, limit: Paper.hitLimit)
                for id in Set(hits.map(\.documentID)) { found[id, default: 0] += 1 }
            }
        }
        let (chosen, leftOut) = PaperChoice.choose(from: read, found: found)
        var papers: [Paper] = []
        for document in chosen {
            // It may have been deleted meanwhile.
            guard let content = try await documents.content(of: document.id), content.document.stage == .ready else {
                continue
            }
            papers.append(
                Paper(document: content.document, extraction: content.extraction, pages: content.pages.map(\.text)))
        }
        return (papers, leftOut)
    }

    private func end(_ started: StartedReply, _ ending: ReplyEnding) async {
        guard ending.state.isOver else { return }  // lost: whoever took it ends it
        // Unstructured because the words said so far must be kept even when this task is cancelled by a shutdown, and
        // the store's driver honours cancellation. Awaited right here, so it ends at this brace.
        await Task {
            do {
                if try await store.end(started, ending, at: time.now()) { await publisher.publish(started.topic) }
            } catch is StoreUnavailable {
                desk.withLock { $0.unsaved[started.reply.id] = (started, ending) }
            } catch {
                complain("a reply could not be ended", error)
            }
        }.value
    }

    /// That the store is unavailable it says itself, once; every running reply saying so again would flood the log.
    private func complain(_ what: String, _ error: any Error) {
        if error is StoreUnavailable { return }
        report("\(what): \(type(of: error))")
    }

    // MARK: What was left lying

    private func saveEndings() async throws {
        for (id, unsaved) in desk.withLock({ $0.unsaved }) {
            do {
                if try await store.end(unsaved.started, unsaved.ending, at: time.now()) {
                    await publisher.publish(unsaved.started.topic)
                }
            } catch let error as StoreUnavailable {
                throw error
            } catch {
                complain("a reply could not be ended later either", error)
            }
            desk.withLock { $0.unsaved[id] = nil }
        }
    }

    /// Before it a lease is over. Nodes that reach the shared log go first, for it has more than the checkpoint.
    private var lapsed: Moment { time.now() + (log.standing == .shared ? .zero : .zero - settings.lease) }

    /// False when the store answered so late that a writer's renewal may have waited for it as long.
    private func interruptLapsed() async throws -> Bool {
        let asked = time.now()
        let lapsedReplies = try await store.lapsed(before: lapsed, limit: settings.running)
        guard time.now() - asked < settings.lease - settings.checkpoint else { return false }
        // Of our own the keeper knows more; one that has lost its lease is gone from here in a moment.
        for id in lapsedReplies where desk.withLock({ $0.writing[id] == nil }) {
            do {
                let until = time.now() + settings.lease
                if let taken = try await store.takeLease(of: id, .lapsed(before: lapsed), until: until) {
                    try await end(taken)
                }
            } catch let error where error is StoreUnavailable || error is CancellationError {
                throw error
            } catch {
                complain("a reply whose lease has lapsed could not be ended", error)
            }
        }
        return true
    }

    private func sweeps() async {
        // While the store was away nobody could renew a lease, so until then none counts as lapsed. Twice a lease, because a
        // writer may find out later than we do that it is back.
        var renewed = time.now()
        while !Task.isCancelled {
            do {
                // First: they hold more words than the checkpoint does.
                try await saveEndings()
                if time.now() >= renewed, try await !interruptLapsed() { renewed = time.now() + settings.lease * 2 }
                for id in try await store.startable(limit: settings.running) { wake(id) }
            } catch is CancellationError {
                return
            } catch {
                if error is StoreUnavailable { renewed = time.now() + settings.lease * 2 }
                complain("the sweep failed", error)
            }
            await publisher.sweep(olderThan: time.now() + .seconds(-1))
            try? await time.sleep(settings.sweep)
        }
    }
}

/// The words of one attempt so far: added to by its writer, read by its keeper.
private final class Said: Sendable {
    private struct State {
        var through = 0
        var text = ""
        var author: Message.Author
        var isShown = true
    }
    private let state: Mutex<State>

    init(author: Message.Author) { state = Mutex(State(author: author)) }

    /// Who speaks; the guide when the model failed before its first word.
    var author: Message.Author {
        get { state.withLock { $0.author } }
        set { state.withLock { $0.author = newValue } }
    }

    func add(_ text: String) -> Int {
        state.withLock { state in
            state.through += 1
            state.text += text
            return state.through
        }
    }

    /// Whether readers see the words as they come; else nobody is told of them before the end, whoever ends it.
    var isShown: Bool {
        get { state.withLock { $0.isShown } }
        set { state.withLock { $0.isShown = newValue } }
    }

    /// What readers may have been shown.
    var shown: (through: Int, text: String) { isShown ? soFar : (0, "") }

    var soFar: (through: Int, text: String) { state.withLock { ($0.through, $0.text) } }

    func reply(_ ending: TextInbox.Ending) -> ReplyEnding {
        let (through, text) = soFar
        let author = author
        func ends(_ state: Reply.State, _ code: String? = nil) -> ReplyEnding {
            ReplyEnding(state: state, text: text, through: through, author: author, code: code)
        }
        return switch ending {
        case .finished: ends(.finished)
        case .stopped: ends(.stopped)
        case .interrupted(let code): ends(.interrupted, code)
        case .failed(let code): ends(text.isEmpty ? .failed : .interrupted, code)
        case .lost: ends(.running)
        }
    }
}
