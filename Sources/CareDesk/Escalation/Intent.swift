/// What a patient's words ask for besides an answer. Looked at before any model is asked.
package enum Wish: Hashable, Sendable {
    case none
    /// A human being, please.
    case person
    /// Somebody may be in danger now.
    case emergency(Emergency)
}

package enum Emergency: String, Hashable, Sendable, CaseIterable, Codable {
    case heart, stroke, breathing, bleeding, allergy, overdose, unconscious, seizure, pregnancy, urgent
    case selfHarm = "self_harm"
}

/// Hears a wish for a person, and emergencies, in every language we ship, whatever language the case is in.
///
/// Pure and linear. The phrases and what guards them (negation, the past, a question about the topic) are tables:
/// `Resources/intent.*.json`. Where in doubt an emergency is heard: a warning too many costs a sentence.
package struct Intent: Sendable {
    private let hearings: [Hearing]

    package init() { hearings = Hearing.shipped }

    package func of(_ text: String) -> Wish {
        let words = Words(text)
        var person = false
        for hearing in hearings {
            switch hearing.wish(in: words) {
            case .emergency(let emergency): return .emergency(emergency)
            case .person: person = true
            case .none: break
            }
        }
        return person ? .person : .none
    }
}

/// One language's table, ready to listen.
private struct Hearing: Sendable {
    struct File: Decodable {
        struct Guard: Decodable {
            /// Words that may stand between the guard and what it guards.
            var reach: Int
            var before: [String]?
            var after: [String]?
            /// Guards on the other side of a comma count too, down a list that an "or" holds together.
            var crossesCommas: Bool?
            /// Any word may stand between, not only `bridges`: where the worst mistake is a person not called.
            var loose: Bool?
            /// Void in a sentence that says `now`.
            var past: Bool?
        }
        struct Rule: Decodable {
            var wish: String
            var phrases: [String]
            var unless: [String]?
        }
        var classes: [String: [String]]
        /// What a guard reaches through to what follows it. Any other word begins something new, with or without a
        /// comma ("no fever chest pain all night"), unless an "or" makes it a list.
        var bridges: [String]
        var joiners: [String]
        /// Between a guard and a match these end the guard's reach: a new subject begins.
        var stoppers: [String]
        var now: [String]
        var questionOpenings: [String]
        var personal: [String]
        var guards: [String: Guard]
        var rules: [Rule]
    }

    static let shipped = [
        Hearing(EmbeddedTable.read(PackageResources.intent_en_json, as: "intent.en")),
        Hearing(EmbeddedTable.read(PackageResources.intent_ar_json, as: "intent.ar")),
    ]

    private struct Meaning: Sendable {
        var wish: Wish
        var unless: Set<String>
    }

    private let rules: PhraseBook<Meaning>
    private let before: PhraseBook<String>
    private let after: PhraseBook<String>
    private let guards: [String: (reach: Int, crossesCommas: Bool, loose: Bool, past: Bool)]
    private let longestReach: Int
    private let bridges: Set<String>
    private let joiners: Set<String>
    private let stoppers: Set<String>
    private let now: PhraseBook<Void>
    private let questionOpenings: PhraseBook<Void>
    private let personal: PhraseBook<Void>

    init(_ file: File) {
        var rules = PhraseBook<Meaning>()
        for rule in file.rules {
            let wish: Wish =
                if rule.wish == "person" {
                    .person
                } else {
                    .emergency(Emergency(rawValue: rule.wish) ?? .urgent)
                }
            rules.add(rule.phrases, classes: file.classes, as: Meaning(wish: wish, unless: Set(rule.unless ?? [])))
        }
        var before = PhraseBook<String>()
        var after = PhraseBook<String>()
        for (name, entry) in file.guards.sorted(by: { $0.key < $1.key }) {
            before.add(entry.before ?? [], classes: file.classes, as: name)
            after.add(entry.after ?? [], classes: file.classes, as: name)
        }
        self.rules = rules
        self.before = before
        self.after = after
        guards = file.guards.mapValues { ($0.reach, $0.crossesCommas ?? false, $0.loose ?? false, $0.past ?? false) }
        longestReach = file.guards.values.map(\.reach).max() ?? 0
        func set(_ words: [String]) -> Set<String> { Set(words.flatMap { Words($0).all.map(\.text) }) }
        bridges = set(file.bridges)
        joiners = set(file.joiners)
        stoppers = set(file.stoppers)
        now = PhraseBook([((), file.now)], classes: file.classes)
        questionOpenings = PhraseBook([((), file.questionOpenings)], classes: file.classes)
        personal = PhraseBook([((), file.personal)], classes: file.classes)
    }

