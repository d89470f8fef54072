package import CareDomain

extension Extraction {
    /// A passage is a line or a sentence, not a page; what is longer is cut.
    package static let passageLimit = 300
    package static let nameLimit = 120

    /// What a document says, found by tables and scanners in English and Arabic. Pure; linear in what is read of it
    /// (`PaperLines.limit` lines, each at most `PaperLine.limit` scalars). Where in doubt it finds nothing, or says that it is
    /// uncertain: a passage that somebody can look up beats a guess.
    package static func byRules(_ pages: [PageText]) -> Extraction {
        var rules = Rules()
        for line in PaperLines(pages) { rules.read(line) }
        return rules.extraction()
    }

    /// At most `itemLimit`, in reading order. When there are more, the rows of tables give way first, from the last: an allergy on
    /// page 15 is worth more than the two hundred and first value.
    static func bounded(_ items: [Item]) -> [Item] {
        guard items.count > itemLimit else { return items }
        let ranked = items.enumerated().sorted {
            (weight($0.element.category), $0.offset) < (weight($1.element.category), $1.offset)
        }
        return ranked.prefix(itemLimit).sorted { $0.offset < $1.offset }.map(\.element)
    }

    /// Smaller stays longer.
    private static func weight(_ category: Item.Category) -> Int {
        switch category {
        case .allergy: 0
        case .medicine: 1
        case .finding: 2
        case .measurement: 3
        }
    }

    /// On one line, at most `nameLimit` scalars; a name that was cut says so.
    static func name(_ text: String) -> String {
        let name = Unmarked.folded(text, limit: nameLimit)
        return Unmarked.folded(text, limit: nameLimit + 1) == name
            ? name : Unmarked.folded(name, limit: nameLimit - 1) + "…"
    }
}

/// A fold over a document's lines.
private struct Rules {
    /// Items that are looked at before `Extraction.bounded` chooses among them.
    private static let itemLimit = 2_000
    /// Lines after a measurement in which a row may be one without number or unit.
    private static let rowReach = 4
    /// Lines of a list of medicines or allergies without one, after which it is over.
    private static let listReach = 4

    private var kind = KindFinder()
    private var date = DateFinder()
    private var issuer = IssuerFinder()
    private var findings = Findings()
    private var section = Section.other
    private var items: [Extraction.Item] = []
    private var sinceRow = Int.max / 2
    private var sinceItem = 0

    mutating func read(_ line: PaperLine) {
        kind.read(line)
        date.read(line)
        issuer.read(line)
        sinceRow += 1
        guard items.count < Self.itemLimit else { return }
        guard !line.isEmpty else { return blank() }
        var from = 0
        if let opened = Section.opened(by: line) {
            closeFindings()
            section = opened.section
            sinceItem = 0
            from = opened.rest
            guard from < line.raw.count else { return }
        }
        switch section {
        case .findings: inFindings(line, from)
        case .medicines: inMedicines(line, from)
        case .allergies: inAllergies(line, from)
        case .other: add(anywhere(line))
        }
    }

    func extraction() -> Extraction {
        var rest = self
        rest.closeFindings()
        let kind = kind.kind
        // What an invoice or a passport counts is no measurement.
        let items =
            [.invoice, .identity].contains(kind) ? rest.items.filter { $0.category != .measurement } : rest.items
        return Extraction(kind: kind, date: date.best, issuer: issuer.best, items: Extraction.bounded(items))
    }

    private mutating func blank() {
        if !findings.isEmpty { closeFindings() }
    }

    private mutating func inFindings(_ line: PaperLine, _ from: Int) {
        // A laboratory's "Result" is a table.
        let rows = from == 0 ? Measurements.items(in: line, isAmongRows: isAmongRows) : []
        if !rows.isEmpty, line.cells().count >= 3 {
            closeFindings()
            return add(rows)
        }
        findings.read(line, from: from)
        add(Allergies.spoken(in: line))
    }

    private mutating func inMedicines(_ line: PaperLine, _ from: Int) {
        let found = Medicines.items(in: line, from: from, isListed: true)
        if found.isEmpty {
            sinceItem += 1
            if sinceItem > Self.listReach { section = .other }
            return add(anywhere(line))
        }
        sinceItem = 0
        add(found)
    }

    private mutating func inAllergies(_ line: PaperLine, _ from: Int) {
        if from == 0 {
            // Under the heading: a list, or the end of it.
            let isListed = ListMark.end(in: line) != nil || line.raw.count <= 60 && sinceItem == 0
            guard isListed else {
                section = .other
                return add(anywhere(line))
            }
        }
        sinceItem += 1
        add(Allergies.items(in: line, from: from))
        if from > 0 { section = .other }
    }

    private func anywhere(_ line: PaperLine) -> [Extraction.Item] {
        let medicines = Medicines.items(in: line, isListed: false)
        if !medicines.isEmpty { return medicines + Allergies.spoken(in: line) }
        return Measurements.items(in: line, isAmongRows: isAmongRows) + Allergies.spoken(in: line)
    }

    private var isAmongRows: Bool { sinceRow <= Self.rowReach }

    private mutating func add(_ found: [Extraction.Item]) {
        for item in found {
            if item.category == .measurement { sinceRow = 0 }
            kind.count(item)
            items.append(item)
        }
    }

    private mutating func closeFindings() {
        findings.close()
        add(findings.items)
        findings = Findings()
    }
}
