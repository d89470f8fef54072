package import CareDesk
import CareDomain

/// Reads documents with the tools every distribution has: poppler for PDF, libheif and ImageMagick for pictures, tesseract
/// for letters in pictures. No file is given to a tool before its kind and its size were told from its bytes.
package struct DocumentTools: DocumentReader {
    let tool: Tool
    var limits: ReaderLimits { tool.limits }

    /// `path`: folders in which the tools are looked for, parted by colons.
    package init(limits: ReaderLimits = ReaderLimits(), path: String = "/usr/bin:/bin") {
        tool = Tool(limits: limits, path: path)
    }

    /// Removes working folders of processes that were killed.
    package static func removeLeftovers() async { try? await offPool { Workplace.removeLeftovers() } }

    private static let programs = [
        "prlimit", "pdfinfo", "pdftotext", "pdftoppm", "pdfimages", "heif-convert", "convert", "tesseract",
    ]

    /// Programs and tesseract's languages that are not there; without them documents fail as `reader_unavailable`.
    package func missing() async -> [String] {
        let programs = Self.programs.filter { tool.find($0) == nil }
        guard !programs.contains("tesseract"), !programs.contains("prlimit") else { return programs }
        let listed = try? await Workplace.with(nil) { try await tool.run("tesseract", ["--list-langs"], in: $0) }
        let languages = String(decoding: listed?.output ?? [], as: UTF8.self).split(whereSeparator: \.isNewline)
        return programs
            + ["eng", "ara", "osd"].filter { !languages.contains(Substring($0)) }.map { "tesseract's \($0)" }
    }

    package func inspect(_ path: String) async throws -> InspectedFile {
        let (kind, sizes) = try await look(at: path)
        let pages =
            switch kind {
            case .pdf: try await Workplace.with(path) { try await pdfPages(in: $0) }
            case .text: try await textPages(of: path).count
            case .jpeg, .png, .tiff, .heic, .webp: sizes.count
            }
        guard pages <= limits.pages else { throw DocumentRefusal.tooManyPages }
        return InspectedFile(path: path, mediaType: kind.rawValue, pages: pages)
    }

    package func read(page: Int, of file: InspectedFile) async throws -> ReadPage {
        // Looked at again: what was inspected may have been replaced since, and a header costs nothing.
        let (kind, sizes) = try await look(at: file.path)
        guard kind.rawValue == file.mediaType, (1...max(1, file.pages)).contains(page) else {
            throw DocumentRefusal.damaged
        }
        switch kind {
        case .text:
            let pages = try await textPages(of: file.path)
            guard page <= pages.count else { throw DocumentRefusal.damaged }
            return ReadPage(text: PageText(number: page, text: pages[page - 1]), picture: nil)
        case .pdf:
            return try await Workplace.with(file.path) { try await pdfPage(page, in: $0) }
        case .jpeg, .png, .tiff, .heic, .webp:
            guard page <= sizes.count else { throw DocumentRefusal.damaged }
            return try await Workplace.with(file.path) { place in
                try await makeUpright(kind, page: page, in: place)
                return try await picturePage(page, in: place)
            }
        }
    }

    private func look(at path: String) async throws -> (FileKind, [PictureSize]) {
        try await offPool { [limits] in
            try FileBytes.with(path) { file in
                let kind = try FileKind.of(file)
                switch kind {
                case .pdf, .text: return (kind, [])
                case .jpeg, .png, .tiff, .heic, .webp:
                    return (kind, try PictureSize.pages(of: file, kind: kind, limits: limits))
                }
            }
        }
    }

    /// What a tool's end means when it did not do its work: its time is our trouble, everything else is the file's.
    func check(_ outcome: Tool.Outcome) throws {
        switch outcome.end {
        case .exit(0): return
        case .timeOver: throw ReaderTrouble.slow
        case .memoryOver, .outputOver: throw DocumentRefusal.tooBig
        // 126 and 127: it could not be started. Killed from outside: the machine's memory, or an operator.
        case .exit(126), .exit(127), .signal(9), .signal(15), .unable: throw ReaderTrouble.broken
        case .exit, .signal: throw DocumentRefusal.damaged
        }
    }

    /// What a tool wrote, or why it is not there.
    func product(_ name: String, in place: Workplace, _ limit: Int) async throws -> [UInt8] {
        guard let bytes = try await place.read(name, atMost: limit), !bytes.isEmpty else {
            throw DocumentRefusal.damaged
        }
        return bytes
    }
}
