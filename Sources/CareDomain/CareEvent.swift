#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One thing that happened in a case, as every reader sees it: SSE data, WebSocket data and outbox rows are this JSON.
///
/// The wire form is `{"type", "case_id", …}`; `docs/protocol/streams.md` lists the fields.
package enum CareEvent: Hashable, Sendable {
    case message(Message)
    case careCase(CareCase)
    case handling(CaseID, Handling)
    case document(Document)
    case replyStarted(ReplyAttempt, sequence: Int)
    /// `n` is dense from 1 within an attempt.
    case replyDelta(ReplyAttempt, n: Int, text: String)
    /// `sequence` is where its bubble stands, so that an end nobody saw the start of has a place too.
    case replyEnded(ReplyAttempt, state: Reply.State, sequence: Int, messageID: MessageID?, code: String?)
    /// Made for one reader from the log's fold of a running reply; an entry of the log only when the log had lost words
    /// and the writer says them all again.
    case replySnapshot(ReplyFold)
    /// What a node of a newer version wrote: passed on as it is, and changes nothing here.
    case unknown(UnknownEvent)

    package var caseID: CaseID {
        switch self {
        case .message(let message): message.caseID
        case .careCase(let value): value.id
        case .handling(let id, _): id
        case .document(let document): document.caseID
        case .replyStarted(let attempt, _), .replyDelta(let attempt, _, _), .replyEnded(let attempt, _, _, _, _):
            attempt.caseID
        case .replySnapshot(let fold): fold.attempt.caseID
        case .unknown(let event): event.caseID
        }
    }

    /// SSE `event:`, WebSocket `type`.
    package var type: String {
        switch self {
        case .message: "message"
        case .careCase: "case"
        case .handling: "handling"
        case .document: "document"
        case .replyStarted: "reply.started"
        case .replyDelta: "reply.delta"
        case .replyEnded(_, let state, _, _, _): "reply.\(state.rawValue)"
        case .replySnapshot: "reply.snapshot"
        case .unknown(let event): event.type
        }
    }

    /// Which attempt of which reply this is about, if it is about one.
    package var attempt: ReplyAttempt? {
        switch self {
        case .replyStarted(let attempt, _), .replyDelta(let attempt, _, _), .replyEnded(let attempt, _, _, _, _):
            attempt
        case .replySnapshot(let fold): fold.attempt
        case .message, .careCase, .handling, .document, .unknown: nil
        }
    }

    package var audience: Audience {
        switch self {
        case .message(let message): message.audience
        case .unknown(let event): event.audience
        default: .everyone
        }
    }
}

/// One attempt at one reply of one case.
package struct ReplyAttempt: Hashable, Sendable {
    package var caseID: CaseID
    package var replyID: ReplyID
    package var number: Int

    package init(caseID: CaseID, replyID: ReplyID, number: Int) {
        self.caseID = caseID
        self.replyID = replyID
        self.number = number
    }
}

/// What a running reply has said so far: the deltas 1…`through` in one piece.
package struct ReplyFold: Hashable, Sendable {
    package var attempt: ReplyAttempt
    package var sequence: Int
    package var through: Int
    package var text: String

    package init(attempt: ReplyAttempt, sequence: Int, through: Int = 0, text: String = "") {
        self.attempt = attempt
        self.sequence = sequence
        self.through = through
        self.text = text
    }
}

/// An event of a type, or with a value, that this version does not know: during an upgrade nodes of two versions share a log.
///
/// Never words of a reply (`reply.started`, `reply.delta`, `reply.snapshot`): passed on unread they would be missing in what is
/// folded for readers who come later. Those are lost history, which readers are told.
package struct UnknownEvent: Hashable, Sendable {
    package let type: String
    package let caseID: CaseID
    /// Everyone's only when the event says so by `"audience":"everyone"`; a newer version adds that to what older nodes may show
    /// to patients.
    package let audience: Audience
    /// As it was written; one line.
    package let json: [UInt8]

    private static let words: Set<String> = ["reply.started", "reply.delta", "reply.snapshot"]

    /// Throws `DecodingError` when it is not an event of any version (no case, no type that fits an SSE `event:` line), or words.
    fileprivate init(json: [UInt8]) throws {
        struct Head: Decodable {
            var type: String
            var case_id: CaseID
            var audience: String?
        }
        let head = try JSONDecoder().decode(Head.self, from: Data(json))
        let isName = head.type.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || [UInt8(ascii: "."), UInt8(ascii: "_")].contains($0)
        }
        guard isName, (1...64).contains(head.type.utf8.count), json.allSatisfy({ $0 >= 0x20 }),
            !Self.words.contains(head.type)
        else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: [], debugDescription: "no event of any version, or words"))
        }
        type = head.type
        caseID = head.case_id
        audience = head.audience == Audience.everyone.rawValue ? .everyone : .staff
        self.json = json
    }
}

