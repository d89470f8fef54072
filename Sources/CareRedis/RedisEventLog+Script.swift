import CareDomain
import CareLog

/// One step of one topic, as the script does it (`Scripts/topic.lua`).
extension RedisEventLog {
    static let script: String = String(decoding: PackageResources.topic_lua, as: UTF8.self)
    static let digest = sha1(of: script)

    func step(
        _ verb: RESPArgument, _ arguments: [RESPArgument] = [], on topic: Topic, _ link: Link
    ) async throws -> [RESPValue] {
        let rest: [RESPArgument] =
            [
                .integer(3), .text("care:t:\(topic.name)"), .text("care:s:\(topic.name)"), .text(Self.generations),
                verb, .text(channel(of: topic)), .text(Self.chance()),
            ] + arguments
        var answer = try await link.commands.send(["EVALSHA", .text(Self.digest)] + rest)
        if case .error(let message) = answer, message.hasPrefix("NOSCRIPT") {
            answer = try await link.commands.send(["EVAL", .text(Self.script)] + rest)
        }
        if case .error(let message) = answer { throw RedisError.refused(RedisConnection.word(message)) }
        guard let parts = answer.parts, parts.count >= 3 else { throw RedisError.protocolBroken }
        return parts
    }

    static let generations = "care:generations"
    func channel(of topic: Topic) -> String { "care:c:\(topic.name)" }

    static func outcome(_ answer: [RESPValue]) throws -> AppendOutcome {
        guard let word = answer[0].text, let epoch = answer[1].text, let number = answer[2].integer else {
            throw RedisError.protocolBroken
        }
        switch word {
        case "appended": return .appended(Position(epoch: epoch, offset: number))
        case "duplicate": return .duplicate
        case "behind": return .behind(last: number)
        case "fenced": return .fenced
        case "unknown_fence": return .unknownFence
        default: throw RedisError.protocolBroken
        }
    }

    static func arguments(
        of draft: Draft, _ sealed: [UInt8], _ limits: LogLimits, _ settings: RedisSettings
    ) -> (verb: RESPArgument, rest: [RESPArgument]) {
        let topicEnd: [RESPArgument] = [
            .bytes(sealed), .integer(limits.kept), .integer(limits.keptWhileReplying),
            .integer(Int(settings.keep.components.seconds)),
        ]
        let caseID = RESPArgument.text(draft.event.caseID.rawValue)
        switch draft.kind {
        case .fact(let number, let fence):
            var ends: (reply: String, attempt: String) = ("", "")
            if case .replyEnded(let attempt, _, _, _, _) = draft.event { ends = (attempt.replyID.rawValue, "") }
            if case .message(let message) = draft.event, let id = message.replyID {
                ends = (id.rawValue, String(message.version))
            }
            let about: [RESPArgument] = [
                caseID, .text(fence.map { String($0.takeover) } ?? ""), .integer(fence?.lease ?? 0), .integer(number),
                .text(ends.reply), .text(ends.attempt),
            ]
            return ("fact", about + topicEnd)
        case .reply(let fence, _):
            var what = ("started", "", 0, 0)
            switch draft.event {
            case .replyDelta(let attempt, let n, _): what = ("delta", attempt.replyID.rawValue, attempt.number, n)
            case .replySnapshot(let fold):
                what = ("snapshot", fold.attempt.replyID.rawValue, fold.attempt.number, fold.through)
            default:
                if let attempt = draft.event.attempt { what = ("started", attempt.replyID.rawValue, attempt.number, 0) }
            }
            let about: [RESPArgument] = [
                caseID, .integer(fence.takeover), .integer(fence.lease), .text(what.0), .text(what.1), .integer(what.2),
                .integer(what.3),
            ]
            return ("reply", about + topicEnd)
        }
    }
}
