import CareDesk

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A file by pieces, so that looking at a header needs no more memory than the header. Reading past the end gives fewer
/// bytes, never an error.
struct FileBytes {
    let count: Int
    private let piece: (Int, Int) throws -> [UInt8]

    init(_ bytes: [UInt8]) {
        count = bytes.count
        piece = { Array(bytes[min($0, bytes.count)..<min($0 + $1, bytes.count)]) }
    }

    /// Opens the file for the length of the body. A file that cannot be read is our trouble, not its own.
    static func with<Answer>(_ path: String, _ body: (FileBytes) throws -> Answer) throws -> Answer {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ReaderTrouble.broken }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw ReaderTrouble.broken }
        return try body(FileBytes(count: Int(status.st_size), descriptor: descriptor))
    }

    private init(count: Int, descriptor: Int32) {
        self.count = count
        piece = { offset, count in
            try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                while filled < count, let base = buffer.baseAddress {
                    let got = pread(descriptor, base + filled, count - filled, off_t(offset + filled))
                    if got < 0, errno == EINTR { continue }
                    guard got >= 0 else { throw ReaderTrouble.broken }
                    guard got > 0 else { return }
                    filled += got
                }
            }
        }
    }

    func bytes(at offset: Int, _ count: Int) throws -> [UInt8] {
        guard offset >= 0, count > 0, offset < self.count else { return [] }
        return try piece(offset, min(count, self.count - offset))
    }

    /// A number of 1 to 8 bytes; nil past the end, or when it is too large to be a place in a file.
    func number(at offset: Int, _ width: Int, littleEndian: Bool = false) throws -> Int? {
        let bytes = try bytes(at: offset, width)
        guard bytes.count == width else { return nil }
        let value = (littleEndian ? bytes.reversed() : bytes).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return value < 1 << 48 ? Int(value) : nil
    }
}

extension [UInt8] {
    func contains(_ text: String) -> Bool { place(of: Array(text.utf8)) != nil }

    func place(of wanted: [UInt8]) -> Int? {
        guard let first = wanted.first, count >= wanted.count else { return nil }
        return (0...(count - wanted.count)).first {
            self[$0] == first && self[$0..<($0 + wanted.count)].elementsEqual(wanted)
        }
    }
}
