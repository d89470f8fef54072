import CareDesk
import CareDomain
import Foundation
import Testing

@testable import CareDocuments

/// Needs the tools themselves; without one of them these are skipped, and say so.
@Suite(
    .enabled(if: Tools.areThere, "poppler-utils, imagemagick, libheif-examples and tesseract-ocr with eng and ara"),
    .serialized)
struct `Documents of every kind` {
    private let reader = DocumentTools()
    private let lines = ["Haemoglobin 13.4 g/dL", "Potassium 4.1 mmol/L", "Creatinine 0.9 mg/dL", "HbA1c 7.4 %"]

    @Test func `a PDF that was written gives its words as they are, and a picture of each page`() async throws {
        try await withFolder { folder in
            let file = try await reader.inspect(try folder.file("a", Made.pdf([lines, ["The second page has this"]])))
            #expect(file.mediaType == "application/pdf" && file.pages == 2)
            let first = try await reader.read(page: 1, of: file)
            #expect(first.text.source == .embedded && first.text.confidence == nil)
            for line in lines { #expect(first.text.text.contains(line)) }
            try expectPicture(first.picture, longSide: 1_600)
            let second = try await reader.read(page: 2, of: file)
            #expect(second.text.text.trimmingCharacters(in: .whitespaces) == "The second page has this")
            #expect(second.text.number == 2)
        }
    }

    @Test func `a scanned PDF is recognised, and keeps its picture`() async throws {
        try await withFolder { folder in
            let jpeg = try await Tools.picture(of: lines, ["-jpeg"], in: folder)
            let size = try #require(
                try PictureSize.pages(of: FileBytes(jpeg), kind: .jpeg, limits: ReaderLimits()).first)
            let pdf = Made.pdf(scanned: jpeg, width: size.width, height: size.height)
            let page = try await read(try folder.file("a", pdf), 1)
            try expectRecognised(page)
        }
    }

    @Test func `a page that shows nothing has no words`() async throws {
        try await withFolder { folder in
            let page = try await read(try folder.file("a", Made.pdf([[]])), 1)
            #expect(page.text.text.isEmpty && page.text.confidence == nil)
            try expectPicture(page.picture, longSide: 1_600)
        }
    }

    @Test func `a page that says it is a mile wide costs no more than another`() async throws {
        try await withFolder { folder in
            let page = try await read(try folder.file("a", Made.pdf([lines], box: (20_000, 14_000))), 1)
            try expectPicture(page.picture, longSide: 1_600)
        }
    }

    @Test(arguments: ["png", "jpeg", "tiff"]) func `a picture is recognised`(_ format: String) async throws {
        try await withFolder { folder in
            let png = try folder.file("p.png", try await Tools.picture(of: lines, ["-png"], in: folder))
            let made = try await Tools.convert(["png:\(png)"], to: format, in: folder)
            let file = try await reader.inspect(made)
            #expect(file.mediaType == "image/\(format)" && file.pages == 1)
            try expectRecognised(try await reader.read(page: 1, of: file))
        }
    }

    @Test func `every page of a TIFF is read`() async throws {
        try await withFolder { folder in
            let one = try folder.file("1.png", try await Tools.picture(of: lines, ["-png"], in: folder))
            let two = try folder.file(
                "2.png", try await Tools.picture(of: ["Prescription for Amina"], ["-png"], in: folder))
            let file = try await reader.inspect(
                try await Tools.convert(["png:\(one)", "png:\(two)"], to: "tiff", in: folder))
            #expect(file.pages == 2)
            #expect(try await reader.read(page: 2, of: file).text.text.contains("Prescription"))
        }
    }

    @Test func `a HEIC is recognised`() async throws {
        try await withFolder { folder in
            let png = try folder.file("p.png", try await Tools.picture(of: lines, ["-png"], in: folder))
            let heic = try await Tools.run("heif-enc", ["-q", "80", "-o", "\(folder.path)/made", png])
            // No encoder on this machine: nothing to read.
            guard heic.isSuccess else { return }
            let file = try await reader.inspect(folder.path + "/made")
            #expect(file.mediaType == "image/heic")
            try expectRecognised(try await reader.read(page: 1, of: file))
        }
    }

    @Test(arguments: [90, 180, 270]) func `a picture that lies on its side is turned, and so is what is kept`(
        _ degrees: Int
    ) async throws {
        try await withFolder { folder in
            let many = lines + lines.map { "Again " + $0 } + ["The patient was seen in our clinic and sent home"]
            let png = try folder.file("p.png", try await Tools.picture(of: many, ["-png"], in: folder))
            let made = try await Tools.convert(["png:\(png)", "-rotate", "\(degrees)"], to: "jpeg", in: folder)
            let page = try await read(made, 1)
            #expect(page.text.text.contains("13.4") && page.text.text.contains("clinic"))
            let kept = try #require(page.picture)
            let size = try PictureSize.pages(of: FileBytes(kept), kind: .jpeg, limits: ReaderLimits())[0]
            #expect(size.height > size.width)
        }
    }

