import CareDesk
import Testing

@testable import CareDocuments

struct `The kind of a file` {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var kind: FileKind?
        var refusal: DocumentRefusal?

        init(_ name: String, _ bytes: [UInt8], _ kind: FileKind) {
            (testDescription, self.bytes, self.kind) = (name, bytes, kind)
        }
        init(_ name: String, _ bytes: [UInt8], _ refusal: DocumentRefusal) {
            (testDescription, self.bytes, self.refusal) = (name, bytes, refusal)
        }
    }

    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }
    private static let pdf = Made.pdf([["A letter"]])

    static let rows: [Row] = [
        Row("a PDF", pdf, .pdf),
        Row("a PDF after a line break", text("\r\n") + pdf, .pdf),
        Row("a JPEG", Made.jpeg(10, 10), .jpeg),
        Row("a PNG", Made.png(10, 10), .png),
        Row("a TIFF of Intel", Made.tiff([(1, 1)]), .tiff),
        Row("a TIFF of Motorola", Made.tiff([(1, 1)], bigEndian: true), .tiff),
        Row("a HEIC", Made.heic([(10, 10)]), .heic),
        Row("a HEIC by its general brand", Made.heic([(10, 10)], brand: "mif1"), .heic),
        Row("a WebP", Made.webp(10, 10), .webp),
        Row("a sound in the same kind of file", text("RIFF") + [4, 0, 0, 0] + text("WAVE"), .unsupported),
        Row("a text", text("Haemoglobin 13.4 g/dL\n"), .text),
        Row("a text in Arabic", text("تحليل الدم\n"), .text),
        Row(
            "a text that is cut in a letter after the first KiB", text(String(repeating: "ال", count: 600) + "x"), .text
        ),
        Row("a text that begins like a program's magic", text("MZ is what he wrote"), .text),
        Row("nothing", [], .empty),
        Row("an archive or a Word file", [0x50, 0x4B, 3, 4] + text("word/document.xml"), .unsupported),
        Row("an old Word file", [0xD0, 0xCF, 0x11, 0xE0, 0, 0], .unsupported),
        Row("a GIF", text("GIF89a") + [1, 0, 1, 0], .unsupported),
        Row("a program of Windows", text("MZ") + [0x90, 0, 3, 0], .unsupported),
        Row("a program of Linux", [0x7F] + text("ELF") + [2, 1], .unsupported),
        Row("a script", text("#!/bin/sh\nrm -rf /\n"), .unsupported),
        Row("a page of HTML", text("\n <!DOCTYPE html><html></html>"), .unsupported),
        Row("a drawing in SVG", text("<?xml version='1.0'?><svg/>"), .unsupported),
        Row("a PostScript", text("%!PS-Adobe-3.0"), .unsupported),
        Row("an AVIF", Made.heic([(1, 1)], brand: "avif"), .unsupported),
        Row("noise", [0, 1, 2, 3, 4, 0xFE], .unsupported),
        Row("a text in Latin-1", text("Gr") + [0xFC] + text("n"), .unsupported),
        Row("a text with a zero in it", text("a\0b"), .unsupported),
        Row("a PNG that is a PDF too", Made.png(1, 1) + pdf, .ambiguous),
        Row("a JPEG that is a PDF too", Made.jpeg(1, 1) + pdf, .ambiguous),
        Row("noise before a PDF", [1, 2, 3] + pdf, .ambiguous),
        Row("a text that is a PDF too", text("Dear Sir,\n") + pdf, .ambiguous),
        Row("a JPEG with a script in it", Made.jpeg(1, 1) + text("<ScRiPt>alert(1)</script>"), .ambiguous),
        Row("a PDF with a page of HTML in it", text("%PDF-1.4\n<html>") + pdf, .ambiguous),
        Row(
            "a JPEG with an archive behind it", Made.jpeg(1, 1) + [UInt8](repeating: 7, count: 3_000) + Made.archiveEnd,
            .ambiguous),
        Row(
            "a PDF with an archive and its comment behind it",
            pdf + Made.archiveEnd.dropLast(2) + [5, 0] + text("hello"), .ambiguous),
        Row("a PNG with an archive at its beginning", Made.png(1, 1) + [0x50, 0x4B, 3, 4], .ambiguous),
    ]

    @Test(arguments: rows) func `is told by its bytes`(_ row: Row) throws {
        if let refusal = row.refusal {
            #expect(throws: refusal) { try FileKind.of(FileBytes(row.bytes)) }
        } else {
            #expect(try FileKind.of(FileBytes(row.bytes)) == row.kind)
        }
    }

    @Test func `four chance bytes of an archive's end in a photograph are no archive`() throws {
        let chance = Made.jpeg(1, 1) + [0x50, 0x4B, 5, 6] + [UInt8](repeating: 0x9C, count: 100)
        #expect(try FileKind.of(FileBytes(chance)) == .jpeg)
    }
}

