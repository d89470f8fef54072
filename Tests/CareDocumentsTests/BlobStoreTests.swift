import CareDesk
import CareDomain
import Foundation
import Testing

@testable import CareDocuments

struct `Blobs in a folder` {
    private let key = BlobKey(.new(), .original)

    @Test func `an append goes on where the last one ended, also in a store opened later`() async throws {
        try await withStore { store, root in
            #expect(try await store.size(of: key) == nil)
            try await store.append(bytes("one "), to: key, at: 0)
            try await store.append(bytes("two"), to: key, at: 4)
            let later = try DirectoryBlobStore(root: root.path)
            #expect(try await later.size(of: key) == 7)
            #expect(try await later.read(key, from: 0, count: 100) == bytes("one two"))
            #expect(try await later.read(key, from: 4, count: 2) == bytes("tw"))
            #expect(try await later.read(key, from: 7, count: 5).isEmpty)
        }
    }

    @Test func `an append with another offset writes nothing and says where the end is`() async throws {
        try await withStore { store, _ in
            await #expect(throws: WrongOffset(size: 0)) { try await store.append(bytes("x"), to: key, at: 3) }
            #expect(try await store.size(of: key) == nil)
            try await store.append(bytes("one"), to: key, at: 0)
            for offset in [0, 2, 4] {
                await #expect(throws: WrongOffset(size: 3)) { try await store.append(bytes("x"), to: key, at: offset) }
            }
            #expect(try await store.read(key, from: 0, count: 9) == bytes("one"))
        }
    }

