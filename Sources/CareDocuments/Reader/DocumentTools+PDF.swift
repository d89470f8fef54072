import CareDesk
import CareDomain

extension DocumentTools {
    /// Letters of text from which a page is taken to have been written and not scanned.
    private static let lettersOfText = 16
    /// A scanned page may carry a stamp of the scanner's in letters. Below this many, a page that is mostly a picture is
    /// recognised as well, and the longer text is kept.
    private static let lettersOfStamp = 200

    /// A file that wants a password is `.encrypted`; one that only forbids copying and opens without is read.
    func pdfPages(in place: Workplace) async throws -> Int {
        let outcome = try await tool.run("pdfinfo", ["-enc", "UTF-8", "input"], in: place)
        if outcome.complaint.contains("Incorrect password")
            || outcome.complaint.contains("encrypt") && !outcome.isSuccess
        {
            throw DocumentRefusal.encrypted
        }
        try check(outcome)
        let line = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix("Pages:")
        }
        guard let pages = line.flatMap({ Int($0.dropFirst(6).filter { $0 != " " }) }), pages > 0 else {
            throw DocumentRefusal.damaged
        }
        return pages
    }

    func pdfPage(_ page: Int, in place: Workplace) async throws -> ReadPage {
        let only = ["-f", "\(page)", "-l", "\(page)"]
        let written = try await tool.run("pdftotext", only + ["-layout", "-enc", "UTF-8", "input", "-"], in: place)
        try check(written)
        let words = PageWords.cleaned(PageWords.withNumbersApart(written.output), limit: limits.pageScalars)
        let text = PageWords.inReadingOrder(words)
        let letters = PageWords.letters(in: text)
        if letters < Self.lettersOfText {
            return try await recognisedPDFPage(page, in: place)
        }
        if letters < Self.lettersOfStamp, try await isMostlyPicture(only, in: place) {
            let recognised = try await recognisedPDFPage(page, in: place)
            if PageWords.letters(in: recognised.text.text) > letters { return recognised }
        }
        try await render(page, pixels: limits.keptPixels, ["-jpeg", "-jpegopt", "quality=82"], as: "kept", in: place)
        let picture = try await product("kept.jpg", in: place, limits.pictureBytes)
        return ReadPage(text: PageText(number: page, text: text), picture: picture)
    }

    private func recognisedPDFPage(_ page: Int, in place: Workplace) async throws -> ReadPage {
        try await render(page, pixels: limits.recognisedPixels.upperBound, ["-gray", "-png"], as: "upright", in: place)
        return try await picturePage(page, in: place, colours: { try await keepColours(of: page, in: place) })
    }

    /// The recogniser wants it gray and large, a person wants it as it was.
    private func keepColours(of page: Int, in place: Workplace) async throws {
        try await render(page, pixels: limits.keptPixels, ["-png"], as: "colours", in: place)
    }

    /// By its long side and never by the page's own measure: a page may say it is a mile wide.
    private func render(_ page: Int, pixels: Int, _ format: [String], as name: String, in place: Workplace) async throws
    {
        let arguments = ["-f", "\(page)", "-l", "\(page)", "-singlefile", "-scale-to", "\(pixels)"] + format
        try check(
            try await tool.run("pdftoppm", arguments + ["input", name], in: place, writes: limits.pictureBytes))
    }

    private func isMostlyPicture(_ only: [String], in place: Workplace) async throws -> Bool {
        let list = try await tool.run("pdfimages", only + ["-list", "input"], in: place)
        guard list.isSuccess else { return false }
        // Columns: page num type width height …; two lines of heading.
        return String(decoding: list.output, as: UTF8.self).split(separator: "\n").dropFirst(2).contains { line in
            let columns = line.split(separator: " ")
            guard columns.count > 4, let width = Int(columns[3]), let height = Int(columns[4]) else { return false }
            return min(width, height) >= 600
        }
    }
}
