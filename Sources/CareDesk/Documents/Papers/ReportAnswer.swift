package import CareDomain

/// What is said of a case's documents where no model is asked: what stands there, with its page, and nothing about what it
/// means. Pure; at most `limit` scalars of Markdown.
package enum ReportAnswer {
    package static let limit = 1_500
    /// Things told at once.
    private static let itemLimit = 6
    private static let passageLimit = 160
    /// Scalars of one document that are looked through for a line, lines of it that are told, and words told before the one that
    /// was asked for, in a line that is too long.
    private static let readLimit = 200_000
    private static let lineLimit = 3
    private static let wordsBefore = 8

    /// Nil when the question is not about what a document says, and where somebody may be in danger. `leftOut`: documents of the case
    /// that were read and are not among these.
    package static func text(
        to question: String, in language: Language, papers: [Paper], leftOut: Int = 0
    ) -> String? {
        let asked = ReportQuestion(question)
        guard let ask = asked.ask else { return nil }
        if case .emergency = Intent().of(question) { return nil }
        let words = Phrases.of(language)
        guard !papers.isEmpty else { return words.none }
        let newest = Array(papers.suffix(Paper.limit).reversed())
        var named = newest.compactMap { paper -> (paper: Paper, items: [Extraction.Item])? in
            let found = items(of: paper, named: asked.words)
            return found.isEmpty ? nil : (paper, found)
        }
        // What no rule and no model took for a finding may stand there all the same.
        if named.isEmpty, ask == .thing { named = lines(of: newest, with: asked.words) }
        var page = Page(end: words.meaning)
        if let best = named.first {
            page.add(words.stands.replacing("{name}", with: label(best.paper, words)))
            page.list(best.items, words)
            // Another document may say it differently: both are told.
            for other in named.dropFirst().prefix(2) {
                page.add(words.stands.replacing("{name}", with: label(other.paper, words)))
                page.list(Array(other.items.prefix(2)), words)
            }
            return page.text
        }
        if ask == .thing { page.add(leftOut > 0 ? words.missingHere + " " + words.left(leftOut) : words.missing) }
        for (index, paper) in newest.enumerated() {
            let items = overview(of: paper)
            let opening = index == 0 ? words.read : words.also
            let pages = paper.pages.count
            page.add(
                opening.replacing("{name}", with: label(paper, words))
                    .replacing("{pages}", with: words.pages(pages)) + (items.isEmpty ? " " + words.nothing : ""))
            // One document is shown; of the others it is said that they were read.
            if index == 0, ask != .thing { page.list(items, words) }
            if index == 2 { break }
        }
        return page.text
    }

    /// What a question names, when it names something that was found.
    private static func items(of paper: Paper, named words: PaperQuestion) -> [Extraction.Item] {
        let scored = (paper.extraction?.items ?? []).map { ($0, score: words.matches($0.name)) }
        if let best = scored.map(\.score).max(), best > 0 {
            return Array(scored.filter { $0.score == best }.map(\.0).prefix(itemLimit))
        }
        let categories: [(String, Extraction.Item.Category)] = [
            ("medicine", .medicine), ("allergy", .allergy), ("diagnosis", .finding),
        ]
        for (word, category) in categories where words.words.contains(word) {
            let found = (paper.extraction?.items ?? []).filter { $0.category == category }
            if !found.isEmpty { return Array(found.prefix(itemLimit)) }
        }
        return []
    }

    /// The lines that have most of the question's words, of the documents that have such lines, as they stand there.
    private static func lines(
        of papers: [Paper], with words: PaperQuestion
    ) -> [(paper: Paper, items: [Extraction.Item])] {
        let found = papers.map { (paper: $0, lines: lines(of: $0, with: words)) }
        guard let most = found.compactMap({ $0.lines.first?.score }).max() else { return [] }
        return found.compactMap { one -> (paper: Paper, items: [Extraction.Item])? in
            let best = one.lines.filter { $0.score == most }.map(\.item)
            return best.isEmpty ? nil : (paper: one.paper, items: best)
        }
    }

    /// The lines that have most of the question's words, in reading order.
    private static func lines(
        of paper: Paper, with words: PaperQuestion
    ) -> [(score: Int, item: Extraction.Item)] {
        var found: [(score: Int, item: Extraction.Item)] = []
        var left = readLimit
        for page in paper.pages where left > 0 {
            for raw in page.text.unicodeScalars.prefix(left).split(whereSeparator: Unmarked.endsLine) {
                let line = String(raw)
                let score = words.matches(line)
                let best = found.first?.score ?? 0
                guard score > 0, score >= best else { continue }
                if score > best { found = [] }
                guard found.count < lineLimit else { continue }
                let passage = part(of: line, with: words)
                let item = Extraction.Item(
                    category: .finding, name: passage, page: page.number, passage: passage, isUncertain: page.isWeak)
                found.append((score: score, item: item))
            }
            left -= page.text.unicodeScalars.count
        }
        return found
    }

    /// Of a line that is longer than what is quoted, the part in which the question's first word stands.
    private static func part(of line: String, with words: PaperQuestion) -> String {
        let all = Unmarked.folded(line).split(separator: " ")
        guard line.unicodeScalars.count > passageLimit,
            let first = all.firstIndex(where: { words.matches(String($0)) > 0 }), first > wordsBefore
        else { return line }
        return "… " + all[(first - wordsBefore)...].joined(separator: " ")
    }

    /// What a document is about comes first; a laboratory's rows are told in their order.
    private static func overview(of paper: Paper) -> [Extraction.Item] {
        let items = paper.extraction?.items ?? []
        return items.filter { $0.category == .finding } + items.filter { $0.category != .finding }
    }

    private static func label(_ paper: Paper, _ words: Phrases) -> String {
        let name = "**\(plain(paper.document.name, 60))**"
        guard let date = paper.extraction?.date else { return name }
        return name + words.dated.replacing("{date}", with: plain(date.value, 30))
            + (date.isUncertain ? words.dateDoubt : "")
    }

    /// A stranger's words, fit to stand in Markdown: on one line, without marks, links and what shows nothing.
    static func plain(_ text: String, _ limit: Int) -> String {
        let words = Unmarked.folded(text, limit: 1_000).split(separator: " ").map { word in
            let small = word.lowercased()
            return small.contains("://") || small.contains("www.") || small.contains("@") ? "(…)" : word
        }
        let kept = words.joined(separator: " ").filter { !"*_`#[]|~\\".contains($0) }
            .replacing("<", with: "＜").replacing(">", with: "＞")
        let cut = String(String.UnicodeScalarView(kept.unicodeScalars.prefix(limit)))
        return cut == kept ? cut : cut + "…"
    }

    /// What is being written, with room kept for its end.
    private struct Page {
        let end: String
        private var parts: [String] = []
        private var left: Int

        init(end: String) {
            self.end = end
            left = ReportAnswer.limit - end.unicodeScalars.count
        }

        mutating func add(_ paragraph: String) {
            let cost = paragraph.unicodeScalars.count + 2
            guard cost <= left else { return }
            left -= cost
            parts.append(paragraph)
        }

        mutating func list(_ items: [Extraction.Item], _ words: Phrases) {
            var lines: [String] = []
            var length = 0
            for item in items.prefix(ReportAnswer.itemLimit) {
                let line = words.line(item)
                // Room for the line that says how many more there are.
                guard length + line.unicodeScalars.count + 62 <= left else { break }
                lines.append(line)
                length += line.unicodeScalars.count + 1
            }
            guard !lines.isEmpty else { return }
            let rest = items.count - lines.count
            if rest > 0 { lines.append("- " + words.more.replacing("{n}", with: "\(rest)")) }
            add(lines.joined(separator: "\n"))
        }

        var text: String { (parts + [end]).joined(separator: "\n\n") }
    }

    /// One language's words.
    struct Phrases: Sendable {
        var none: String
        var read: String
        var also: String
        var stands: String
        var nothing: String
        var missing: String
        /// When not all of them were looked at, with `left`: how many were not.
        var missingHere: String
        var left: @Sendable (Int) -> String
        var meaning: String
        var more: String
        var dated: String
        var dateDoubt: String
        var page: String
        var range: String
        var check: String
        var quotes: (String, String)
        var comma: String
        var pages: @Sendable (Int) -> String

        func line(_ item: Extraction.Item) -> String {
            let passage = plain(item.passage, ReportAnswer.passageLimit)
            let name = plain(item.name, 80)
            let place = page.replacing("{n}", with: "\(item.page)")
            let quote = "\(quotes.0)\(passage)\(quotes.1)"
            var line = "- "
            if item.category != .finding {
                line += "**\(name)**"
                if let amount = item.amount { line += ": \(plain(amount, 60))" }
                if let reference = item.reference {
                    line += " (" + range.replacing("{range}", with: plain(reference, 40)) + ")"
                }
                line += " · "
            }
            line += quote + comma + place
            return item.isUncertain ? line + ". \(check)" : line
        }

        static func of(_ language: Language) -> Phrases { language == .arabic ? arabic : english }

        private static let english = Phrases(
            none: """
                No document of yours has been read in this conversation yet. When one has been, I can tell you what stands in \
                it and on which page; what it means for you is for a doctor, and a coordinator can arrange that.
                """,
            read: "I have read {name}, {pages}.", also: "I have also read {name}, {pages}.",
            stands: "This stands in {name}:",
            nothing: "I found nothing in it that I could list with certainty; a coordinator can look at it.",
            missing: "I did not find that in the documents that have been read.",
            missingHere: "I did not find that in the documents I looked at.",
            left: {
                ($0 == 1 ? "There is 1 more that has been read" : "There are \($0) more that have been read")
                    + ", and a coordinator can look through \($0 == 1 ? "it" : "them")."
            },
            meaning: """
                I only repeat what is written there; I cannot say what it means for your health. A coordinator can have it \
                explained by a doctor: just tell me if you would like that.
                """,
            more: "and {n} more in this document", dated: " of {date}", dateDoubt: " (please check the date)",
            page: "page {n}", range: "the document's own range: {range}",
            check: "*Please check this against the paper.*",
            quotes: ("“", "”"), comma: ", ", pages: { $0 == 1 ? "1 page" : "\($0) pages" })

        private static let arabic = Phrases(
            none: """
                لم تُقرأ أي وثيقة لك في هذه المحادثة بعد. وحين تُقرأ أستطيع أن أذكر لك ما كُتب فيها وفي أي صفحة، أما معناه لصحتك فهو \
                للطبيب، ويستطيع المنسق ترتيب ذلك.
                """,
            read: "قرأتُ {name} ({pages}).", also: "وقرأتُ أيضًا {name} ({pages}).", stands: "هذا ما ورد في {name}:",
            nothing: "ولم أجد فيها ما أستطيع ذكره بثقة، ويمكن للمنسق الاطلاع عليها.",
            missing: "لم أجد ذلك في الوثائق التي قُرئت.",
            missingHere: "لم أجد ذلك في الوثائق التي اطلعتُ عليها.",
            left: {
                switch $0 {
                case 1: "وهناك وثيقة أخرى قُرئت، ويستطيع المنسق البحث فيها."
                case 2: "وهناك وثيقتان أخريان قُرئتا، ويستطيع المنسق البحث فيهما."
                case 3...10: "وهناك \($0) وثائق أخرى قُرئت، ويستطيع المنسق البحث فيها."
                default: "وهناك \($0) وثيقة أخرى قُرئت، ويستطيع المنسق البحث فيها."
                }
            },
            meaning: """
                أنا أنقل ما هو مكتوب فقط، ولا أستطيع أن أقول ما معناه لصحتك. ويمكن للمنسق أن يطلب من طبيب شرحه لك: أخبرني إن كنت \
                تود ذلك.
                """,
            more: "و{n} غير ذلك في هذه الوثيقة", dated: " بتاريخ {date}", dateDoubt: " (يُرجى التحقق من التاريخ)",
            page: "صفحة {n}", range: "المدى المذكور في الوثيقة: {range}",
            check: "*يُرجى التحقق من ذلك في الورقة نفسها.*",
            quotes: ("«", "»"), comma: "، ",
            pages: {
                $0 == 1 ? "صفحة واحدة" : $0 == 2 ? "صفحتان" : (3...10).contains($0) ? "\($0) صفحات" : "\($0) صفحة"
            })
    }
}
