package import CareDesk
package import CareDomain
import CareLog

extension SQLStore {
    package func reply(_ id: ReplyID) async throws -> Reply? {
        try await database.read { try $0.reply(id) }
    }

    package func currentReply(of caseID: CaseID) async throws -> Reply? {
        try await database.read { try $0.currentReply(of: caseID) }
    }

    package func startable(limit: Int) async throws -> [ReplyID] {
        try await database.read { session in
            try session.rows(
                """
                SELECT id FROM replies AS waiting WHERE state = 'queued' AND NOT EXISTS (
                  SELECT 1 FROM replies AS other WHERE other.case_id = waiting.case_id AND other.state = 'running')
                ORDER BY id LIMIT $1
                """,
                [SQLValue(limit)]
            ).map { try $0.id("id") }
        }
    }

    package func runningReplies(limit: Int) async throws -> [StartedReply] {
        try await database.read { session in
            try session.rows("SELECT * FROM replies WHERE state = 'running' ORDER BY id LIMIT $1", [SQLValue(limit)])
                .map {
                    StartedReply(
                        reply: try Reply($0), fence: Fence(takeover: try $0.int("fence"), lease: try $0.int("lease")),
                        sequence: try $0.int("sequence"))
                }
        }
    }

    package func start(_ id: ReplyID, lease until: Moment, at now: Moment) async throws -> StartedReply? {
        try await database.write { session in
            guard var reply = try session.lockedReply(id),
                let found = try session.careCase(reply.caseID), reply.state == .queued
            else { return nil }
            guard found.handling.letsAIAnswer else {
                try session.stopQueued(reply, at: now)
                return nil
            }
            let running = try session.rows(
                "SELECT 1 AS one FROM replies WHERE case_id = $1 AND state = 'running'", [SQLValue(reply.caseID)])
            guard running.isEmpty else { return nil }
            guard let fence = try session.newLease(of: found.id) else { return nil }
            let sequence = try reply.sequence ?? session.nextSequence(of: found.id)
            reply.state = .running
            reply.sequence = sequence
            reply.startedAt = now
            reply.through = 0
            reply.text = ""
            reply.isStopWanted = false
            try session.run(
                """
                UPDATE replies SET state = 'running', sequence = $2, through = 0, body = '', fence = $3, lease = $4,
                  lease_until = $5, stop_wanted = 0, code = NULL, started_at = $6 WHERE id = $1
                """,
                [
                    SQLValue(id), SQLValue(sequence), SQLValue(fence.takeover), SQLValue(fence.lease), SQLValue(until),
                    SQLValue(now),
                ])
            return StartedReply(reply: reply, fence: fence, sequence: sequence)
        }
    }

    package func checkpoint(
        _ reply: StartedReply, through: Int, text: String, lease until: Moment
    ) async throws -> Kept {
        try await database.write { session in
            let row = try session.row(
                """
                UPDATE replies SET through = $2, body = $3, lease_until = $4
                WHERE id = $1 AND state = 'running' AND lease = $5
                  AND fence = (SELECT cases.fence FROM cases WHERE cases.id = replies.case_id)
                RETURNING stop_wanted
                """,
                [
                    SQLValue(reply.reply.id), SQLValue(through), .text(text), SQLValue(until),
                    SQLValue(reply.fence.lease),
                ])
            guard let row else { return .lost }
            return try row.bool("stop_wanted") ? .stopWanted : .kept
        }
    }

    package func end(_ started: StartedReply, _ ending: ReplyEnding, at now: Moment) async throws -> Bool {
        try await database.write { session in
            guard try session.lock(started.reply.caseID),
                let row = try session.row(
                    "SELECT replies.lease, cases.fence FROM replies JOIN cases ON cases.id = replies.case_id "
                        + "WHERE replies.id = $1 AND replies.state = 'running'",
                    [SQLValue(started.reply.id)]),
                try row.int("lease") == started.fence.lease, try row.int("fence") == started.fence.takeover
            else { return false }
            // With its fence, for a log that was away when the lease was taken.
            try session.end(started.reply, sequence: started.sequence, ending, fence: started.fence, at: now)
            return true
        }
    }

