import CareDesk

/// What a file is, by its bytes alone.
///
/// A file that is two kinds at once is refused: one program would be shown one thing and the next another. Looked for are a
/// second beginning within the first KiB, and the end of a ZIP archive (also a .jar or .docx) at the end of anything.
enum FileKind: String, CaseIterable {
    case pdf = "application/pdf"
    case jpeg = "image/jpeg"
    case png = "image/png"
    case tiff = "image/tiff"
    case heic = "image/heic"
    case webp = "image/webp"
    case text = "text/plain"

    /// Where readers of PDF look for its beginning.
    private static let head = 1024
    /// An archive's end record and the longest comment that may follow it.
    private static let tail = 22 + 65_535

    /// Throws `DocumentRefusal`: `.empty`, `.unsupported`, `.ambiguous`.
    static func of(_ file: FileBytes) throws -> FileKind {
        guard file.count > 0 else { throw DocumentRefusal.empty }
        let head = try file.bytes(at: 0, head)
        let first = beginning(of: head)
        if first == nil, isForeign(head) { throw DocumentRefusal.unsupported }
        let pdfBegins = head.contains("%PDF-")
        // Without a known beginning, only whitespace may stand before a PDF's.
        let kind: FileKind
        if let first {
            kind = first
        } else if pdfBegins {
            guard isBlank(before: "%PDF-", in: head) else { throw DocumentRefusal.ambiguous }
            kind = .pdf
        } else if isText(head, whole: file.count <= head.count) {
            kind = .text
        } else {
            throw DocumentRefusal.unsupported
        }
        if kind != .pdf, pdfBegins { throw DocumentRefusal.ambiguous }
        if isMarkup(in: head) || head.contains("PK\u{3}\u{4}") { throw DocumentRefusal.ambiguous }
        if try endsAsArchive(file) { throw DocumentRefusal.ambiguous }
        return kind
    }

    private static func beginning(of head: [UInt8]) -> FileKind? {
        if head.starts(with: Array("%PDF-".utf8)) { return .pdf }
        if head.starts(with: [0xFF, 0xD8, 0xFF]) { return .jpeg }
        if head.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
        if head.starts(with: [0x49, 0x49, 0x2A, 0]) || head.starts(with: [0x4D, 0x4D, 0, 0x2A]) { return .tiff }
        if head.starts(with: Array("RIFF".utf8)), head.dropFirst(8).starts(with: Array("WEBP".utf8)) { return .webp }
        if head.count >= 12, head[4..<8].elementsEqual("ftyp".utf8) {
            let brand = String(decoding: head[8..<12], as: UTF8.self)
            if ["heic", "heix", "heim", "heis", "mif1"].contains(brand), !head.contains("avif") { return .heic }
        }
        return nil
    }

    /// Known, and not read here. Told apart from text so that a page of HTML is not taken for a letter.
    private static func isForeign(_ head: [UInt8]) -> Bool {
        let magics: [[UInt8]] = [
            [0x50, 0x4B, 3, 4], [0x50, 0x4B, 5, 6], Array("GIF8".utf8), Array("MZ".utf8), [0x7F, 0x45, 0x4C, 0x46],
            Array("{\\rtf".utf8), Array("%!PS".utf8), Array("#!".utf8), Array("BM".utf8), [0x1F, 0x8B],
            [0xD0, 0xCF, 0x11, 0xE0],
        ]
        // "MZ" and "BM" may begin a word as well; binary files give themselves away by a zero.
        if magics.contains(where: {
            head.starts(with: $0) && ($0.count > 2 || $0[0] == 0x23 || !isText(head, whole: false))
        }) {
            return true
        }
        let start = head.drop { $0 <= 0x20 || [0xEF, 0xBB, 0xBF].contains($0) }
        let word = String(decoding: start.prefix(16), as: UTF8.self).lowercased()
        return ["<!doctype", "<html", "<svg", "<?xml", "<head", "<body", "<script", "<!--"].contains {
            word.hasPrefix($0)
        }
    }

    private static func isMarkup(in head: [UInt8]) -> Bool {
        let text = String(decoding: head.map { $0 < 0x80 ? $0 : 0x3F }, as: UTF8.self).lowercased()
        return ["<!doctype html", "<html", "<script", "<svg"].contains { text.contains($0) }
    }

    private static func isBlank(before mark: String, in head: [UInt8]) -> Bool {
        guard let place = head.place(of: Array(mark.utf8)) else { return false }
        return head[..<place].allSatisfy { [0x20, 0x09, 0x0A, 0x0D, 0x0C, 0xEF, 0xBB, 0xBF].contains($0) }
    }

    /// UTF-8 without control characters; the last scalar may be cut off unless the whole is there.
    static func isText(_ bytes: [UInt8], whole: Bool) -> Bool {
        guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || [0x09, 0x0A, 0x0C, 0x0D].contains($0) }) else {
            return false
        }
        if String(validating: bytes, as: UTF8.self) != nil { return true }
        return !whole && (1...3).contains { String(validating: bytes.dropLast($0), as: UTF8.self) != nil }
    }

    private static func endsAsArchive(_ file: FileBytes) throws -> Bool {
        let end = try file.bytes(at: max(0, file.count - tail), tail)
        var rest = end[...]
        while let place = Array(rest).place(of: [0x50, 0x4B, 5, 6]) {
            let record = rest.dropFirst(place)
            // Numbers of discs, nought in every archive of today, and a comment no longer than what follows: four chance
            // bytes in a photograph do not look like this.
            if record.count >= 22, record.dropFirst(4).prefix(4).allSatisfy({ $0 == 0 }) {
                let lengths = Array(record.dropFirst(20).prefix(2))
                if Int(lengths[0]) | Int(lengths[1]) << 8 <= record.count - 22 { return true }
            }
            rest = record.dropFirst(4)
        }
        return false
    }
}
