package import CareDomain

/// The truth about documents: what they are, how far they have been read, what they say. Their bytes lie in a `BlobStore`.
///
/// Guarantees, beside those of `CaseStore`:
/// - Whoever reads a document holds a claim; a verb that moves it does nothing for a claim that is no longer the newest or
///   whose document has been deleted. So two nodes never write into one document, and a late one changes nothing.
/// - Every change that a reader can see is a `document` fact with a higher version.
/// - The same bytes in the same case are one document, until it is deleted or was rejected.
package protocol DocumentStore: Sendable {
    /// Announces bytes to come, under an id that nobody has used.
    func begin(_ upload: Upload, limits: UploadLimits) async throws -> UploadBegun
    func upload(_ id: DocumentID) async throws -> Upload?
    /// Somebody still sends.
    func touch(_ id: DocumentID, at now: Moment) async throws
    /// False when there was none, or when somebody has sent to it since the moment, if one is given.
    func cancelUpload(_ id: DocumentID, untouchedSince moment: Moment?) async throws -> Bool
    /// Uploads nobody has sent to since a moment, oldest first.
    func uploads(untouchedSince moment: Moment, limit: Int) async throws -> [Upload]
    /// All bytes are there: the upload becomes a document, or is found to be one that is there. Again: the same document.
    func receive(_ id: DocumentID, bytes: Int, digest: String, at now: Moment) async throws -> ReceivedDocument

    func document(_ id: DocumentID) async throws -> Document?
    /// Newest first, without deleted ones.
    func documents(of patient: PersonID, limit: Int) async throws -> [Document]
    /// Oldest first, deleted ones too: the timeline keeps their places.
    func documents(in caseID: CaseID, limit: Int) async throws -> [Document]
    func content(of id: DocumentID) async throws -> DocumentContent?
    /// Pages that have all of the words, best first. `words` are folded (`SearchWords`).
    func search(_ words: [String], of patient: PersonID, limit: Int) async throws -> [PageHit]

    /// A document that waits and that nobody reads, with a lease on it; counts the try. Patients take turns: however many one has
    /// waiting, another's first stands behind one of them at most. Of one patient's the oldest goes first.
    func claim(lease until: Moment, at now: Moment) async throws -> DocumentClaim?
    /// Prolongs the lease. False when the claim is not the newest any more.
    func renew(_ claim: DocumentClaim, lease until: Moment) async throws -> Bool
    /// One step on, and with it the tries begin anew; nil when the claim is not the newest any more.
    func advance(_ claim: DocumentClaim, by step: DocumentStep, at now: Moment) async throws -> Document?
    /// Gives it back, for somebody else at once, and takes back the try. After a turn it goes on behind the patient's others,
    /// and so behind what others have waiting.
    func release(_ claim: DocumentClaim, afterTurn: Bool) async throws

    /// From the beginning, behind the patient's others. `entry`: what staff's trail gets in the same transaction.
    func retry(_ id: DocumentID, at now: Moment, noting entry: AuditEntry?) async throws -> DocumentRetry
    /// Everything it says is forgotten; its place in the timeline stays. `entry` likewise. Nil when there is none; deleting twice is no error.
    func delete(_ id: DocumentID, at now: Moment, noting entry: AuditEntry?) async throws -> Document?
    /// Of these, the ones whose bytes nobody has a right to any more.
    func leftovers(among ids: [DocumentID]) async throws -> Leftovers
}

package struct Leftovers: Sendable, Equatable {
    /// Documents that have been deleted, and infected ones.
    package var condemned: [DocumentID] = []
    /// Never heard of: of an upload that was called off, or of another database.
    package var unknown: [DocumentID] = []
    package init(condemned: [DocumentID] = [], unknown: [DocumentID] = []) {
        self.condemned = condemned
        self.unknown = unknown
    }
}

extension Document {
    /// Whether what stands before the reading is over: without a scanner nobody looked, and `isScanned` says so. Until then its
    /// bytes are given to nobody.
    package var isChecked: Bool {
        switch stage {
        case .received: false
        case .failed: code != ReaderTrouble.scanner.rawValue
        case .scanned, .reading, .extracting, .ready, .rejected, .deleted: true
        }
    }

    /// Its bytes are removed, and until they are, given to nobody.
    package var isInfected: Bool { stage == .rejected && code == DocumentRefusal.infected.rawValue }
}

/// Bytes on their way.
package struct Upload: Sendable, Equatable {
    /// The document's later.
    package var id: DocumentID
    package var patientID: PersonID
    package var caseID: CaseID
    package var name: String
    package var bytes: Int
    package var touchedAt: Moment

    package init(
        id: DocumentID, patientID: PersonID, caseID: CaseID, name: String, bytes: Int, touchedAt: Moment
    ) {
        self.id = id
        self.patientID = patientID
        self.caseID = caseID
        self.name = name
        self.bytes = bytes
        self.touchedAt = touchedAt
    }
}

package struct UploadLimits: Sendable {
    /// Uploads of one patient that are not complete.
    package var open = 20
    /// Documents of one patient, deleted ones not counted.
    package var documents = 500
    package init() {}
}

package enum UploadBegun: Sendable, Equatable {
    case begun, noSuchCase, closed, tooManyOpen, tooManyDocuments
}

package enum ReceivedDocument: Sendable, Equatable {
    case received(Document)
    /// The same bytes are there already; the upload is over and its blob nobody's.
    case known(Document)
    case noSuchUpload
}

package struct DocumentContent: Sendable, Equatable {
    package var document: Document
    package var extraction: Extraction?
    package var pages: [PageContent]

    package init(document: Document, extraction: Extraction?, pages: [PageContent]) {
        self.document = document
        self.extraction = extraction
        self.pages = pages
    }
}

package struct PageContent: Sendable, Equatable {
    package var text: PageText
    package var hasPicture: Bool

    package init(text: PageText, hasPicture: Bool) {
        self.text = text
        self.hasPicture = hasPicture
    }
}

package struct PageHit: Sendable, Equatable {
    package var documentID: DocumentID
    package var page: PageText

    package init(documentID: DocumentID, page: PageText) {
        self.documentID = documentID
        self.page = page
    }
}

/// The right to move one document on, until the lease is over.
package struct DocumentClaim: Sendable, Equatable {
    package var document: Document
    package var number: Int
    /// How often somebody has begun, this time included, since its last step.
    package var tries: Int

    package init(document: Document, number: Int, tries: Int) {
        self.document = document
        self.number = number
        self.tries = tries
    }
}

package enum DocumentStep: Sendable, Equatable {
    /// Looked at by a scanner, or by nobody because there is none.
    case scanned(byScanner: Bool)
    case opened(mediaType: String, pages: Int)
    case page(PageContent)
    case extracting
    case ready(Extraction)
    case rejected(DocumentRefusal)
    case failed(ReaderTrouble)
}

package enum DocumentRetry: Sendable, Equatable {
    case received(Document)
    case noSuchDocument, notFailed
}
