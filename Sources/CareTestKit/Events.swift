package import CareDomain

/// Events in one line each.
package enum Say {
    package static let caseID: CaseID = Cast.id("case-1")
    package static let otherCase: CaseID = Cast.id("case-2")
    package static let reply: ReplyID = Cast.id("reply-1")

    package static func attempt(_ number: Int = 1, of reply: ReplyID = reply, in caseID: CaseID = caseID)
        -> ReplyAttempt
    {
        ReplyAttempt(caseID: caseID, replyID: reply, number: number)
    }

    package static func message(
        _ body: String, _ sequence: Int = 1, in caseID: CaseID = caseID, audience: Audience = .everyone,
        reply: ReplyID? = nil, version: Int = 1
    ) -> CareEvent {
        .message(
            Message(
                id: reply.flatMap { MessageID(rawValue: $0.rawValue) } ?? .new(), caseID: caseID, sequence: sequence,
                version: version, role: reply == nil ? .user : .assistant, sender: reply == nil ? .patient : .ai,
                audience: audience, body: body, replyID: reply, createdAt: Moment(milliseconds: 1_800_000_000_000)))
    }

    /// What a newer version might write.
    package static func unknown(_ type: String, audience: Audience? = nil) throws -> CareEvent {
        let whose = audience.map { #","audience":"\#($0)""# } ?? ""
        return try CareEvent(json: Array(#"{"type":"\#(type)","case_id":"\#(caseID.rawValue)"\#(whose)}"#.utf8))
    }

    package static func started(_ number: Int = 1) -> CareEvent { .replyStarted(attempt(number), sequence: 7) }

    package static func delta(_ n: Int, _ text: String, attempt number: Int = 1) -> CareEvent {
        .replyDelta(attempt(number), n: n, text: text)
    }

    package static func ended(_ state: Reply.State = .finished, _ number: Int = 1) -> CareEvent {
        .replyEnded(attempt(number), state: state, sequence: 7, messageID: nil, code: nil)
    }
}
