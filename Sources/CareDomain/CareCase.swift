/// One patient's journey for one treatment.
package struct CareCase: Hashable, Sendable, Codable {
    package var id: CaseID
    package var patientID: PersonID
    package var title: String
    package var status: Status
    package var language: Language
    /// Grows with every change of this value; a client keeps the highest.
    package var version: Int
    package var handling: Handling
    package var createdAt: Moment
    package var updatedAt: Moment
    /// The first 120 Unicode scalars of the newest message everyone may read.
    package var lastMessage: String?

    package enum Status: String, Sendable, Codable, CaseIterable {
        case intake
        case inReview = "in_review"
        case matching, scheduled, travelling
        case followUp = "follow_up"
        case closed
    }

    package init(
        id: CaseID, patientID: PersonID, title: String, status: Status = .intake, language: Language, version: Int = 1,
        handling: Handling = Handling(), createdAt: Moment, updatedAt: Moment, lastMessage: String? = nil
    ) {
        self.id = id
        self.patientID = patientID
        self.title = title
        self.status = status
        self.language = language
        self.version = version
        self.handling = handling
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.lastMessage = lastMessage
    }

    enum CodingKeys: String, CodingKey {
        case id, title, status, language, version, handling
        case patientID = "patient_id"
        case createdAt = "created_at"
        case updatedAt = "updated_at"
        case lastMessage = "last_message"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(patientID, forKey: .patientID)
        try container.encode(title, forKey: .title)
        try container.encode(status, forKey: .status)
        try container.encode(language, forKey: .language)
        try container.encode(version, forKey: .version)
        try container.encode(handling, forKey: .handling)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(updatedAt, forKey: .updatedAt)
        try container.encode(lastMessage, forKey: .lastMessage)
    }
}

extension String {
    /// The beginning, at most so many Unicode scalars, without cutting a character in two where it can be helped.
    package func excerpt(_ limit: Int) -> String {
        var left = limit
        let whole = prefix { character in
            left -= character.unicodeScalars.count
            return left >= 0
        }
        // A single character may be longer than all of it: marks can be piled up without end.
        return whole.isEmpty ? String(String.UnicodeScalarView(unicodeScalars.prefix(limit))) : String(whole)
    }
}

/// Who answers now. The version only grows, so an older decision can always be told from a newer one.
package struct Handling: Hashable, Sendable, Codable {
    package enum State: String, Sendable, Codable { case ai, requested, coordinator }
    package var state: State
    package var version: Int
    /// The name of the person who decided it, when a person did.
    package var by: String?

    package init(state: State = .ai, version: Int = 0, by: String? = nil) {
        self.state = state
        self.version = version
        self.by = by
    }

    /// The AI answers until a person has taken over, also while one is asked for.
    package var letsAIAnswer: Bool { state != .coordinator }

    enum CodingKeys: String, CodingKey { case state, version, by }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(state, forKey: .state)
        try container.encode(version, forKey: .version)
        try container.encode(by, forKey: .by)
    }
}

/// Somebody who can sign in.
package struct Person: Hashable, Sendable, Codable {
    package enum Role: String, Sendable, Codable { case patient, coordinator }
    package var id: PersonID
    package var name: String
    package var role: Role
    package var language: Language

    package init(id: PersonID, name: String, role: Role, language: Language) {
        self.id = id
        self.name = name
        self.role = role
        self.language = language
    }
}
