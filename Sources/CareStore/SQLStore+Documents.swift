package import CareDesk
package import CareDomain
import CareLog

/// Documents that wait or are being read, in the words of their index.
private let isOpen = "stage IN ('received', 'scanned', 'reading', 'extracting')"

/// What `Document` is made of: lists leave out what was found, which is much longer.
private let columns = """
    id, patient_id, case_id, sequence, version, name, media_type, bytes, stage, page, pages, code, kind, scanned, created_at
    """

extension SQLStore: DocumentStore {
    // MARK: Uploads

    package func begin(_ upload: Upload, limits: UploadLimits) async throws -> UploadBegun {
        try await database.write { session in
            guard try session.lock(upload.caseID), let found = try session.careCase(upload.caseID),
                found.patientID == upload.patientID
            else { return .noSuchCase }
            guard found.status != .closed else { return .closed }
            let open = try session.count("uploads WHERE patient_id = $1", [SQLValue(upload.patientID)])
            guard open < limits.open else { return .tooManyOpen }
            let kept = try session.count(
                "documents WHERE patient_id = $1 AND stage <> 'deleted'", [SQLValue(upload.patientID)])
            guard open + kept < limits.documents else { return .tooManyDocuments }
            try session.run(
                """
                INSERT INTO uploads (id, patient_id, case_id, name, bytes, touched_at) VALUES ($1, $2, $3, $4, $5, $6)
                """,
                [
                    SQLValue(upload.id), SQLValue(upload.patientID), SQLValue(upload.caseID), .text(upload.name),
                    SQLValue(upload.bytes), SQLValue(upload.touchedAt),
                ])
            return .begun
        }
    }

    package func upload(_ id: DocumentID) async throws -> Upload? {
        try await database.read { session in
            try session.row("SELECT * FROM uploads WHERE id = $1", [SQLValue(id)]).map(Upload.init)
        }
    }

    package func touch(_ id: DocumentID, at now: Moment) async throws {
        _ = try await database.write { session in
            try session.run("UPDATE uploads SET touched_at = $2 WHERE id = $1", [SQLValue(id), SQLValue(now)])
        }
    }

    package func cancelUpload(_ id: DocumentID, untouchedSince moment: Moment?) async throws -> Bool {
        try await database.write { session in
            try session.run(
                "DELETE FROM uploads WHERE id = $1 AND touched_at < $2",
                [SQLValue(id), moment.map { SQLValue($0) } ?? .integer(.max)]) > 0
        }
    }

    package func uploads(untouchedSince moment: Moment, limit: Int) async throws -> [Upload] {
        try await database.read { session in
            try session.rows(
                "SELECT * FROM uploads WHERE touched_at < $1 ORDER BY touched_at, id LIMIT $2",
                [SQLValue(moment), SQLValue(limit)]
            ).map(Upload.init)
        }
    }

    package func receive(
        _ id: DocumentID, bytes: Int, digest: String, at now: Moment
    ) async throws -> ReceivedDocument {
        try await database.write { session in
            let select = "SELECT * FROM uploads WHERE id = $1\(session.dialect.forUpdate)"
            guard let upload = try session.row(select, [SQLValue(id)]).map(Upload.init) else {
                // Asked again after an answer that was lost.
                return try session.document(id).map(ReceivedDocument.received) ?? .noSuchUpload
            }
            // The case's documents are compared under its lock.
            guard try session.lock(upload.caseID) else { return .noSuchUpload }
            try session.run("DELETE FROM uploads WHERE id = $1", [SQLValue(id)])
            let same = try session.row(
                "SELECT * FROM documents WHERE case_id = $1 AND digest = $2 AND stage NOT IN ('deleted', 'rejected')",
                [SQLValue(upload.caseID), .text(digest)])
            if let same { return .known(try Document(same)) }
            let turns = try session.place(of: upload.patientID)
            let document = Document(
                id: id, patientID: upload.patientID, caseID: upload.caseID,
                sequence: try session.nextSequence(of: upload.caseID), name: upload.name, bytes: bytes,
                createdAt: now)
            try session.run(
                """
                INSERT INTO documents (id, patient_id, case_id, sequence, version, name, media_type, bytes, digest, stage,
                  page, pages, scanned, claim, lease_until, tries, turns, created_at)
                VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, 'received', 0, 0, 0, 0, 0, 0, $10, $9)
                """,
                [
                    SQLValue(id), SQLValue(document.patientID), SQLValue(document.caseID), SQLValue(document.sequence),
                    .text(document.name), .text(document.mediaType), SQLValue(document.bytes), .text(digest),
                    SQLValue(now), SQLValue(turns),
                ])
            try session.addFact(.document(document), of: document.patientID, at: now)
            return .received(document)
        }
    }

