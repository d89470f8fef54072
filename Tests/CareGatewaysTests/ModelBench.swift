import AsyncHTTPClient
import CareDesk
import CareDomain
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import CareGateways

/// Both gateways behind one name, so that what is true of both is written once.
enum Format: Sendable, CaseIterable {
    case anthropic, openai

    /// `model` against an upstream at `base`, with a new client that is shut down afterwards.
    func with<Value: Sendable>(
        _ base: String, idleTimeout: Duration = .seconds(10), connections: Int = 4, tailLimit: Duration? = nil,
        body: @Sendable (any LanguageModel) async throws -> Value
    ) async throws -> Value {
        try await HTTPClient.withHTTPClient(
            eventLoopGroup: .singletonMultiThreadedEventLoopGroup, configuration: .models(connections: connections)
        ) { client in
            let key = try #require(UpstreamKey("key-1"))
            let model: any LanguageModel =
                switch self {
                case .anthropic: AnthropicModel(anthropic(base, key, idleTimeout, tailLimit), client: client)
                case .openai: OpenAIModel(openAI(base, key, idleTimeout, tailLimit), client: client)
                }
            return try await body(model)
        }
    }

    private func anthropic(
        _ base: String, _ key: UpstreamKey, _ idleTimeout: Duration, _ tailLimit: Duration?
    ) -> AnthropicModel.Settings {
        var settings = AnthropicModel.Settings(baseURL: base, key: key, model: "m", idleTimeout: idleTimeout)
        if let tailLimit { settings.tailLimit = tailLimit }
        return settings
    }

    private func openAI(
        _ base: String, _ key: UpstreamKey, _ idleTimeout: Duration, _ tailLimit: Duration?
    ) -> OpenAIModel.Settings {
        var settings = OpenAIModel.Settings(baseURL: base + "/v1", key: key, model: "m", idleTimeout: idleTimeout)
        if let tailLimit { settings.tailLimit = tailLimit }
        return settings
    }

    var whole: String { self == .anthropic ? Anthropic.whole : OpenAI.whole }
    /// A beginning and one word, and no end.
    var half: String {
        self == .anthropic ? Anthropic.start() + Anthropic.delta("Mar") : OpenAI.text("Mar")
    }
    var ping: String { self == .anthropic ? Anthropic.ping : ": ping\n\n" }
}

/// What a model emitted, in order.
final class Heard: Sendable {
    private let state = Mutex<[ModelEvent]>([])

    var events: [ModelEvent] { state.withLock { $0 } }
    var text: String { events.compactMap(\.text).joined() }
    var failure: ModelFailure? {
        if case .failed(let failure) = events.last { failure } else { nil }
    }

    func hear(_ event: ModelEvent) { state.withLock { $0.append(event) } }
}

extension LanguageModel {
    func heard(_ prompt: Prompt = .greeting) async -> Heard {
        let heard = Heard()
        await answer(prompt) { heard.hear($0) }
        return heard
    }
}

extension Prompt {
    static let greeting = Prompt(
        system: "Be kind.", turns: [Turn(.patient, "Hello")], language: .english, userHash: "opaque-hash")
}
