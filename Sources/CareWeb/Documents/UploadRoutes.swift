import CareDesk
import CareDomain
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Bytes coming in: whole in a form, or in pieces by tus 1.0.0 (core, creation, termination).
struct UploadRoutes {
    static let version = "1.0.0"
    static let metadataLimit = 4_096
    /// Bytes of a form beside its file.
    static let formLimit = 64 * 1024
    /// Bytes kept at a time: each costs a flush to the disk.
    static let piece = 256 * 1024

    let desk: DocumentDesk
    /// One body at a time writes into an upload on this node; the blob store refuses what another node's does not fit.
    let places: UploadPlaces

    // MARK: tus

    func options(_ request: Request, _ context: CareContext) async throws -> Response {
        Response(
            status: .noContent,
            headers: [
                .tusResumable: Self.version, .tusVersion: Self.version, .tusExtension: "creation,termination",
                .tusMaxSize: String(desk.settings.bytes), .cacheControl: "no-store",
            ])
    }

    func create(_ request: Request, _ context: CareContext) async throws -> Response {
        try expectVersion(request)
        let patient = try context.patient()
        guard let length = Self.number(request.headers[.uploadLength]) else {
            throw JSON.invalid(field: "Upload-Length", "is a whole number of bytes")
        }
        let metadata = try Self.metadata(request.headers[.uploadMetadata] ?? "")
        guard let caseID = metadata["case_id"].flatMap({ CaseID(rawValue: $0) }) else {
            throw JSON.invalid(field: "case_id", "is missing from Upload-Metadata, or is not an id")
        }
        let upload = try await begin(metadata["filename"] ?? "", bytes: length, of: patient, in: caseID)
        return Response(
            status: .created,
            headers: [
                .tusResumable: Self.version, .cacheControl: "no-store",
                .location: "/api/v1/patients/\(patient)/uploads/\(upload.id)",
            ])
    }

    func offset(_ request: Request, _ context: CareContext) async throws -> Response {
        try expectVersion(request)
        let upload = try await upload(context)
        let size = try await desk.offset(of: upload)
        // Whoever hears that all is there sends nothing more: then it has to be a document, also when whoever took the last piece
        // died before it was one.
        if size == upload.bytes, let place = places.take(upload.id) {
            defer { withExtendedLifetime(place) {} }
            _ = try await desk.finish(upload)
        }
        return Response(
            status: .ok,
            headers: [
                .tusResumable: Self.version, .cacheControl: "no-store",
                .uploadOffset: String(size), .uploadLength: String(upload.bytes),
                .uploadMetadata: Self.metadata(of: upload),
            ])
    }

    func append(_ request: Request, _ context: CareContext) async throws -> Response {
        try expectVersion(request)
        guard request.headers[.contentType]?.lowercased() == "application/offset+octet-stream" else {
            throw Problem(
                .unsupportedMediaType, "not_a_piece", "Send Content-Type: application/offset+octet-stream.")
        }
        guard var offset = Self.number(request.headers[.uploadOffset]) else {
            throw JSON.invalid(field: "Upload-Offset", "is a whole number of bytes")
        }
        let upload = try await upload(context)
        guard let place = places.take(upload.id) else {
            throw Problem(
                .conflict, "upload_busy", "Another request writes into this upload; ask for its offset in a moment.",
                retryAfter: 1)
        }
        defer { withExtendedLifetime(place) {} }
        let size = try await desk.offset(of: upload)
        guard size == offset else { throw Self.wrongOffset(size) }
        try await desk.touch(upload)
        try await take(request.body, limit: upload.bytes - offset) { bytes in
            do {
                try await desk.append(bytes, to: upload, at: offset)
            } catch let wrong as WrongOffset {
                throw Self.wrongOffset(wrong.size)
            }
            offset += bytes.count
        }
        var headers: HTTPFields = [
            .tusResumable: Self.version, .cacheControl: "no-store", .uploadOffset: String(offset),
        ]
        if offset == upload.bytes {
            switch try await desk.finish(upload) {
            case .received(let document), .known(let document): headers[.contentLocation] = Self.path(of: document)
            case .empty, .noSuchUpload: throw Problem.notFound
            }
        }
        return Response(status: .noContent, headers: headers)
    }