    // MARK: Reading

    package func document(_ id: DocumentID) async throws -> Document? {
        try await database.read { try $0.document(id) }
    }

    package func documents(of patient: PersonID, limit: Int) async throws -> [Document] {
        try await database.read { session in
            try session.rows(
                """
                SELECT \(columns) FROM documents WHERE patient_id = $1 AND stage <> 'deleted'
                ORDER BY created_at DESC, id DESC LIMIT $2
                """,
                [SQLValue(patient), SQLValue(limit)]
            ).map(Document.init)
        }
    }

    package func documents(in caseID: CaseID, limit: Int) async throws -> [Document] {
        try await database.read { session in
            try session.rows(
                "SELECT \(columns) FROM documents WHERE case_id = $1 ORDER BY sequence DESC LIMIT $2",
                [SQLValue(caseID), SQLValue(limit)]
            ).map(Document.init).reversed()
        }
    }

    package func content(of id: DocumentID) async throws -> DocumentContent? {
        try await database.read { session in
            guard let row = try session.row("SELECT * FROM documents WHERE id = $1", [SQLValue(id)]) else { return nil }
            let pages = try session.rows(
                "SELECT * FROM document_pages WHERE document_id = $1 ORDER BY number", [SQLValue(id)]
            ).map { PageContent(text: try PageText($0), hasPicture: try $0.bool("has_picture")) }
            return DocumentContent(
                document: try Document(row),
                extraction: try row.optionalText("extraction").map { try Extraction(json: $0) }, pages: pages)
        }
    }

    package func search(_ words: [String], of patient: PersonID, limit: Int) async throws -> [PageHit] {
        guard !words.isEmpty else { return [] }
        return try await database.read { session in
            try session.rows(
                session.dialect.searchPages,
                [SQLValue(patient), .text(session.dialect.searchQuery(words)), SQLValue(limit)]
            ).map { PageHit(documentID: try $0.id("document_id"), page: try PageText($0)) }
        }
    }

    package func leftovers(among ids: [DocumentID]) async throws -> Leftovers {
        try await database.read { session in
            var left = Leftovers()
            for id in ids {
                // In this order: an upload that is none any more has become a document before.
                guard try session.row("SELECT id FROM uploads WHERE id = $1", [SQLValue(id)]) == nil else { continue }
                guard let document = try session.document(id) else {
                    left.unknown.append(id)
                    continue
                }
                if document.stage == .deleted || document.isInfected { left.condemned.append(id) }
            }
            return left
        }
    }

    // MARK: Moving on

    package func claim(lease until: Moment, at now: Moment) async throws -> DocumentClaim? {
        // Looked at first: asked each second, there is mostly nothing, and a look waits for no writer.
        let open = "\(isOpen) AND lease_until < $1"
        let some = try await database.read { session in
            try session.row("SELECT id FROM documents WHERE \(open) LIMIT 1", [SQLValue(now)])
        }
        guard some != nil else { return nil }
        return try await database.write { session in
            guard
                let found = try session.row(
                    """
                    SELECT id FROM documents WHERE \(open) ORDER BY turns, created_at, id LIMIT 1\
                    \(session.dialect.forUpdateSkippingLocked)
                    """, [SQLValue(now)]),
                let row = try session.row(
                    """
                    UPDATE documents SET claim = claim + 1, tries = tries + 1, lease_until = $2 WHERE id = $1 RETURNING *
                    """, [.text(try found.text("id")), SQLValue(until)])
            else { return nil }
            return DocumentClaim(document: try Document(row), number: try row.int("claim"), tries: try row.int("tries"))
        }
    }

