import CareDesk
import CareDomain

extension DocumentTools {
    /// Makes `upright.png` of a picture: turned as its camera says, without what else the camera says, on white.
    func makeUpright(_ kind: FileKind, page: Int, in place: Workplace) async throws {
        let side = limits.recognisedPixels.upperBound
        let source: [String]
        switch kind {
        case .heic:
            try check(
                try await tool.run(
                    "heif-convert", ["-q", "92", "input", "heic.jpg"], in: place, writes: limits.scratchBytes))
            // Several pictures in one file are numbered; the first is the one people see. libheif has turned it already.
            source = [place.has("heic.jpg") ? "jpeg:heic.jpg" : "jpeg:heic-1.jpg", "-strip"]
        case .jpeg:
            // Unpacked at a half, a quarter or an eighth when that is still larger than what is wanted.
            source = ["-define", "jpeg:size=\(side)x\(side)", "jpeg:input", "-auto-orient"]
        case .png: source = ["png:input[0]", "-auto-orient"]
        case .webp: source = ["webp:input[0]", "-auto-orient"]
        case .tiff: source = ["tiff:input[\(page - 1)]", "-auto-orient"]
        case .pdf, .text: throw DocumentRefusal.damaged
        }
        try await convert(
            source + [
                "-strip", "-background", "white", "-alpha", "remove", "-alpha", "off", "-colorspace", "sRGB",
                "-resize", "\(side)x\(side)>", "-depth", "8", "-define", "png:compression-level=1", "png:upright.png",
            ], in: place)
    }

    /// The words of `upright.png` and a picture of it for people. When it was upside down or on its side and nobody had
    /// said so, both are turned. `colours` makes `colours.png` for the picture, when `upright.png` is gray.
    func picturePage(
        _ page: Int, in place: Workplace, colours: (() async throws -> Void)? = nil
    ) async throws -> ReadPage {
        let size = try await offPool { try FileBytes.with(place.path + "/upright.png") { try PictureSize.png($0) } }
        guard let size, size.width > 0, size.height > 0 else { throw DocumentRefusal.damaged }
        try await prepare("upright.png", size, turned: 0, in: place)
        var words = try await recognise(in: place)
        var turn = 0
        if (words.confidence ?? 0) < Self.sureConfidence, let wanted = try await turnWanted(in: place) {
            try await prepare("upright.png", size, turned: wanted, in: place)
            let turned = try await recognise(in: place)
            if turned.isBetter(than: words) {
                words = turned
                turn = wanted
            }
        }
        try await colours?()
        let side = limits.keptPixels
        try await convert(
            [colours == nil ? "png:upright.png" : "png:colours.png", "-rotate", "\(turn)"] + [
                "-strip", "-resize", "\(side)x\(side)>", "-quality", "82", "jpeg:kept.jpg",
            ], in: place)
        let text = PageText(number: page, text: words.text, source: .recognised, confidence: words.confidence)
        return ReadPage(text: text, picture: try await product("kept.jpg", in: place, limits.pictureBytes))
    }

    /// Below it a page may have been read upside down.
    private static let sureConfidence = 60

    /// Makes `gray.png` for the recogniser: large enough, lit evenly (divided by its own blurred self, so that a shadow of
    /// a hand does not become ink), straight.
    private func prepare(_ name: String, _ size: PictureSize, turned: Int, in place: Workplace) async throws {
        let long = max(size.width, size.height)
        let wanted = min(max(long, limits.recognisedPixels.lowerBound), limits.recognisedPixels.upperBound)
        let width = max(1, size.width * wanted / long), height = max(1, size.height * wanted / long)
        let measure = "\(width)x\(height)!"
        try await convert(
            ["png:\(name)", "-colorspace", "Gray", "-resize", measure]
                + ["(", "+clone", "-resize", "25%", "-blur", "0x8", "-resize", measure, ")"]
                + ["-compose", "Divide_Src", "-composite", "-rotate", "\(turned)", "-background", "white"]
                + ["-deskew", "40%", "-depth", "8", "-define", "png:compression-level=1", "png:gray.png"], in: place)
    }

    private func recognise(in place: Workplace) async throws -> PageWords {
        // Sauvola's threshold (2): Otsu's loses decimal points, and 7.4 becomes 74.
        let arguments = ["gray.png", "words", "-l", "eng+ara", "--psm", "4", "--oem", "1", "--dpi", "300"]
        let outcome = try await tool.run(
            "tesseract", arguments + ["-c", "thresholding_method=2", "txt", "tsv"], in: place)
        // A missing language is ours, not the file's.
        if outcome.complaint.contains("loading language") { throw ReaderTrouble.broken }
        try check(outcome)
        let text = try await place.read("words.txt", atMost: limits.textBytes) ?? []
        let table = try await place.read("words.tsv", atMost: limits.textBytes) ?? []
        return PageWords(text: PageWords.cleaned(text, limit: limits.pageScalars), table: table)
    }

    /// Degrees by which the page should be turned, clockwise; nil when it stands right or nobody can tell.
    private func turnWanted(in place: Workplace) async throws -> Int? {
        let outcome = try await tool.run("tesseract", ["gray.png", "-", "--psm", "0", "-l", "osd"], in: place)
        if outcome.end == .timeOver { throw ReaderTrouble.slow }
        guard outcome.isSuccess else { return nil }
        let line = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix("Rotate:")
        }
        guard let degrees = line.flatMap({ Int($0.dropFirst(7).filter { $0 != " " }) }),
            [90, 180, 270].contains(degrees)
        else { return nil }
        return degrees
    }

    private func convert(_ arguments: [String], in place: Workplace) async throws {
        let bounds = [
            "-limit", "thread", "1", "-limit", "memory", "256MiB", "-limit", "map", "512MiB", "-limit", "disk", "1GiB",
            "-limit", "area", "128MP", "-limit", "width", "16KP", "-limit", "height", "16KP",
        ]
        let outcome = try await tool.run("convert", bounds + arguments, in: place, writes: limits.scratchBytes)
        try check(outcome)
    }
}