    @Test func `of appends at one offset at once exactly one is written`() async throws {
        try await withStore { store, _ in
            let won = try await withThrowingTaskGroup(of: Bool.self) { group in
                for writer in 0..<16 {
                    group.addTask {
                        do {
                            try await store.append([UInt8](repeating: UInt8(writer), count: 5_000), to: key, at: 0)
                            return true
                        } catch is WrongOffset { return false }
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(won == 1)
            let all = try await store.read(key, from: 0, count: 100_000)
            #expect(all.count == 5_000 && Set(all).count == 1)
        }
    }

    @Test func `what a crash left of an append is told by its size, and one goes on from there`() async throws {
        try await withStore { store, root in
            try await store.append(bytes("whole"), to: key, at: 0)
            let file = try #require(try await path(of: key, in: store))
            try Data(bytes("whole and ha")).write(to: URL(fileURLWithPath: file))
            await #expect(throws: WrongOffset(size: 12)) { try await store.append(bytes("x"), to: key, at: 5) }
            try await store.append(bytes("lf"), to: key, at: 12)
            #expect(try await store.read(key, from: 0, count: 99) == bytes("whole and half"))
        }
    }

    @Test func `a put replaces, and what a crash left of one is no blob`() async throws {
        try await withStore { store, _ in
            let page = BlobKey(key.document, .page(1))
            try await store.put(bytes("a long first one"), as: page)
            let file = try #require(try await path(of: page, in: store))
            #expect(file.hasSuffix("/\(key.document.rawValue)/page-0001.jpg"))
            let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
            _ = try folder.file(".put-1", bytes("half"))
            try await store.put(bytes("second"), as: page)
            #expect(try await store.read(page, from: 0, count: 99) == bytes("second"))
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
                    ".put-1", "page-0001.jpg",
                ])
            try await store.removeAll(of: key.document)
            #expect(!FileManager.default.fileExists(atPath: folder.path))
        }
    }

    @Test func `only its owner may read what lies there`() async throws {
        try await withStore { store, _ in
            try await store.append(bytes("x"), to: key, at: 0)
            let file = try #require(try await path(of: key, in: store))
            let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
            #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            #expect(try FileManager.default.attributesOfItem(atPath: folder)[.posixPermissions] as? Int == 0o700)
        }
    }

    @Test(arguments: ["..", ".", ".hidden", "a~b", "~root", "...."])
    func `an id that is a way out is no blob`(_ id: String) async throws {
        try await withStore { store, root in
            let hostile = BlobKey(try #require(DocumentID(id)), .original)
            await #expect(throws: NoSuchBlob()) { try await store.append(bytes("x"), to: hostile, at: 0) }
            await #expect(throws: NoSuchBlob()) { try await store.put(bytes("x"), as: hostile) }
            await #expect(throws: NoSuchBlob()) { try await store.read(hostile, from: 0, count: 1) }
            #expect(try await store.size(of: hostile) == nil)
            try await store.removeAll(of: hostile.document)
            #expect(FileManager.default.fileExists(atPath: root.path))
        }
    }

    /// "a.." ends in "..", and the folder it lies in is named after its end.
    @Test(arguments: ["a..", "x", "a.b", "-rf", "A_b-9"]) func `an odd id stays inside`(_ id: String) async throws {
        try await withStore { store, root in
            let odd = BlobKey(try #require(DocumentID(id)), .original)
            try await store.append(bytes("x"), to: odd, at: 0)
            let file = try #require(try await path(of: odd, in: store))
            #expect(URL(fileURLWithPath: file).standardized.path.hasPrefix(root.path + "/"))
            #expect(try await store.documents().map(\.id) == [odd.document])
            try await store.removeAll(of: odd.document)
            #expect(try await store.documents().isEmpty)
        }
    }

    @Test func `the folder belongs to whoever asked first, and is away without the mark`() async throws {
        try await withStore { store, root in
            #expect(try await store.belongs(to: "one"))
            #expect(try await store.belongs(to: "one"))
            #expect(try await !store.belongs(to: "two"))
            #expect(try await !store.belongs(to: "on"))
            try await store.put(bytes("x"), as: key)
            #expect(try await store.documents().map(\.id) == [key.document])
            await #expect(throws: NoSuchBlob()) { try await store.withFile(of: BlobKey(.new(), .original)) { _ in } }
            // As a shared folder that is not mounted.
            try FileManager.default.moveItem(atPath: root.path, toPath: root.path + "-away")
            defer { try? FileManager.default.removeItem(atPath: root.path + "-away") }
            try FileManager.default.createDirectory(atPath: root.path, withIntermediateDirectories: false)
            await #expect(throws: BlobStoreUnavailable.self) { try await store.withFile(of: key) { _ in } }
        }
    }

    @Test func `of many that ask at once for a folder one has it`() async throws {
        try await withStore { store, _ in
            let owners = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<16 { group.addTask { try await store.belongs(to: "node \(number)") } }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(owners == 1)
        }
    }

    @Test func `removing takes the original and the pages of one document and no other's`() async throws {
        try await withStore { store, _ in
            #expect(try await store.belongs(to: "one"))
            let other = BlobKey(.new(), .original)
            for key in [key, BlobKey(key.document, .page(1)), BlobKey(key.document, .page(200)), other] {
                try await store.put(bytes("x"), as: key)
            }
            #expect(Set(try await store.documents().map(\.id)) == [key.document, other.document])
            try await store.removeAll(of: key.document)
            try await store.removeAll(of: key.document)
            #expect(try await store.documents().map(\.id) == [other.document])
            await #expect(throws: NoSuchBlob()) { try await store.withFile(of: key) { _ in } }
            await #expect(throws: NoSuchBlob()) { try await store.digest(of: key) }
            await #expect(throws: NoSuchBlob()) { try await store.put(bytes("x"), as: BlobKey(key.document, .page(0))) }
        }
    }

    @Test func `the digest is SHA-256, of what is longer than one piece too`() async throws {
        try await withStore { store, _ in
            try await store.append(bytes("abc"), to: key, at: 0)
            #expect(
                try await store.digest(of: key)
                    == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
            try await store.put([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000), as: key)
            #expect(
                try await store.digest(of: key)
                    == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        }
    }

    @Test func `a folder that cannot be is unavailable, not empty`() async throws {
        try await withFolder { folder in
            let file = try folder.file("file", bytes("x"))
            #expect(throws: BlobStoreUnavailable.self) { try DirectoryBlobStore(root: file + "/blobs") }
            let store = try DirectoryBlobStore(root: folder.path + "/made/on/the/way")
            try FileManager.default.removeItem(atPath: folder.path + "/made")
            await #expect(throws: BlobStoreUnavailable.self) { try await store.append(bytes("x"), to: key, at: 0) }
        }
    }

    private func withStore(_ body: (DirectoryBlobStore, URL) async throws -> Void) async throws {
        try await withFolder { folder in
            let root = folder.appendingPathComponent("blobs")
            try await body(try DirectoryBlobStore(root: root.path), root)
        }
    }

    private func path(of key: BlobKey, in store: DirectoryBlobStore) async throws -> String? {
        try await store.withFile(of: key) { $0 }
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
}
