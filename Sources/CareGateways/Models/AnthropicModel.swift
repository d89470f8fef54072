package import AsyncHTTPClient
package import CareDesk
package import CareDomain
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Answers through Anthropic's Messages API, or a server that speaks it.
package struct AnthropicModel: LanguageModel {
    package struct Settings: Sendable, Hashable {
        /// Without `/v1/messages`.
        package var baseURL: String
        package var key: UpstreamKey
        package var keyHeader: KeyHeader
        package var model: String
        /// The date that names the version of the API, not of the model.
        package var version: String
        /// The most tokens one answer may have, unless its prompt asks for more; the format requires the field.
        package var maxTokens: Int
        /// How long the upstream may send nothing at all; pings count as something.
        package var idleTimeout: Duration
        /// How long the rest of a body may take after the end mark before its connection is given up.
        package var tailLimit: Duration = .milliseconds(100)

        /// Both are read; proxies in between may know only one.
        package enum KeyHeader: String, Sendable, Hashable, CaseIterable {
            case authorization
            case xAPIKey = "x-api-key"
        }

        package init(
            baseURL: String = "https://api.anthropic.com", key: UpstreamKey, keyHeader: KeyHeader = .authorization,
            model: String, version: String = "2026-10-21", maxTokens: Int = 1024, idleTimeout: Duration = .seconds(30)
        ) {
            self.baseURL = baseURL
            self.key = key
            self.keyHeader = keyHeader
            self.model = model
            self.version = version
            self.maxTokens = maxTokens
            self.idleTimeout = idleTimeout
        }
    }

    package let author = Message.Author.anthropic
    private let settings: Settings
    private let client: HTTPClient

    /// `client` belongs to the caller, who shuts it down; it is configured by `HTTPClient.Configuration.models`.
    package init(_ settings: Settings, client: HTTPClient) {
        self.settings = settings
        self.client = client
    }

    package func answer(_ prompt: Prompt, emit: @Sendable (ModelEvent) async -> Void) async {
        guard let request = request(prompt) else { return await emit(.failed(ModelFailure(.refused))) }
        await ModelExchange<AnthropicStream>(
            client: client, request: request, idleTimeout: settings.idleTimeout, tailLimit: settings.tailLimit
        )
        .run(emit: emit)
    }

    private func request(_ prompt: Prompt) -> HTTPClientRequest? {
        let body = Body(
            model: settings.model,
            maxTokens: max(settings.maxTokens, prompt.answerTokens ?? 0),
            system: prompt.system.isEmpty ? nil : prompt.system,
            metadata: Body.Metadata(userID: prompt.userHash),
            messages: ChatTurn.turns(of: prompt))
        var request = HTTPClientRequest.streaming(settings.baseURL, "/v1/messages", body)
        request?.headers.add(name: "anthropic-version", value: settings.version)
        switch settings.keyHeader {
        case .authorization: request?.headers.add(name: "authorization", value: "Bearer \(settings.key.value)")
        case .xAPIKey: request?.headers.add(name: "x-api-key", value: settings.key.value)
        }
        return request
    }

    /// No `temperature`, `top_p` or `top_k`: since version 2026-10-21 sending one is an error, even its default.
    private struct Body: Encodable {
        var model: String
        var maxTokens: Int
        var stream = true
        var system: String?
        var metadata: Metadata
        var messages: [ChatTurn]

        enum CodingKeys: String, CodingKey {
            case model, stream, system, metadata, messages
            case maxTokens = "max_tokens"
        }

        struct Metadata: Encodable {
            var userID: String
            enum CodingKeys: String, CodingKey { case userID = "user_id" }
        }
    }
}