    func cancel(_ request: Request, _ context: CareContext) async throws -> Response {
        try expectVersion(request)
        try await desk.cancel(try await upload(context))
        return Response(status: .noContent, headers: [.tusResumable: Self.version, .cacheControl: "no-store"])
    }

    // MARK: A form

    /// `case_id`, then `file`. Straight to the disk: the form's file is an upload like any other, and a body that breaks off
    /// leaves nothing.
    func form(_ request: Request, _ context: CareContext) async throws -> Response {
        let patient = try context.patient()
        guard var parser = MultipartParser(contentType: request.headers[.contentType] ?? "") else {
            throw Problem(.unsupportedMediaType, "not_a_form", "Send multipart/form-data with case_id and file.")
        }
        var form = Form()
        do {
            var received = 0
            for try await buffer in request.body {
                // Around the file too: what nobody reads would be taken in for ever.
                received += buffer.readableBytes
                guard received <= desk.settings.bytes + Self.formLimit else { throw tooLarge }
                let events: [MultipartParser.Event]
                do { events = try parser.feed(buffer.readableBytesView) } catch { throw Self.malformed }
                for event in events { try await take(event, &form, patient) }
            }
            guard parser.isComplete else { throw Self.malformed }
            guard form.isWhole, let upload = form.upload else { throw JSON.invalid(field: "file", "is missing") }
            try await flush(&form, upload)
            switch try await desk.finish(upload) {
            case .received(let document):
                return try JSON.response(document, status: .created, headers: [.location: Self.path(of: document)])
            case .known(let document):
                return try JSON.response(document, headers: [.location: Self.path(of: document)])
            case .empty: throw Self.empty
            case .noSuchUpload: throw Problem.notFound
            }
        } catch {
            // Shielded: a client that has gone cancels this task, and its bytes must go all the same.
            if let upload = form.upload { await Task { [desk] in try? await desk.cancel(upload) }.value }
            throw error
        }
    }

    private struct Form {
        enum Part { case none, caseID, file, other }
        var part = Part.none
        var caseID: [UInt8] = []
        var upload: Upload?
        var offset = 0
        /// Not yet kept.
        var held: [UInt8] = []
        var isWhole = false
    }

    private func take(_ event: MultipartParser.Event, _ form: inout Form, _ patient: PersonID) async throws {
        switch event {
        case .part("case_id", _): form.part = .caseID
        case .part("file", let name):
            guard form.upload == nil else { throw JSON.invalid(field: "file", "is there twice; send one at a time") }
            guard let caseID = CaseID(rawValue: String(decoding: form.caseID, as: UTF8.self)) else {
                throw JSON.invalid(field: "case_id", "comes before the file, and is an id")
            }
            form.part = .file
            form.upload = try await begin(name ?? "", bytes: nil, of: patient, in: caseID)
        case .part: form.part = .other
        case .bytes(let bytes):
            switch form.part {
            case .caseID:
                form.caseID += bytes
                guard form.caseID.count <= 128 else { throw JSON.invalid(field: "case_id", "is not an id") }
            case .file:
                guard let upload = form.upload else { return }
                form.held += bytes
                guard form.offset + form.held.count <= desk.settings.bytes else { throw tooLarge }
                if form.held.count >= Self.piece { try await flush(&form, upload) }
            case .none, .other: break
            }
        case .partEnd:
            if form.part == .file { form.isWhole = true }
            form.part = .none
        case .end: break
        }
    }

    private func flush(_ form: inout Form, _ upload: Upload) async throws {
        guard !form.held.isEmpty else { return }
        try await desk.append(form.held, to: upload, at: form.offset)
        form.offset += form.held.count
        form.held = []
    }

    // MARK: Both

    private func begin(
        _ name: String, bytes: Int?, of patient: PersonID, in caseID: CaseID
    ) async throws -> Upload {
        switch try await desk.begin(name, bytes: bytes, of: patient, in: caseID) {
        case .begun(let upload): return upload
        case .empty: throw Self.empty
        case .tooLarge: throw tooLarge
        case .noSuchCase: throw Problem.notFound
        case .closed: throw Problem(.conflict, "case_closed", "This case is closed.")
        case .tooManyOpen:
            throw Problem(
                .tooManyRequests, "too_many_uploads",
                "\(desk.settings.uploads.open) files are on their way already; let one of them end or cancel it.",
                retryAfter: 5)
        case .tooManyDocuments:
            throw Problem(
                .unprocessableContent, "too_many_documents",
                "There are \(desk.settings.uploads.documents) documents already; delete one first.")
        }
    }

