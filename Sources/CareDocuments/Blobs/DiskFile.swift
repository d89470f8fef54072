import CareDesk

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// An open file or folder that closes itself. Not thread-safe: made, used and dropped within one piece of work.
struct DiskFile: ~Copyable {
    let descriptor: Int32

    /// Opens without following a link in the last place. `NoSuchBlob` when it is not there.
    init(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws {
        descriptor = try Disk.retried("open") { open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode) }
    }

    deinit { close(descriptor) }

    borrowing func size() throws -> Int { try Int(status().st_size) }

    borrowing func status() throws -> stat {
        var status = stat()
        _ = try Disk.retried("stat") { fstat(descriptor, &status) }
        return status
    }

    /// Waits until nobody else, of this process or another, has it; let go when the file closes.
    borrowing func lock() throws { _ = try Disk.retried("lock") { flock(descriptor, LOCK_EX) } }

    borrowing func write(_ bytes: [UInt8]) throws {
        var written = 0
        while written < bytes.count {
            let count = try bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
                return try Disk.retried("write") {
                    Int32(clamping: systemWrite(descriptor, rest.baseAddress, rest.count))
                }
            }
            written += Int(count)
        }
    }

    /// Fewer than asked only at the end of the file.
    borrowing func read(from offset: Int, count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                let got = try Disk.retried("read") {
                    Int32(clamping: pread(descriptor, rest.baseAddress, rest.count, off_t(offset + filled)))
                }
                guard got > 0 else { return }
                filled += Int(got)
            }
        }
    }

    borrowing func truncate(to size: Int) throws {
        _ = try Disk.retried("truncate") { ftruncate(descriptor, off_t(size)) }
    }

    /// Until the disk has it, not only the kernel.
    borrowing func sync() throws { _ = try Disk.retried("sync") { fsync(descriptor) } }
}

/// Calls to the system whose failures are `NoSuchBlob` (it is not there) or `BlobStoreUnavailable` (everything else: no
/// room, read-only, not allowed, a broken disk). A reason names the call and the system's words, never a path.
enum Disk {
    static func retried(_ call: String, _ body: () throws -> Int32) throws -> Int32 {
        while true {
            let answer = try body()
            if answer >= 0 { return answer }
            if errno != EINTR { throw failure(call, errno) }
        }
    }

    static func failure(_ call: String, _ code: Int32) -> any Error {
        if code == ENOENT { return NoSuchBlob() }
        return BlobStoreUnavailable(reason: "\(call): \(String(cString: strerror(code))) (\(code))")
    }

    /// Makes a folder only its owner may enter, durably; true when it was not there.
    @discardableResult
    static func makeFolder(_ path: String, in parent: String) throws -> Bool {
        if mkdir(path, 0o700) == 0 {
            try syncFolder(parent)
            return true
        }
        if errno == EEXIST { return false }
        throw failure("mkdir", errno)
    }

    /// What was made, renamed or removed in a folder is only sure when the folder itself is on the disk.
    static func syncFolder(_ path: String) throws { try DiskFile(path, O_RDONLY | O_DIRECTORY).sync() }

    static func names(in folder: String) throws -> [String] {
        guard let stream = opendir(folder) else { throw failure("opendir", errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}

/// The C library's, by a name that a method called `write` does not hide.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
