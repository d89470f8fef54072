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

/// The pipeline over a real store and real files, where a disk or a scanner does what no server can be told to do.
@Suite(.timeLimit(.minutes(6)))
struct `Documents that cannot be read as they are` {
    /// Was: it was rejected, kept, and handed out to whoever asked.
    @Test func `an infected one is rejected, and its bytes are gone`() async throws {
        try await withShelf { shelf in
            let ill = try await shelf.give("Haemo")
            try await shelf.read(scanner: Infected()) {
                let rejected = try await shelf.isOver(ill.id)
                #expect(rejected.stage == .rejected && rejected.code == "infected" && rejected.isInfected)
                _ = try await eventually { try await shelf.blobs.documents().isEmpty ? true : nil }
            }
        }
    }

    @Test func `what could not be removed of an infected one goes with the next tidying`() async throws {
        try await withShelf { shelf in
            let ill = try await shelf.give("Haemo")
            let path = try await shelf.blobs.withFile(of: BlobKey(ill.id, .original)) { $0 }
            // A folder where only files are looked for: it cannot be unlinked.
            let hook = URL(fileURLWithPath: path).deletingLastPathComponent().path + "/hook"
            try FileManager.default.createDirectory(atPath: hook, withIntermediateDirectories: false)
            try await shelf.read(scanner: Infected()) { _ = try await shelf.isOver(ill.id) }
            #expect(try await shelf.blobs.documents().map(\.id) == [ill.id])
            try FileManager.default.removeItem(atPath: hook)
            try await shelf.desk.tidy()
            #expect(try await shelf.blobs.documents().isEmpty)
        }
    }

    /// Was: given back as the first in the queue, it was taken again for ever, and nobody behind it was read.
    @Test func `one whose bytes cannot be opened lets the others go first`() async throws {
        try await withShelf { shelf in
            let shut = try await shelf.give("Haemo"), behind = try await shelf.give("globin")
            try await shelf.read(through: HalfShutBlobs(disk: shelf.blobs, shut: shut.id)) {
                let read = try await shelf.isOver(behind.id)
                #expect(read.stage == .ready)
                #expect(try await shelf.store.document(shut.id)?.stage.isOver == false, "it waits, and has not failed")
            }
        }
    }

    /// Was: ten pages were a turn, and ten of them may be made to take half an hour.
    @Test func `one whose pages take long lets the others go first after each`() async throws {
        for (seconds, wanted) in [(60, ["a1", "b1", "a2", "a3"]), (29, ["a1", "a2", "a3", "b1"])] {
            try await withShelf { shelf in
                let reader = SlowReader(pause: .seconds(seconds))
                let long = try await shelf.give("a1\u{c}a2\u{c}a3"), short = try await shelf.give("b1")
                try await shelf.read(reader: reader, time: reader.clock.timekeeper) {
                    for one in [long, short] {
                        let read = try await shelf.isOver(one.id)
                        #expect(read.stage == .ready)
                    }
                }
                #expect(reader.pages == wanted)
            }
        }
    }
}

private struct Shelf: Sendable {
    let folder: String
    let store: SQLStore
    let blobs: DirectoryBlobStore
    let caseID: CaseID

