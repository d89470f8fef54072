package import CareDomain

/// The people of every test. Tom is a patient of another case: what Amina says, Tom must not see.
package enum Cast {
    package static let amina = Person(id: id("amina"), name: "Amina Haddad", role: .patient, language: .english)
    package static let tom = Person(id: id("tom"), name: "Tom Fischer", role: .patient, language: .english)
    package static let priya = Person(id: id("priya"), name: "Priya Nair", role: .coordinator, language: .english)

    /// An id from a literal; a bad one is a mistake in the test.
    package static func id<Subject>(_ text: StaticString) -> Identifier<Subject> {
        guard let id = Identifier<Subject>(rawValue: "\(text)") else { preconditionFailure("not an id: \(text)") }
        return id
    }

    /// The id of the message a reply leaves: the same text.
    package static func same(_ reply: ReplyID) -> MessageID {
        guard let id = MessageID(rawValue: reply.rawValue) else { preconditionFailure("an id is an id") }
        return id
    }
}
