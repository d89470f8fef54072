import CareDomain

/// What the coordinator needs, in the order in which it is asked. A budget is noted but never asked for.
enum Slot: String, Sendable, CaseIterable, Decodable {
    case treatment, detail, since, age, health, documents, place, time, travel, passport, contact, budget
}

/// One language's words of the guide. What is recognised is recognised in all languages at once (`Ear`).
struct GuideTable: Sendable {
    struct File: Decodable, Sendable {
        struct Asked: Decodable, Sendable {
            var label: String
            var questions: [String]
            var acks: [String]
            var yes: String?
            var no: String?
            var follow: String?
            var hears: [String]
        }
        struct Named: Decodable, Sendable {
            var id: String
            var name: String
            var hears: [String]
            var detail: String?
        }
        struct Topic: Decodable, Sendable {
            var id: String
            var hears: [String]
            var answers: [String]
        }
        var lines: [String: [String]]
        var slots: [String: Asked]
        var treatments: [Named]
        var places: [Named]
        var topics: [Topic]
        var acts: [String: [String]]
        var system: [String]
    }

    let file: Spoken
    let systemPrompt: String

    /// The decoded table, immutable from then on.
    struct Spoken: Sendable {
        var lines: [String: [String]]
        var slots: [Slot: Words]
        var treatments: [String: (name: String, detail: String?)]
        var places: [String: String]
        var topics: [String: [String]]

        struct Words: Sendable {
            var label: String
            var questions: [String]
            var acks: [String]
            var yes: String?
            var no: String?
            var follow: String?
        }
    }

    init(_ source: File) {
        var slots: [Slot: Spoken.Words] = [:]
        for (name, one) in source.slots {
            guard let slot = Slot(rawValue: name) else { continue }
            slots[slot] = .init(
                label: one.label, questions: one.questions, acks: one.acks, yes: one.yes, no: one.no, follow: one.follow
            )
        }
        file = Spoken(
            lines: source.lines, slots: slots,
            treatments: Dictionary(source.treatments.map { ($0.id, ($0.name, $0.detail)) }) { first, _ in first },
            places: Dictionary(source.places.map { ($0.id, $0.name) }) { first, _ in first },
            topics: Dictionary(source.topics.map { ($0.id, $0.answers) }) { first, _ in first })
        systemPrompt = source.system.joined(separator: "\n")
    }

    func lines(_ name: String) -> [String] { file.lines[name] ?? [] }
    func line(_ name: String) -> String { lines(name).first ?? "" }

    /// Every way the slot is asked for; a treatment may have its own question about the detail.
    func questions(_ slot: Slot, treatment: String?) -> [String] {
        let own = slot == .detail ? treatment.flatMap { file.treatments[$0]?.detail } : nil
        return (own.map { [$0] } ?? []) + (file.slots[slot]?.questions ?? [])
    }

    static let files: [Language: File] = [
        .english: EmbeddedTable.read(PackageResources.guide_en_json, as: "guide.en"),
        .arabic: EmbeddedTable.read(PackageResources.guide_ar_json, as: "guide.ar"),
    ]
    private static let tables = files.mapValues { GuideTable($0) }
    static func of(_ language: Language) -> GuideTable {
        // Only a language added to the enum without its file gets here; nothing a person sends can.
        guard let table = tables[language] else { fatalError("no guide speaks \(language)") }
        return table
    }

    /// Which slot a text of the assistant asks for last, in any language.
    static func asked(in text: String) -> [Slot] {
        var asked: [Slot] = []
        for table in tables.values {
            for slot in Slot.allCases {
                let details = slot == .detail ? table.file.treatments.values.compactMap(\.detail) : []
                let follow = table.file.slots[slot]?.follow.map { [$0] } ?? []
                let all = (table.file.slots[slot]?.questions ?? []) + details + follow
                if all.contains(where: text.contains), !asked.contains(slot) { asked.append(slot) }
            }
        }
        return asked
    }
}

/// Hears what a patient says, in every language at once.
struct Ear: Sendable {
    enum Sound: Sendable, Hashable { case slot(Slot), treatment(String), place(String), topic(String), act(String) }

    static let shared = Ear()
    private let book: PhraseBook<Sound>

    private init() {
        var book = PhraseBook<Sound>()
        for language in Language.allCases {
            guard let file = GuideTable.files[language] else { continue }
            for one in file.treatments { book.add(one.hears, as: .treatment(one.id)) }
            for one in file.places { book.add(one.hears, as: .place(one.id)) }
            for one in file.topics { book.add(one.hears, as: .topic(one.id)) }
            for (name, slot) in file.slots.sorted(by: { $0.key < $1.key }) {
                if let known = Slot(rawValue: name) { book.add(slot.hears, as: .slot(known)) }
            }
            for (name, hears) in file.acts.sorted(by: { $0.key < $1.key }) { book.add(hears, as: .act(name)) }
        }
        self.book = book
    }

    func hear(_ words: Words) -> [PhraseBook<Sound>.Match] { book.matches(words) }
}
