import CareDomain

/// What was measured: a table's rows (`name  value  unit  reference`, in either direction) and prose ("BP 130/85 mmHg").
///
/// A number is a measurement only with a unit that is known or the range beside it; everything else is left alone.
enum Measurements {
    /// Of one line.
    private static let limit = 12
    private static let nameLimit = 60
    private static let wordLimit = 7

    /// `isAmongRows`: measurements stand near, so that "HBsAg   Negative" is one too.
    static func items(in line: PaperLine, isAmongRows: Bool) -> [Extraction.Item] {
        guard line.raw.count >= 4 else { return [] }
        let cells = line.cells()
        if cells.count >= 3, let item = backwards(line, cells) { return [item] }
        var items: [Extraction.Item] = []
        var begin = 0
        var index = 0
        while index < line.flat.count, items.count < limit {
            guard let figure = figure(at: index, in: line) else {
                index += 1
                continue
            }
            if let (item, end) = item(in: line, cells, name: begin..<index, figure, isAmongRows) {
                items.append(item)
                begin = end
                index = end
            } else {
                index = figure.range.upperBound
            }
        }
        if items.isEmpty, let item = words(line, cells, isAmongRows) { items.append(item) }
        return items
    }

    private static func figure(at index: Int, in line: PaperLine) -> Figure? {
        let scalar = line.flat[index]
        guard PaperLine.isDigit(scalar) || "<>olis".unicodeScalars.contains(scalar) else { return nil }
        return Figure.at(index, in: line)
    }

    private static func item(
        in line: PaperLine, _ cells: [Range<Int>], name before: Range<Int>, _ figure: Figure, _ isAmongRows: Bool
    ) -> (Extraction.Item, Int)? {
        guard let name = name(in: line, cells, before) else { return nil }
        var end = skipFlags(in: line, from: figure.range.upperBound)
        let unit = Units.measure(in: line, from: end)
        if let unit { end = skipFlags(in: line, from: unit.upperBound) }
        let reference = Reference.at(end, in: line)
        // Without a unit only a table's row, or a range in brackets or with its label, makes a number a result.
        if unit == nil {
            guard let reference else { return nil }
            let between = line.raw[min(end, reference.range.lowerBound)..<reference.range.lowerBound]
            guard cells.count >= 3 || isAmongRows || between.contains(where: { $0 == "(" || PaperLine.isLetter($0) })
            else { return nil }
        }
        if let reference { end = reference.end }
        if figure.isOdd, unit == nil || reference == nil { return nil }
        let text = line.text(name)
        let sign = unit.map { Units.normal(line.flat[$0]) }
        if let sign, let needed = Units.needing[sign], !Words(text).all.contains(where: { needed.contains($0.text) }) {
            return nil
        }
        let item = Extraction.Item(
            category: .measurement, name: text, value: line.text(figure.range), unit: unit.map(line.text),
            reference: reference.map { line.text($0.range) }, page: line.page, passage: line.passage,
            isUncertain: line.isWeak || isDoubtful(figure, reference, name: text, unit: sign ?? "", line))
        return (item, end)
    }

    /// The name a number belongs to: a table's first cell, in prose the words since the last stop.
    private static func name(in line: PaperLine, _ cells: [Range<Int>], _ before: Range<Int>) -> Range<Int>? {
        var range = line.trimmed(before)
        if let cell = cells.first(where: { cell in
            cell.upperBound <= range.upperBound && cell.lowerBound >= range.lowerBound
                && line.raw[cell].count(where: PaperLine.isLetter) >= 2
        }) {
            range = cell
        }
        func isTrimmed(_ scalar: Unicode.Scalar) -> Bool {
            Unmarked.isBlank(scalar) || ":=.-–—,;،؛|¦•·*([".unicodeScalars.contains(scalar)
        }
        // "3. Haemoglobin", "- BP"
        var begin = range.lowerBound
        while begin < range.upperBound, isTrimmed(line.raw[begin]) || ")]".unicodeScalars.contains(line.raw[begin]) {
            begin += 1
        }
        let numbered = line.flat[begin..<range.upperBound].prefix(while: PaperLine.isDigit).count
        if numbered > 0, begin + numbered < range.upperBound, ".)".unicodeScalars.contains(line.raw[begin + numbered]) {
            begin += numbered + 1
        }
        var end = range.upperBound
        while end > begin, isTrimmed(line.raw[end - 1]) { end -= 1 }
        // What follows the last stop, unless that is nothing.
        for index in (begin..<end).reversed() where ":;.,،؛".unicodeScalars.contains(line.raw[index]) {
            guard index + 1 < end, Unmarked.isBlank(line.raw[index + 1]) else { continue }
            begin = index + 1
            break
        }
        range = withoutFiller(line, line.trimmed(begin..<end))
        let text = line.text(range)
        let words = Words(text).all
        guard (1...wordLimit).contains(words.count), range.count <= nameLimit,
            line.raw[range].count(where: PaperLine.isLetter) >= 2,
            !words.contains(where: { foreign.contains($0.text) })
        else { return nil }
        return range
    }

