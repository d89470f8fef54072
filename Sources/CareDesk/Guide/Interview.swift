import CareDomain

/// One conversation as the guide understands it: a fold over its turns, then one answer.
///
///     turns → what is known, what was asked, what was just said → thanks for it · answers · the next open question
struct Interview {
    struct Known: Sendable {
        /// In the language of the answer where the table has a name for it, else the patient's own words.
        var text: String
        var treatment: String?
    }

    /// Asked so often without an answer, a question is left to the coordinator: nobody is interrogated.
    static let askLimit = 2
    static let answersPerMessage = 2

    private let language: Language
    private let table: GuideTable
    private var known: [Slot: Known] = [:]
    private var left: Set<Slot> = []
    private var asks: [Slot: Int] = [:]
    private var pending: Slot? = .treatment
    private var said = ""
    private var summarised = false

    // What the last patient turn brought.
    private var news: [Slot] = []
    private var topics: [String] = []
    private var acts: Set<String> = []
    private var isQuestion = false
    private var repeated = false
    private var unclear = false
    private var followUp = false
    private var passed = false
    private var correcting = false
    private var last = ""
    private var previous = ""

    init(_ prompt: Prompt) {
        last = prompt.turns.last { $0.speaker == .patient }?.text ?? ""
        language = Language.written(last) ?? prompt.language
        table = GuideTable.of(language)
        for turn in prompt.turns {
            switch turn.speaker {
            case .assistant: heard(from: turn.text)
            case .patient: heard(fromPatient: turn.text)
            }
        }
    }

    // MARK: What was said

    private mutating func heard(from assistant: String) {
        said += "\n" + assistant
        let asked = GuideTable.asked(in: assistant)
        for slot in asked { asks[slot, default: 0] += 1 }
        pending = asked.last
        for language in Language.allCases where assistant.contains(GuideTable.of(language).line("summary")) {
            summarised = true
            pending = nil
        }
    }

    private mutating func heard(fromPatient text: String) {
        let words = Words(text)
        let matches = Ear.shared.hear(words)
        news = []
        topics = []
        acts = []
        followUp = false
        passed = false
        unclear = false

        for match in matches {
            switch match.meaning {
            case .topic(let id): if !topics.contains(id) { topics.append(id) }
            case .act(let name): acts.insert(name)
            default: break
            }
        }
        if topics.contains("privacy") { topics.removeAll { $0 == "safe" } }
        isQuestion = !words.asking.isEmpty || acts.contains("asking")
        let key = words.joined
        let short =
            !acts.isDisjoint(with: ["yes", "no", "unknown", "skip", "thanks", "greeting"]) && words.all.count < 5
        repeated = !key.isEmpty && key == previous && !short && !isQuestion
        previous = key

        correcting = summarised && acts.contains("correction") && !isQuestion
        var asking = words.asking
        for match in matches where match.meaning == .act("asking") {
            asking.insert(words.all[match.range.lowerBound].sentence)
        }
        for match in matches {
            let sentence = words.all[match.range.lowerBound].sentence
            if correcting {
                correct(match, words, text, detailed: matches.contains { $0.meaning == .slot(.detail) })
                continue
            }
            switch match.meaning {
            // "Do I have cancer?" is a fear, not a treatment that was asked for.
            case .treatment(let id) where !(asking.contains(sentence) && topics.contains("diagnosis")):
                if known[.treatment]?.treatment == nil {
                    learn(.treatment, Known(text: table.file.treatments[id]?.name ?? id, treatment: id))
                }
            case .place(let id) where !asking.contains(sentence):
                let before = match.range.lowerBound > 0 ? words.all[match.range.lowerBound - 1].text : ""
                let home = ["from", "live", "من"].contains(before) || acts.contains("home") && pending != .place
                let name = table.file.places[id] ?? id
                if home || pending == .travel {
                    if known[.travel] == nil { learn(.travel, Known(text: value(.travel, words, match.range, text))) }
                } else if known[.place] == nil {
                    learn(.place, Known(text: name))
                }
            case .slot(let slot) where !asking.contains(sentence):
                guard known[slot] == nil else { break }
                // A volunteered number is an age only where the table says so; a clause is kept with its neighbours.
                learn(slot, Known(text: value(slot, words, match.range, text)))
            default: break
            }
        }
        if Quote.mentionsMoney(text), words.all.contains(where: { $0.text.contains(where: \.isNumber) }), !isQuestion {
            learn(.budget, Known(text: table.line("budgetNoted")))
        }
        answerPending(text, words, short: short)
        if text.contains(where: { !$0.isWhitespace }), summarised, news.isEmpty { pending = nil }
    }

