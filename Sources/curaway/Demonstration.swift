import CareDesk
import CareDomain
import CareStore

/// The people and the case of the demonstration. Only with the development identity, only once: what is there stays.
struct Demonstration {
    let assembly: Assembly

    func prepare() async throws {
        let store = assembly.store
        for person in try people() where try await store.person(person.id) == nil { try await store.save(person) }
        guard let amina = try people().first else { return }
        let opened = try await assembly.intake.open(
            for: amina, title: "Knee replacement", language: .english, clientCaseID: "demonstration-knee")
        guard case .opened(let careCase)? = opened else { return }
        try await tell(
            [
                "Hello. My doctor here says I need a new right knee. I am 58 years old.",
                "The pain started about three years ago and stairs are very hard now.",
                "I take a tablet for blood pressure, and I am allergic to penicillin.",
            ], of: amina, in: careCase)
    }

    private func people() throws -> [Person] {
        [
            ("amina", "Amina Haddad", Person.Role.patient, Language.english),
            ("tom", "Tom Fischer", .patient, .english),
            ("priya", "Priya Nair", .coordinator, .english),
        ].compactMap { id, name, role, language in
            PersonID(rawValue: id).map { Person(id: $0, name: name, role: role, language: language) }
        }
    }

    /// Has the conversation with the guide itself, at once and through the same doors as a patient's.
    private func tell(_ words: [String], of patient: Person, in careCase: CareCase) async throws {
        let guide = Guide()
        let prompts = PromptWriter(system: SystemPrompt.text(in:))
        for (index, text) in words.enumerated() {
            let store = assembly.store
            let now = Moment.now
            let history = try await store.messages(of: careCase.id, before: nil, limit: 200, audience: .everyone)
            let asked = Message(
                id: .new(), caseID: careCase.id, sequence: 0, role: .user, sender: .patient, body: text, createdAt: now)
            let answer = guide.words(for: prompts.prompt(for: careCase, messages: history + [asked]))
            _ = try await store.receive(
                PatientMessage(
                    caseID: careCase.id, patient: patient, body: text, clientMessageID: "demonstration-\(index)",
                    answer: .fixed(answer, .guide), at: now))
        }
    }
}