    @Test func `what the camera wrote about itself is not in the picture that is kept`() async throws {
        try await withFolder { folder in
            let png = try folder.file("p.png", try await Tools.picture(of: lines, ["-png"], in: folder))
            let made = try await Tools.convert(
                ["png:\(png)", "-set", "comment", "secret place"], to: "jpeg", in: folder)
            #expect(try Array(Data(contentsOf: URL(fileURLWithPath: made))).contains("secret place"))
            let kept = try #require(try await read(made, 1).picture)
            #expect(!kept.contains("secret place") && !kept.contains("Exif"))
        }
    }

    @Test func `a plain text has pages and no picture`() async throws {
        try await withFolder { folder in
            let line = String(repeating: "x", count: 99) + "\n"
            let file = try await reader.inspect(try folder.file("a", Array(String(repeating: line, count: 45).utf8)))
            #expect(file.mediaType == "text/plain" && file.pages == 2)
            let pages = [try await reader.read(page: 1, of: file), try await reader.read(page: 2, of: file)]
            #expect(pages.map { $0.text.text.split(separator: "\n").count } == [30, 15])
            #expect(pages.allSatisfy { $0.picture == nil && $0.text.source == .embedded })
        }
    }

    @Test func `what cannot be read is refused by name`() async throws {
        try await withFolder { folder in
            let whole = Made.pdf([lines])
            await #expect(throws: DocumentRefusal.damaged) {
                try await reader.inspect(try folder.file("a", Array("%PDF-1.4\nnothing of a PDF\n".utf8)))
            }
            await #expect(throws: DocumentRefusal.tooManyPages) {
                try await reader.inspect(try folder.file("b", Made.pdf([[String]](repeating: ["x"], count: 201))))
            }
            await #expect(throws: DocumentRefusal.tooManyPages) {
                try await reader.inspect(try folder.file("c", [UInt8](repeating: 0x78, count: 600_001)))
            }
            await #expect(throws: DocumentRefusal.tooBig) {
                try await reader.inspect(try folder.file("d", Made.png(30_000, 30_000)))
            }
            await #expect(throws: DocumentRefusal.damaged) {
                try await read(try folder.file("e", Made.png(100, 100)), 1)
            }
            await #expect(throws: DocumentRefusal.damaged) { try await read(try folder.file("f", whole), 2) }
            await #expect(throws: DocumentRefusal.empty) { try await reader.inspect(try folder.file("g", [])) }
        }
    }

    /// Some say that they had no memory and then end as if all were well.
    @Test func `a page that wants more memory than it may have is too big to open`() async throws {
        try await withFolder { folder in
            let pdf = try folder.file("a.pdf", Made.pdf([lines]))
            var limits = ReaderLimits()
            limits.memoryBytes = 64 * 1024 * 1024
            limits.keptPixels = 8_000
            let small = DocumentTools(limits: limits)
            await #expect(throws: DocumentRefusal.tooBig) {
                try await small.read(page: 1, of: try await small.inspect(pdf))
            }
        }
    }

    private func read(_ path: String, _ page: Int) async throws -> ReadPage {
        try await reader.read(page: page, of: try await reader.inspect(path))
    }

    private func expectRecognised(_ page: ReadPage) throws {
        #expect(page.text.source == .recognised)
        #expect(try #require(page.text.confidence) > 60)
        for word in ["Haemoglobin", "13.4", "4.1", "0.9", "7.4"] { #expect(page.text.text.contains(word)) }
        try expectPicture(page.picture, longSide: 1_600)
    }

    private func expectPicture(_ picture: [UInt8]?, longSide: Int) throws {
        let picture = FileBytes(try #require(picture))
        #expect(try FileKind.of(picture) == .jpeg)
        let size = try #require(try PictureSize.pages(of: picture, kind: .jpeg, limits: ReaderLimits()).first)
        #expect(max(size.width, size.height) <= longSide && max(size.width, size.height) > 800)
    }
}

/// The tools, used to make what they then read.
enum Tools {
    static let areThere = ["pdfinfo", "pdftotext", "pdftoppm", "convert", "heif-convert", "tesseract"].allSatisfy {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/\($0)")
    }

    static func run(_ name: String, _ arguments: [String]) async throws -> Tool.Outcome {
        let limits = ReaderLimits()
        return try await Workplace.with(nil) {
            try await Tool(limits: limits).run(name, arguments, in: $0, writes: limits.scratchBytes)
        }
    }

    /// A page with these lines, as a scanner would make one: 1,200 pixels high.
    static func picture(of lines: [String], _ format: [String], in folder: URL) async throws -> [UInt8] {
        let pdf = try folder.file("made.pdf", Made.pdf([lines]))
        let outcome = try await run(
            "pdftoppm", ["-singlefile", "-scale-to", "1200"] + format + [pdf, folder.path + "/rendered"])
        #expect(outcome.isSuccess)
        let name = format.contains("-png") ? "rendered.png" : "rendered.jpg"
        return Array(try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    static func convert(_ arguments: [String], to format: String, in folder: URL) async throws -> String {
        let made = folder.path + "/converted." + format
        let outcome = try await run("convert", arguments + ["\(format):\(made)"])
        #expect(outcome.isSuccess, "\(outcome.complaint)")
        return made
    }
}
