#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One file a patient gave us, and how far it has been read. The same id with a higher version replaces it.
package struct Document: Hashable, Sendable, Codable {
    package var id: DocumentID
    package var patientID: PersonID
    /// The conversation it was given in.
    package var caseID: CaseID
    /// Place in that case's timeline, among its messages.
    package var sequence: Int
    package var version: Int
    /// As its owner called it, cleaned: no path, no control characters, at most 120 scalars.
    package var name: String
    /// By its bytes, never by its name; `application/octet-stream` until somebody has looked.
    package var mediaType: String
    package var bytes: Int
    package var stage: Stage
    /// Pages read so far.
    package var page: Int
    /// Pages there are; 0 while nobody knows.
    package var pages: Int
    /// Why it failed or was rejected: one of `DocumentRefusal`.
    package var code: String?
    /// What it seems to be, when it is ready.
    package var kind: Extraction.Kind?
    /// Whether a virus scanner has seen it. False is said plainly: without one, nobody looked.
    package var isScanned: Bool
    package var createdAt: Moment

    /// In order; the last four are ends.
    package enum Stage: String, Sendable, Codable, CaseIterable {
        case received, scanned, reading, extracting, ready, failed, rejected, deleted

        package var isOver: Bool {
            switch self {
            case .ready, .failed, .rejected, .deleted: true
            case .received, .scanned, .reading, .extracting: false
            }
        }
        /// A failure was ours and may pass; a rejection is about the file and will not.
        package var isRetryable: Bool { self == .failed }
    }

    package init(
        id: DocumentID, patientID: PersonID, caseID: CaseID, sequence: Int, version: Int = 1, name: String,
        mediaType: String = "application/octet-stream", bytes: Int, stage: Stage = .received, page: Int = 0,
        pages: Int = 0, code: String? = nil, kind: Extraction.Kind? = nil, isScanned: Bool = false, createdAt: Moment
    ) {
        self.id = id
        self.patientID = patientID
        self.caseID = caseID
        self.sequence = sequence
        self.version = version
        self.name = name
        self.mediaType = mediaType
        self.bytes = bytes
        self.stage = stage
        self.page = page
        self.pages = pages
        self.code = code
        self.kind = kind
        self.isScanned = isScanned
        self.createdAt = createdAt
    }

    enum CodingKeys: String, CodingKey {
        case id, sequence, version, name, bytes, stage, page, pages, code, kind
        case patientID = "patient_id"
        case caseID = "case_id"
        case mediaType = "media_type"
        case isRetryable = "retryable"
        case isScanned = "virus_scanned"
        case createdAt = "created_at"
    }

    /// Written out by hand because absent values are `null` on the wire, never left out.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(patientID, forKey: .patientID)
        try container.encode(caseID, forKey: .caseID)
        try container.encode(sequence, forKey: .sequence)
        try container.encode(version, forKey: .version)
        try container.encode(name, forKey: .name)
        try container.encode(mediaType, forKey: .mediaType)
        try container.encode(bytes, forKey: .bytes)
        try container.encode(stage, forKey: .stage)
        try container.encode(page, forKey: .page)
        try container.encode(pages, forKey: .pages)
        try container.encode(code, forKey: .code)
        try container.encode(stage.isRetryable, forKey: .isRetryable)
        try container.encode(kind, forKey: .kind)
        try container.encode(isScanned, forKey: .isScanned)
        try container.encode(createdAt, forKey: .createdAt)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try container.decode(DocumentID.self, forKey: .id),
            patientID: try container.decode(PersonID.self, forKey: .patientID),
            caseID: try container.decode(CaseID.self, forKey: .caseID),
            sequence: try container.decode(Int.self, forKey: .sequence),
            version: try container.decode(Int.self, forKey: .version),
            name: try container.decode(String.self, forKey: .name),
            mediaType: try container.decode(String.self, forKey: .mediaType),
            bytes: try container.decode(Int.self, forKey: .bytes),
            stage: try container.decode(Stage.self, forKey: .stage),
            page: try container.decode(Int.self, forKey: .page),
            pages: try container.decode(Int.self, forKey: .pages),
            code: try container.decodeIfPresent(String.self, forKey: .code),
            kind: try container.decodeIfPresent(Extraction.Kind.self, forKey: .kind),
            isScanned: try container.decode(Bool.self, forKey: .isScanned),
            createdAt: try container.decode(Moment.self, forKey: .createdAt))
    }
}

