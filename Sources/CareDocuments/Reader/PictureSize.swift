import CareDesk

/// How large a picture says it is, read from its header before any tool unpacks it: a small file may be a wall of pixels.
/// A header that lies is met by the tool's own bound of memory.
struct PictureSize: Equatable {
    var width: Int
    var height: Int

    /// One for each page; only a TIFF may have several. Throws `DocumentRefusal`: `.damaged`, `.tooBig`, `.tooManyPages`.
    static func pages(of file: FileBytes, kind: FileKind, limits: ReaderLimits) throws -> [PictureSize] {
        let sizes: [PictureSize]
        switch kind {
        case .png: sizes = try png(file).map { [$0] } ?? []
        case .jpeg: sizes = try jpeg(file).map { [$0] } ?? []
        case .tiff: sizes = try tiff(file, limit: limits.pages)
        case .webp: sizes = try webp(file).map { [$0] } ?? []
        case .heic: sizes = try HEIFBoxes.largest(in: file).map { [$0] } ?? []
        case .pdf, .text: sizes = []
        }
        guard !sizes.isEmpty, sizes.allSatisfy({ $0.width > 0 && $0.height > 0 }) else { throw DocumentRefusal.damaged }
        guard sizes.allSatisfy({ $0.isWithin(limits) }) else { throw DocumentRefusal.tooBig }
        return sizes
    }

    func isWithin(_ limits: ReaderLimits) -> Bool {
        max(width, height) <= limits.sidePixels && width * height <= limits.pixels
    }

    /// The header comes first, always.
    static func png(_ file: FileBytes) throws -> PictureSize? {
        guard try file.bytes(at: 12, 4).elementsEqual("IHDR".utf8) else { return nil }
        guard let width = try file.number(at: 16, 4), let height = try file.number(at: 20, 4) else { return nil }
        return PictureSize(width: width, height: height)
    }

    /// From segment to segment up to the frame; thumbnails lie inside segments and are stepped over.
    private static func jpeg(_ file: FileBytes) throws -> PictureSize? {
        var offset = 2
        for _ in 0..<4_096 {
            guard try file.number(at: offset, 1) == 0xFF, let marker = try file.number(at: offset + 1, 1) else {
                return nil
            }
            switch marker {
            case 0xFF: offset += 1
            case 0x01, 0xD0...0xD8: offset += 2
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                guard let height = try file.number(at: offset + 5, 2), let width = try file.number(at: offset + 7, 2)
                else { return nil }
                return PictureSize(width: width, height: height)
            case 0xD9, 0xDA, 0x00: return nil
            default:
                guard let length = try file.number(at: offset + 2, 2), length >= 2 else { return nil }
                offset += 2 + length
            }
        }
        return nil
    }

    /// The first chunk says it, in one of three ways (RFC 9649 §2): of the canvas, or of the only picture.
    private static func webp(_ file: FileBytes) throws -> PictureSize? {
        switch String(decoding: try file.bytes(at: 12, 4), as: UTF8.self) {
        case "VP8X":
            guard let width = try file.number(at: 24, 3, littleEndian: true),
                let height = try file.number(at: 27, 3, littleEndian: true)
            else { return nil }
            return PictureSize(width: width + 1, height: height + 1)
        case "VP8L":
            guard try file.number(at: 20, 1) == 0x2F, let bits = try file.number(at: 21, 4, littleEndian: true) else {
                return nil
            }
            return PictureSize(width: bits & 0x3FFF + 1, height: bits >> 14 & 0x3FFF + 1)
        case "VP8 ":
            guard try file.bytes(at: 23, 3) == [0x9D, 0x01, 0x2A],
                let width = try file.number(at: 26, 2, littleEndian: true),
                let height = try file.number(at: 28, 2, littleEndian: true)
            else { return nil }
            return PictureSize(width: width & 0x3FFF, height: height & 0x3FFF)
        default: return nil
        }
    }

    /// A chain of directories, one for each page; a chain that bites its tail is met by the limit of pages.
    private static func tiff(_ file: FileBytes, limit: Int) throws -> [PictureSize] {
        let little = try file.number(at: 0, 1) == 0x49
        var sizes: [PictureSize] = []
        var place = try file.number(at: 4, 4, littleEndian: little) ?? 0
        while place != 0 {
            guard sizes.count < limit else { throw DocumentRefusal.tooManyPages }
            guard let entries = try file.number(at: place, 2, littleEndian: little) else {
                throw DocumentRefusal.damaged
            }
            // As libtiff has it; real ones have some twenty.
            guard entries <= 4_096 else { throw DocumentRefusal.damaged }
            var size = PictureSize(width: 0, height: 0)
            for entry in 0..<entries {
                let start = place + 2 + entry * 12
                guard let tag = try file.number(at: start, 2, littleEndian: little),
                    let type = try file.number(at: start + 2, 2, littleEndian: little)
                else { throw DocumentRefusal.damaged }
                guard tag == 256 || tag == 257 else {
                    // Tags are in order.
                    if tag > 257 { break }
                    continue
                }
                let value = try file.number(at: start + 8, type == 3 ? 2 : 4, littleEndian: little) ?? 0
                if tag == 256 { size.width = value } else { size.height = value }
            }
            sizes.append(size)
            place = try file.number(at: place + 2 + entries * 12, 4, littleEndian: little) ?? 0
        }
        return sizes
    }
}

/// The boxes of a HEIC file that say how large its pictures are.
enum HEIFBoxes {
    /// The largest picture described: a photograph is a grid of tiles, and the grid's size is the one that counts.
    static func largest(in file: FileBytes) throws -> PictureSize? {
        var found: [PictureSize] = []
        var visited = 0
        try walk(file, from: 0, to: file.count, depth: 0, visited: &visited, found: &found)
        guard !found.isEmpty else { return nil }
        // Each side on its own, so that two pictures cannot hide one another.
        return PictureSize(width: found.map(\.width).max() ?? 0, height: found.map(\.height).max() ?? 0)
    }

    private static func walk(
        _ file: FileBytes, from start: Int, to end: Int, depth: Int, visited: inout Int, found: inout [PictureSize]
    ) throws {
        var offset = start
        while offset + 8 <= end {
            visited += 1
            guard visited < 10_000, var length = try file.number(at: offset, 4) else { throw DocumentRefusal.damaged }
            let name = String(decoding: try file.bytes(at: offset + 4, 4), as: UTF8.self)
            var header = 8
            if length == 1 {
                guard let long = try file.number(at: offset + 8, 8) else { throw DocumentRefusal.damaged }
                length = long
                header = 16
            } else if length == 0 {
                length = end - offset
            }
            guard length >= header, offset + length <= end else { throw DocumentRefusal.damaged }
            switch (depth, name) {
            // `meta` has four bytes of version and flags before its boxes.
            case (0, "meta"):
                try walk(
                    file, from: offset + header + 4, to: offset + length, depth: 1, visited: &visited, found: &found)
            case (1, "iprp"), (2, "ipco"):
                try walk(
                    file, from: offset + header, to: offset + length, depth: depth + 1, visited: &visited, found: &found
                )
            case (3, "ispe"):
                guard let width = try file.number(at: offset + header + 4, 4),
                    let height = try file.number(at: offset + header + 8, 4)
                else { throw DocumentRefusal.damaged }
                found.append(PictureSize(width: width, height: height))
            default: break
            }
            offset += length
        }
    }
}
