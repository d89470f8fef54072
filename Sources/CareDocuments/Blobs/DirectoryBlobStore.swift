package import CareDesk
package import CareDomain
import Crypto

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Blobs in a folder of this machine.
///
///     root/<last two characters of the id>/<document id>/original
///                                                        page-0001.jpg
///     root/.owner     the installation whose documents these are
///
/// - Only the owner may read them: files 0600, folders 0700.
/// - What is durable is on the disk: the file and the folder that names it are synced before a call returns.
/// - Appends to one blob come one after another, also from another process on this folder.
/// - An id may hold what a file name should not: one that begins with a dot, or has anything but letters, digits, `-`, `_`
///   and `.`, is no blob here.
package struct DirectoryBlobStore: BlobStore {
    private let root: String

    /// Bytes hashed at a time.
    private static let digestStep = 256 * 1024
    /// Times a folder is emptied before it is left to the next tidying.
    private static let removals = 4

    /// Makes the folder when it is missing. Throws `BlobStoreUnavailable` when it cannot be made or written.
    package init(root: String) throws {
        self.root = root
        var made = root.hasPrefix("/") ? "" : "."
        for name in root.split(separator: "/") {
            let parent = made.isEmpty ? "/" : made
            made += "/" + name
            // A folder that is there may lie in one that may not be written; only what is missing is made.
            if access(made, F_OK) != 0 { try Self.available { _ = try Disk.makeFolder(made, in: parent) } }
        }
        guard access(root, R_OK | W_OK | X_OK) == 0 else {
            throw BlobStoreUnavailable(reason: "the folder of documents: \(String(cString: strerror(errno)))")
        }
    }

    package func size(of key: BlobKey) async throws -> Int? {
        guard let path = path(of: key) else { return nil }
        return try await offPool {
            do { return try DiskFile(path, O_RDONLY).size() } catch is NoSuchBlob { return nil }
        }
    }

    package func append(_ bytes: [UInt8], to key: BlobKey, at offset: Int) async throws {
        guard let folder = folder(of: key.document), let path = path(of: key) else { throw NoSuchBlob() }
        try await offPool { try append(bytes, to: path, in: folder, at: offset) }
    }

    package func put(_ bytes: [UInt8], as key: BlobKey) async throws {
        guard let folder = folder(of: key.document), let path = path(of: key) else { throw NoSuchBlob() }
        try await offPool {
            try makeFolder(of: folder)
            // Begins with a dot, so it is no blob; a remainder after a crash goes when the document goes.
            let unfinished = folder.path + "/.put-\(UInt64.random(in: .min ... .max))"
            do {
                let file = try DiskFile(unfinished, O_WRONLY | O_CREAT | O_EXCL)
                try file.write(bytes)
                try file.sync()
                _ = try Disk.retried("rename") { rename(unfinished, path) }
            } catch {
                unlink(unfinished)
                throw error
            }
            try Disk.syncFolder(folder.path)
        }
    }

    package func read(_ key: BlobKey, from offset: Int, count: Int) async throws -> [UInt8] {
        guard let path = path(of: key) else { throw NoSuchBlob() }
        return try await offPool {
            let file = try DiskFile(path, O_RDONLY)
            let start = max(0, offset)
            return try file.read(from: start, count: min(max(0, count), max(0, try file.size() - start)))
        }
    }

    package func digest(of key: BlobKey) async throws -> String {
        guard let path = path(of: key) else { throw NoSuchBlob() }
        return try await offPool {
            let file = try DiskFile(path, O_RDONLY)
            var hash = SHA256()
            var offset = 0
            while true {
                let bytes = try file.read(from: offset, count: Self.digestStep)
                if bytes.isEmpty { break }
                hash.update(data: bytes)
                offset += bytes.count
            }
            let digits = Array("0123456789abcdef".utf8)
            return String(
                decoding: hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
        }
    }

    package func withFile<Answer: Sendable>(
        of key: BlobKey, _ body: @Sendable (String) async throws -> Answer
    ) async throws -> Answer {
        guard let path = path(of: key) else { throw NoSuchBlob() }
        guard try await size(of: key) != nil else {
            // A shared folder that is not mounted is an empty one: then nothing in it is gone, all of it is away.
            let isThere = try await offPool { access(root + "/.owner", F_OK) == 0 }
            guard isThere else { throw BlobStoreUnavailable(reason: "the folder of documents is away") }
            throw NoSuchBlob()
        }
        return try await body(path)
    }

    package func removeAll(of document: DocumentID) async throws {
        guard let folder = folder(of: document) else { return }
        try await offPool {
            do {
                // Again, because a page may come in while its document goes, and a shared folder keeps a name for what is open.
                for attempt in 1...Self.removals {
                    for name in try Disk.names(in: folder.path) where unlink(folder.path + "/" + name) != 0 {
                        if errno != ENOENT { throw Disk.failure("unlink", errno) }
                    }
                    if rmdir(folder.path) == 0 || errno == ENOENT { break }
                    guard errno == ENOTEMPTY || errno == EEXIST, attempt < Self.removals else {
                        throw Disk.failure("rmdir", errno)
                    }
                }
                try Disk.syncFolder(folder.shelf)
            } catch is NoSuchBlob {}
        }
    }

    package func documents() async throws -> [(id: DocumentID, changed: Moment)] {
        try await offPool {
            var found: [(id: DocumentID, changed: Moment)] = []
            for shelf in try Disk.names(in: root) where (1...2).contains(shelf.utf8.count) {
                let path = root + "/" + shelf
                // What is no folder of ours, or may not be looked into, must not hide the rest.
                guard Self.status(path).map({ $0.st_mode & S_IFMT == S_IFDIR }) == true,
                    let names = try? Disk.names(in: path)
                else { continue }
                for id in names.compactMap({ DocumentID($0) }) {
                    // What stands on the wrong shelf was not put there by us.
                    guard let folder = folder(of: id)?.path, folder == path + "/" + id.rawValue,
                        let status = Self.status(folder)
                    else { continue }
                    let last = max(status.st_mtim.tv_sec, Self.status(folder + "/original")?.st_mtim.tv_sec ?? 0)
                    found.append((id, Moment(milliseconds: Int64(last) * 1000)))
                }
            }
            return found
        }
    }

    package func belongs(to installation: String) async throws -> Bool {
        let mark = root + "/.owner", name = Array(installation.utf8)
        return try await offPool {
            func owner() throws -> [UInt8]? {
                do { return try DiskFile(mark, O_RDONLY).read(from: 0, count: 1_024) } catch is NoSuchBlob {
                    return nil
                }
            }
            if let owner = try owner() { return owner == name }
            // Whole or not at all, and of two that come first at once one.
            let unfinished = root + "/.owner-\(UInt64.random(in: .min ... .max))"
            defer { unlink(unfinished) }
            let file = try DiskFile(unfinished, O_WRONLY | O_CREAT | O_EXCL)
            try file.write(name)
            try file.sync()
            // Some shared folders have no second names for one file.
            if link(unfinished, mark) != 0, errno != EEXIST, rename(unfinished, mark) != 0 {
                throw Disk.failure("rename", errno)
            }
            try Disk.syncFolder(root)
            return try owner() == name
        }
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    private func append(_ bytes: [UInt8], to path: String, in folder: Folder, at offset: Int) throws {
        if offset == 0 { try makeFolder(of: folder) }
        let file: DiskFile
        do {
            file = try DiskFile(path, O_WRONLY | O_APPEND | (offset == 0 ? O_CREAT : 0))
        } catch is NoSuchBlob {
            throw WrongOffset(size: 0)
        }
        try file.lock()
        let status = try file.status()
        // Removed while this waited: bytes written now would be nowhere.
        guard status.st_nlink > 0 else { throw NoSuchBlob() }
        guard Int(status.st_size) == offset else { throw WrongOffset(size: Int(status.st_size)) }
        do {
            try file.write(bytes)
            try file.sync()
        } catch {
            // The end stays where the caller knows it to be; when this fails too, `size` tells.
            try? file.truncate(to: offset)
            throw error
        }
        if offset == 0 { try Disk.syncFolder(folder.path) }
    }

    private func makeFolder(of folder: Folder) throws {
        try Self.available {
            try Disk.makeFolder(folder.shelf, in: root)
            try Disk.makeFolder(folder.path, in: folder.shelf)
        }
    }

    /// When a folder is to be made and the one around it is gone, that is our trouble and not a missing blob.
    private static func available(_ body: () throws -> Void) throws {
        do { try body() } catch is NoSuchBlob {
            throw BlobStoreUnavailable(reason: "the folder of documents is gone")
        }
    }

    private struct Folder: Sendable {
        var shelf: String
        var path: String
    }

    private func folder(of document: DocumentID) -> Folder? {
        let id = document.rawValue
        guard !id.hasPrefix("."), !id.contains("~") else { return nil }
        // The end of an id may be "..", which is a way out of here.
        let shelf = root + "/" + id.suffix(2).map { $0 == "." ? "_" : String($0) }.joined()
        return Folder(shelf: shelf, path: shelf + "/" + id)
    }

    private func path(of key: BlobKey) -> String? {
        guard let folder = folder(of: key.document)?.path else { return nil }
        switch key.part {
        case .original: return folder + "/original"
        case .page(let number):
            guard (1...9_999).contains(number) else { return nil }
            let digits = String(number)
            return folder + "/page-" + String(repeating: "0", count: 4 - digits.count) + digits + ".jpg"
        }
    }
}
