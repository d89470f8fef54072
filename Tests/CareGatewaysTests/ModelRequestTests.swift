import AsyncHTTPClient
import CareDesk
import CareDomain
import NIOCore
import NIOPosix
import Testing

@testable import CareGateways

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite(.timeLimit(.minutes(4)))
struct `A request to a model` {
    private func recorded(
        _ model: @Sendable @escaping (String, HTTPClient) -> any LanguageModel, _ prompt: Prompt = .greeting
    )
        async throws -> ScriptedPeer.Request
    {
        try await ScriptedPeer.run(.whole("503 Busy", [], "")) { peer in
            try await HTTPClient.withHTTPClient(
                eventLoopGroup: .singletonMultiThreadedEventLoopGroup, configuration: .models()
            ) { client in
                _ = await model(peer.baseURL, client).heard(prompt)
                return try #require(await peer.request())
            }
        }
    }

    private func key() throws -> UpstreamKey { try #require(UpstreamKey(" sk-1\n")) }

    @Test func `in Anthropic's format is what the API asks for, and nothing more`() async throws {
        let key = try key()
        let request = try await recorded { base, client in
            AnthropicModel(.init(baseURL: base + "/", key: key, model: "m-1"), client: client)
        }
        #expect(request.line == "POST /v1/messages HTTP/1.1")
        var headers = request.headers
        #expect(headers.removeValue(forKey: "host")?.hasPrefix("127.0.0.1:") == true)
        #expect(headers.removeValue(forKey: "content-length") == "\(request.body.count)")
        #expect(
            headers == [
                "anthropic-version": "2026-10-21", "authorization": "Bearer sk-1", "content-type": "application/json",
                "accept": "text/event-stream", "accept-encoding": "identity",
            ])
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == #"{"max_tokens":1024,"messages":[{"content":"Hello","role":"user"}],"metadata":{"user_id":"opaque-hash"},"#
                + #""model":"m-1","stream":true,"system":"Be kind."}"#)
    }

    @Test func `in Anthropic's format can carry the key the older way and an older version`() async throws {
        let key = try key()
        let request = try await recorded { base, client in
            AnthropicModel(
                .init(baseURL: base, key: key, keyHeader: .xAPIKey, model: "m", version: "2023-06-01"), client: client)
        }
        #expect(request.headers["x-api-key"] == "sk-1")
        #expect(request.headers["authorization"] == nil)
        #expect(request.headers["anthropic-version"] == "2023-06-01")
    }

    @Test func `in OpenAI's format is what the API asks for, and nothing more`() async throws {
        let key = try key()
        let request = try await recorded { base, client in
            OpenAIModel(.init(baseURL: base + "/v1", key: key, model: "m-1", maxTokens: nil), client: client)
        }
        #expect(request.line == "POST /v1/chat/completions HTTP/1.1")
        var headers = request.headers
        #expect(headers.removeValue(forKey: "host")?.hasPrefix("127.0.0.1:") == true)
        #expect(headers.removeValue(forKey: "content-length") == "\(request.body.count)")
        #expect(
            headers == [
                "authorization": "Bearer sk-1", "content-type": "application/json", "accept": "text/event-stream",
                "accept-encoding": "identity",
            ])
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == #"{"messages":[{"content":"Be kind.","role":"system"},{"content":"Hello","role":"user"}],"model":"m-1","#
                + #""stream":true,"stream_options":{"include_usage":true}}"#)
    }

    @Test(arguments: OpenAIModel.Settings.MaxTokensField.allCases)
    func `in OpenAI's format names the bound as the server knows it, and needs no key`(
        _ field: OpenAIModel.Settings.MaxTokensField
    ) async throws {
        let request = try await recorded { base, client in
            OpenAIModel(.init(baseURL: base + "/v1", model: "m", maxTokens: 7, maxTokensField: field), client: client)
        }
        #expect(request.headers["authorization"] == nil)
        let body = String(decoding: request.body, as: UTF8.self)
        for other in OpenAIModel.Settings.MaxTokensField.allCases {
            #expect(body.contains(#""\#(other.rawValue)":7"#) == (other == field))
        }
    }

    @Test(arguments: [(7, 4_096, 4_096), (7, nil, 7), (8_192, 4_096, 8_192)] as [(Int, Int?, Int)])
    func `has room for the answer that its prompt needs, and never less than the setting`(
        _ setting: Int, _ needed: Int?, _ sent: Int
    ) async throws {
        var prompt = Prompt.greeting
        prompt.answerTokens = needed
        let key = try key()
        let anthropic = try await recorded(
            { AnthropicModel(.init(baseURL: $0, key: key, model: "m", maxTokens: setting), client: $1) }, prompt)
        #expect(String(decoding: anthropic.body, as: UTF8.self).contains(#""max_tokens":\#(sent),"#))
        let openai = try await recorded(
            { OpenAIModel(.init(baseURL: $0 + "/v1", model: "m", maxTokens: setting), client: $1) }, prompt)
        #expect(String(decoding: openai.body, as: UTF8.self).contains(#""max_tokens":\#(sent),"#))
        let open = try await recorded(
            { OpenAIModel(.init(baseURL: $0 + "/v1", model: "m", maxTokens: nil), client: $1) }, prompt)
        #expect(!String(decoding: open.body, as: UTF8.self).contains("max_tokens"), "that is the server's to decide")
    }

    @Test func `joins neighbouring turns of one side, leaves out empty ones, and keeps every letter`() async throws {
        let prompt = Prompt(
            system: "",
            turns: [
                .init(.patient, "“Hi”\n/\u{2028}"), .init(.patient, "مرحبا 👩‍⚕️"), .init(.assistant, " \n"),
                .init(.patient, "?"), .init(.assistant, "Yes"), .init(.patient, "Good"),
            ], language: .arabic, userHash: "h")
        let request = try await recorded({ OpenAIModel(.init(baseURL: $0, model: "m"), client: $1) }, prompt)
        struct Body: Decodable {
            var messages: [Message]
            struct Message: Decodable, Equatable {
                var role: String
                var content: String
            }
        }
        let body = try JSONDecoder().decode(Body.self, from: Data(request.body))
        #expect(
            body.messages == [
                .init(role: "user", content: "“Hi”\n/\u{2028}\n\nمرحبا 👩‍⚕️\n\n?"),
                .init(role: "assistant", content: "Yes"),
                .init(role: "user", content: "Good"),
            ])
        let key = try key()
        let other = try await recorded(
            { AnthropicModel(.init(baseURL: $0, key: key, model: "m"), client: $1) }, prompt)
        #expect(!String(decoding: other.body, as: UTF8.self).contains("system"))
    }

    @Test func `is made with a key that cannot be printed`() throws {
        let settings = AnthropicModel.Settings(key: try key(), model: "m")
        var dumped = ""
        dump(settings, to: &dumped)
        for text in ["\(settings)", String(reflecting: settings), dumped] {
            #expect(!text.contains("sk-1"))
            #expect(text.contains("‹redacted›"))
        }
        #expect(UpstreamKey(" \n") == nil)
        #expect(UpstreamKey("sk\r\nx: y") == nil)
        #expect(UpstreamKey("clé") == nil)
    }
}
