import Foundation

/// What the recogniser read on a page, and how sure it was.
struct PageWords: Equatable {
    var text: String
    /// The mean over its words; nil without a word.
    var confidence: Int?

    /// Words, not smudges: below this everywhere, the page shows nothing.
    private static let leastConfidence = 40.0

    init(text: String, confidence: Int?) {
        self.text = text
        self.confidence = confidence
    }

    /// `table`: tesseract's TSV; the eleventh column is the confidence, the twelfth the word.
    init(text: String, table: [UInt8]) {
        var sum = 0.0
        var count = 0
        var isSure = false
        for line in String(decoding: table, as: UTF8.self).split(separator: "\n").dropFirst() {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard columns.count >= 12, let value = Double(columns[10]), value >= 0,
                columns[11].contains(where: { !$0.isWhitespace })
            else { continue }
            sum += value
            count += 1
            if value >= Self.leastConfidence, columns[11].contains(where: { $0.isLetter || $0.isNumber }) {
                isSure = true
            }
        }
        guard count > 0, isSure else {
            self.init(text: "", confidence: nil)
            return
        }
        self.init(text: text, confidence: Int((sum / Double(count)).rounded()))
    }

    func isBetter(than other: PageWords) -> Bool { (confidence ?? -1) > (other.confidence ?? -1) }

    static func letters(in text: String) -> Int { text.count { $0.isLetter } }

    /// Text as the rest of the server takes it: composed, no control characters but line break and tab, no marks of direction,
    /// no blanks at the ends of lines, at most so many scalars.
    static func cleaned(_ bytes: [UInt8], limit: Int) -> String {
        var scalars = String.UnicodeScalarView()
        var kept = 0
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            guard kept < limit else { break }
            switch scalar.value {
            case 0x0D, 0x0C, 0x00...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0xFEFF: continue
            // Marks of direction: the letters know theirs, and a stranger's could turn what stands after them.
            case 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069, 0x061C: continue
            default: scalars.append(scalar)
            }
            kept += 1
        }
        let lines = String(scalars).split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var line = line
            while line.last?.isWhitespace == true { line.removeLast() }
            return String(line)
        }
        let text = lines.joined(separator: "\n").precomposedStringWithCanonicalMapping
        // Whole blank lines at both ends go; blanks before the first word may be a column.
        let start = lines.firstIndex { !$0.isEmpty } ?? lines.endIndex
        return text.isEmpty || start == lines.endIndex
            ? "" : String(text.drop { $0 == "\n" }.reversed().drop { $0 == "\n" }.reversed())
    }

    /// What pdftotext writes of a number among Arabic: `<202A> 7.4<202C>`, with the blank on the side where it is seen and not
    /// where it is read. The blank goes behind, so that a number keeps away from the word that follows.
    static func withNumbersApart(_ bytes: [UInt8]) -> [UInt8] {
        let open: [UInt8] = [0xE2, 0x80, 0xAA], close: [UInt8] = [0xE2, 0x80, 0xAC]
        var apart: [UInt8] = []
        apart.reserveCapacity(bytes.count)
        var blanks = 0
        var index = 0
        while index < bytes.count {
            let three = bytes[index..<min(index + 3, bytes.count)]
            if three.elementsEqual(open) {
                index += 3
                while index < bytes.count, bytes[index] == 0x20 { (blanks, index) = (blanks + 1, index + 1) }
                continue
            }
            if blanks > 0, three.elementsEqual(close) || bytes[index] == 0x0A {
                apart += [UInt8](repeating: 0x20, count: blanks)
                blanks = 0
            }
            apart.append(bytes[index])
            index += 1
        }
        return apart
    }

    /// Columns in the order they are read: `pdftotext -layout` writes from left to right what stands there, which on a page
    /// in Arabic is the last column first. Pages that are not mostly Arabic stay as they are.
    static func inReadingOrder(_ text: String) -> String {
        let arabic = text.unicodeScalars.count { (0x0600...0x06FF).contains($0.value) && $0.properties.isAlphabetic }
        guard arabic * 2 > letters(in: text) else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let columns = columns(of: line)
            return columns.count > 1 ? columns.reversed().joined(separator: "   ") : String(line)
        }.joined(separator: "\n")
    }

    /// Parted by two blanks or more.
    private static func columns(of line: Substring) -> [String] {
        var columns: [String] = []
        var column = ""
        for word in line.split(separator: " ", omittingEmptySubsequences: false) {
            if word.isEmpty {
                if !column.isEmpty { columns.append(column) }
                column = ""
            } else {
                column += (column.isEmpty ? "" : " ") + word
            }
        }
        return column.isEmpty ? columns : columns + [column]
    }
}
