import CareDesk
import CareDomain
import HTTPTypes
import Hummingbird

/// Asking, stopping, asking again.
struct ReplyRoutes {
    let store: any CaseStore
    let intake: Intake
    let reader: CaseReader
    let orchestrator: ReplyOrchestrator
    let rate: MessageRate
    /// How long a POST waits for the answer; proxies cut at 60 s.
    let patience: Duration

    private struct Question: Decodable {
        var message: String
        var clientMessageID: String
        enum CodingKeys: String, CodingKey {
            case message
            case clientMessageID = "client_message_id"
        }
    }
    private struct Answer: Encodable {
        var message: Message
        var reply: ReplyState?
        enum CodingKeys: String, CodingKey { case message, reply }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(message, forKey: .message)
            try container.encode(reply, forKey: .reply)
        }
    }
    private struct Stopped: Encodable { var reply: ReplyState }

    func ask(_ request: Request, _ context: CareContext) async throws -> Response {
        let (caller, found) = try context.visit()
        let question = try await JSON.read(Question.self, from: request)
        guard MessageID(rawValue: question.clientMessageID) != nil else {
            throw JSON.invalid(field: "client_message_id", "is not an id")
        }
        try rate.count(caller.person.id)
        switch try await intake.receive(
            question.message, from: caller.person, in: found.id, clientMessageID: question.clientMessageID)
        {
        case .stored(let message, let reply), .duplicate(let message, let reply):
            return try await answer(message, reply, respondAsync: prefersAsync(request))
        case .empty: throw Problem(.unprocessableContent, "message_empty", "The message has no words.")
        case .tooLong(let limit):
            throw Problem(
                .unprocessableContent, "message_too_long", "A message may have \(limit) characters; nothing was cut.")
        case .keyReused:
            throw Problem(
                .conflict, "client_message_id_reused", "This client_message_id was used for another message.")
        case .tooManyWaiting:
            throw Problem(
                .tooManyRequests, "too_many_waiting", "Several messages already wait for an answer; give it a moment.",
                retryAfter: 5)
        case .closed: throw Problem(.conflict, "case_closed", "This case is closed.")
        case .noSuchCase: throw Problem.notFound
        }
    }

    func stop(_ request: Request, _ context: CareContext) async throws -> Response {
        let reply = try await ownReply(context)
        _ = try await orchestrator.stop(reply.id)
        // It ends in a moment; while the shared log is away a writer elsewhere hears of it at its next checkpoint, and if it is no
        // more the sweep ends it when its lease has lapsed.
        try await wait(for: reply, atMost: .seconds(8))
        return try JSON.response(Stopped(reply: try await state(of: reply.id)))
    }

    func retry(_ request: Request, _ context: CareContext) async throws -> Response {
        let reply = try await ownReply(context)
        // Each try asks the model again, as a message does.
        try rate.count(reply.patientID)
        switch try await orchestrator.retry(reply.id) {
        case .queued(let reply):
            return try JSON.response(Stopped(reply: ReplyState(reply: reply, message: nil)), status: .accepted)
        case .noSuchReply: throw Problem.notFound
        case .superseded:
            throw Problem(.conflict, "reply_superseded", "A later answer exists; only the last one can be retried.")
        case .handledByPerson: throw Problem(.conflict, "handled_by_person", "A person handles this case now.")
        case .running: throw Problem(.conflict, "reply_running", "This answer is still being written.")
        case .finished: throw Problem(.conflict, "reply_finished", "This answer is complete.")
        }
    }

    private func ownReply(_ context: CareContext) async throws -> Reply {
        let (_, found) = try context.visit()
        let id: ReplyID = try context.id("reply")
        guard let reply = try await store.reply(id), reply.caseID == found.id else { throw Problem.notFound }
        return reply
    }

    private func answer(_ message: Message, _ replyID: ReplyID?, respondAsync: Bool) async throws -> Response {
        guard let replyID, let reply = try await store.reply(replyID) else {
            return try JSON.response(Answer(message: message, reply: nil))
        }
        if !respondAsync { try await wait(for: reply, atMost: patience) }
        let now = try await state(of: replyID)
        let isOver = now.reply.state.isOver
        var headers: HTTPFields = [:]
        if !isOver { headers[.location] = "/api/v1/cases/\(message.caseID)" }
        if respondAsync { headers[.preferenceApplied] = "respond-async" }
        return try JSON.response(
            Answer(message: message, reply: now), status: isOver && !respondAsync ? .ok : .accepted, headers: headers)
    }

    private func wait(for reply: Reply, atMost limit: Duration) async throws {
        guard !reply.state.isOver else { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await reader.waitForEnd(of: reply) }
            group.addTask { try await Task.sleep(for: limit) }
            try await group.next()
            group.cancelAll()
        }
    }

    private func state(of id: ReplyID) async throws -> ReplyState {
        guard let reply = try await store.reply(id) else { throw Problem.notFound }
        var message: Message?
        if reply.state.isOver, let messageID = MessageID(rawValue: id.rawValue) {
            // An attempt that ended without a word left no message; an earlier attempt's is not its own.
            message = try await store.message(messageID).flatMap { $0.version == reply.attempt ? $0 : nil }
        }
        return ReplyState(reply: reply, message: message)
    }

    /// RFC 7240: preferences are a comma-separated list, names in any case.
    private func prefersAsync(_ request: Request) -> Bool {
        request.headers[values: .prefer].joined(separator: ",").split(separator: ",").contains {
            $0.split(separator: ";").first?.filter { !$0.isWhitespace }.lowercased() == "respond-async"
        }
    }
}

/// A reply as the POST and its two verbs show it.
struct ReplyState: Encodable {
    var reply: Reply
    var message: Message?
    enum CodingKeys: String, CodingKey { case id, state, attempt, message, code }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(reply.id, forKey: .id)
        try container.encode(reply.state, forKey: .state)
        try container.encode(reply.attempt, forKey: .attempt)
        try container.encode(message, forKey: .message)
        try container.encode(reply.code, forKey: .code)
    }
}