    private mutating func answerPending(_ text: String, _ words: Words, short: Bool) {
        guard let slot = pending, known[slot] == nil, !repeated else { return }
        if acts.contains("unknown") && words.all.count < 9 || acts.contains("skip") && words.all.count < 6 {
            left.insert(slot)
            passed = true
            return
        }
        if slot == .age, let number = words.all.first(where: { Int($0.text).map { (1...119).contains($0) } ?? false }) {
            learn(.age, Known(text: number.text))
            return
        }
        guard !isQuestion else { return }
        let words = words.all
        if short, acts.contains("no"), words.count < 4, let no = table.file.slots[slot]?.no {
            learn(slot, Known(text: no))
            return
        }
        if short, acts.contains("yes"), words.count < 4 {
            if let yes = table.file.slots[slot]?.yes {
                learn(slot, Known(text: yes))
            } else {
                followUp = true
            }
            return
        }
        if Self.isGibberish(words) {
            unclear = true
            return
        }
        let courtesy = short && !acts.isDisjoint(with: ["thanks", "greeting"])
        guard !courtesy, topics.isEmpty || words.count > 6 else { return }
        if news.isEmpty || words.count > 6 && slot != .age && slot != .treatment {
            learn(slot, Known(text: Quote(text).text))
        }
    }

    /// After the summary the later word counts. What may hold more than the corrected word keeps it: the coordinator
    /// sees both.
    private mutating func correct(
        _ match: PhraseBook<Ear.Sound>.Match, _ words: Words, _ text: String, detailed: Bool
    ) {
        switch match.meaning {
        // "Actually the left knee" is about the side: the knee replacement stays one.
        case .treatment(let id) where !detailed && known[.treatment]?.treatment != id:
            learn(.treatment, Known(text: table.file.treatments[id]?.name ?? id, treatment: id))
        case .place(let id):
            learn(.place, Known(text: table.file.places[id] ?? id))
        case .slot(let slot) where !news.contains(slot):
            let new = value(slot, words, match.range, text)
            let whole = [.age, .passport].contains(slot) ? nil : known[slot]?.text
            let note = table.line("correctedTo").replacing("{value}", with: new)
            learn(slot, Known(text: whole.map { "\($0) (\(note))" } ?? new))
        default: break
        }
    }

    private mutating func learn(_ slot: Slot, _ value: Known) {
        known[slot] = value
        left.remove(slot)
        if !news.contains(slot) { news.append(slot) }
    }

    /// The clause around what was recognised, as the patient put it.
    private func value(_ slot: Slot, _ words: Words, _ range: Range<Int>, _ text: String) -> String {
        if slot == .age {
            return words.all[range].first { Int($0.text) != nil }?.text ?? Quote(text).text
        }
        if slot == .passport { return table.file.slots[slot]?.yes ?? "" }
        // What was said to the very question is kept whole: a medicine after the comma must not get lost.
        if slot == pending { return Quote(text).text }
        let clauses = text.prefix(Words.limit).split { ",.;!?،؛؟\n".contains($0) }
        let wanted = words.all[range.lowerBound].text
        let clause = clauses.first { Words(String($0)).all.contains { $0.text == wanted } }
        return Quote(clause.map(String.init) ?? text).text
    }

    private static func isGibberish(_ words: [Words.Word]) -> Bool {
        guard !words.isEmpty else { return true }
        return words.allSatisfy { word in
            let letters = word.text.unicodeScalars
            guard letters.allSatisfy({ (0x61...0x7A).contains($0.value) }) else {
                return Set(letters).count == 1 && letters.count > 3
            }
            let vowels = letters.filter { "aeiouy".unicodeScalars.contains($0) }.count
            return letters.count > 3 && (vowels == 0 || Set(letters).count <= 2)
                || ["asdf", "qwer", "zxcv", "hjkl", "sdfg"].contains { word.text.contains($0) }
        }
    }

    // MARK: What is answered

