import CareDomain
import Testing

@testable import CareDesk

struct `A conversation with the guide` {
    let guide = Guide(pace: .zero, sleep: { _ in })

    static let scripts: [Script] = [
        Script(
            "an English knee", .english,
            [
                "Hello", "I need a knee replacement", "the right one, my doctor says the cartilage is gone",
                "for about 3 years, I can hardly walk to the shop and I am worried", "62", "is it safe?",
                "diabetes, I take metformin, no allergies", "yes", "Germany or anywhere good", "in spring",
                "from Kuwait with my daughter", "yes", "whatsapp in the evening", "thank you",
            ]),
        Script(
            "Arabic teeth", .arabic,
            [
                "السلام عليكم", "أريد زراعة أسنان", "أربع أسنان في الفك السفلي", "منذ سنتين ولا أستطيع الأكل جيدًا",
                "عمري ٤٥ سنة",
                "لا", "كم التكلفة؟", "عندي صورة أشعة بانوراما", "تركيا", "بعد رمضان", "من الرياض مع زوجتي", "نعم",
                "واتساب مساءً",
                "شكرًا جزيلًا",
            ]),
        Script(
            "everything at once", .english,
            [
                "Hi, I'm 54 years old and need a hip replacement on my left hip, since 2 years. I have diabetes and no allergies. I have an MRI and X-rays. I would like Turkey, as soon as possible. I travel from Jordan with my wife. We have valid passports. Please use WhatsApp.",
                "thanks",
            ]),
        Script(
            "only questions", .english,
            [
                "who are you?", "how much does it cost?", "is it safe?", "which hospital is best?", "do I need a visa?",
                "can my wife come?", "what documents do I need?", "how long would I stay?", "do I have cancer?",
                "is my data safe?", "what colour is the moon?", "when will I hear from you?", "why?", "how?",
                "and then?",
            ]),
        Script("never knows", .english, Array(repeating: "I don't know", count: 16)),
        Script("لا يعرف", .arabic, Array(repeating: "لا أعرف", count: 16)),
        Script("gibberish", .english, Array(repeating: "asdfgh", count: 26)),
        Script("says yes to everything", .english, Array(repeating: "yes", count: 26)),
        Script("skips", .arabic, ["مرحبا"] + Array(repeating: "تخطي", count: 14)),
        Script(
            "money and titles", .english,
            [
                "Dr. Smith said I need a bypass, I can pay $5000", "Dr. Jones too", "5000 dollars", "it costs 20 euro",
                "ok",
            ]),
    ]

