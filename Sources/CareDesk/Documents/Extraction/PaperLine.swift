import CareDomain

/// One line of one page, as rules look at it: trimmed, without what shows nothing, and once more with its digits ASCII
/// and its letters small, scalar for scalar, so that whatever is found can be told as it is written.
struct PaperLine: Sendable {
    /// Longer lines are cut, at a sentence's end where there is one; a scalar is read once.
    static let limit = 500

    let page: Int
    /// Read from a picture, and not well.
    let isWeak: Bool
    /// Read from a picture at all: a decimal point may be lost.
    let isRecognised: Bool
    let raw: [Unicode.Scalar]
    let flat: [Unicode.Scalar]

    init(_ raw: [Unicode.Scalar], page: Int = 1, isWeak: Bool = false, isRecognised: Bool = false) {
        self.page = page
        self.isWeak = isWeak
        self.isRecognised = isRecognised || isWeak
        self.raw = raw
        flat = raw.map(Self.flat)
    }

    init(_ text: String, page: Int = 1, isWeak: Bool = false) {
        let kept = text.unicodeScalars.filter { !Unmarked.drops($0) }
        self.init(Array(kept.prefix(Self.limit)), page: page, isWeak: isWeak)
    }

    var text: String { Self.text(raw[...]) }
    var isEmpty: Bool { raw.isEmpty }

    /// As it is written there, without blanks around it.
    func text(_ range: Range<Int>) -> String {
        Self.text(raw[trimmed(range)])
    }

    func folded(_ range: Range<Int>) -> String { Self.text(flat[trimmed(range)]) }

    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (begin, end) = (range.lowerBound, range.upperBound)
        while begin < end, Unmarked.isBlank(raw[begin]) { begin += 1 }
        while end > begin, Unmarked.isBlank(raw[end - 1]) { end -= 1 }
        return begin..<end
    }

    /// What two blanks, a tab or a bar keep apart; a line without them is one cell.
    func cells() -> [Range<Int>] {
        var cells: [Range<Int>] = []
        var begin = 0
        func close(_ end: Int) {
            let cell = trimmed(begin..<end)
            if !cell.isEmpty { cells.append(cell) }
        }
        var index = 0
        while index < raw.count {
            let isWide = Unmarked.isBlank(raw[index]) && index + 1 < raw.count && Unmarked.isBlank(raw[index + 1])
            if isWide || raw[index] == "\t" || raw[index] == "|" || raw[index] == "¦" {
                close(index)
                begin = index + 1
            }
            index += 1
        }
        close(raw.count)
        return cells
    }

    static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    static func isDigit(_ scalar: Unicode.Scalar) -> Bool { (0x30...0x39).contains(scalar.value) }

    static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x41...0x5A, 0x61...0x7A, 0x620...0x64A, 0x671...0x6D3: true
        case 0..<0xAA, 0x660...0x669, 0x2000...0x2BFF: false
        default: scalar.properties.isAlphabetic
        }
    }

    /// ASCII digits and decimal points for every script's, small Latin letters, one form for a sign and its look-alikes.
    private static func flat(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.value {
        case 0x41...0x5A: Unicode.Scalar(UInt8(scalar.value + 0x20))
        case 0x660...0x669: Unicode.Scalar(UInt8(scalar.value - 0x660 + 0x30))
        case 0x6F0...0x6F9: Unicode.Scalar(UInt8(scalar.value - 0x6F0 + 0x30))
        case 0x66B: "."
        case 0x66C, 0x60C: ","
        case 0x66A: "%"
        case 0x2010...0x2015, 0x2212: "-"
        case 0xB5, 0x3BC: "u"
        case 0xD7: "x"
        case 0xB2: "2"
        case 0xB3: "3"
        case 0x2079: "9"
        case 0xB9: "1"
        case 0x2070, 0x2074...0x2078: Unicode.Scalar(UInt8(scalar.value - 0x2070 + 0x30))
        case 0xA0, 0x2007, 0x2009, 0x202F: " "
        case 0x2264: "<"
        case 0x2265: ">"
        case 0x622, 0x623, 0x625: "ا"
        case 0x649: "ي"
        case 0x629: "ه"
        default: scalar
        }
    }
}

/// The lines of a document, one after the other; at most `limit`, the rest is not read by rules.
struct PaperLines: Sequence {
    static let limit = 20_000
    let pages: [PageText]

    init(_ pages: [PageText]) { self.pages = pages }

    func makeIterator() -> Iterator { Iterator(pages: pages) }

    struct Iterator: IteratorProtocol {
        private let pages: [PageText]
        private var page = 0
        private var rest: Substring.UnicodeScalarView
        private var left = PaperLines.limit

        init(pages: [PageText]) {
            self.pages = pages
            rest = (pages.first?.text ?? "")[...].unicodeScalars
        }

        /// Empty lines too: they end a section.
        mutating func next() -> PaperLine? {
            while page < pages.count, rest.isEmpty {
                page += 1
                if page < pages.count { rest = pages[page].text[...].unicodeScalars }
            }
            guard page < pages.count, left > 0 else { return nil }
            left -= 1
            var line: [Unicode.Scalar] = []
            var index = rest.startIndex
            var isCut = false
            while index < rest.endIndex {
                let scalar = rest[index]
                if Unmarked.endsLine(scalar) { break }
                guard line.count < PaperLine.limit else {
                    isCut = true
                    break
                }
                rest.formIndex(after: &index)
                if !Unmarked.drops(scalar), !(line.isEmpty && Unmarked.isBlank(scalar)) { line.append(scalar) }
                // In a line that will be cut, a sentence's end past the half is a better place than its middle.
                if line.count > PaperLine.limit / 2, scalar == ".", index < rest.endIndex, rest[index] == " " {
                    isCut = true
                    break
                }
            }
            if !isCut, index < rest.endIndex {
                let isReturn = rest[index] == "\r"
                rest.formIndex(after: &index)
                if isReturn, index < rest.endIndex, rest[index] == "\n" { rest.formIndex(after: &index) }
            }
            rest = rest[index...]
            while let last = line.last, Unmarked.isBlank(last) { line.removeLast() }
            let source = pages[page]
            return PaperLine(
                line, page: source.number, isWeak: source.isWeak, isRecognised: source.source == .recognised)
        }
    }
}

extension PageText {
    /// Below it the recogniser itself doubts its letters.
    static let sureConfidence = 80

    var isWeak: Bool { source == .recognised && (confidence ?? 0) < Self.sureConfidence }
}