extension CareEvent: Codable {
    private enum Keys: String, CodingKey {
        case type, state, version, by, attempt, sequence, n, text, through, retryable, code
        case caseID = "case_id"
        case replyID = "reply_id"
        case messageID = "message_id"
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(type, forKey: .type)
        try container.encode(caseID, forKey: .caseID)
        if let attempt {
            try container.encode(attempt.replyID, forKey: .replyID)
            try container.encode(attempt.number, forKey: .attempt)
        }
        switch self {
        case .message(let message): try message.encode(to: encoder)
        case .careCase(let value): try value.encode(to: encoder)
        case .handling(_, let handling): try handling.encode(to: encoder)
        case .document(let document): try document.encode(to: encoder)
        case .replyStarted(_, let sequence): try container.encode(sequence, forKey: .sequence)
        case .replyDelta(_, let n, let text):
            try container.encode(n, forKey: .n)
            try container.encode(text, forKey: .text)
        case .replySnapshot(let fold):
            try container.encode(fold.sequence, forKey: .sequence)
            try container.encode(fold.through, forKey: .through)
            try container.encode(fold.text, forKey: .text)
        case .replyEnded(_, let state, let sequence, let messageID, let code):
            try container.encode(sequence, forKey: .sequence)
            try container.encode(messageID, forKey: .messageID)
            try container.encode(state.isRetryable, forKey: .retryable)
            try container.encode(code, forKey: .code)
        case .unknown:
            throw EncodingError.invalidValue(self, .init(codingPath: [], debugDescription: "has its own JSON: json()"))
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        let type = try container.decode(String.self, forKey: .type)
        func attempt() throws -> ReplyAttempt {
            ReplyAttempt(
                caseID: try container.decode(CaseID.self, forKey: .caseID),
                replyID: try container.decode(ReplyID.self, forKey: .replyID),
                number: try container.decode(Int.self, forKey: .attempt))
        }
        switch type {
        case "message": self = .message(try Message(from: decoder))
        case "case": self = .careCase(try CareCase(from: decoder))
        case "document": self = .document(try Document(from: decoder))
        case "handling":
            self = .handling(try container.decode(CaseID.self, forKey: .caseID), try Handling(from: decoder))
        case "reply.started":
            self = .replyStarted(try attempt(), sequence: try container.decode(Int.self, forKey: .sequence))
        case "reply.delta":
            self = .replyDelta(
                try attempt(), n: try container.decode(Int.self, forKey: .n),
                text: try container.decode(String.self, forKey: .text))
        case "reply.snapshot":
            self = .replySnapshot(
                ReplyFold(
                    attempt: try attempt(), sequence: try container.decode(Int.self, forKey: .sequence),
                    through: try container.decode(Int.self, forKey: .through),
                    text: try container.decode(String.self, forKey: .text)))
        default:
            guard type.hasPrefix("reply."), let state = Reply.State(rawValue: String(type.dropFirst(6))), state.isOver
            else {
                throw DecodingError.dataCorruptedError(
                    forKey: .type, in: container, debugDescription: "unknown event type")
            }
            self = .replyEnded(
                try attempt(), state: state, sequence: try container.decode(Int.self, forKey: .sequence),
                messageID: try container.decodeIfPresent(MessageID.self, forKey: .messageID),
                code: try container.decodeIfPresent(String.self, forKey: .code))
        }
    }

    /// The one line of JSON that every transport sends. JSON escapes line breaks, so it fits an SSE `data:` line.
    package func json() throws -> [UInt8] {
        if case .unknown(let event) = self { return event.json }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }

    /// Throws `DecodingError` when it is no event of any version, or words that are not understood.
    package init(json: [UInt8]) throws {
        do {
            self = try JSONDecoder().decode(CareEvent.self, from: Data(json))
        } catch is DecodingError {
            self = .unknown(try UnknownEvent(json: json))
        }
    }
}