    package func renew(_ claim: DocumentClaim, lease until: Moment) async throws -> Bool {
        try await database.write { session in
            try session.run(
                "UPDATE documents SET lease_until = $3 WHERE id = $1 AND claim = $2",
                [SQLValue(claim.document.id), SQLValue(claim.number), SQLValue(until)]) > 0
        }
    }

    package func release(_ claim: DocumentClaim, afterTurn: Bool) async throws {
        _ = try await database.write { session in
            let turns = try afterTurn ? session.place(of: claim.document.patientID) : nil
            return try session.run(
                """
                UPDATE documents SET lease_until = 0, claim = claim + 1, turns = COALESCE($3, turns),
                  tries = CASE WHEN tries > 0 THEN tries - 1 ELSE 0 END WHERE id = $1 AND claim = $2
                """,
                [SQLValue(claim.document.id), SQLValue(claim.number), SQLValue(turns)])
        }
    }

    package func advance(_ claim: DocumentClaim, by step: DocumentStep, at now: Moment) async throws -> Document? {
        let extraction: String? =
            if case .ready(let found) = step { try found.json() } else { nil }
        return try await database.write { session in
            let select = "SELECT * FROM documents WHERE id = $1 AND claim = $2\(session.dialect.forUpdate)"
            guard
                var document = try session.row(select, [SQLValue(claim.document.id), SQLValue(claim.number)])
                    .map(Document.init), !document.stage.isOver
            else { return nil }
            document.take(step)
            if case .page(let page) = step { try session.keep(page, of: document.id) }
            // It got further, so what ended the tries before was not this file.
            try session.run("UPDATE documents SET tries = 0 WHERE id = $1", [SQLValue(document.id)])
            return try session.save(document, extraction: extraction, at: now)
        }
    }

    package func retry(
        _ id: DocumentID, at now: Moment, noting entry: AuditEntry?
    ) async throws -> DocumentRetry {
        try await database.write { session in
            let select = "SELECT * FROM documents WHERE id = $1\(session.dialect.forUpdate)"
            guard var document = try session.row(select, [SQLValue(id)]).map(Document.init), document.stage != .deleted
            else { return .noSuchDocument }
            guard document.stage.isRetryable else { return .notFailed }
            document.stage = .received
            document.code = nil
            document.page = 0
            document.pages = 0
            try session.forgetPages(of: id)
            try session.run(
                "UPDATE documents SET claim = claim + 1, tries = 0, turns = $2, lease_until = 0 WHERE id = $1",
                [SQLValue(id), SQLValue(try session.place(of: document.patientID))])
            if let entry { try session.add(entry) }
            return .received(try session.save(document, extraction: nil, at: now))
        }
    }

    package func delete(_ id: DocumentID, at now: Moment, noting entry: AuditEntry?) async throws -> Document? {
        try await database.write { session in
            let select = "SELECT * FROM documents WHERE id = $1\(session.dialect.forUpdate)"
            guard var document = try session.row(select, [SQLValue(id)]).map(Document.init) else { return nil }
            guard document.stage != .deleted else { return document }
            document.stage = .deleted
            document.name = ""
            document.mediaType = "application/octet-stream"
            document.bytes = 0
            document.page = 0
            document.pages = 0
            document.code = nil
            document.kind = nil
            try session.forgetPages(of: id)
            // Facts in the outbox and entries of the log still say its name, for as long as those are kept.
            try session.run(
                "UPDATE documents SET claim = claim + 1, digest = '', extraction = NULL WHERE id = $1", [SQLValue(id)])
            let gone = try session.save(document, extraction: nil, at: now)
            if let entry { try session.add(entry) }
            return gone
        }
    }
}

extension Document {
    /// What a step changes that a reader can see. The version is the store's.
    fileprivate mutating func take(_ step: DocumentStep) {
        switch step {
        case .scanned(let byScanner):
            stage = .scanned
            isScanned = byScanner
        case .opened(let type, let count):
            stage = .reading
            mediaType = type
            pages = count
        case .page(let content): page = content.text.number
        case .extracting: stage = .extracting
        case .ready(let extraction):
            stage = .ready
            kind = extraction.kind
        case .rejected(let refusal):
            stage = .rejected
            code = refusal.rawValue
        case .failed(let trouble):
            stage = .failed
            code = trouble.rawValue
        }
    }

