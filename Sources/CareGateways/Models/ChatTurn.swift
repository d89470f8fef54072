import AsyncHTTPClient
import CareDesk
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One turn as both formats write it.
struct ChatTurn: Encodable, Equatable {
    var role: String
    var content: String

    /// Neighbouring turns of one role become one, because the templates of many models refuse them; turns without a word
    /// (a stopped answer may leave one) are left out, because the upstreams refuse those.
    static func turns(of prompt: Prompt) -> [ChatTurn] {
        var turns: [ChatTurn] = []
        var told = prompt.turns
        // Before the question, in the patient's turn: it is nothing the operator says, so it has no place in the system's.
        if let material = prompt.material { told.insert(Prompt.Turn(.patient, material), at: max(0, told.count - 1)) }
        for turn in told where turn.text.contains(where: { !$0.isWhitespace }) {
            let role = turn.speaker == .patient ? "user" : "assistant"
            if let last = turns.indices.last, turns[last].role == role {
                turns[last].content += "\n\n" + turn.text
            } else {
                turns.append(ChatTurn(role: role, content: turn.text))
            }
        }
        return turns
    }
}

extension HTTPClientRequest {
    /// A request for a streamed answer; nil if the body cannot be written as JSON.
    static func streaming(_ baseURL: String, _ path: String, _ body: some Encodable) -> HTTPClientRequest? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(body) else { return nil }
        let base = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        var request = HTTPClientRequest(url: base + path)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "accept", value: "text/event-stream")
        // A compressor on the way would hold words back until it has enough of them.
        request.headers.add(name: "accept-encoding", value: "identity")
        request.body = .bytes(ByteBuffer(bytes: json))
        return request
    }
}
