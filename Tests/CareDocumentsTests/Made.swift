import Foundation
import Testing

@testable import CareDocuments

/// A folder for one test, gone after it.
func withFolder<Answer>(_ body: (URL) async throws -> Answer) async throws -> Answer {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-documents-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}

extension URL {
    /// A file in this folder with these bytes; its path.
    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let url = appendingPathComponent(name)
        try Data(bytes).write(to: url)
        return url.path
    }
}

/// Files written by hand, byte for byte.
enum Made {
    /// A PDF with a page for each list of lines. `box` is the page's width and height in points.
    static func pdf(_ pages: [[String]], box: (Int, Int) = (595, 842)) -> [UInt8] {
        pdf(
            pages.map { lines in
                let words = lines.map { "(\($0)) Tj 0 -28 Td" }.joined(separator: "\n")
                return (Array("BT /F1 18 Tf 60 \(box.1 - 80) Td\n\(words)\nET".utf8), "")
            }, box: box)
    }

    /// A PDF of one page that is nothing but a JPEG.
    static func pdf(scanned jpeg: [UInt8], width: Int, height: Int) -> [UInt8] {
        let image =
            "<< /Type /XObject /Subtype /Image /Width \(width) /Height \(height) /ColorSpace /DeviceRGB "
            + "/BitsPerComponent 8 /Filter /DCTDecode /Length \(jpeg.count) >>\nstream\n"
        return pdf(
            [(Array("q 595 0 0 842 0 0 cm /Im1 Do Q".utf8), "/XObject << /Im1 4 0 R >>")], box: (595, 842),
            extra: Array(image.utf8) + jpeg + Array("\nendstream".utf8))
    }

    /// Object 1 the catalogue, 2 the pages, 3 the font, 4 something extra, then a page and its contents in turn.
    private static func pdf(
        _ pages: [(contents: [UInt8], resources: String)], box: (Int, Int), extra: [UInt8] = Array("null".utf8)
    ) -> [UInt8] {
        let kids = pages.indices.map { "\(5 + 2 * $0) 0 R" }.joined(separator: " ")
        var objects: [[UInt8]] = [
            Array("<< /Type /Catalog /Pages 2 0 R >>".utf8),
            Array("<< /Type /Pages /Kids [\(kids)] /Count \(pages.count) >>".utf8),
            Array("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".utf8),
            extra,
        ]
        for (index, page) in pages.enumerated() {
            let resources = "<< /Font << /F1 3 0 R >> \(page.resources) >>"
            objects.append(
                Array(
                    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 \(box.0) \(box.1)] /Resources \(resources) /Contents \(6 + 2 * index) 0 R >>"
                        .utf8))
            objects.append(
                Array("<< /Length \(page.contents.count) >>\nstream\n".utf8) + page.contents + Array("\nendstream".utf8)
            )
        }
        var file = Array("%PDF-1.4\n".utf8)
        var offsets: [Int] = []
        for (index, object) in objects.enumerated() {
            offsets.append(file.count)
            file += Array("\(index + 1) 0 obj\n".utf8) + object + Array("\nendobj\n".utf8)
        }
        let table = file.count
        file += Array("xref\n0 \(objects.count + 1)\n0000000000 65535 f \n".utf8)
        for offset in offsets {
            let digits = String(offset)
            file += Array((String(repeating: "0", count: 10 - digits.count) + digits + " 00000 n \n").utf8)
        }
        file += Array(
            "trailer\n<< /Size \(objects.count + 1) /Root 1 0 R >>\nstartxref\n\(table)\n%%EOF\n".utf8)
        return file
    }

    static func png(_ width: Int, _ height: Int) -> [UInt8] {
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8) + big(width, 4)
            + big(height, 4)
            + [8, 2, 0, 0, 0, 0, 0, 0, 0]
    }

    /// With a thumbnail of another size inside a segment before the frame.
    static func jpeg(_ width: Int, _ height: Int) -> [UInt8] {
        let thumbnail: [UInt8] = [0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0, 9, 0, 9]
        return [0xFF, 0xD8, 0xFF, 0xE1] + big(thumbnail.count + 2, 2) + thumbnail
            + [0xFF, 0xC2, 0, 17, 8] + big(height, 2) + big(width, 2) + [
                3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 0xFF, 0xD9,
            ]
    }

    static func tiff(_ pages: [(Int, Int)], bigEndian: Bool = false, endless: Bool = false) -> [UInt8] {
        let number: (Int, Int) -> [UInt8] = { bigEndian ? big($0, $1) : big($0, $1).reversed() }
        var file: [UInt8] = (bigEndian ? [0x4D, 0x4D] : [0x49, 0x49]) + number(42, 2) + number(8, 4)
        for (index, page) in pages.enumerated() {
            let isLast = index == pages.count - 1
            let next = isLast ? (endless ? 8 : 0) : file.count + 2 + 24 + 4
            file += number(2, 2)
            file += number(256, 2) + number(4, 2) + number(1, 4) + number(page.0, 4)
            file += number(257, 2) + number(4, 2) + number(1, 4) + number(page.1, 4)
            file += number(next, 4)
        }
        return file
    }

    static func heic(_ sizes: [(Int, Int)], brand: String = "heic") -> [UInt8] {
        let extents = sizes.map { box("ispe", [0, 0, 0, 0] + big($0.0, 4) + big($0.1, 4)) }
        let properties = box("iprp", box("ipco", extents.flatMap { $0 }))
        return box("ftyp", Array(brand.utf8) + [0, 0, 0, 0] + Array("mif1heic".utf8))
            + box("meta", [0, 0, 0, 0] + properties)
    }

    /// As most are: one picture, with losses.
    static func webp(_ width: Int, _ height: Int) -> [UInt8] {
        riff("VP8 ", [0x30, 1, 0, 0x9D, 0x01, 0x2A] + little(width, 2) + little(height, 2))
    }

    static func losslessWebP(_ width: Int, _ height: Int) -> [UInt8] {
        riff("VP8L", [0x2F] + little((width - 1) | (height - 1) << 14, 4))
    }

    static func extendedWebP(_ width: Int, _ height: Int) -> [UInt8] {
        riff("VP8X", [0, 0, 0, 0] + little(width - 1, 3) + little(height - 1, 3))
    }

    private static func riff(_ name: String, _ body: [UInt8]) -> [UInt8] {
        Array("RIFF".utf8) + little(12 + body.count, 4) + Array("WEBP".utf8) + Array(name.utf8) + little(body.count, 4)
            + body
    }

    private static func little(_ number: Int, _ width: Int) -> [UInt8] { big(number, width).reversed() }

    static func box(_ name: String, _ body: [UInt8]) -> [UInt8] { big(8 + body.count, 4) + Array(name.utf8) + body }

    static func big(_ number: Int, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: number >> (8 * (width - 1 - $0))) }
    }

    /// The end of an archive with nothing in it.
    static let archiveEnd: [UInt8] = [0x50, 0x4B, 5, 6] + [UInt8](repeating: 0, count: 18)
}
