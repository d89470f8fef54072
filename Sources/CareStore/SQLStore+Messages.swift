package import CareDesk
package import CareDomain
import CareLog

extension SQLStore {
    package func messages(
        of caseID: CaseID, before: Int?, limit: Int, audience: Audience
    ) async throws -> [Message] {
        try await database.read { try $0.messages(of: caseID, before: before, limit: limit, audience: audience) }
    }

    /// One transaction, because in several a takeover may fall between two of them.
    package func conversation(in id: CaseID, limit: Int, audience: Audience) async throws -> Conversation? {
        try await database.read { session in
            guard let careCase = try session.careCase(id) else { return nil }
            return Conversation(
                careCase: careCase,
                messages: try session.messages(of: id, before: nil, limit: limit, audience: audience),
                reply: try session.currentReply(of: id))
        }
    }

    package func message(_ id: MessageID) async throws -> Message? {
        try await database.read { session in
            try session.row("SELECT * FROM messages WHERE id = $1", [SQLValue(id)]).map(Message.init)
        }
    }

    package func receive(_ draft: PatientMessage) async throws -> Received {
        try await database.write { session in
            guard try session.lock(draft.caseID), let found = try session.careCase(draft.caseID),
                found.patientID == draft.patient.id
            else { return .noSuchCase }
            if let row = try session.row(
                "SELECT * FROM messages WHERE case_id = $1 AND client_message_id = $2",
                [SQLValue(draft.caseID), .text(draft.clientMessageID)])
            {
                let known = try Message(row)
                return known.body == draft.body ? .duplicate(known, row.optionalID("answered_in")) : .keyReused
            }
            guard found.status != .closed else { return .closed }

            let queued = try session.queuedReply(of: draft.caseID)
            let waitsForReply = draft.answer == .reply && found.handling.letsAIAnswer
            if waitsForReply, let queued {
                let waiting =
                    try session.row(
                        "SELECT COUNT(*) AS n FROM messages WHERE answered_in = $1", [SQLValue(queued.id)])?.int("n")
                    ?? 0
                if waiting >= draft.waitingLimit { return .tooManyWaiting }
            }

            var answeredIn = waitsForReply ? queued?.id ?? .new(at: draft.at.milliseconds) : nil
            if case .fixed = draft.answer, found.handling.letsAIAnswer { answeredIn = .new(at: draft.at.milliseconds) }
            let message = Message(
                id: .new(at: draft.at.milliseconds), caseID: found.id,
                sequence: try session.nextSequence(of: found.id), role: .user, sender: .patient,
                senderName: draft.patient.name, body: draft.body, clientMessageID: draft.clientMessageID,
                createdAt: draft.at)
            try session.add(message, of: found.patientID, answeredIn: answeredIn)

            if draft.silencesReplies { try session.silence(found.id, at: draft.at) }
            if waitsForReply, queued == nil, let answeredIn {
                try session.addReply(Reply(id: answeredIn, caseID: found.id, patientID: found.patientID))
            }
            if case .fixed(let text, let author) = draft.answer {
                try session.answer(draft, in: found, with: text, by: author, as: answeredIn)
            }
            if draft.asksForPerson, found.handling.state == .ai {
                let handling = Handling(
                    state: .requested, version: found.handling.version + 1, by: draft.patient.name)
                try session.handle(found, handling, person: nil, fence: nil, at: draft.at)
            }
            try session.changed(found.id, at: draft.at)
            return .stored(message, answeredIn)
        }
    }
}

extension SQLSession {
    fileprivate func messages(of caseID: CaseID, before: Int?, limit: Int, audience: Audience) throws -> [Message] {
        // Staff notes are left out here, in SQL, and again where bytes are written.
        let readable = audience == .staff ? "" : "AND audience = 'everyone'"
        return try rows(
            """
            SELECT * FROM messages WHERE case_id = $1 AND sequence < $2 \(readable)
            ORDER BY sequence DESC LIMIT $3
            """,
            [SQLValue(caseID), SQLValue(before ?? Int.max), SQLValue(limit)]
        ).map(Message.init).reversed()
    }

    /// Stores a message, or a newer version of it, with its outbox row.
    func add(_ message: Message, of patient: PersonID, answeredIn: ReplyID? = nil) throws {
        try run(
            """
            INSERT INTO messages (id, case_id, sequence, version, role, sender, sender_name, medium, audience, body,
              reply_id, client_message_id, answered_in, status, answered_by, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
            ON CONFLICT (id) DO UPDATE SET version = $4, body = $10, status = $14, answered_by = $15,
              created_at = $16
            """,
            [
                SQLValue(message.id), SQLValue(message.caseID), SQLValue(message.sequence), SQLValue(message.version),
                SQLValue(message.role), SQLValue(message.sender), SQLValue(message.senderName),
                SQLValue(message.medium), SQLValue(message.audience), .text(message.body), SQLValue(message.replyID),
                SQLValue(message.clientMessageID), SQLValue(answeredIn), SQLValue(message.status),
                SQLValue(message.answeredBy), SQLValue(message.createdAt),
            ])
        if message.audience == .everyone {
            try run(
                "UPDATE cases SET last_message = $2 WHERE id = $1",
                [SQLValue(message.caseID), .text(message.body.excerpt(120))])
        }
        try addFact(.message(message), of: patient, at: message.createdAt)
    }

    /// A fixed text, said at once. The AI says it; while a person handles the case the system does, because the AI
    /// never talks over a person and a warning must not wait for one.
    fileprivate func answer(
        _ draft: PatientMessage, in found: CareCase, with text: String, by author: Message.Author, as id: ReplyID?
    ) throws {
        guard let id, let messageID = MessageID(rawValue: id.rawValue) else {
            guard author == .emergency else { return }
            return try add(
                Message(
                    id: .new(at: draft.at.milliseconds), caseID: found.id,
                    sequence: try nextSequence(of: found.id), role: .system, sender: .system, body: text,
                    answeredBy: author, createdAt: draft.at),
                of: found.patientID)
        }
        let sequence = try nextSequence(of: found.id)
        var reply = Reply(id: id, caseID: found.id, patientID: found.patientID, state: .finished)
        reply.sequence = sequence
        reply.text = text
        reply.startedAt = draft.at
        try addReply(reply)
        try add(
            Message(
                id: messageID, caseID: found.id, sequence: sequence, role: .assistant, sender: .ai, body: text,
                replyID: id, answeredBy: author, createdAt: draft.at),
            of: found.patientID)
        let attempt = ReplyAttempt(caseID: found.id, replyID: id, number: 1)
        try addFact(
            .replyEnded(attempt, state: .finished, sequence: sequence, messageID: messageID, code: nil),
            of: found.patientID, at: draft.at)
    }

    /// Whoever writes is asked to stop; what waits is stopped.
    fileprivate func silence(_ caseID: CaseID, at now: Moment) throws {
        try run("UPDATE replies SET stop_wanted = 1 WHERE case_id = $1 AND state = 'running'", [SQLValue(caseID)])
        let waiting = try rows(
            "SELECT * FROM replies WHERE case_id = $1 AND state = 'queued'", [SQLValue(caseID)]
        ).map(Reply.init)
        for reply in waiting { try stopQueued(reply, at: now) }
    }
}