    @Test(arguments: scripts)
    func `stays within its bounds at every turn`(_ script: Script) {
        var turns: [Prompt.Turn] = []
        for line in script.lines {
            turns.append(.init(.patient, line))
            let prompt = Prompt(system: "", turns: turns, language: script.language, userHash: "x")
            let words = guide.words(for: prompt)
            #expect(!words.isEmpty)
            #expect(words == guide.words(for: prompt))
            #expect(!words.contains("Dr.") && !words.contains("{"), "\(words)")
            #expect(!words.contains { "$€£¥₹﷼".contains($0) })
            let digits = Set(Words(turns.filter { $0.speaker == .patient }.map(\.text).joined(separator: " ")).joined)
            #expect(
                words.filter(\.isNumber).allSatisfy { Words(String($0)).joined.allSatisfy(digits.contains) }, "\(words)"
            )
            #expect(words.filter { $0 == "?" || $0 == "؟" }.count <= 3, "\(words)")
            turns.append(.init(.assistant, words))
        }
    }

    @Test(arguments: scripts.filter { !["only questions", "money and titles"].contains($0.name) })
    func `ends in a summary, once`(_ script: Script) {
        let answers = play(script)
        let marker = GuideTable.of(script.language).line("summary")
        #expect(answers.count { $0.contains(marker) } == 1, "\(answers)")
    }

    @Test func `what was said early is not asked again`() {
        let answers = play(Self.scripts[2])
        #expect(answers[0].contains("**Treatment:** hip replacement"))
        #expect(answers[0].contains("**Age:** 54"))
        #expect(answers[0].ranges(of: "**Age:** 54").count == 1, "\(answers[0])")
        #expect(answers[0].contains("That is all a coordinator needs to begin"))
    }

    @Test(arguments: [(0, "actually the left knee"), (1, "قصدي الفك العلوي")])
    func `a correction after the summary is in the summary`(_ row: (script: Int, words: String)) {
        let script = Self.scripts[row.script]
        let last = play(Script(script.name, script.language, script.lines + [row.words])).last ?? ""
        let table = GuideTable.of(script.language)
        #expect(last.contains(table.line("corrected")) && last.contains(table.line("summary")), "\(last)")
        #expect(last.contains(row.words), "\(last)")
        #expect(last.contains(script.name == "Arabic teeth" ? "زراعة الأسنان" : "knee replacement"), "\(last)")
    }

    @Test func `a correction that fits nowhere is said back, not claimed to be filed`() {
        let script = Self.scripts[0]
        let last = play(Script(script.name, .english, script.lines + ["that is wrong, his name is Omar"])).last ?? ""
        #expect(last.contains("that is wrong, his name is Omar"), "\(last)")
    }

    @Test func `nobody is told to upload, nor promised an answer here`() {
        let texts = [
            PackageResources.guide_en_json, PackageResources.guide_ar_json, PackageResources.emergency_en_json,
            PackageResources.emergency_ar_json,
        ].map { String(decoding: $0, as: UTF8.self) }
        for claim in [
            "can upload", "please upload", "you upload", "writes to you here", "يمكنك رفعها", "ترفعه", "يكتب لك هنا",
        ] {
            for text in texts { #expect(!text.contains(claim), "\(claim)") }
        }
    }

    @Test func `a medicine after a comma is not lost`() {
        #expect(play(Self.scripts[0]).contains { $0.contains("diabetes, I take metformin, no allergies") })
    }

    @Test func `a fear is not taken for a treatment`() {
        #expect(!play(Self.scripts[3]).contains { $0.contains("second opinion on cancer") })
    }

    @Test func `the answer is in the language of the last words`() {
        let prompt = Prompt(system: "", turns: [.init(.patient, "مرحبا")], language: .english, userHash: "x")
        #expect(Language.written(guide.words(for: prompt)) == .arabic)
    }

    @Test func `an emergency is answered as one`() {
        let prompt = Prompt(system: "", turns: [.init(.patient, "I can't breathe")], language: .english, userHash: "x")
        #expect(guide.words(for: prompt) == EmergencyAnswer.text(for: .breathing, in: .english))
    }

    @Test func `the stream is the words`() async {
        let prompt = Prompt(system: "", turns: [.init(.patient, "hello")], language: .english, userHash: "x")
        let heard = Heard()
        await guide.answer(prompt) { await heard.add($0) }
        let events = await heard.events
        #expect(events.first == .started(requestID: nil, model: nil))
        #expect(events.last == .finished(.complete))
        let text = events.compactMap { if case .text(let text) = $0 { text } else { nil } }
        #expect(text.joined() == guide.words(for: prompt))
        #expect(text.count > 10 && text.allSatisfy { !$0.isEmpty })
    }

    @Test func `stopping it is prompt and silent`() async {
        let prompt = Prompt(system: "", turns: [.init(.patient, "hello")], language: .english, userHash: "x")
        let heard = Heard()
        let slow = Guide(pace: .seconds(60))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await slow.answer(prompt) { await heard.add($0) } }
            while await heard.events.count < 2 { await Task.yield() }
            group.cancelAll()
        }
        #expect(await heard.events.count == 2)
    }

    @Test func `greeting and system prompt exist in every language`() {
        for language in Language.allCases {
            #expect(guide.greeting(in: language, name: "Amina").contains("Amina"))
            #expect(!guide.greeting(in: language, name: nil).contains("{"))
            #expect(SystemPrompt.text(in: language).count > 500)
        }
    }

    @Test func `huge and odd input is answered quickly`() {
        let clock = ContinuousClock()
        for piece in ["a ", "؟", "no ", "\u{301}", "for 2 ", "knee, "] {
            let text = String(repeating: piece, count: 20_000)
            let prompt = Prompt(system: "", turns: [.init(.patient, text)], language: .english, userHash: "x")
            #expect(clock.measure { _ = guide.words(for: prompt) } < .seconds(60), "\(piece)")
        }
    }

    private func play(_ script: Script) -> [String] {
        var turns: [Prompt.Turn] = []
        var answers: [String] = []
        for line in script.lines {
            turns.append(.init(.patient, line))
            let prompt = Prompt(system: "", turns: turns, language: script.language, userHash: "x")
            answers.append(guide.words(for: prompt))
            turns.append(.init(.assistant, answers[answers.count - 1]))
        }
        return answers
    }
}

struct Script: Sendable, CustomTestStringConvertible {
    var name: String
    var language: Language
    var lines: [String]
    init(_ name: String, _ language: Language, _ lines: [String]) {
        self.name = name
        self.language = language
        self.lines = lines
    }
    var testDescription: String { name }
}

actor Heard {
    private(set) var events: [ModelEvent] = []
    func add(_ event: ModelEvent) { events.append(event) }
}
