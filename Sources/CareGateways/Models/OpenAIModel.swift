package import AsyncHTTPClient
package import CareDesk
package import CareDomain
import NIOCore
import NIOHTTP1

/// Answers through OpenAI's chat completions, or one of the many servers that speak them: vLLM, llama.cpp, Ollama.
package struct OpenAIModel: LanguageModel {
    package struct Settings: Sendable, Hashable {
        /// With the version and without `/chat/completions`, as these servers document it: `http://127.0.0.1:8081/v1`.
        package var baseURL: String
        /// Servers of one's own often want none.
        package var key: UpstreamKey?
        package var model: String
        /// The most tokens one answer may have, unless its prompt asks for more; nil leaves it to the server.
        package var maxTokens: Int?
        package var maxTokensField: MaxTokensField
        /// How long the upstream may send nothing at all; comments count as something.
        package var idleTimeout: Duration
        /// How long the rest of a body may take after the end mark before its connection is given up.
        package var tailLimit: Duration = .milliseconds(100)

        /// OpenAI's newer models refuse the old name, some servers do not know the new one.
        package enum MaxTokensField: String, Sendable, Hashable, CaseIterable {
            case maxTokens = "max_tokens"
            case maxCompletionTokens = "max_completion_tokens"
        }

        package init(
            baseURL: String = "https://api.openai.com/v1", key: UpstreamKey? = nil, model: String,
            maxTokens: Int? = 1024, maxTokensField: MaxTokensField = .maxTokens, idleTimeout: Duration = .seconds(30)
        ) {
            self.baseURL = baseURL
            self.key = key
            self.model = model
            self.maxTokens = maxTokens
            self.maxTokensField = maxTokensField
            self.idleTimeout = idleTimeout
        }
    }

    package let author = Message.Author.openai
    private let settings: Settings
    private let client: HTTPClient

    /// `client` belongs to the caller, who shuts it down; it is configured by `HTTPClient.Configuration.models`.
    package init(_ settings: Settings, client: HTTPClient) {
        self.settings = settings
        self.client = client
    }

    package func answer(_ prompt: Prompt, emit: @Sendable (ModelEvent) async -> Void) async {
        guard let request = request(prompt) else { return await emit(.failed(ModelFailure(.refused))) }
        await ModelExchange<OpenAIStream>(
            client: client, request: request, idleTimeout: settings.idleTimeout, tailLimit: settings.tailLimit
        )
        .run(emit: emit)
    }

    private func request(_ prompt: Prompt) -> HTTPClientRequest? {
        let system = prompt.system.isEmpty ? [] : [ChatTurn(role: "system", content: prompt.system)]
        let maxTokens = settings.maxTokens.map { max($0, prompt.answerTokens ?? 0) }
        let body = Body(
            model: settings.model,
            // The user's hash is not sent: not every server takes a field for it.
            messages: system + ChatTurn.turns(of: prompt),
            maxTokens: settings.maxTokensField == .maxTokens ? maxTokens : nil,
            maxCompletionTokens: settings.maxTokensField == .maxCompletionTokens ? maxTokens : nil)
        var request = HTTPClientRequest.streaming(settings.baseURL, "/chat/completions", body)
        if let key = settings.key { request?.headers.add(name: "authorization", value: "Bearer \(key.value)") }
        return request
    }

    private struct Body: Encodable {
        var model: String
        var stream = true
        var streamOptions = StreamOptions()
        var messages: [ChatTurn]
        var maxTokens: Int?
        var maxCompletionTokens: Int?

        enum CodingKeys: String, CodingKey {
            case model, stream, messages
            case streamOptions = "stream_options"
            case maxTokens = "max_tokens"
            case maxCompletionTokens = "max_completion_tokens"
        }

        struct StreamOptions: Encodable {
            var includeUsage = true
            enum CodingKeys: String, CodingKey { case includeUsage = "include_usage" }
        }
    }
}
