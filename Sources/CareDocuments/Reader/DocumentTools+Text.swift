import CareDesk

extension DocumentTools {
    /// A plain text by pages of some thousand characters, broken at the end of a line where there is one.
    /// Throws `.unsupported` when it is not text throughout, `.tooManyPages`.
    func textPages(of path: String) async throws -> [String] {
        try await offPool { [limits] in
            let bytes = try FileBytes.with(path) { file in
                // A character has at most four bytes in what people write; more than that is too many pages in any case.
                guard file.count <= limits.textPageCharacters * limits.pages * 4 else {
                    throw DocumentRefusal.tooManyPages
                }
                return try file.bytes(at: 0, file.count)
            }
            guard FileKind.isText(bytes, whole: true) else { throw DocumentRefusal.unsupported }
            return try Self.pages(of: bytes, limits)
        }
    }

    static func pages(of bytes: [UInt8], _ limits: ReaderLimits) throws -> [String] {
        // A limit of pages bounds it; that of scalars is for one page.
        let text = Array(PageWords.cleaned(bytes, limit: .max))
        guard !text.isEmpty else { return [""] }
        var pages: [String] = []
        var start = 0
        while start < text.count {
            guard pages.count < limits.pages else { throw DocumentRefusal.tooManyPages }
            var end = min(start + limits.textPageCharacters, text.count)
            if end < text.count {
                // Not further back than half a page, or a long line would make tiny pages.
                let earliest = start + limits.textPageCharacters / 2
                if let line = text[earliest..<end].lastIndex(of: "\n") { end = line + 1 }
            }
            // One character may hold a thousand accents.
            pages.append(PageWords.cleaned(Array(String(text[start..<end]).utf8), limit: limits.pageScalars))
            start = end
        }
        return pages
    }
}