    package func requestStop(_ id: ReplyID, at now: Moment) async throws -> Reply? {
        try await database.write { session in
            guard let reply = try session.lockedReply(id) else { return nil }
            switch reply.state {
            case .queued: try session.stopQueued(reply, at: now)
            case .running: try session.run("UPDATE replies SET stop_wanted = 1 WHERE id = $1", [SQLValue(id)])
            case .finished, .stopped, .interrupted, .failed: break
            }
            return try session.reply(id)
        }
    }

    package func retry(_ id: ReplyID, at now: Moment) async throws -> RetryOutcome {
        try await database.write { session in
            guard var reply = try session.lockedReply(id),
                let found = try session.careCase(reply.caseID)
            else { return .noSuchReply }
            guard found.handling.letsAIAnswer else { return .handledByPerson }
            guard try session.lastReply(of: reply.caseID)?.id == id else { return .superseded }
            if reply.state == .finished { return .finished }
            guard reply.state.isRetryable else { return .running }
            reply.attempt += 1
            reply.state = .queued
            reply.text = ""
            reply.through = 0
            reply.code = nil
            reply.isStopWanted = false
            try session.run(
                """
                UPDATE replies SET state = 'queued', attempt = $2, through = 0, body = '', code = NULL, stop_wanted = 0
                WHERE id = $1
                """,
                [SQLValue(id), SQLValue(reply.attempt)])
            return .queued(reply)
        }
    }

    package func lapsed(before moment: Moment, limit: Int) async throws -> [ReplyID] {
        try await database.read { session in
            try session.rows(
                "SELECT id FROM replies WHERE state = 'running' AND lease_until < $1 ORDER BY lease_until LIMIT $2",
                [SQLValue(moment), SQLValue(limit)]
            ).map { try $0.id("id") }
        }
    }

    package func takeLease(of id: ReplyID, _ claim: LeaseClaim, until: Moment) async throws -> StartedReply? {
        try await database.write { session in
            guard let found = try session.reply(id), try session.lock(found.caseID, for: claim),
                // Looked at again under the lock: its writer may have kept more, renewed it or ended it meanwhile.
                var reply = try session.latestReply(id), reply.state == .running,
                try session.holds(claim, of: reply),
                let fence = try session.newLease(of: reply.caseID)
            else { return nil }
            let sequence = try reply.sequence ?? session.nextSequence(of: reply.caseID)
            reply.sequence = sequence
            try session.run(
                "UPDATE replies SET sequence = $2, fence = $3, lease = $4, lease_until = $5 WHERE id = $1",
                [SQLValue(id), SQLValue(sequence), SQLValue(fence.takeover), SQLValue(fence.lease), SQLValue(until)])
            return StartedReply(reply: reply, fence: fence, sequence: sequence)
        }
    }
}

extension SQLSession {
    func reply(_ id: ReplyID) throws -> Reply? {
        try row("SELECT * FROM replies WHERE id = $1", [SQLValue(id)]).map(Reply.init)
    }

    func currentReply(of caseID: CaseID) throws -> Reply? {
        try row(
            """
            SELECT * FROM replies AS shown WHERE case_id = $1 AND (state IN ('running', 'queued')
              OR (state IN ('stopped', 'interrupted', 'failed') AND body = '' AND ordinal = (
                SELECT MAX(ordinal) FROM replies AS other WHERE other.case_id = shown.case_id)))
            ORDER BY CASE state WHEN 'running' THEN 0 WHEN 'queued' THEN 1 ELSE 2 END, ordinal LIMIT 1
            """,
            [SQLValue(caseID)]
        ).map(Reply.init)
    }

    /// The reply as it is under its case's lock: what was read before the lock may have changed while waiting for it.
    func lockedReply(_ id: ReplyID) throws -> Reply? {
        guard let found = try reply(id), try lock(found.caseID) else { return nil }
        return try latestReply(id)
    }

    /// Of many that find one lapsed, one goes on; who is wanted to stop it waits.
    fileprivate func lock(_ caseID: CaseID, for claim: LeaseClaim) throws -> Bool {
        switch claim {
        case .lapsed: try tryLock(caseID)
        case .stopWanted: try lock(caseID)
        }
    }