    func wish(in words: Words) -> Wish {
        // Nearly every message ends here, before any guard is looked for.
        guard rules.first(words) != nil else { return .none }
        let scene = Scene(self, words)
        var heard = Wish.none
        rules.scan(words) { match in
            if heard == .person, match.meaning.wish == .person { return true }
            guard !scene.guards(match.range, match.meaning.unless) else { return true }
            heard = match.meaning.wish
            return heard == .person
        }
        return heard
    }

    /// Where the guards stand in one text: by the word before which, or at which, they act, so that asking is constant.
    private struct Scene {
        let hearing: Hearing
        let words: [Words.Word]
        var endingAt: [Int: [(name: String, range: Range<Int>)]] = [:]
        var beginningAt: [Int: [(name: String, range: Range<Int>)]] = [:]
        var present: Set<Int> = []
        /// Clauses that ask about the topic and about nobody.
        var impersonal: Set<Int> = []

        init(_ hearing: Hearing, _ text: Words) {
            self.hearing = hearing
            words = text.all
            for match in hearing.before.matches(text) {
                endingAt[match.range.upperBound, default: []].append((match.meaning, match.range))
            }
            for match in hearing.after.matches(text) {
                beginningAt[match.range.lowerBound, default: []].append((match.meaning, match.range))
            }
            for match in hearing.now.matches(text) { present.insert(words[match.range.lowerBound].sentence) }
            var personal = present
            for match in hearing.personal.matches(text) { personal.insert(words[match.range.lowerBound].sentence) }
            for match in hearing.questionOpenings.matches(text) {
                let word = words[match.range.lowerBound]
                if !personal.contains(word.sentence) { impersonal.insert(word.clause) }
            }
        }

        func guards(_ range: Range<Int>, _ unless: Set<String>) -> Bool {
            if unless.contains("topic"), impersonal.contains(words[range.lowerBound].clause) { return true }
            let earliest = max(0, range.lowerBound - hearing.longestReach)
            for end in earliest...range.upperBound {
                for one in endingAt[end] ?? []
                where one.range.lowerBound < range.lowerBound && unless.contains(one.name) {
                    let gap = min(end, range.lowerBound)..<range.lowerBound
                    if acts(one.name, across: gap, from: one.range.lowerBound), leads(one.name, across: gap, to: range)
                    {
                        return true
                    }
                }
            }
            for begin in range.lowerBound...min(words.count, range.upperBound + hearing.longestReach) {
                for one in beginningAt[begin] ?? []
                where one.range.upperBound > range.upperBound && unless.contains(one.name) {
                    if acts(one.name, across: range.upperBound..<max(begin, range.upperBound), from: range.lowerBound) {
                        return true
                    }
                }
            }
            return false
        }

        private func acts(_ name: String, across gap: Range<Int>, from first: Int) -> Bool {
            guard let rule = hearing.guards[name], gap.count <= rule.reach else { return false }
            let last = min(gap.upperBound, words.count - 1)
            guard words[first].sentence == words[last].sentence else { return false }
            if !rule.crossesCommas, words[first].clause != words[last].clause { return false }
            if rule.past, present.contains(words[first].sentence) { return false }
            return !words[gap].contains { hearing.stoppers.contains($0.text) }
        }

        /// Whether what stands between a guard and what follows it still belongs to the guard: qualifiers do, and what
        /// an "or" ties to it. "I haven't slept, chest pain all night" denies the sleep and nothing else.
        private func leads(_ name: String, across gap: Range<Int>, to match: Range<Int>) -> Bool {
            guard hearing.guards[name]?.loose == false else { return true }
            let tied = gap.lastIndex { hearing.joiners.contains(words[$0].text) }
            let rest = (tied.map { $0 + 1 } ?? gap.lowerBound)..<gap.upperBound
            let near = words[rest].allSatisfy { hearing.bridges.contains($0.text) }
            // The guard may stand across a comma only from a list: "allergies, chest pain or fever".
            let from = gap.isEmpty ? match.lowerBound : gap.lowerBound
            let oneClause = from == 0 || words[from - 1].clause == words[match.lowerBound].clause
            if near, oneClause || tied != nil { return true }
            let after = words[match.upperBound...].prefix(Self.listReach)
            guard !oneClause, let or = after.firstIndex(where: { hearing.joiners.contains($0.text) }) else {
                return false
            }
            return words[or].sentence == words[match.lowerBound].sentence
        }

        /// Words after a match in which the "or" of its list has to come.
        private static let listReach = 2
    }
}
