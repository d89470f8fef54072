/// A calendar date somewhere in a line: 2026-03-14, 14/03/2026, 14 March 2026, March 14, 2026, ١٤ آذار ٢٠٢٦.
struct PaperDate: Sendable, Equatable {
    /// Where it stands in the line.
    var range: Range<Int>
    /// ISO 8601, when there is one way to read it.
    var iso: String?

    /// Every date of a line, from left to right.
    static func all(in line: PaperLine) -> [PaperDate] {
        let parts = Part.all(in: line)
        var dates: [PaperDate] = []
        var index = 0
        while index < parts.count {
            if let (date, used) = date(parts[index...].prefix(3), in: line) {
                dates.append(date)
                index += used
            } else {
                index += 1
            }
        }
        return dates
    }

    /// A number or the name of a month, and what stands before the next one.
    private struct Part {
        var range: Range<Int>
        var number: Int?
        var digits = 0
        var month: Int?
        var gap = ""

        static func all(in line: PaperLine) -> [Part] {
            var parts: [Part] = []
            var index = 0
            let flat = line.flat
            while index < flat.count {
                let begin = index
                if PaperLine.isDigit(flat[index]) {
                    while index < flat.count, PaperLine.isDigit(flat[index]) { index += 1 }
                    let isPart = begin > 0 && PaperLine.isLetter(flat[begin - 1])
                    let number = index - begin <= 4 && !isPart ? Int(PaperLine.text(flat[begin..<index])) : nil
                    parts.append(Part(range: begin..<index, number: number, digits: index - begin))
                } else if PaperLine.isLetter(flat[index]) {
                    while index < flat.count, PaperLine.isLetter(flat[index]) { index += 1 }
                    var end = index
                    var month = Month.named(PaperLine.text(flat[begin..<index]))
                    // "كانون الثاني": two words.
                    if month == nil, index + 1 < flat.count, flat[index] == " ", PaperLine.isLetter(flat[index + 1]) {
                        var next = index + 1
                        while next < flat.count, PaperLine.isLetter(flat[next]), next - begin < 24 { next += 1 }
                        month = Month.named(PaperLine.text(flat[begin..<next]))
                        if month != nil { end = next }
                    }
                    index = end
                    let word = PaperLine.text(flat[begin..<end])
                    // "14th of March", "مارس/آذار": what adds nothing between the parts.
                    let isDoubled = month != nil && parts.last?.month == month && parts.last?.gap == "/"
                    if isDoubled || !parts.isEmpty && ["st", "nd", "rd", "th", "of", "من"].contains(word) {
                        parts[parts.count - 1].gap = ""
                        continue
                    }
                    parts.append(Part(range: begin..<end, month: month))
                } else {
                    if !parts.isEmpty, parts[parts.count - 1].gap.utf8.count < 4 {
                        parts[parts.count - 1].gap.unicodeScalars.append(flat[index])
                    }
                    index += 1
                }
            }
            return parts
        }
    }

    private static func date(_ parts: ArraySlice<Part>, in line: PaperLine) -> (PaperDate, Int)? {
        guard parts.count == 3, let first = parts.first, let last = parts.last else { return nil }
        let middle = parts[parts.startIndex + 1]
        let range = first.range.lowerBound..<last.range.upperBound
        func made(_ year: Int, _ month: Int, _ day: Int) -> (PaperDate, Int)? {
            Self.iso(year, month, day).map { (PaperDate(range: range, iso: $0), 3) }
        }
        func unsure() -> (PaperDate, Int) { (PaperDate(range: range, iso: nil), 3) }
        let isLoose = [first.gap, middle.gap].allSatisfy { gap in
            gap.unicodeScalars.allSatisfy { " .,-/".unicodeScalars.contains($0) }
        }
        guard isLoose else { return nil }
        if let month = middle.month, let day = first.number, let year = last.number, last.digits == 4 {
            return made(year, month, day)
        }
        if let month = first.month, let day = middle.number, let year = last.number, last.digits == 4 {
            return made(year, month, day)
        }
        guard let one = first.number, let two = middle.number, let three = last.number else { return nil }
        let sign = first.gap.filter { $0 != " " }
        guard sign == middle.gap.filter({ $0 != " " }), ["-", "/", "."].contains(sign) else { return nil }
        if first.digits == 4, middle.digits <= 2, last.digits <= 2 {
            // Another calendar's year is told as it is written.
            if (1_300...1_500).contains(one), (1...12).contains(two), (1...30).contains(three) { return unsure() }
            return made(one, two, three)
        }
        guard first.digits <= 2, middle.digits <= 2, (1...31).contains(one), (1...31).contains(two) else { return nil }
        if last.digits == 2, one <= 12 || two <= 12 { return unsure() }
        guard last.digits == 4 else { return nil }
        if (1_300...1_500).contains(three) { return unsure() }
        if one <= 12, two <= 12, one != two { return Self.iso(three, two, one) == nil ? nil : unsure() }
        return two <= 12 ? made(three, two, one) : made(three, one, two)
    }

    private static func iso(_ year: Int, _ month: Int, _ day: Int) -> String? {
        guard (1_900...2_100).contains(year), (1...12).contains(month) else { return nil }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
        guard (1...days).contains(day) else { return nil }
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(year)-\(two(month))-\(two(day))"
    }

    /// The names of months, as they are spelt after `PaperLine` has folded them.
    enum Month {
        static func named(_ word: String) -> Int? { names[word] }

        private static let names: [String: Int] = {
            let rows = [
                "january jan يناير كانون_الثاني جانفي", "february feb فبراير شباط فيفري", "march mar مارس اذار",
                "april apr ابريل نيسان افريل", "may مايو ايار ماي", "june jun يونيو حزيران جوان يونيه",
                "july jul يوليو تموز جويليه يوليه", "august aug اغسطس اب اوت", "september sep sept سبتمبر ايلول",
                "october oct اكتوبر تشرين_الاول", "november nov نوفمبر تشرين_الثاني", "december dec ديسمبر كانون_الاول",
            ]
            var names: [String: Int] = [:]
            for (index, row) in rows.enumerated() {
                for name in row.split(separator: " ") { names[String(name).replacing("_", with: " ")] = index + 1 }
            }
            return names
        }()
    }
}