struct `The size of a picture` {
    private let limits = ReaderLimits()

    @Test(arguments: [FileKind.png, .jpeg, .tiff, .heic, .webp])
    func `is within at the bound and too big one beyond it`(_ kind: FileKind) throws {
        for (width, height, isFine) in [
            (16_000, 4_000, true), (4_000, 16_000, true), (8_000, 8_000, true), (16_001, 10, false),
            (10, 16_001, false),
            (8_001, 8_000, false),
        ] {
            let file = FileBytes(made(kind, width, height))
            if isFine {
                let size = PictureSize(width: width, height: height)
                #expect(try PictureSize.pages(of: file, kind: kind, limits: limits) == [size])
            } else {
                #expect(throws: DocumentRefusal.tooBig) { try PictureSize.pages(of: file, kind: kind, limits: limits) }
            }
        }
    }

    @Test(arguments: [FileKind.png, .jpeg, .tiff, .heic, .webp])
    func `is damaged when it is nought or the header is cut anywhere`(_ kind: FileKind) throws {
        let whole = made(kind, 100, 100)
        #expect(throws: DocumentRefusal.damaged) {
            try PictureSize.pages(of: FileBytes(made(kind, 0, 100)), kind: kind, limits: limits)
        }
        for count in 0..<whole.count {
            let cut = FileBytes(Array(whole.prefix(count)))
            do {
                // Cut behind what says the size, it still says it.
                #expect(
                    try PictureSize.pages(of: cut, kind: kind, limits: limits) == [PictureSize(width: 100, height: 100)]
                )
            } catch { #expect(error as? DocumentRefusal == .damaged) }
        }
    }

    @Test func `every page of a TIFF counts, and a chain without an end is too many pages`() throws {
        let two = FileBytes(Made.tiff([(10, 20), (30, 40)], bigEndian: true))
        #expect(try PictureSize.pages(of: two, kind: .tiff, limits: limits).map(\.width) == [10, 30])
        let second = FileBytes(Made.tiff([(10, 20), (60_000, 60_000)]))
        #expect(throws: DocumentRefusal.tooBig) { try PictureSize.pages(of: second, kind: .tiff, limits: limits) }
        let endless = FileBytes(Made.tiff([(10, 20)], endless: true))
        #expect(throws: DocumentRefusal.tooManyPages) {
            try PictureSize.pages(of: endless, kind: .tiff, limits: limits)
        }
    }

    @Test func `a directory of a TIFF has no more entries than libtiff reads`() throws {
        var file = Made.tiff([(10, 20)])
        file.replaceSubrange(8..<10, with: [0x01, 0x10])  // 4,097
        #expect(throws: DocumentRefusal.damaged) {
            try PictureSize.pages(of: FileBytes(file), kind: .tiff, limits: limits)
        }
    }

    @Test func `of a HEIC is that of the whole, not of one of its tiles`() throws {
        let tiles = FileBytes(Made.heic([(512, 512), (4_032, 3_024)]))
        #expect(
            try PictureSize.pages(of: tiles, kind: .heic, limits: limits) == [PictureSize(width: 4_032, height: 3_024)])
    }

    @Test func `of a WebP is told in each of its three ways`() throws {
        for file in [Made.webp(4_000, 300), Made.losslessWebP(4_000, 300), Made.extendedWebP(4_000, 300)] {
            #expect(
                try PictureSize.pages(of: FileBytes(file), kind: .webp, limits: limits)
                    == [PictureSize(width: 4_000, height: 300)])
            for count in 0..<file.count {
                let cut = FileBytes(Array(file.prefix(count)))
                do {
                    let sizes = try PictureSize.pages(of: cut, kind: .webp, limits: limits)
                    #expect(sizes == [PictureSize(width: 4_000, height: 300)])
                } catch { #expect(error as? DocumentRefusal == .damaged) }
            }
        }
        // Larger than the other two can say.
        let wall = FileBytes(Made.extendedWebP(100_000, 100_000))
        #expect(throws: DocumentRefusal.tooBig) { try PictureSize.pages(of: wall, kind: .webp, limits: limits) }
    }

    private func made(_ kind: FileKind, _ width: Int, _ height: Int) -> [UInt8] {
        switch kind {
        case .png: Made.png(width, height)
        case .jpeg: Made.jpeg(width, height)
        case .tiff: Made.tiff([(width, height)])
        case .heic: Made.heic([(width, height)])
        case .webp: Made.webp(width, height)
        case .pdf, .text: []
        }
    }
}