    fileprivate func holds(_ claim: LeaseClaim, of reply: Reply) throws -> Bool {
        switch claim {
        case .stopWanted: reply.isStopWanted
        case .lapsed(let moment):
            try row(
                "SELECT 1 AS one FROM replies WHERE id = $1 AND lease_until < $2",
                [SQLValue(reply.id), SQLValue(moment)])
                != nil
        }
    }

    /// With its own row locked as well, which is all that a checkpoint locks.
    func latestReply(_ id: ReplyID) throws -> Reply? {
        try row("SELECT * FROM replies WHERE id = $1\(dialect.forUpdate)", [SQLValue(id)]).map(Reply.init)
    }

    func queuedReply(of caseID: CaseID) throws -> Reply? {
        try row(
            "SELECT * FROM replies WHERE case_id = $1 AND state = 'queued' ORDER BY ordinal LIMIT 1",
            [SQLValue(caseID)]
        ).map(Reply.init)
    }

    func lastReply(of caseID: CaseID) throws -> Reply? {
        try row(
            "SELECT * FROM replies WHERE case_id = $1 ORDER BY ordinal DESC LIMIT 1", [SQLValue(caseID)]
        ).map(Reply.init)
    }

    func addReply(_ reply: Reply) throws {
        let ordinal = try row(
            "UPDATE cases SET next_ordinal = next_ordinal + 1 WHERE id = $1 RETURNING next_ordinal",
            [SQLValue(reply.caseID)])
        try run(
            """
            INSERT INTO replies (id, case_id, patient_id, ordinal, state, attempt, sequence, through, body, fence, lease,
              lease_until, stop_wanted, code, started_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, 0, NULL, $10)
            """,
            [
                SQLValue(reply.id), SQLValue(reply.caseID), SQLValue(reply.patientID),
                SQLValue(try ordinal?.int("next_ordinal") ?? 0), SQLValue(reply.state), SQLValue(reply.attempt),
                SQLValue(reply.sequence), SQLValue(reply.through), .text(reply.text), SQLValue(reply.startedAt),
            ])
    }

    func stopQueued(_ reply: Reply, at now: Moment) throws {
        let sequence = try reply.sequence ?? nextSequence(of: reply.caseID)
        try run(
            "UPDATE replies SET state = 'stopped', sequence = $2 WHERE id = $1",
            [SQLValue(reply.id), SQLValue(sequence)])
        let attempt = ReplyAttempt(caseID: reply.caseID, replyID: reply.id, number: reply.attempt)
        try addFact(
            .replyEnded(attempt, state: .stopped, sequence: sequence, messageID: nil, code: nil), of: reply.patientID,
            at: now)
    }

    /// Writes the end of an attempt: the reply, its message if it said anything, and the facts in that order.
    func end(
        _ reply: Reply, sequence: Int, _ ending: ReplyEnding, fence: Fence? = nil, at now: Moment
    ) throws {
        try run(
            "UPDATE replies SET state = $2, through = $3, body = $4, code = $5, lease_until = 0 WHERE id = $1",
            [
                SQLValue(reply.id), SQLValue(ending.state), SQLValue(ending.through), .text(ending.text),
                SQLValue(ending.code),
            ])
        var messageID: MessageID?
        if !ending.text.isEmpty, let id = MessageID(rawValue: reply.id.rawValue) {
            messageID = id
            let status: Message.Status =
                switch ending.state {
                case .stopped: .stopped
                case .interrupted, .failed: .interrupted
                case .finished, .queued, .running: .complete
                }
            try add(
                Message(
                    id: id, caseID: reply.caseID, sequence: sequence, version: reply.attempt, role: .assistant,
                    sender: .ai, body: ending.text, replyID: reply.id, status: status, answeredBy: ending.author,
                    createdAt: now),
                of: reply.patientID)
        }
        let attempt = ReplyAttempt(caseID: reply.caseID, replyID: reply.id, number: reply.attempt)
        try addFact(
            .replyEnded(attempt, state: ending.state, sequence: sequence, messageID: messageID, code: ending.code),
            of: reply.patientID, fence: fence, at: now)
        try changed(reply.caseID, at: now)
    }
}