    init(_ row: SQLRow) throws {
        self.init(
            id: try row.id("id"), patientID: try row.id("patient_id"), caseID: try row.id("case_id"),
            sequence: try row.int("sequence"), version: try row.int("version"), name: try row.text("name"),
            mediaType: try row.text("media_type"), bytes: try row.int("bytes"), stage: try row.value("stage"),
            page: try row.int("page"), pages: try row.int("pages"), code: row.optionalText("code"),
            kind: row.optionalValue("kind"), isScanned: try row.bool("scanned"),
            createdAt: try row.moment("created_at"))
    }
}

extension PageText {
    fileprivate init(_ row: SQLRow) throws {
        self.init(
            number: try row.int("number"), text: try row.text("body"), source: try row.value("source"),
            confidence: row.optionalInt("confidence"))
    }
}

extension Upload {
    fileprivate init(_ row: SQLRow) throws {
        self.init(
            id: try row.id("id"), patientID: try row.id("patient_id"), caseID: try row.id("case_id"),
            name: try row.text("name"), bytes: try row.int("bytes"), touchedAt: try row.moment("touched_at"))
    }
}

extension SQLSession {
    fileprivate func document(_ id: DocumentID) throws -> Document? {
        try row("SELECT * FROM documents WHERE id = $1", [SQLValue(id)]).map(Document.init)
    }

    fileprivate func count(_ what: String, _ values: [SQLValue]) throws -> Int {
        try row("SELECT COUNT(*) AS n FROM \(what)", values)?.int("n") ?? 0
    }

    /// What `turns` a document of this patient gets that comes, comes again or has had a turn: start-time fair queueing. Behind
    /// all that the patient has waiting, so that two hundred of one patient take one place among the others' at a time;
    /// and not before what is next for everybody, so that nobody who was away has saved up turns. Two that come in the
    /// same moment may get the same number: then the older goes first, and nobody is hurt.
    fileprivate func place(of patient: PersonID) throws -> Int {
        let next = try row("SELECT MIN(turns) AS n FROM documents WHERE \(isOpen)", [])?.optionalInt("n") ?? 0
        let last = try row(
            "SELECT MAX(turns) AS n FROM documents WHERE patient_id = $1 AND \(isOpen)", [SQLValue(patient)]
        )?.optionalInt("n")
        return max(next, last.map { $0 + 1 } ?? 0)
    }

    /// Writes what has changed under a new version, with its fact.
    fileprivate func save(_ changed: Document, extraction: String?, at now: Moment) throws -> Document {
        var document = changed
        document.version += 1
        try run(
            """
            UPDATE documents SET version = $2, name = $3, media_type = $4, bytes = $5, stage = $6, page = $7, pages = $8,
              code = $9, kind = $10, scanned = $11, extraction = COALESCE($12, extraction) WHERE id = $1
            """,
            [
                SQLValue(document.id), SQLValue(document.version), .text(document.name), .text(document.mediaType),
                SQLValue(document.bytes), SQLValue(document.stage), SQLValue(document.page), SQLValue(document.pages),
                SQLValue(document.code), SQLValue(document.kind), SQLValue(document.isScanned), SQLValue(extraction),
            ])
        try addFact(.document(document), of: document.patientID, at: now)
        return document
    }

    fileprivate func keep(_ page: PageContent, of id: DocumentID) throws {
        try run(
            """
            INSERT INTO document_pages (document_id, number, body, folded, source, confidence, has_picture)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (document_id, number) DO NOTHING
            """,
            [
                SQLValue(id), SQLValue(page.text.number), .text(page.text.text),
                .text(SearchWords.fold(page.text.text)), SQLValue(page.text.source), SQLValue(page.text.confidence),
                SQLValue(page.hasPicture),
            ])
    }

    fileprivate func forgetPages(of id: DocumentID) throws {
        for statement in dialect.forgetPages { try run(statement, [SQLValue(id)]) }
    }
}