    /// "His test showed a haemoglobin of" → "haemoglobin".
    private static func withoutFiller(_ line: PaperLine, _ range: Range<Int>) -> Range<Int> {
        var words: [Range<Int>] = []
        var begin = range.lowerBound
        for index in range.lowerBound...range.upperBound
        where index == range.upperBound || Unmarked.isBlank(line.raw[index]) {
            if begin < index { words.append(begin..<index) }
            begin = index + 1
        }
        func isFiller(_ word: Range<Int>) -> Bool { filler.contains(line.folded(word)) }
        while let last = words.last, isFiller(last) || line.raw[last].allSatisfy({ !PaperLine.isLetter($0) }) {
            if !isFiller(last), words.count == 1 { break }
            words.removeLast()
        }
        if let last = words.lastIndex(where: isFiller) { words.removeFirst(last + 1) }
        guard let first = words.first, let last = words.last else { return range.lowerBound..<range.lowerBound }
        return first.lowerBound..<last.upperBound
    }

    private static let filler: Set<String> = [
        "a", "an", "the", "is", "was", "were", "of", "at", "his", "her", "their", "showed", "shows", "with", "and",
        "had",
        "has", "result", "results", "level", "value", "كان", "كانت", "هو", "هي", "بلغ", "بلغت",
    ]
    /// What numbers stand beside without being results.
    private static let foreign: Set<String> = [
        "tel", "phone", "fax", "mobile", "date", "page", "age", "dob", "mrn", "id", "room", "box", "invoice", "vat",
        "total", "price", "amount", "qty", "collected", "received", "reported", "printed", "time", "years", "year",
        "old",
        "born", "sample", "accession", "هاتف", "جوال", "فاكس", "التاريخ", "تاريخ", "العمر", "عمر", "صفحه", "رقم",
        "الرقم",
        "المبلغ", "السعر", "الميلاد", "سنه", "stenosis", "تضيق",
    ]

    private static let flags: Set<String> = [
        "h", "l", "hh", "ll", "n", "*", "**", "high", "low", "normal", "abn", "a", "(h)", "(l)", "[h]", "[l]", "↑", "↓",
        "مرتفع", "منخفض", "طبيعي",
    ]

    /// The first scalar after blanks, bars and the marks for high and low.
    private static func skipFlags(in line: PaperLine, from begin: Int) -> Int {
        var index = begin
        while index < line.flat.count {
            while index < line.flat.count,
                Unmarked.isBlank(line.flat[index]) || "|¦".unicodeScalars.contains(line.flat[index])
            {
                index += 1
            }
            var end = index
            while end < line.flat.count, end - index < 8, !Unmarked.isBlank(line.flat[end]), line.flat[end] != "|" {
                end += 1
            }
            guard end > index, flags.contains(PaperLine.text(line.flat[index..<end])) else { return index }
            index = end
        }
        return index
    }

    /// A row whose name stands last, as some tables of right-to-left papers come out of a file.
    private static func backwards(_ line: PaperLine, _ cells: [Range<Int>]) -> Extraction.Item? {
        guard let last = cells.last, let first = cells.first, !line.raw[first].contains(where: PaperLine.isLetter),
            let name = name(in: line, [last], last)
        else { return nil }
        var figure: Figure?
        var unit: Range<Int>?
        var reference: Reference?
        for cell in cells.dropLast() {
            if let range = Reference.at(cell.lowerBound, in: line), range.end == cell.upperBound {
                reference = reference ?? range
            } else if let one = Figure.at(cell.lowerBound, in: line), one.range.upperBound == cell.upperBound {
                figure = figure ?? one
            } else if Units.measure(in: line, from: cell.lowerBound) == cell {
                unit = unit ?? cell
            }
        }
        guard let figure, unit != nil || reference != nil else { return nil }
        let text = line.text(name)
        return Extraction.Item(
            category: .measurement, name: text, value: line.text(figure.range), unit: unit.map(line.text),
            reference: reference.map { line.text($0.range) }, page: line.page, passage: line.passage,
            isUncertain: line.isWeak
                || isDoubtful(figure, reference, name: text, unit: unit.map { Units.normal(line.flat[$0]) } ?? "", line)
        )
    }

    /// "HBsAg   Negative   Negative"
    private static func words(_ line: PaperLine, _ cells: [Range<Int>], _ isAmongRows: Bool) -> Extraction.Item? {
        guard cells.count >= 3 || isAmongRows && cells.count == 2, let name = name(in: line, cells, cells[0]),
            answers.contains(line.folded(cells[1]))
        else { return nil }
        return Extraction.Item(
            category: .measurement, name: line.text(name), value: line.text(cells[1]),
            reference: cells.dropFirst(2).last.map(line.text), page: line.page, passage: line.passage,
            isUncertain: line.isWeak)
    }

    private static let answers: Set<String> = [
        "negative", "positive", "reactive", "non-reactive", "non reactive", "nonreactive", "nil", "trace", "detected",
        "not detected", "absent", "present", "سلبي", "ايجابي", "غير متفاعل", "متفاعل", "لا يوجد",
    ]

    private static func isDoubtful(
        _ figure: Figure, _ reference: Reference?, name: String, unit: String, _ line: PaperLine
    ) -> Bool {
        if figure.isOdd { return true }
        guard let number = figure.number else { return Plausible.doubts(pair: line.folded(figure.range), name: name) }
        if Plausible.doubts(number, name: name, unit: unit) { return true }
        // A point lost in a picture makes a number ten times too large, an invented one too small.
        guard line.isRecognised, let low = reference?.low, let high = reference?.high else { return false }
        let range = min(low, high)...max(low, high)
        return number > range.upperBound * 3 && range.contains(number / 10)
            || number * 3 < range.lowerBound && range.contains(number * 10)
    }
}
