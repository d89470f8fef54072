/// A number as laboratories write it: 13.2, ١٣٫٢, <0.5, 5,400, 130/85.
struct Figure: Sendable, Equatable {
    /// Where it stands, with its sign.
    var range: Range<Int>
    /// Nil when it is two numbers or hard to read.
    var number: Double?
    /// Something is wrong with it: a letter among the digits, a lost or doubled point.
    var isOdd = false

    /// Digits of one number; longer ones are identifiers.
    private static let digitLimit = 9

    /// The figure at `begin`, where no letter or digit may stand right before it.
    static func at(_ begin: Int, in line: PaperLine) -> Figure? {
        let flat = line.flat
        if begin > 0 {
            let before = flat[begin - 1]
            if PaperLine.isLetter(before) || PaperLine.isDigit(before) || before == "." || before == "/" { return nil }
            if before == "-" || before == ",", begin > 1, !Unmarked.isBlank(flat[begin - 2]) { return nil }
        }
        var index = begin
        if index < flat.count, flat[index] == "<" || flat[index] == ">" {
            index += 1
            if index < flat.count, flat[index] == "=" { index += 1 }
            if index < flat.count, flat[index] == " " { index += 1 }
        }
        guard index < flat.count else { return nil }
        if let odd = misread(from: index, in: line) { return Figure(range: begin..<odd, isOdd: true) }
        guard PaperLine.isDigit(flat[index]) else { return nil }
        var digits = String.UnicodeScalarView()
        var slashes = 0
        var points = 0
        var commas = 0
        var isOdd = false
        while index < flat.count, index - begin <= digitLimit * 2 {
            let scalar = flat[index]
            let next = index + 1 < flat.count ? flat[index + 1] : " "
            if PaperLine.isDigit(scalar) {
                digits.append(scalar)
            } else if scalar == "." || scalar == ",", PaperLine.isDigit(next) {
                if scalar == "." { points += 1 } else { commas += 1 }
                digits.append(scalar)
            } else if scalar == ".", next == ".", index + 2 < flat.count, PaperLine.isDigit(flat[index + 2]) {
                isOdd = true
            } else if scalar == "." || scalar == " ", let skip = lostPoint(at: index, in: flat) {
                isOdd = true
                index = skip
                continue
            } else if scalar == "/", PaperLine.isDigit(next) {
                slashes += 1
            } else {
                break
            }
            index += 1
        }
        guard digits.count <= digitLimit, slashes <= 1 else { return nil }
        if slashes == 1 { return Figure(range: begin..<index, isOdd: isOdd || points + commas > 2) }
        if points > 1 { isOdd = true }
        return Figure(range: begin..<index, number: isOdd ? nil : value(String(digits), commas: commas), isOdd: isOdd)
    }

    /// "5,400" is thousands, "13,2" a decimal comma.
    private static func value(_ digits: String, commas: Int) -> Double? {
        guard commas > 0 else { return Double(digits) }
        let groups: [Substring] = digits.split(separator: ",")
        let isThousands = groups.dropFirst().allSatisfy { group in group.prefix { $0 != "." }.count == 3 }
        return Double(digits.replacing(",", with: isThousands ? "" : "."))
    }

    /// "13 .2", "13. 2": where the digits go on.
    private static func lostPoint(at index: Int, in flat: [Unicode.Scalar]) -> Int? {
        guard index + 2 < flat.count, PaperLine.isDigit(flat[index + 2]) else { return nil }
        let pair = (flat[index], flat[index + 1])
        guard pair == (".", " ") || pair == (" ", ".") else { return nil }
        return index + 2
    }

    /// "1O.2", "l3.5": letters a recogniser takes digits for.
    private static func misread(from begin: Int, in line: PaperLine) -> Int? {
        var end = begin
        var digits = 0
        var letters = 0
        while end < line.flat.count, end - begin <= 8 {
            let scalar = line.flat[end]
            if PaperLine.isDigit(scalar) {
                digits += 1
            } else if "olis".unicodeScalars.contains(scalar) {
                letters += 1
            } else if scalar != "." && scalar != "," {
                break
            }
            end += 1
        }
        guard digits > 0, letters > 0, letters <= 2, end - begin >= 3 else { return nil }
        let isEnd = end == line.flat.count || Unmarked.isBlank(line.flat[end]) || line.flat[end] == "|"
        return isEnd ? end : nil
    }
}

/// The range a document prints beside a value: 13.0–17.0, (<5.7), up to 40, ١٣٫٠ - ١٧٫٠.
struct Reference: Sendable, Equatable {
    var range: Range<Int>
    /// The scalar after it and its brackets.
    var end: Int
    var low: Double?
    var high: Double?

    private static let openings = [
        "up to", "less than", "more than", "upto", "below", "above", "حتي", "اقل من", "اكثر من",
    ]
    private static let labels = [
        "reference range", "reference", "normal range", "normal", "ref. range", "ref range", "ref.", "ref", "range",
        "nr",
        "المعدل الطبيعي", "المدي المرجعي", "القيم المرجعيه", "المرجع", "الطبيعي", "طبيعي", "المعدل",
    ]
    private static let between = ["to", "-", "الي", "~"]

    /// The range that begins at `begin`, after blanks, bars, brackets and its label.
    static func at(_ begin: Int, in line: PaperLine) -> Reference? {
        let flat = line.flat
        var index = begin
        func skip(_ signs: String) {
            while index < flat.count, Unmarked.isBlank(flat[index]) || signs.unicodeScalars.contains(flat[index]) {
                index += 1
            }
        }
        func take(_ words: [String]) -> Bool {
            for word in words where flat[index...].starts(with: word.unicodeScalars) {
                let end = index + word.unicodeScalars.count
                let isWord = word.unicodeScalars.last.map(PaperLine.isLetter) ?? false
                if isWord, end < flat.count, PaperLine.isLetter(flat[end]) { continue }
                index = end
                return true
            }
            return false
        }
        skip("|¦([,;")
        if take(labels) { skip(":.|([") }
        let from = index
        let isBound = take(openings)
        if isBound { skip("") }
        guard let first = Figure.at(index, in: line), !first.isOdd else { return nil }
        let isSigned = index < flat.count && (flat[index] == "<" || flat[index] == ">")
        let isAbove = isSigned && flat[index] == ">"
        index = first.range.upperBound
        var reference = Reference(range: from..<index, end: index, low: isAbove ? first.number : nil)
        if isBound || isSigned {
            reference.high = isAbove ? nil : first.number
        } else {
            skip("")
            guard take(between) else { return nil }
            skip("")
            // A hyphen stands right before the second number.
            var second = index
            while second < flat.count, PaperLine.isDigit(flat[second]) || flat[second] == "." || flat[second] == "," {
                second += 1
            }
            while second > index, !PaperLine.isDigit(flat[second - 1]) { second -= 1 }
            guard second > index else { return nil }
            reference.low = first.number
            reference.high = Double(PaperLine.text(flat[index..<second]).replacing(",", with: ""))
            index = second
            // Three numbers are a date or a telephone.
            if index < flat.count, flat[index] == "-" || flat[index] == "/" { return nil }
            reference.range = from..<index
        }
        reference.end = index
        while index < flat.count, Unmarked.isBlank(flat[index]) { index += 1 }
        if let unit = Units.measure(in: line, from: index) {
            index = unit.upperBound
            reference.end = index
        }
        if index < flat.count, flat[index] == ")" || flat[index] == "]" { reference.end = index + 1 }
        return reference
    }
}
