import CareDesk
import CareDocuments
import CareDomain
import CareLog
import CareStore
import CareTestKit
import Foundation
import Synchronization
import Testing

@testable import curaway

/// What is removed because it is nobody's any more, and what is not although it seems so.
@Suite(.timeLimit(.minutes(6)))
struct `What documents leave behind` {
    @Test func `is removed when it was deleted, and when it has been unknown for long`() async throws {
        try await withTidyDesk { desk in
            let deleted = try await desk.give("Haemo")
            _ = try await desk.store.delete(deleted.id, at: .now, noting: nil)
            let kept = try await desk.give("globin")
            let young = try await desk.leave(agedDays: 29), old = try await desk.leave(agedDays: 31)
            try await desk.desk.tidy()
            #expect(try await desk.ids() == [kept.id, young])
            #expect(try await desk.store.document(kept.id)?.stage == .received)
            #expect(old != young && desk.said.isEmpty)
        }
    }

    /// A start with an empty database, for instance before an installation has been moved to it, must not cost all documents.
    @Test func `stays when the folder is another installation's, however old it is`() async throws {
        try await withTidyDesk { desk in
            let kept = try await desk.give("Haemo")
            let old = try await desk.leave(agedDays: 400)
            #expect(try await desk.blobs.belongs(to: "one"))
            let other = try await desk.over(try await SQLStore.fresh(), installation: "two")
            try await other.desk.tidy()
            #expect(try await desk.ids() == [kept.id, old])
            #expect(other.said.contains { $0.contains("another installation") })
            try await desk.desk.tidy()
            #expect(try await desk.ids() == [kept.id])
        }
    }

    @Test func `is finished when it was whole, and forgotten when nobody went on with it`() async throws {
        try await withTidyDesk { desk in
            let whole = try await desk.begin(5, agedHours: 25), part = try await desk.begin(5, agedHours: 25)
            let young = try await desk.begin(5, agedHours: 23)
            try await desk.desk.append(Array("Haemo".utf8), to: whole, at: 0)
            try await desk.desk.append(Array("Hae".utf8), to: part, at: 0)
            try await desk.desk.tidy()
            #expect(try await desk.store.document(whole.id)?.bytes == 5)
            #expect(try await desk.store.upload(part.id) == nil)
            #expect(try await desk.store.upload(young.id) == young)
            #expect(try await desk.ids() == [whole.id])
        }
    }

    /// The patient's wish is done at once, whatever the disk says; the bytes follow.
    @Test func `goes later when it cannot go now, and is nobody's meanwhile`() async throws {
        try await withTidyDesk { desk in
            let given = try await desk.give("Haemo")
            let path = try await desk.blobs.withFile(of: BlobKey(given.id, .original)) { $0 }
            // A folder where only files are looked for: it cannot be unlinked.
            let hook = URL(fileURLWithPath: path).deletingLastPathComponent().path + "/hook"
            try FileManager.default.createDirectory(atPath: hook, withIntermediateDirectories: false)
            try await desk.desk.delete(given, noting: nil)
            #expect(try await desk.store.document(given.id)?.stage == .deleted)
            #expect(desk.said.count == 1 && desk.said.first?.contains("could not be removed yet") == true)
            try await desk.desk.tidy()
            #expect(try await desk.ids() == [given.id])
            try FileManager.default.removeItem(atPath: hook)
            try await desk.desk.tidy()
            #expect(try await desk.ids().isEmpty)
        }
    }

    @Test func `does not hide behind what may not be looked into`() async throws {
        try await withTidyDesk { desk in
            for name in ["lost+found", "zz", "zy"] {
                try FileManager.default.createDirectory(
                    atPath: desk.folder + "/" + name, withIntermediateDirectories: false)
            }
            try Data("x".utf8).write(to: URL(fileURLWithPath: desk.folder + "/zx"))
            let old = try await desk.leave(agedDays: 31)
            try await desk.desk.tidy()
            #expect(try await !desk.ids().contains(old))
        }
    }
}

private struct TidyDesk: Sendable {
    let folder: String
    let store: SQLStore
    let blobs: DirectoryBlobStore
    let desk: DocumentDesk
    let caseID: CaseID
    private let reports = Reports()

    private final class Reports: Sendable {
        let all = Mutex<[String]>([])
    }
    var said: [String] { reports.all.withLock { $0 } }

    init(_ folder: String, _ store: SQLStore, installation: String = "one") async throws {
        self.folder = folder
        self.store = store
        blobs = try DirectoryBlobStore(root: folder)
        let publisher = FactPublisher(store: store, log: MemoryEventLog())
        let pipeline = DocumentPipeline(
            store: store, blobs: blobs, reader: ScriptedReader(), scanner: nil,
            extractor: { _ in Extraction(kind: .other) }, publisher: publisher)
        let reports = reports
        desk = DocumentDesk(
            store: store, blobs: blobs, publisher: publisher, pipeline: pipeline, installation: { installation },
            report: { line in reports.all.withLock { $0.append(line) } })
        caseID = try await store.open(
            CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: .now)
        ).careCase.id
    }

    func over(_ store: SQLStore, installation: String) async throws -> TidyDesk {
        try await TidyDesk(folder, store, installation: installation)
    }

    func begin(_ bytes: Int, agedHours: Int64) async throws -> Upload {
        let upload = Upload(
            id: .new(), patientID: Cast.amina.id, caseID: caseID, name: "a.txt", bytes: bytes,
            touchedAt: .now + .seconds(-3_600 * agedHours))
        guard try await store.begin(upload, limits: UploadLimits()) == .begun else { throw Unexpected("not begun") }
        return upload
    }

    func give(_ text: String) async throws -> Document {
        let upload = try await begin(text.utf8.count, agedHours: 0)
        try await desk.append(Array(text.utf8), to: upload, at: 0)
        guard case .received(let document) = try await desk.finish(upload) else { throw Unexpected("not received") }
        return document
    }

    /// Bytes of a document that the store has never heard of.
    func leave(agedDays: Int) async throws -> DocumentID {
        let id = DocumentID.new()
        try await blobs.append([1, 2, 3], to: BlobKey(id, .original), at: 0)
        let path = try await blobs.withFile(of: BlobKey(id, .original)) { $0 }
        let date = Date(timeIntervalSinceNow: -86_400 * Double(agedDays))
        for path in [path, URL(fileURLWithPath: path).deletingLastPathComponent().path] {
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
        }
        return id
    }

    func ids() async throws -> Set<DocumentID> { Set(try await blobs.documents().map(\.id)) }
}

extension SQLStore {
    fileprivate static func fresh() async throws -> SQLStore {
        let store = SQLStore(try SQLiteDatabase(path: nil))
        try await store.migrate()
        return store
    }
}

private func withTidyDesk(_ body: (TidyDesk) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/curaway-tidy-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(try await TidyDesk(folder, try await SQLStore.fresh()))
}
