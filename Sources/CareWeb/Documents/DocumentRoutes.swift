import CareDesk
import CareDomain
import CareLog
import HTTPTypes
import Hummingbird
import NIOCore

/// Documents of one patient: what there is, what they say, their bytes, the end of them.
struct DocumentRoutes {
    static let listLimit = 200
    static let hitLimit = 20
    static let questionLimit = 200
    /// Bytes read from a blob at a time.
    static let piece = 128 * 1024

    let store: any DocumentStore
    let blobs: any BlobStore
    let desk: DocumentDesk
    let log: any EventLog

    private struct List: Encodable {
        var documents: [Document]
        var cursor: String
    }
    private struct Hits: Encodable {
        struct Hit: Encodable {
            var documentID: DocumentID
            var page: Int
            var passage: String
            enum CodingKeys: String, CodingKey {
                case page, passage
                case documentID = "document_id"
            }
        }
        var results: [Hit]
    }
    private struct Detail: Encodable {
        struct Page: Encodable {
            var number: Int
            var source: PageText.Source
            var confidence: Int?
            /// Null when it was not asked for.
            var text: String?
            var hasPicture: Bool
            enum CodingKeys: String, CodingKey {
                case number, source, confidence, text
                case hasPicture = "has_picture"
            }

            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(number, forKey: .number)
                try container.encode(source, forKey: .source)
                try container.encode(confidence, forKey: .confidence)
                try container.encode(text, forKey: .text)
                try container.encode(hasPicture, forKey: .hasPicture)
            }
        }
        var document: Document
        var extraction: Extraction?
        var pages: [Page]
        enum CodingKeys: String, CodingKey { case document, extraction, pages }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(document, forKey: .document)
            try container.encode(extraction, forKey: .extraction)
            try container.encode(pages, forKey: .pages)
        }
    }

    /// The cursor first, as a snapshot does: what happens in between is in both.
    func list(_ request: Request, _ context: CareContext) async throws -> Response {
        let patient = try context.patient()
        let reading = try await log.reading(of: .patient(patient))
        let documents = try await store.documents(of: patient, limit: Self.listLimit)
        return try JSON.response(List(documents: documents, cursor: reading.position.description))
    }

    func search(_ request: Request, _ context: CareContext) async throws -> Response {
        let patient = try context.patient()
        let question = request.uri.queryParameters["q"].map(String.init) ?? ""
        let words = SearchWords.words(of: question)
        guard (1...Self.questionLimit).contains(question.unicodeScalars.count) else {
            throw JSON.invalid(field: "q", "has 1 to \(Self.questionLimit) characters")
        }
        let hits = try await store.search(words, of: patient, limit: Self.hitLimit)
        return try JSON.response(
            Hits(
                results: hits.map {
                    .init(
                        documentID: $0.documentID, page: $0.page.number,
                        passage: SearchWords.passage(with: words, in: $0.page.text))
                }))
    }

    /// `text=none`: who only shows what was found need not take the words of two hundred pages with it.
    func detail(_ request: Request, _ context: CareContext) async throws -> Response {
        let text = request.uri.queryParameters["text"]
        guard text == nil || text == "none" else { throw JSON.invalid(field: "text", "is none, or is left out") }
        let content = try await content(context)
        return try JSON.response(
            Detail(
                document: content.document, extraction: content.extraction,
                pages: content.pages.map {
                    .init(
                        number: $0.text.number, source: $0.text.source, confidence: $0.text.confidence,
                        text: text == nil ? $0.text.text : nil, hasPicture: $0.hasPicture)
                }))
    }

    func text(_ request: Request, _ context: CareContext) async throws -> Response {
        let text = try await content(context).pages.map(\.text.text).joined(separator: "\u{c}")
        return Response(
            status: .ok, headers: Self.safe("text/plain; charset=utf-8"),
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    func picture(_ request: Request, _ context: CareContext) async throws -> Response {
        let document = try await document(context)
        guard let text = context.parameters.get("page"), let number = Int(text), number > 0, number <= document.pages,
            text == String(number)
        else { throw Problem.notFound }
        return try await blob(
            BlobKey(document.id, .page(number)), "image/jpeg", version: document.version, request, [:])
    }

    /// Always as an attachment, always under the type its bytes told: a stranger's file must never run as a page of ours.
    func file(_ request: Request, _ context: CareContext) async throws -> Response {
        let document = try await document(context)
        guard !document.isInfected else { throw Problem.notFound }
        guard document.isChecked else {
            throw Problem(.conflict, "document_not_checked", "The file has not been checked yet.")
        }
        return try await blob(
            BlobKey(document.id, .original), document.mediaType, version: document.version, request,
            [.contentDisposition: Self.attachment(document.name)])
    }

    func retry(_ request: Request, _ context: CareContext) async throws -> Response {
        switch try await desk.retry(try await document(context), noting: context.change) {
        case .received(let document): return try JSON.response(document, status: .accepted)
        case .noSuchDocument: throw Problem.notFound
        case .notFailed:
            throw Problem(.conflict, "document_not_failed", "Only a document whose reading failed can be tried again.")
        }
    }

    func delete(_ request: Request, _ context: CareContext) async throws -> Response {
        let id: DocumentID = try context.id("document")
        // Again: it is gone, which is what was wanted.
        guard let found = try await store.document(id), found.patientID == (try context.patient()) else {
            throw Problem.notFound
        }
        try await desk.delete(found, noting: context.change)
        return Response(status: .noContent, headers: [.cacheControl: "no-store"])
    }

    // MARK: One document

    private func document(_ context: CareContext) async throws -> Document {
        let id: DocumentID = try context.id("document")
        guard let found = try await store.document(id), found.patientID == (try context.patient()),
            found.stage != .deleted
        else { throw Problem.notFound }
        return found
    }

    private func content(_ context: CareContext) async throws -> DocumentContent {
        let document = try await document(context)
        guard let content = try await store.content(of: document.id), content.document.stage != .deleted else {
            throw Problem.notFound
        }
        return content
    }

    private func blob(
        _ key: BlobKey, _ type: String, version: Int, _ request: Request, _ more: HTTPFields
    ) async throws -> Response {
        guard let size = try await blobs.size(of: key) else { throw Problem.notFound }
        // An original never changes, and a page only when it is read anew, which the version tells.
        let tag = key.part == .original ? "\"\(key.document)\"" : "\"\(key.document)-\(version)\""
        var headers = Self.safe(type)
        headers.append(contentsOf: more)
        headers[.acceptRanges] = "bytes"
        headers[.eTag] = tag
        let condition = request.headers[.ifRange]
        let range = condition == nil || condition == tag ? ByteRange(request.headers[.range], of: size) : .whole
        var bytes = 0..<size
        var status = HTTPResponse.Status.ok
        switch range {
        case .whole: break
        case .part(let part):
            bytes = part.lowerBound..<(part.upperBound + 1)
            status = .partialContent
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound)/\(size)"
        case .unsatisfiable:
            headers[.contentRange] = "bytes */\(size)"
            return Response(status: .rangeNotSatisfiable, headers: headers)
        }
        headers[.contentLength] = String(bytes.count)
        let (blobs, wanted) = (blobs, bytes)
        return Response(
            status: status, headers: headers,
            body: ResponseBody(contentLength: wanted.count) { writer in
                var offset = wanted.lowerBound
                while offset < wanted.upperBound {
                    let piece = try await blobs.read(
                        key, from: offset, count: min(Self.piece, wanted.upperBound - offset))
                    // Deleted under its reader: the connection breaks, which says that this is not all.
                    guard !piece.isEmpty else { throw NoSuchBlob() }
                    try await writer.write(ByteBuffer(bytes: piece))
                    offset += piece.count
                }
                try await writer.finish(nil)
            })
    }

    private static func safe(_ type: String) -> HTTPFields {
        [
            .contentType: type, .cacheControl: "private, no-store", .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: "default-src 'none'; sandbox",
        ]
    }

    /// RFC 6266 with RFC 8187: a plain name for old clients, the true one in UTF-8.
    static func attachment(_ name: String) -> String {
        let plain = String(
            name.unicodeScalars.map { scalar in
                scalar.isASCII && scalar.value >= 0x20 && scalar.value != 0x7f && scalar != "\"" && scalar != "\\"
                    && scalar != "%" ? Character(scalar) : "_"
            })
        let encoded = name.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                String(Unicode.Scalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
        return "attachment; filename=\"\(plain)\"; filename*=UTF-8''\(encoded)"
    }
}

extension HTTPField.Name {
    static let tusResumable = named("Tus-Resumable")
    static let tusVersion = named("Tus-Version")
    static let tusExtension = named("Tus-Extension")
    static let tusMaxSize = named("Tus-Max-Size")
    static let uploadLength = named("Upload-Length")
    static let uploadOffset = named("Upload-Offset")
    static let uploadMetadata = named("Upload-Metadata")
}
