import CareDesk
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A fresh folder for the tools of one reading, in which the stranger's file is called `input`: its real name never reaches
/// a command line, where `-x`, `%d` and `[0]` mean something. Removed with everything in it when the body ends.
struct Workplace: Sendable {
    let path: String

    private static let prefix = "curaway-read-"

    /// Removes what processes that are no more have left: a kill leaves pages of patients there.
    static func removeLeftovers() {
        let folder = FileManager.default.temporaryDirectory.path
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix(prefix) {
            let path = folder + "/" + name
            var status = stat()
            guard let owner = name.dropFirst(prefix.count).split(separator: "-").first.flatMap({ pid_t($0) }),
                owner > 0,
                lstat(path, &status) == 0, status.st_uid == geteuid(), status.st_mode & S_IFMT == S_IFDIR,
                kill(owner, 0) != 0, errno == ESRCH
            else { continue }
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    static func with<Answer>(_ file: String?, _ body: (Workplace) async throws -> Answer) async throws -> Answer {
        var template = Array((FileManager.default.temporaryDirectory.path + "/\(prefix)\(getpid())-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw ReaderTrouble.broken }
        let place = Workplace(path: String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        defer { try? FileManager.default.removeItem(atPath: place.path) }
        if let file {
            let target = file.hasPrefix("/") ? file : FileManager.default.currentDirectoryPath + "/" + file
            guard symlink(target, place.path + "/input") == 0 else { throw ReaderTrouble.broken }
        }
        return try await body(place)
    }

    func has(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }

    /// What a tool left; nil when it left nothing of that name. `.tooBig` beyond the bound.
    func read(_ name: String, atMost limit: Int) async throws -> [UInt8]? {
        let file = path + "/" + name
        return try await offPool {
            guard access(file, F_OK) == 0 else { return nil }
            return try FileBytes.with(file) { bytes in
                guard bytes.count <= limit else { throw DocumentRefusal.tooBig }
                return try bytes.bytes(at: 0, bytes.count)
            }
        }
    }
}
