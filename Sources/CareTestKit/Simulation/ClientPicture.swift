package import CareDomain

/// What a client that keeps the five rules of `docs/protocol/streams.md` has in front of it. A second writing of the
/// rules, on purpose: the one in the app is JavaScript, and a proof must not lean on what it proves.
package struct ClientPicture: Sendable {
    /// A snapshot as the wire has it.
    package struct Snapshot: Sendable {
        package var careCase: CareCase
        package var messages: [Message]
        package var documents: [Document]
        package var reply: Reply?

        package init(careCase: CareCase, messages: [Message], documents: [Document] = [], reply: Reply?) {
            self.careCase = careCase
            self.messages = messages
            self.documents = documents
            self.reply = reply
        }
    }

    private struct Words: Hashable {
        var attempt: Int
        var sequence: Int
        var through: Int
        var text: String
        var isOver: Bool
    }

    package private(set) var careCase: CareCase?
    package private(set) var handling = Handling()
    package private(set) var messages: [MessageID: Message] = [:]
    private var replies: [ReplyID: Words] = [:]
    private var documents: [DocumentID: Document] = [:]
    /// Attempts that a snapshot knew to be over: what is still told of them is old.
    private var past: [ReplyID: Int] = [:]
    /// A rule said "fetch the snapshot".
    package private(set) var needsSnapshot = true

    package init() {}

    package mutating func apply(_ snapshot: Snapshot) {
        needsSnapshot = false
        about(snapshot.careCase)
        for message in snapshot.messages { keep(message) }
        for document in snapshot.documents { keep(document) }
        // What was believed to run and is not told of is over; a stream that is behind the snapshot still tells its words.
        for (id, words) in replies where !words.isOver && id != snapshot.reply?.id {
            replies[id] = nil
            past[id] = words.attempt
        }
        guard let reply = snapshot.reply, reply.state != .queued, !isSettled(reply.id, reply.attempt),
            let sequence = reply.sequence
        else { return }
        let words = Words(
            attempt: reply.attempt, sequence: sequence, through: reply.through, text: reply.text,
            isOver: reply.state.isOver)
        take(words, of: reply.id)
    }

    package mutating func apply(_ event: CareEvent) {
        switch event {
        case .message(let message): keep(message)
        case .careCase(let value): about(value)
        case .document(let document): keep(document)
        case .handling(_, let value): if value.version > handling.version { handling = value }
        case .replyStarted(let attempt, let sequence):
            guard !isSettled(attempt.replyID, attempt.number),
                (replies[attempt.replyID]?.attempt ?? 0) < attempt.number
            else { return }
            replies[attempt.replyID] = Words(
                attempt: attempt.number, sequence: sequence, through: 0, text: "", isOver: false)
        case .replyDelta(let attempt, let n, let text):
            guard !isSettled(attempt.replyID, attempt.number) else { return }
            guard var held = replies[attempt.replyID], held.attempt >= attempt.number else {
                needsSnapshot = true
                return
            }
            guard held.attempt == attempt.number, !held.isOver, n > held.through else { return }
            guard n == held.through + 1 else {
                needsSnapshot = true
                return
            }
            held.through = n
            held.text += text
            replies[attempt.replyID] = held
        case .unknown: break
        case .replySnapshot(let fold):
            guard !isSettled(fold.attempt.replyID, fold.attempt.number) else { return }
            let words = Words(
                attempt: fold.attempt.number, sequence: fold.sequence, through: fold.through, text: fold.text,
                isOver: false)
            take(words, of: fold.attempt.replyID)
        case .replyEnded(let attempt, let state, let sequence, let messageID, _):
            guard (replies[attempt.replyID]?.attempt ?? 0) <= attempt.number else { return }
            guard !isSettled(attempt.replyID, attempt.number), state != .finished else {
                replies[attempt.replyID] = nil
                return
            }
            if messageID != nil { needsSnapshot = true }  // its message comes before it
            replies[attempt.replyID] = Words(
                attempt: attempt.number, sequence: sequence, through: 0, text: "", isOver: true)
        }
    }

    /// What is known of a running reply.
    package func words(of reply: String) -> String {
        ReplyID(rawValue: reply).flatMap { replies[$0]?.text } ?? ""
    }

    package mutating func reset() { needsSnapshot = true }

    private mutating func take(_ words: Words, of id: ReplyID) {
        if let held = replies[id] {
            if held.attempt > words.attempt { return }
            if held.attempt == words.attempt, held.isOver || (!words.isOver && held.through > words.through) { return }
        }
        replies[id] = words
    }

    private mutating func keep(_ message: Message) {
        guard (messages[message.id]?.version ?? 0) < message.version else { return }
        messages[message.id] = message
        if let id = message.replyID, let held = replies[id], held.attempt <= message.version { replies[id] = nil }
    }

    private mutating func keep(_ document: Document) {
        guard (documents[document.id]?.version ?? 0) < document.version else { return }
        documents[document.id] = document
    }

    private mutating func about(_ value: CareCase) {
        if value.handling.version > handling.version { handling = value.handling }
        if (careCase?.version ?? 0) < value.version { careCase = value }
    }

    private func isSettled(_ id: ReplyID, _ attempt: Int) -> Bool {
        max(MessageID(rawValue: id.rawValue).flatMap { messages[$0]?.version } ?? 0, past[id] ?? 0) >= attempt
    }

    /// What the person sees, to be compared: two ways to the same place must show the same.
    package var shown: Shown {
        let newest = messages.values.map(\.sequence).max() ?? 0
        let running = replies.values.filter { !$0.isOver }.max { $0.sequence < $1.sequence }
        // An end without a word is shown until something stands below it, an older attempt's message aside.
        let wordless = replies.filter { id, words in
            let own = MessageID(rawValue: id.rawValue).flatMap { messages[$0]?.sequence }
            return words.isOver && words.sequence >= newest && (own == nil || own == words.sequence)
        }.values.max { $0.sequence < $1.sequence }
        let reply = (running ?? wordless).map { "\($0.attempt)@\($0.sequence) \($0.isOver ? "over" : $0.text)" }
        return Shown(
            handling: handling, version: careCase?.version ?? 0,
            messages: messages.values.sorted { $0.sequence < $1.sequence },
            documents: documents.values.sorted { $0.sequence < $1.sequence }, reply: reply)
    }

    package struct Shown: Sendable, Hashable, CustomStringConvertible {
        var handling: Handling
        var version: Int
        package var messages: [Message]
        package var documents: [Document]
        package var reply: String?

        /// One line: who handles it, the last messages, the answer in flight or the end without a word.
        package var description: String {
            let last = messages.suffix(3).map { "\($0.sequence)v\($0.version) \($0.sender) \($0.status) «\($0.body)»" }
            return "\(handling.state) \(handling.version), case \(version), \(messages.count) messages … "
                + "\(last.joined(separator: " ")) → \(reply ?? "nothing")".replacing("\n", with: "⏎")
        }
    }
}
