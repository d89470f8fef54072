package import CareDomain
import CareLog

/// Takes in documents and lets go of them: what a patient asks for. Reading them is `DocumentPipeline`'s.
package struct DocumentDesk: Sendable {
    package struct Settings: Sendable {
        /// Bytes of one document; more is `too_large`.
        package var bytes = 50_000_000
        package var uploads = UploadLimits()
        /// An upload nobody sends to for this long is forgotten.
        package var patience: Duration = .seconds(24 * 60 * 60)
        /// Bytes that the store has never heard of stay so long: it may be the wrong one, or one that was restored.
        package var grace: Duration = .seconds(30 * 24 * 60 * 60)
        package init() {}
    }

    package enum Begun: Sendable, Equatable {
        case begun(Upload)
        case empty, tooLarge(limit: Int), noSuchCase, closed, tooManyOpen, tooManyDocuments
    }

    package enum Finished: Sendable, Equatable {
        case received(Document)
        case known(Document)
        /// There was not a byte in it; it is forgotten.
        case empty
        case noSuchUpload
    }

    private let store: any DocumentStore
    private let blobs: any BlobStore
    private let publisher: FactPublisher
    private let pipeline: DocumentPipeline
    private let installation: @Sendable () async throws -> String
    private let time: Timekeeper
    private let report: @Sendable (String) -> Void
    package let settings: Settings

    /// `installation`: a name that moves with the store and that no other has.
    package init(
        store: any DocumentStore, blobs: any BlobStore, publisher: FactPublisher, pipeline: DocumentPipeline,
        installation: @escaping @Sendable () async throws -> String, time: Timekeeper = .system,
        settings: Settings = Settings(), report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.installation = installation
        self.report = report
        self.store = store
        self.blobs = blobs
        self.publisher = publisher
        self.pipeline = pipeline
        self.time = time
        self.settings = settings
    }

    /// `bytes`: as announced; nil when nobody knows yet, and then `Upload.bytes` is the limit.
    package func begin(
        _ name: String, bytes: Int?, of patient: PersonID, in caseID: CaseID
    ) async throws -> Begun {
        if let bytes {
            guard bytes > 0 else { return .empty }
            guard bytes <= settings.bytes else { return .tooLarge(limit: settings.bytes) }
        }
        let now = time.now()
        let upload = Upload(
            id: .new(at: now.milliseconds), patientID: patient, caseID: caseID, name: DocumentName.clean(name),
            bytes: bytes ?? settings.bytes, touchedAt: now)
        return switch try await store.begin(upload, limits: settings.uploads) {
        case .begun: .begun(upload)
        case .noSuchCase: .noSuchCase
        case .closed: .closed
        case .tooManyOpen: .tooManyOpen
        case .tooManyDocuments: .tooManyDocuments
        }
    }

    /// An upload of this patient's that is still open.
    package func upload(_ id: DocumentID, of patient: PersonID) async throws -> Upload? {
        guard let upload = try await store.upload(id), upload.patientID == patient else { return nil }
        return upload
    }

    /// Bytes of it that are kept.
    package func offset(of upload: Upload) async throws -> Int { try await blobs.size(of: upload.original) ?? 0 }

    /// Adds bytes; they are kept when this returns. Throws `WrongOffset` when the blob ends elsewhere.
    package func append(_ bytes: [UInt8], to upload: Upload, at offset: Int) async throws {
        try await blobs.append(bytes, to: upload.original, at: offset)
    }

    package func touch(_ upload: Upload) async throws { try await store.touch(upload.id, at: time.now()) }

    /// All bytes are there: it becomes a document, or is found to be one that is there.
    package func finish(_ upload: Upload) async throws -> Finished {
        let bytes = try await offset(of: upload)
        guard bytes > 0 else {
            try await cancel(upload)
            return .empty
        }
        let digest = try await blobs.digest(of: upload.original)
        let outcome = try await store.receive(upload.id, bytes: bytes, digest: digest, at: time.now())
        switch outcome {
        case .received(let document):
            await publisher.publish(.patient(document.patientID))
            pipeline.wake()
            return .received(document)
        case .known(let document):
            try await blobs.removeAll(of: upload.id)
            return .known(document)
        case .noSuchUpload: return .noSuchUpload
        }
    }

    /// What has become a document meanwhile keeps its bytes: an answer that was lost must not cost them.
    package func cancel(_ upload: Upload) async throws {
        guard try await store.cancelUpload(upload.id, untouchedSince: nil) else { return }
        await remove(upload.id)
    }

    package func retry(_ document: Document, noting entry: AuditEntry?) async throws -> DocumentRetry {
        let outcome = try await store.retry(document.id, at: time.now(), noting: entry)
        await publisher.publish(.patient(document.patientID))
        pipeline.wake()
        return outcome
    }

    /// The store first: from then on nobody is shown it, whatever becomes of the bytes, and the next tidying finds those.
    package func delete(_ document: Document, noting entry: AuditEntry?) async throws {
        let gone = try await store.delete(document.id, at: time.now(), noting: entry)
        if gone != nil { pipeline.drop(document.id) }
        await publisher.publish(.patient(document.patientID))
        await remove(document.id)
    }

    /// It is nobody's already; what cannot be removed now goes with the next tidying.
    private func remove(_ id: DocumentID) async {
        do {
            try await blobs.removeAll(of: id)
        } catch {
            report(
                "bytes that are nobody's could not be removed yet: \((error as? BlobStoreUnavailable)?.reason ?? "\(type(of: error))")"
            )
        }
    }

    /// Forgets uploads that nobody went on with, and bytes that belong to nothing any more: of an infected file, of a deletion or a
    /// dedupe that was cut short, or of a page that was written while its document was deleted. An upload whose bytes are all there becomes its
    /// document: its sender had been told that they are kept.
    package func tidy() async throws {
        let old = time.now() + (.zero - settings.patience)
        for upload in try await store.uploads(untouchedSince: old, limit: 100) {
            if try await offset(of: upload) == upload.bytes {
                _ = try await finish(upload)
            } else if try await store.cancelUpload(upload.id, untouchedSince: old) {
                await remove(upload.id)
            }
        }
        // The bytes first, then what is known: an upload is known before its first byte is kept.
        let kept = try await blobs.documents()
        let changed = Dictionary(kept.map { ($0.id, $0.changed) }) { first, _ in first }
        let isOurs = try await blobs.belongs(to: try await installation())
        if !isOurs {
            report("the folder of documents belongs to another installation: what is not known here stays there")
        }
        let young = time.now() + (.zero - settings.grace)
        for start in stride(from: 0, to: kept.count, by: 200) {
            let left = try await store.leftovers(among: kept[start..<min(start + 200, kept.count)].map(\.id))
            for id in left.condemned { await remove(id) }
            for id in left.unknown where isOurs && changed[id].map({ $0 < young }) == true { await remove(id) }
        }
    }
}

extension Upload {
    var original: BlobKey { BlobKey(id, .original) }
}

/// A file's name as its owner knows it, fit to be shown: no folders, no control or direction characters, one line.
package enum DocumentName {
    package static let limit = 120

    package static func clean(_ name: String) -> String {
        let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? ""
        var kept = String.UnicodeScalarView()
        for scalar in last.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .privateUse, .surrogate, .unassigned, .lineSeparator, .paragraphSeparator: continue
            default: kept.append(scalar)
            }
        }
        let words = String(kept).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let plain = words.drop { $0 == "." || $0 == " " }
        guard plain.unicodeScalars.count > limit else { return plain.isEmpty ? "document" : String(plain) }
        // The end of a name says what it is.
        let ending = plain.split(separator: ".", omittingEmptySubsequences: false).last.map { ".\($0)" } ?? ""
        let tail = plain.contains(".") && ending.unicodeScalars.count <= 10 ? ending : ""
        let head = String.UnicodeScalarView(plain.unicodeScalars.prefix(limit - tail.unicodeScalars.count - 1))
        return String(head) + "…" + tail
    }
}