    func answer() -> String {
        if case .emergency(let emergency) = Intent().of(last) {
            return EmergencyAnswer.text(for: emergency, in: language)
        }
        if correcting {
            if !news.isEmpty { return table.line("corrected") + "\n\n" + summary() }
            return table.line("correctionNoted").replacing("{value}", with: Quote(last).text)
        }
        var parts: [String] = []
        if let thanks = acknowledgement() { parts.append(thanks) }
        let replies = topics.prefix(Self.answersPerMessage).compactMap { topic in
            table.file.topics[topic].map { choose($0) }
        }
        parts += replies
        if isQuestion, replies.isEmpty, news.isEmpty, acts.isDisjoint(with: ["summary"]) {
            parts.append(choose(table.lines("unknownQuestion")))
        }
        if acts.contains("summary"), summarised {
            parts.append(summary())
            return parts.joined(separator: "\n\n")
        }
        if let next {
            parts.append(question(next))
        } else if !summarised {
            parts += [choose(table.lines("enough")), summary(), table.line("afterSummary")]
        } else if parts.isEmpty || (!news.isEmpty && parts.count == 1) {
            parts.append(choose(table.lines(news.isEmpty ? "stillHere" : "added")))
        }
        return parts.joined(separator: "\n\n")
    }

    private var open: [Slot] {
        Slot.allCases.filter {
            $0 != .budget && !($0 == .detail && known[.treatment] == nil) && known[$0] == nil && !left.contains($0)
                && asks[$0, default: 0] < Self.askLimit
        }
    }

    private var next: Slot? { summarised ? nil : open.first }

    private func question(_ slot: Slot) -> String {
        let words = table.file.slots[slot]
        if followUp, slot == pending, let follow = words?.follow { return follow }
        let all = table.questions(slot, treatment: known[.treatment]?.treatment)
        let unasked = all.filter { !said.contains($0) }
        let question = unasked.first ?? all.last ?? ""
        var lead = ""
        if slot == pending, !topics.isEmpty || isQuestion { lead = choose(table.lines("backTo")) + " " }
        if slot != pending, asks[slot] == nil {
            if open.count == 3 { lead = table.line("threeLeft") + " " }
            if open.count == 1 { lead = table.line("oneLeft") + " " }
        }
        return lead + question
    }

    private func acknowledgement() -> String? {
        var lines: [String] = []
        if acts.contains("greeting"), said.isEmpty || news.isEmpty && topics.isEmpty {
            lines.append(choose(table.lines("helloBack")))
        }
        if acts.contains("distress"), let sorry = fresh(table.lines("sorry")) { lines.append(sorry) }
        if repeated {
            lines.append(choose(table.lines("repeated")))
        } else if unclear {
            lines.append(choose(table.lines("unclear")))
        } else if passed {
            lines.append(choose(table.lines("passed")))
        } else if news.count > 2 {
            // The summary that follows shows it all; nobody needs the same list twice.
            let shown = next != nil || summarised
            let order = Slot.allCases.filter(news.contains)
            if shown { lines.append(choose(table.lines("manyNews")) + "\n\n" + list(order)) }
        } else if let slot = news.first(where: { $0 == pending }) ?? news.first, let value = known[slot]?.text {
            lines.append(choose(table.file.slots[slot]?.acks ?? []).replacing("{value}", with: value))
        } else if acts.contains("thanks"), topics.isEmpty {
            lines.append(choose(table.lines("welcome")))
        }
        return lines.isEmpty ? nil : lines.joined(separator: " ")
    }

    private func summary() -> String {
        let all = Slot.allCases.filter { known[$0] != nil }
        let open = Slot.allCases.filter { known[$0] == nil && $0 != .budget }
        var text = table.line("summary") + "\n\n" + (all.isEmpty ? table.line("nothingYet") : list(all))
        if !open.isEmpty, !all.isEmpty {
            let labels = open.compactMap { table.file.slots[$0]?.label }
            text +=
                "\n- "
                + table.line("toClarify").replacing(
                    "{list}", with: labels.joined(separator: language == .arabic ? "، " : ", "))
        }
        return text
    }

    private func list(_ slots: [Slot]) -> String {
        slots.compactMap { slot in
            guard let words = table.file.slots[slot], let value = known[slot] else { return nil }
            return "- **\(words.label):** \(value.text)"
        }.joined(separator: "\n")
    }

    /// One not yet said in this conversation, so that nobody reads the same sentence twice while there is another.
    private func choose(_ variants: [String]) -> String {
        if let fresh = fresh(variants) { return fresh }
        return variants.isEmpty ? "" : variants[said.utf8.count % variants.count]
    }

    private func fresh(_ variants: [String]) -> String? {
        variants.first { variant in
            let parts = variant.split(separator: "{value}")
            let longest = parts.max { $0.count < $1.count } ?? variant[...]
            return !said.contains(longest)
        }
    }
}
