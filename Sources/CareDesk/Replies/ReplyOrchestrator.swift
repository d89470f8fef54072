package import CareDomain
package import CareLog
import Synchronization

/// Writes replies. Each belongs to this, not to the request that began it: the patient may close the tab and resume.
///
///     queued ─ start (lease, fence) ─▶ reply.started ─▶ reply.delta … ─▶ end ─▶ message + reply.finished
///                                       keeper: checkpoint and lease each second, hears `stop`
///
/// A reply ends in the store first, then in the log; a writer that lost its lease or whose case was taken over is
/// refused in both places. What a crash leaves, `interruptLapsed` finds.
package final class ReplyOrchestrator: Sendable {
    package struct Settings: Sendable {
        /// After this without renewal somebody else may mark the reply interrupted.
        package var lease: Duration = .seconds(5)
        /// How often text is kept and the lease renewed.
        package var checkpoint: Duration = .seconds(1)
        /// Words of this time go out together.
        package var coalescing: Duration = .milliseconds(30)
        /// Replies running at once on this node; more stay queued.
        package var running = 256
        /// How often lapsed leases, forgotten queues and unpublished facts are looked for.
        package var sweep: Duration = .seconds(1)
        /// How long running replies may go on after a shutdown was asked for.
        package var drain: Duration = .seconds(5)
        package init() {}
    }

    private struct Desk {
        var inboxes: [ReplyID: TextInbox] = [:]
        /// Which of them are of which case, known once they have started.
        var cases: [ReplyID: CaseID] = [:]
        var isDraining = false
    }

    private let store: any CaseStore
    private let log: any EventLog
    private let publisher: FactPublisher
    private let answering: Answering
    private let prompts: PromptWriter
    private let flags: any Flags
    private let time: Timekeeper
    private let settings: Settings
    private let report: @Sendable (String) -> Void
    private let desk = Mutex(Desk())
    private let wanted: AsyncStream<ReplyID>
    private let wanting: AsyncStream<ReplyID>.Continuation

    package init(
        store: any CaseStore, log: any EventLog, publisher: FactPublisher, answering: Answering, prompts: PromptWriter,
        flags: any Flags, time: Timekeeper = .system, settings: Settings = Settings(),
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.store = store
        self.log = log
        self.publisher = publisher
        self.answering = answering
        self.prompts = prompts
        self.flags = flags
        self.time = time
        self.settings = settings
        self.report = report
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
        let reply = try await store.requestStop(id, at: time.now())
        if let reply { await publisher.publish(.patient(reply.patientID)) }
        desk.withLock { $0.inboxes[id] }?.close(.stopped)
        return reply
    }

    /// Stops what runs in a case at once; the store was told to want it, so other nodes follow at their next checkpoint.
    package func hush(_ caseID: CaseID) {
        let inboxes = desk.withLock { desk in desk.cases.filter { $0.value == caseID }.keys.map { desk.inboxes[$0] } }
        for inbox in inboxes { inbox?.close(.stopped) }
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
        while time.now() < until, !desk.withLock({ $0.inboxes.isEmpty }) {
            try? await time.sleep(.milliseconds(50))
        }
        for inbox in desk.withLock({ Array($0.inboxes.values) }) { inbox.close(.interrupted("restarting")) }
        while !desk.withLock({ $0.inboxes.isEmpty }), !Task.isCancelled { try? await time.sleep(.milliseconds(10)) }
        wanting.finish()
    }

    // MARK: One reply

    private func write(_ id: ReplyID) async {
        let inbox = TextInbox()
        guard admit(id, inbox) else { return }
        var more: ReplyID?
        do {
            if let started = try await store.start(id, lease: time.now() + settings.lease, at: time.now()) {
                desk.withLock { $0.cases[id] = started.reply.caseID }
                await publisher.publish(started.topic)
                try await write(started, inbox)
                more = try await store.currentReply(of: started.reply.caseID).flatMap {
                    $0.state == .queued ? $0.id : nil
                }
            }
        } catch {
            // The lease lapses and the sweep marks it interrupted; what was said is in the checkpoint and the log.
            report("a reply could not be written: \(type(of: error))")
        }
        desk.withLock { desk in
            desk.inboxes[id] = nil
            desk.cases[id] = nil
        }
        if let more { wake(more) }
    }

    private func admit(_ id: ReplyID, _ inbox: TextInbox) -> Bool {
        desk.withLock { desk in
            guard !desk.isDraining, desk.inboxes[id] == nil, desk.inboxes.count < settings.running else {
                return false
            }
            desk.inboxes[id] = inbox
            return true
        }
    }

    private func write(_ started: StartedReply, _ inbox: TextInbox) async throws {
        let begun = try await append(.replyStarted(started.attempt, sequence: started.sequence), started)
        guard begun != .fenced, begun != .unknownFence else { return }
        let streams = try await flags.value(of: .enableResponseStreaming)
        let prompt = try await prompt(for: started)
        let said = Said(author: answering.model.author)
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
            while let text = await inbox.next(pause: settings.coalescing, time: time) {
                do {
                    try await self.say(text, of: started, said, visibly: streams, inbox)
                } catch {
                    // The log does not take words now. They are in `said`, so the message will have them all.
                    report("a delta could not be appended: \(type(of: error))")
                }
                if Task.isCancelled { inbox.close(.interrupted("restarting")) }
            }
            // Also when the loop ended by cancellation: a model that goes on speaking must not wait for room for ever.
            inbox.close(.interrupted("restarting"))
            group.cancelAll()
        }
        await end(started, said.reply(inbox.ending ?? .interrupted("restarting")))
    }

    private func say(
        _ text: String, of started: StartedReply, _ said: Said, visibly: Bool, _ inbox: TextInbox
    ) async throws {
        let n = said.add(text)
        guard visibly else { return }
        var outcome = try await append(.replyDelta(started.attempt, n: n, text: text), started)
        if case .behind = outcome {
            let (through, text) = said.soFar
            let all = ReplyFold(attempt: started.attempt, sequence: started.sequence, through: through, text: text)
            outcome = try await append(.replySnapshot(all), started)
        }
        switch outcome {
        case .appended, .duplicate, .behind: break
        case .fenced, .unknownFence: inbox.close(.lost)
        }
    }

    /// Renews the lease and keeps the text while the reply runs; hears that it shall stop.
    private func keep(_ started: StartedReply, _ said: Said, _ inbox: TextInbox) async {
        while inbox.ending == nil {
            do {
                try await time.sleep(settings.checkpoint)
                let (through, text) = said.soFar
                switch try await store.checkpoint(
                    started, through: through, text: text, lease: time.now() + settings.lease)
                {
                case .kept: break
                case .stopWanted: inbox.close(.stopped)
                case .lost: inbox.close(.lost)
                }
            } catch is CancellationError {
                return
            } catch {
                report("a checkpoint failed: \(type(of: error))")
            }
        }
    }

    /// `fenced` and `unknownFence`: the reply is no longer ours to write.
    private func append(_ event: CareEvent, _ started: StartedReply) async throws -> AppendOutcome {
        let draft = Draft.reply(event, under: started.fence)
        let outcome = try await log.append(draft, to: started.topic)
        guard outcome == .unknownFence, let fence = try await store.fence(of: started.reply.caseID) else {
            return outcome
        }
        try await log.loadFence(fence, of: started.reply.caseID, in: started.topic)
        return try await log.append(draft, to: started.topic)
    }

    private func prompt(for started: StartedReply) async throws -> Prompt {
        guard let careCase = try await store.careCase(started.reply.caseID) else { throw CancellationError() }
        let messages = try await store.messages(
            of: careCase.id, before: nil, limit: PromptWriter.historyLimit, audience: .everyone)
        // A retry answers again; what the earlier attempt left is not part of the conversation it answers.
        return prompts.prompt(for: careCase, messages: messages.filter { $0.replyID != started.reply.id })
    }

    private func end(_ started: StartedReply, _ ending: ReplyEnding) async {
        guard ending.state.isOver else { return }  // lost: whoever took it ends it
        // Unstructured because the words said so far must be kept even when this task is cancelled by a shutdown, and
        // the store's driver honours cancellation. Awaited right here, so it ends at this brace.
        await Task {
            do {
                if try await store.end(started, ending, at: time.now()) { await publisher.publish(started.topic) }
            } catch {
                report("a reply could not be ended: \(type(of: error))")
            }
        }.value
    }

    // MARK: What others left lying

    private func sweeps() async {
        while !Task.isCancelled {
            do {
                for topic in try await store.interruptLapsed(at: time.now()) { await publisher.publish(topic) }
                for id in try await store.startable(limit: settings.running) { wake(id) }
            } catch is CancellationError {
                return
            } catch {
                report("the sweep failed: \(type(of: error))")
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
