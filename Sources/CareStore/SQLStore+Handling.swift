package import CareDesk
package import CareDomain
package import CareLog

extension SQLStore {
    package func fenceOff(_ caseID: CaseID) async throws -> Fence? {
        try await database.write { try $0.newLease(of: caseID) }
    }

    package func takeOver(_ takeover: Takeover) async throws -> HandlingOutcome {
        try await database.write { session in
            guard try session.lock(takeover.caseID), let found = try session.careCase(takeover.caseID) else {
                return .noSuchCase
            }
            if found.handling.state == .coordinator {
                let holder = try session.row(
                    "SELECT handling_person FROM cases WHERE id = $1", [SQLValue(found.id)]
                )?.optionalText("handling_person")
                return holder == takeover.person.id.rawValue ? .already(found) : .takenBy(found)
            }
            for row in try session.unfinished(of: found.id) {
                let reply = try Reply(row)
                guard reply.state == .running else {
                    try session.stopQueued(reply, at: takeover.at)
                    continue
                }
                // It began after its predecessor was shut out, and may be saying words that are in nobody's fold.
                if try row.int("lease") > takeover.fencedOff.lease, !takeover.isLastTry { return .raced }
                // With what readers have seen, which the log knows better than the checkpoint.
                let ending = ReplyEnding(of: reply.withWords(of: takeover.shown), .stopped)
                try session.end(
                    reply, sequence: reply.sequence ?? session.nextSequence(of: found.id), ending, at: takeover.at)
            }
            let version = found.handling.version + 1
            try session.handle(
                found, Handling(state: .coordinator, version: version, by: takeover.person.name),
                person: takeover.person, fence: try session.takeoverFence(of: found.id, version), at: takeover.at)
            if let entry = takeover.audit { _ = try session.add(entry) }
            return .changed(try session.changed(found.id, at: takeover.at))
        }
    }

    package func release(
        _ caseID: CaseID, by person: Person, at now: Moment, noting entry: AuditEntry?
    ) async throws -> HandlingOutcome {
        try await database.write { session in
            guard try session.lock(caseID), let found = try session.careCase(caseID) else { return .noSuchCase }
            guard found.handling.state == .coordinator else { return .notTaken(found) }
            try session.handle(
                found, Handling(state: .ai, version: found.handling.version + 1, by: person.name), person: nil,
                fence: nil, at: now)
            if let entry { _ = try session.add(entry) }
            return .changed(try session.changed(caseID, at: now))
        }
    }
}

extension SQLSession {
    /// The next lease number of a case: whoever holds an older one is refused by the log that is told.
    func newLease(of caseID: CaseID) throws -> Fence? {
        try row("UPDATE cases SET lease = lease + 1 WHERE id = $1 RETURNING fence, lease", [SQLValue(caseID)]).map {
            Fence(takeover: try $0.int("fence"), lease: try $0.int("lease"))
        }
    }

    /// Locked, because a checkpoint does not lock the case, and its words must not be lost under what ends it.
    fileprivate func unfinished(of caseID: CaseID) throws -> [SQLRow] {
        try rows(
            """
            SELECT * FROM replies WHERE case_id = $1 AND state IN ('running', 'queued')
            ORDER BY ordinal\(dialect.forUpdate)
            """,
            [SQLValue(caseID)])
    }

    fileprivate func takeoverFence(of caseID: CaseID, _ version: Int) throws -> Fence? {
        try row(
            "UPDATE cases SET fence = $2 WHERE id = $1 RETURNING fence, lease", [SQLValue(caseID), SQLValue(version)]
        )
        .map { Fence(takeover: try $0.int("fence"), lease: try $0.int("lease")) }
    }

    /// Writes who handles a case, and the fact of it.
    func handle(_ careCase: CareCase, _ handling: Handling, person: Person?, fence: Fence?, at now: Moment) throws {
        try run(
            """
            UPDATE cases SET handling_state = $2, handling_version = $3, handling_by = $4, handling_person = $5
            WHERE id = $1
            """,
            [
                SQLValue(careCase.id), SQLValue(handling.state), SQLValue(handling.version), SQLValue(handling.by),
                SQLValue(person?.id),
            ])
        try addFact(.handling(careCase.id, handling), of: careCase.patientID, fence: fence, at: now)
    }
}