    init(_ folder: String) async throws {
        self.folder = folder
        store = SQLStore(try SQLiteDatabase(path: nil))
        try await store.migrate()
        blobs = try DirectoryBlobStore(root: folder)
        caseID = try await store.open(
            CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: .now)
        ).careCase.id
    }

    func give(_ text: String) async throws -> Document {
        let upload = Upload(
            id: .new(), patientID: Cast.amina.id, caseID: caseID, name: "a.txt", bytes: text.utf8.count,
            touchedAt: .now)
        guard try await store.begin(upload, limits: UploadLimits()) == .begun else { throw Unexpected("not begun") }
        try await blobs.append(Array(text.utf8), to: BlobKey(upload.id, .original), at: 0)
        let received = try await store.receive(upload.id, bytes: text.utf8.count, digest: text, at: .now)
        guard case .received(let document) = received else { throw Unexpected("not received") }
        return document
    }

    func pipeline(
        through blobs: (any BlobStore)? = nil, scanner: (any VirusScanner)? = nil,
        reader: any DocumentReader = ScriptedReader(), time: Timekeeper = .system
    ) -> DocumentPipeline {
        var settings = DocumentPipeline.Settings()
        settings.lease = .milliseconds(400)
        settings.look = .milliseconds(20)
        return DocumentPipeline(
            store: store, blobs: blobs ?? self.blobs, reader: reader, scanner: scanner,
            extractor: { _ in Extraction(kind: .other) }, publisher: publisher, time: time, settings: settings)
    }

    var desk: DocumentDesk {
        DocumentDesk(
            store: store, blobs: blobs, publisher: publisher, pipeline: pipeline(), installation: { "one" })
    }

    var publisher: FactPublisher { FactPublisher(store: store, log: MemoryEventLog()) }

    /// Reads until the body has seen what it wants to see.
    func read(
        through blobs: (any BlobStore)? = nil, scanner: (any VirusScanner)? = nil,
        reader: any DocumentReader = ScriptedReader(), time: Timekeeper = .system,
        _ body: @Sendable () async throws -> Void
    ) async throws {
        let pipeline = pipeline(through: blobs, scanner: scanner, reader: reader, time: time)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await pipeline.run() }
            try await body()
            group.cancelAll()
        }
    }

    func isOver(_ id: DocumentID) async throws -> Document {
        try await eventually { try await store.document(id).flatMap { $0.stage.isOver ? $0 : nil } }
    }
}

/// Reads at once, and by its clock each page takes long.
private final class SlowReader: DocumentReader {
    let clock = ManualClock()
    private let pause: Duration
    private let seen = Mutex<[String]>([])

    init(pause: Duration) { self.pause = pause }

    var pages: [String] { seen.withLock { $0 } }

    func inspect(_ path: String) async throws -> InspectedFile { try await ScriptedReader().inspect(path) }

    func read(page: Int, of file: InspectedFile) async throws -> ReadPage {
        let page = try await ScriptedReader().read(page: page, of: file)
        seen.withLock { $0.append(page.text.text) }
        clock.advance(by: pause)
        return page
    }
}

private struct Infected: VirusScanner {
    func scan(_ path: String) async throws -> ScanVerdict { .infected }
}

/// A disk of which one file cannot be read.
private struct HalfShutBlobs: BlobStore {
    let disk: DirectoryBlobStore
    let shut: DocumentID

    func withFile<Answer: Sendable>(
        of key: BlobKey, _ body: @Sendable (String) async throws -> Answer
    ) async throws -> Answer {
        guard key.document != shut else { throw BlobStoreUnavailable(reason: "input/output error") }
        return try await disk.withFile(of: key, body)
    }

    func size(of key: BlobKey) async throws -> Int? { try await disk.size(of: key) }
    func append(_ bytes: [UInt8], to key: BlobKey, at offset: Int) async throws {
        try await disk.append(bytes, to: key, at: offset)
    }
    func put(_ bytes: [UInt8], as key: BlobKey) async throws { try await disk.put(bytes, as: key) }
    func read(_ key: BlobKey, from offset: Int, count: Int) async throws -> [UInt8] {
        try await disk.read(key, from: offset, count: count)
    }
    func digest(of key: BlobKey) async throws -> String { try await disk.digest(of: key) }
    func removeAll(of document: DocumentID) async throws { try await disk.removeAll(of: document) }
    func documents() async throws -> [(id: DocumentID, changed: Moment)] { try await disk.documents() }
    func belongs(to installation: String) async throws -> Bool { try await disk.belongs(to: installation) }
}

private func withShelf(_ body: (Shelf) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/curaway-pipeline-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(try await Shelf(folder))
}
