/// What one side said, once, in one case's timeline. The same id with a higher version replaces it.
package struct Message: Hashable, Sendable, Codable {
    package var id: MessageID
    package var caseID: CaseID
    /// Place in the case's timeline; grows, not dense.
    package var sequence: Int
    /// 1, or for an AI message the attempt of its reply.
    package var version: Int
    package var role: Role
    package var sender: Sender
    package var senderName: String?
    package var medium: Medium
    package var audience: Audience
    package var body: String
    /// The reply this message is the text of; its raw value equals `id`'s.
    package var replyID: ReplyID?
    /// The idempotency key its sender chose.
    package var clientMessageID: String?
    package var status: Status
    package var answeredBy: Author?
    package var createdAt: Moment

    package enum Role: String, Sendable, Codable { case user, assistant, system }
    /// How an answer ended; a patient's message is always complete.
    package enum Status: String, Sendable, Codable { case complete, stopped, interrupted }
    /// Who wrote an AI answer. `guideFallback`: the guide spoke because the model failed before its first word.
    package enum Author: String, Sendable, Codable {
        case guide, emergency, anthropic, openai
        case guideFallback = "guide_fallback"
    }

    package init(
        id: MessageID, caseID: CaseID, sequence: Int, version: Int = 1, role: Role, sender: Sender,
        senderName: String? = nil, medium: Medium = .chat, audience: Audience = .everyone, body: String,
        replyID: ReplyID? = nil, clientMessageID: String? = nil, status: Status = .complete, answeredBy: Author? = nil,
        createdAt: Moment
    ) {
        self.id = id
        self.caseID = caseID
        self.sequence = sequence
        self.version = version
        self.role = role
        self.sender = sender
        self.senderName = senderName
        self.medium = medium
        self.audience = audience
        self.body = body
        self.replyID = replyID
        self.clientMessageID = clientMessageID
        self.status = status
        self.answeredBy = answeredBy
        self.createdAt = createdAt
    }

    enum CodingKeys: String, CodingKey {
        case id, sequence, version, role, audience, body, status
        case caseID = "case_id"
        case sender = "sender_type"
        case senderName = "sender_name"
        case medium = "source"
        case replyID = "reply_id"
        case clientMessageID = "client_message_id"
        case answeredBy = "answered_by"
        case createdAt = "created_at"
    }

    /// Written out by hand because absent values are `null` on the wire, never left out.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(caseID, forKey: .caseID)
        try container.encode(sequence, forKey: .sequence)
        try container.encode(version, forKey: .version)
        try container.encode(role, forKey: .role)
        try container.encode(sender, forKey: .sender)
        try container.encode(senderName, forKey: .senderName)
        try container.encode(medium, forKey: .medium)
        try container.encode(audience, forKey: .audience)
        try container.encode(body, forKey: .body)
        try container.encode(replyID, forKey: .replyID)
        try container.encode(clientMessageID, forKey: .clientMessageID)
        try container.encode(status, forKey: .status)
        try container.encode(answeredBy, forKey: .answeredBy)
        try container.encode(createdAt, forKey: .createdAt)
    }
}

/// Who speaks.
package enum Sender: String, Sendable, Codable { case patient, ai, coordinator, system }

/// How it travelled.
package enum Medium: String, Sendable, Codable { case chat, phone, email, whatsapp, sms }

/// Who may read it. `staff` never reaches a patient: filtered in SQL and again where bytes are written.
package enum Audience: String, Sendable, Codable { case everyone, staff }

/// The languages the product speaks; the text of a person may be in any.
package enum Language: String, Sendable, Codable, CaseIterable {
    case english = "en"
    case arabic = "ar"
}
