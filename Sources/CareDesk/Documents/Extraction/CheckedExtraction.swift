package import CareDomain

extension Extraction {
    /// Only what stands in the document: a quote or an item whose passage is not on its page, word for word, or whose
    /// name, value or unit is not in its passage, is left out; a range that is not, is taken off. Blanks count as one, and
    /// what shows nothing does not count. Lengths and numbers are bounded, and what was read from a poor picture is
    /// uncertain whatever its author thought. Linear in pages times items.
    package func checked(against pages: [PageText]) -> Extraction {
        let book = Pages(pages)
        var checked = self
        checked.date = date.flatMap { book.date($0) }
        checked.issuer = issuer.flatMap { book.name($0) }
        checked.items = items.prefix(Self.itemLimit).compactMap { book.item($0) }
        return checked
    }

    /// A document's pages, folded once.
    private struct Pages {
        private var texts: [Int: (text: [UInt8], isWeak: Bool)] = [:]

        init(_ pages: [PageText]) {
            for page in pages {
                var text = Array(Unmarked.folded(page.text).utf8)
                // A model was shown it as it is quoted, and quotes that.
                let quoted = Array(Unmarked.quoted(page.text).utf8)
                if quoted != text { text += [0x0A] + quoted }
                // Two pages of one number are one, so that nothing is looked for in the wrong half.
                if let known = texts[page.number] {
                    texts[page.number] = (known.text + [0x0A] + text, known.isWeak || page.isWeak)
                } else {
                    texts[page.number] = (text, page.isWeak)
                }
            }
        }

        /// The passage as it will be told, and whether the page is a poor picture.
        private func passage(_ text: String, on number: Int) -> (text: String, isWeak: Bool)? {
            let passage = Unmarked.folded(text, limit: Extraction.passageLimit)
            guard !passage.isEmpty, let page = texts[number], Self.stands(Array(passage.utf8), in: page.text) else {
                return nil
            }
            return (passage, page.isWeak)
        }

        func date(_ quote: Quote) -> Quote? {
            guard let passage = passage(quote.passage, on: quote.page) else { return nil }
            let value = Unmarked.folded(quote.value, limit: Extraction.nameLimit)
            let line = PaperLine(passage.text)
            let dates = PaperDate.all(in: line)
            let sure = dates.contains { $0.iso == value }
            guard !value.isEmpty, sure || passage.text.contains(value) else {
                // A date that can be read in two ways was decided by its author: it is told as it is written.
                guard let written = dates.first(where: { $0.iso == nil && Self.may($0, be: value, in: line) }) else {
                    return nil
                }
                return Quote(
                    value: line.text(written.range), page: quote.page, passage: passage.text, isUncertain: true)
            }
            return Quote(
                value: value, page: quote.page, passage: passage.text,
                isUncertain: quote.isUncertain || passage.isWeak || !sure)
        }

        /// Whether the numbers of an ISO date are those that are written, in whatever order.
        private static func may(_ date: PaperDate, be iso: String, in line: PaperLine) -> Bool {
            func numbers(_ text: String) -> [Int] {
                text.split { !("0"..."9").contains($0) }.compactMap { Int($0) }.map { $0 % 100 }.sorted()
            }
            let written = numbers(line.folded(date.range))
            return written.count == 3 && written == numbers(iso)
        }

        func name(_ quote: Quote) -> Quote? {
            guard let passage = passage(quote.passage, on: quote.page) else { return nil }
            let value = Unmarked.folded(quote.value, limit: Extraction.nameLimit)
            guard !value.isEmpty, passage.text.contains(value) else { return nil }
            return Quote(
                value: value, page: quote.page, passage: passage.text, isUncertain: quote.isUncertain || passage.isWeak)
        }

        func item(_ item: Item) -> Item? {
            guard let passage = passage(item.passage, on: item.page) else { return nil }
            func part(_ text: String?) -> String? {
                let text = text.map { Unmarked.folded($0, limit: Extraction.nameLimit) }
                return text?.isEmpty == true ? nil : text
            }
            var checked = item
            checked.passage = passage.text
            checked.name = Extraction.name(item.name)
            checked.value = part(item.value)
            checked.unit = part(item.unit)
            checked.reference = part(item.reference)
            checked.isUncertain = item.isUncertain || passage.isWeak
            let name = checked.name.hasSuffix("…") ? String(checked.name.dropLast()) : checked.name
            guard !name.isEmpty, stands(name, in: passage.text), checked.value.map(passage.text.contains) ?? true,
                checked.unit.map(passage.text.contains) ?? true
            else { return nil }
            if let reference = checked.reference, !passage.text.contains(reference) { checked.reference = nil }
            return checked
        }

        /// A name may be told in other cases of its letters; it may not be another.
        private func stands(_ name: String, in passage: String) -> Bool {
            passage.contains(name) || SearchWords.fold(passage).contains(SearchWords.fold(name).nonEmpty ?? "\u{0}")
        }

        /// Knuth, Morris and Pratt: linear whatever a stranger repeats.
        static func stands(_ needle: [UInt8], in text: [UInt8]) -> Bool {
            guard !needle.isEmpty, needle.count <= text.count else { return needle.isEmpty }
            var back = [Int](repeating: 0, count: needle.count)
            var length = 0
            for index in needle.indices.dropFirst() {
                while length > 0, needle[index] != needle[length] { length = back[length - 1] }
                if needle[index] == needle[length] { length += 1 }
                back[index] = length
            }
            length = 0
            for byte in text {
                while length > 0, byte != needle[length] { length = back[length - 1] }
                if byte == needle[length] { length += 1 }
                if length == needle.count { return true }
            }
            return false
        }
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