/// The words of one page.
package struct PageText: Hashable, Sendable, Codable {
    /// From 1.
    package var number: Int
    package var text: String
    package var source: Source
    /// 0…100, the recogniser's own mean over its words; nil for text that was in the file.
    package var confidence: Int?

    /// `embedded`: it was in the file. `recognised`: read from a picture, so letters may be wrong.
    package enum Source: String, Sendable, Codable { case embedded, recognised }

    package init(number: Int, text: String, source: Source = .embedded, confidence: Int? = nil) {
        self.number = number
        self.text = text
        self.source = source
        self.confidence = confidence
    }
}

/// What a document says, each part with the page and the passage it came from. Found, never concluded: there is no
/// advice here, and nothing that does not stand in the text.
package struct Extraction: Hashable, Sendable, Codable {
    package var kind: Kind
    /// The date the document gives itself.
    package var date: Quote?
    package var issuer: Quote?
    /// In reading order, at most `itemLimit`.
    package var items: [Item]
    package var by: Author

    package static let itemLimit = 200

    package enum Kind: String, Sendable, Codable, CaseIterable {
        case laboratory, imaging, discharge, prescription, referral, vaccination, invoice, identity, other
    }
    package enum Author: String, Sendable, Codable { case rules, model }

    package struct Quote: Hashable, Sendable, Codable {
        /// A date as ISO 8601 when it is sure, else as it is written; a name as it is written.
        package var value: String
        package var page: Int
        package var passage: String
        package var isUncertain: Bool

        package init(value: String, page: Int, passage: String, isUncertain: Bool = false) {
            self.value = value
            self.page = page
            self.passage = passage
            self.isUncertain = isUncertain
        }

        enum CodingKeys: String, CodingKey {
            case value, page, passage
            case isUncertain = "uncertain"
        }
    }

    package struct Item: Hashable, Sendable, Codable {
        package var category: Category
        package var name: String
        /// A number, a dose; as written.
        package var value: String?
        package var unit: String?
        /// The range the document itself prints.
        package var reference: String?
        package var page: Int
        /// The line or sentence it came from, word for word.
        package var passage: String
        package var isUncertain: Bool

        package enum Category: String, Sendable, Codable, CaseIterable {
            case finding, medicine, allergy, measurement
        }

        package init(
            category: Category, name: String, value: String? = nil, unit: String? = nil, reference: String? = nil,
            page: Int, passage: String, isUncertain: Bool = false
        ) {
            self.category = category
            self.name = name
            self.value = value
            self.unit = unit
            self.reference = reference
            self.page = page
            self.passage = passage
            self.isUncertain = isUncertain
        }

        enum CodingKeys: String, CodingKey {
            case category, name, value, unit, reference, page, passage
            case isUncertain = "uncertain"
        }

        /// Absent values are `null` on the wire, never left out.
        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(category, forKey: .category)
            try container.encode(name, forKey: .name)
            try container.encode(value, forKey: .value)
            try container.encode(unit, forKey: .unit)
            try container.encode(reference, forKey: .reference)
            try container.encode(page, forKey: .page)
            try container.encode(passage, forKey: .passage)
            try container.encode(isUncertain, forKey: .isUncertain)
        }
    }

    package init(
        kind: Kind, date: Quote? = nil, issuer: Quote? = nil, items: [Item] = [], by author: Author = .rules
    ) {
        self.kind = kind
        self.date = date
        self.issuer = issuer
        self.items = items
        self.by = author
    }

    enum CodingKeys: String, CodingKey { case kind, date, issuer, items, by }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(date, forKey: .date)
        try container.encode(issuer, forKey: .issuer)
        try container.encode(items, forKey: .items)
        try container.encode(by, forKey: .by)
    }
}

extension Extraction {
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    package init(json: String) throws {
        self = try JSONDecoder().decode(Extraction.self, from: Data(json.utf8))
    }
}