    /// Gives the body on in pieces. What came before a cut or beyond the limit is kept: it was right until there.
    private func take(_ body: RequestBody, limit: Int, _ keep: ([UInt8]) async throws -> Void) async throws {
        var held: [UInt8] = []
        var taken = 0
        // What could not be kept is not tried again.
        func put() async throws {
            let bytes = held
            held = []
            if !bytes.isEmpty { try await keep(bytes) }
        }
        do {
            for try await buffer in body {
                guard taken + buffer.readableBytes <= limit else {
                    throw Problem(.contentTooLarge, "body_too_large", "This is more than was announced.")
                }
                taken += buffer.readableBytes
                held += Array(buffer: buffer)
                if held.count >= Self.piece { try await put() }
            }
        } catch {
            try? await put()
            throw error
        }
        try await put()
    }

    private func upload(_ context: CareContext) async throws -> Upload {
        let id: DocumentID = try context.id("upload")
        guard let upload = try await desk.upload(id, of: try context.patient()) else { throw Problem.notFound }
        return upload
    }

    private func expectVersion(_ request: Request) throws {
        guard request.headers[.tusResumable] == Self.version else {
            var problem = Problem(.preconditionFailed, "tus_version", "Send Tus-Resumable: \(Self.version).")
            problem.more = [.tusResumable: Self.version, .tusVersion: Self.version]
            throw problem
        }
    }

    private var tooLarge: Problem {
        Problem(.contentTooLarge, "document_too_large", "A document may have \(desk.settings.bytes) bytes.")
    }
    private static let empty = Problem(.unprocessableContent, "document_empty", "There is not a byte in this file.")
    private static let malformed = Problem(.badRequest, "malformed_form", "The body is not a form, or not all of it.")

    private static func wrongOffset(_ size: Int) -> Problem {
        Problem(.conflict, "wrong_offset", "\(size) bytes of this upload are kept; go on from there.")
    }

    private static func path(of document: Document) -> String {
        "/api/v1/patients/\(document.patientID)/documents/\(document.id)"
    }

    private static func number(_ text: String?) -> Int? {
        guard let text, !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text)
    }

    private static func metadata(of upload: Upload) -> String {
        [("filename", upload.name), ("case_id", upload.caseID.rawValue)]
            .map { "\($0) \(Data($1.utf8).base64EncodedString())" }.joined(separator: ",")
    }

    /// `key base64, key base64, …` as tus writes it.
    static func metadata(_ header: String) throws(Problem) -> [String: String] {
        guard header.utf8.count <= metadataLimit else {
            throw JSON.invalid(field: "Upload-Metadata", "has at most \(metadataLimit) bytes")
        }
        var found: [String: String] = [:]
        for pair in header.split(separator: ",") {
            let words = pair.split(separator: " ")
            guard let key = words.first, words.count <= 2 else {
                throw JSON.invalid(field: "Upload-Metadata", "is pairs of a name and base64, with commas between them")
            }
            guard let data = Data(base64Encoded: words.count == 2 ? String(words[1]) : "") else {
                throw JSON.invalid(field: "Upload-Metadata", "has a value that is not base64")
            }
            found[String(key)] = String(decoding: data, as: UTF8.self)
        }
        return found
    }
}

/// Which uploads are being written into on this node.
package final class UploadPlaces: Sendable {
    private let taken = Mutex<Set<DocumentID>>([])
    package init() {}

    final class Place: Sendable {
        private let places: UploadPlaces
        private let id: DocumentID
        fileprivate init(places: UploadPlaces, id: DocumentID) {
            self.places = places
            self.id = id
        }
        deinit { _ = places.taken.withLock { $0.remove(id) } }
    }

    /// Nil while somebody else has it.
    func take(_ id: DocumentID) -> Place? {
        guard taken.withLock({ $0.insert(id).inserted }) else { return nil }
        return Place(places: self, id: id)
    }
}
