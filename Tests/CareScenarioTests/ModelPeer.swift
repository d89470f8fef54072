import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOFoundationCompat
import Synchronization

/// A model's server on loopback: speaks both wire formats, records what it is asked, and says the same words to
/// everybody; or, while it listens to the test, the words it is told when it is told them (`Turn`).
final class ModelPeer: Sendable {
    struct Asked: Sendable {
        var path: String
        var headers: HTTPFields
        var body: JSONValue

        func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }
    }

    /// One request being answered, word by word, as a test says.
    struct Turn: Sendable {
        fileprivate let events: AsyncStream<[String]>.Continuation

        func say(_ words: String...) { for word in words { events.yield([openAIChunk(word)]) } }
        /// The end mark; without it, the end of the connection is a broken one.
        func finish() {
            events.yield(openAIEnd)
            events.finish()
        }
    }

    static let answer = "Two nights, then a week nearby."
    private let echoes: Bool
    private let all = Mutex<[Asked]>([])
    var asked: [Asked] { all.withLock { $0 } }

    private let told = Mutex((isListening: false, turns: [Turn]()))
    /// From now on requests in OpenAI's format wait to be told their words.
    func listenToTest() { told.withLock { $0.isListening = true } }
    func answerByItself() { told.withLock { $0.isListening = false } }
    /// The n-th request that waited for its words, once it has come.
    func turn(_ n: Int) async throws -> Turn {
        try await eventually { self.told.withLock { $0.turns.count >= n ? $0.turns[n - 1] : nil } }
    }

    private init(echoes: Bool) { self.echoes = echoes }

    /// Listens for the length of the closure, which is told its address. One that `echoes` says back what it was asked,
    /// and by whom, where that may hurt: in turns in a refusal, in an error after its first words, and not.
    static func listening(
        echoes: Bool = false, _ body: @escaping @Sendable (ModelPeer, _ origin: String) async throws -> Void
    ) async throws {
        let peer = ModelPeer(echoes: echoes)
        let router = Router()
        router.post("/v1/messages") { request, _ in try await peer.answer(request, Self.anthropic) }
        router.post("/v1/chat/completions") { request, _ in
            let turn: AsyncStream<[String]>? = peer.told.withLock { told in
                guard told.isListening else { return nil }
                let (stream, events) = AsyncStream.makeStream(of: [String].self)
                told.turns.append(Turn(events: events))
                return stream
            }
            return try await peer.answer(request, Self.openAI, turn)
        }
        var logger = Logger(label: "peer")
        logger.logLevel = .critical
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await application.runService(gracefulShutdownSignals: []) } catch is CancellationError {}
            }
            group.addTask {
                guard let bound = await ports.first(where: { _ in true }) else { return }
                try await body(peer, "http://127.0.0.1:\(bound)")
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func answer(
        _ request: Request, _ events: [String], _ turn: AsyncStream<[String]>? = nil
    ) async throws -> Response {
        let body = try await request.body.collect(upTo: 1_000_000)
        let json = try JSONDecoder().decode(JSONValue.self, from: Data(buffer: body))
        let number = all.withLock { all in
            all.append(Asked(path: request.uri.path, headers: request.headers, body: json))
            return all.count
        }
        var events = events
        if echoes, number % 3 != 0 {
            let said = "\(request.headers) \(String(buffer: body))"
            let error = JSONValue.object([
                "type": .string("error"), "request_id": .string("r \(said)"),
                "error": .object(["type": .string(said), "message": .string(said), "code": .string(said)]),
            ])
            let json = String(decoding: try JSONEncoder().encode(error), as: UTF8.self)
            if number % 3 == 1 {
                let headers: HTTPFields = [.contentType: "application/json"]
                return Response(
                    status: .badRequest, headers: headers, body: .init(byteBuffer: ByteBuffer(string: json)))
            }
            events = events.prefix(4) + ["event: error\ndata: \(json)"]
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream"],
            body: ResponseBody { [events] writer in
                if let turn {
                    for await events in turn {
                        for event in events { try await writer.write(ByteBuffer(string: event + "\n\n")) }
                    }
                } else {
                    for event in events { try await writer.write(ByteBuffer(string: event + "\n\n")) }
                }
                try await writer.finish(nil)
            })
    }

    private static let words = answer.split(separator: " ", omittingEmptySubsequences: false).enumerated()
        .map { $0.offset == 0 ? String($0.element) : " \($0.element)" }

    private static let anthropic: [String] = {
        func event(_ type: String, _ rest: String) -> String {
            "event: \(type)\ndata: {\"type\":\"\(type)\"\(rest)}"
        }
        return [
            event(
                "message_start",
                #","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":9,"output_tokens":1}}"#
            ),
            event("content_block_start", #","index":0,"content_block":{"type":"text","text":""}"#),
        ] + words.map { event("content_block_delta", #","index":0,"delta":{"type":"text_delta","text":"\#($0)"}"#) } + [
            event("content_block_stop", #","index":0"#),
            event("message_delta", #","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}"#),
            event("message_stop", ""),
        ]
    }()

    private static let openAI = words.map(openAIChunk) + openAIEnd
}

private func openAIChunk(_ text: String) -> String {
    #"data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"\#(text)"},"finish_reason":null}]}"#
}

private let openAIEnd = [
    #"data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    "data: [DONE]",
]
