import AsyncHTTPClient
import CareDesk
import NIOCore
import NIOPosix
import Testing

@testable import CareGateways

private typealias Script = ScriptedPeer.Script

/// Serialised, because here time is real: a test that waits for a second must not wait behind fifty others. The limit is
/// for a peer that waits for what never comes.
@Suite(.serialized, .timeLimit(.minutes(4)))
struct `An answer over HTTP` {
    @Test(arguments: Format.allCases)
    func `arrives whole when every byte comes in a packet of its own`(_ format: Format) async throws {
        let script: Script =
            .head("200 OK", ["content-type: text/event-stream", "request-id: req_1"]).trickle(format.whole).end()
        try await ScriptedPeer.run(script) { peer in
            try await format.with(peer.baseURL) { model in
                let heard = await model.heard()
                #expect(heard.events.first == .started(requestID: "req_1", model: "m-1"))
                #expect(heard.text == "Marhaba مرحبا 👋")
                #expect(heard.events.last == .finished(.complete))
                #expect(heard.events.filter(\.isTerminal).count == 1)
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `is given on while it is being written`(_ format: Format) async throws {
        let script: Script = .head().chunk(format.half).hang()
        try await ScriptedPeer.run(script) { peer in
            try await format.with(peer.baseURL) { model in
                let (words, said) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(9))
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await model.answer(.greeting) { if let text = $0.text { said.yield(text) } } }
                    #expect(await words.first { _ in true } == "Mar")
                    group.cancelAll()
                }
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `is truncated when the connection closes before its end mark`(_ format: Format) async throws {
        for script: Script in [
            .head().chunk(format.half).close(),  // in the middle of the body as HTTP counts it
            .head().chunk(format.half).end(),  // the body ends properly, the answer does not
            .raw("HTTP/1.0 200 OK\r\n\r\n\(format.half)").close(),  // the close is the end of the body
        ] {
            try await ScriptedPeer.run(script) { peer in
                try await format.with(peer.baseURL) { model in
                    let heard = await model.heard()
                    #expect(heard.text == "Mar")
                    #expect(heard.failure == ModelFailure(.truncated))
                }
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `is complete when only the end of HTTP's body is missing`(_ format: Format) async throws {
        try await ScriptedPeer.run(.head().chunk(format.whole).close()) { peer in
            try await format.with(peer.baseURL) { model in
                #expect(await model.heard().events.last == .finished(.complete))
            }
        }
    }

    @Test func `of an OpenAI server is complete when it closes between finish and end mark`() async throws {
        try await ScriptedPeer.run(.head().chunk(OpenAI.text("a") + OpenAI.finish()).close()) { peer in
            try await Format.openai.with(peer.baseURL) { model in
                #expect(
                    await model.heard().events == [
                        .started(requestID: nil, model: "m-1"), .text("a"), .finished(.complete),
                    ])
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `lasts as long as it likes while pings come, and fails when they stop`(_ format: Format) async throws {
        let timeout = Duration.seconds(1)
        let words: Script = .head().chunk(format.half)
        let pings = (0..<8).reduce(words) { script, _ in script.chunk(format.ping).wait(.milliseconds(250)) }
        try await ScriptedPeer.run(pings.hang()) { peer in
            try await format.with(peer.baseURL, idleTimeout: timeout) { model in
                let heard = Heard()
                let duration = await ContinuousClock().measure { await model.answer(.greeting) { heard.hear($0) } }
                #expect(heard.text == "Mar")
                #expect(heard.failure?.kind == .idle)
                #expect(duration >= .milliseconds(1750) + timeout)
                #expect(await peer.next { $0 == .closedByCaller } != nil)
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `fails as idle when not even a head comes`(_ format: Format) async throws {
        try await ScriptedPeer.run(.hang()) { peer in
            try await format.with(peer.baseURL, idleTimeout: .milliseconds(200)) { model in
                #expect(await model.heard().events == [.failed(ModelFailure(.idle))])
                #expect(await peer.next { $0 == .closedByCaller } != nil)
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `is not idle while our own side takes its time`(_ format: Format) async throws {
        try await ScriptedPeer.run(.head().chunk(format.whole).end()) { peer in
            try await format.with(peer.baseURL, idleTimeout: .seconds(1)) { model in
                let heard = Heard()
                await model.answer(.greeting) { event in
                    heard.hear(event)
                    if event.text == "Mar" { try? await Task.sleep(for: .milliseconds(1800)) }
                }
                #expect(heard.events.last == .finished(.complete))
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `is unreachable when nobody listens, at once`(_ format: Format) async throws {
        let port = try await ScriptedPeer.run(.close()) { $0.port }
        try await format.with("http://127.0.0.1:\(port)") { model in
            let duration = await ContinuousClock().measure {
                #expect(await model.heard().events == [.failed(ModelFailure(.unreachable))])
            }
            #expect(duration < .seconds(4), "the client must not go on trying until its connect timeout")
        }
    }

    @Test(arguments: Format.allCases)
    func `is unreachable when the connection breaks before the head`(_ format: Format) async throws {
        for script: Script in [.close(), .raw("HTTP/1.1 200 O").close()] {
            try await ScriptedPeer.run(script) { peer in
                try await format.with(peer.baseURL) { model in
                    #expect(await model.heard().events == [.failed(ModelFailure(.unreachable))])
                    #expect(await peer.request() != nil)
                }
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `is malformed when the upstream speaks something else`(_ format: Format) async throws {
        let page: Script = .whole("200 OK", ["content-type: text/html"], "<p>Sign in</p>")
        let noise: Script = .raw("SSH-2.0-OpenSSH_9.2\r\n\r\n").close()
        let endless: Script =
            .head().chunk(String(repeating: "x", count: ServerSentEventParser.lineLimit + 1)).hang()
        for script in [page, noise, endless] {
            try await ScriptedPeer.run(script) { peer in
                try await format.with(peer.baseURL) { model in
                    let heard = await model.heard()
                    #expect(heard.events.count == 1)
                    #expect(heard.failure?.kind == .malformed)
                    #expect(heard.failure?.mayRetry == false)
                }
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `is refused for an address that is none`(_ format: Format) async throws {
        try await format.with("nowhere") { model in
            #expect(await model.heard().events == [.failed(ModelFailure(.refused))])
        }
    }

    struct Refusal: Sendable {
        var status: String
        var headers: [String] = []
        var body = ""
        var failure: ModelFailure
    }

    @Test(
        arguments: Format.allCases,
        [
            Refusal(status: "429 Too Many Requests", failure: ModelFailure(.busy, status: 429)),
            Refusal(
                status: "429 Too Many Requests", headers: ["Retry-After: 3", "request-id: req_1"],
                failure: ModelFailure(.busy, retryAfter: .seconds(3), status: 429, requestID: "req_1")),
            Refusal(
                status: "429 Too Many Requests", body: `A response that is no answer`.spent,
                failure: ModelFailure(.refused, status: 429, requestID: "req_b")),
            Refusal(status: "529 Overloaded", failure: ModelFailure(.busy, status: 529)),
            Refusal(
                status: "529 Overloaded", headers: ["retry-after-ms: 250"],
                failure: ModelFailure(.busy, retryAfter: .milliseconds(250), status: 529)),
            Refusal(status: "401 Unauthorized", body: "{}", failure: ModelFailure(.refused, status: 401)),
            Refusal(
                status: "307 Temporary Redirect", headers: ["location: /elsewhere"],
                failure: ModelFailure(.refused, status: 307)),
        ])
    func `that is refused says what to do`(_ format: Format, _ refusal: Refusal) async throws {
        try await ScriptedPeer.run(.whole(refusal.status, refusal.headers, refusal.body)) { peer in
            try await format.with(peer.baseURL) { model in
                #expect(await model.heard().events == [.failed(refusal.failure)])
            }
        }
    }

    @Test func `that is refused at endless length, or in silence, is read to a bound`() async throws {
        let noise = String(repeating: "x", count: 4096)
        let endless: Script = .head("500 Oops").repeatUntilClosed(noise, every: .milliseconds(1))
        try await ScriptedPeer.run(endless) { peer in
            try await Format.anthropic.with(peer.baseURL) { model in
                #expect(await model.heard().events == [.failed(ModelFailure(.busy, status: 500))])
                #expect(await peer.next { $0 == .closedByCaller } != nil)
            }
        }
        let dripping: Script = .head("400 Oops").repeatUntilClosed("x", every: .milliseconds(50))
        try await ScriptedPeer.run(dripping) { peer in
            try await Format.anthropic.with(peer.baseURL, idleTimeout: .seconds(1)) { model in
                #expect(await model.heard().events == [.failed(ModelFailure(.refused, status: 400))])
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `that is cancelled in its middle closes the upstream connection and says nothing more`(_ format: Format)
        async throws
    {
        let half: Script = .head().chunk(format.half)
        for script in [half.hang(), half.repeatUntilClosed(format.ping, every: .milliseconds(5))] {
            try await ScriptedPeer.run(script) { peer in
                try await format.with(peer.baseURL) { model in
                    try await cancelled(model, peer) { $0.text != nil }
                }
            }
        }
    }

    @Test(arguments: Format.allCases)
    func `that is cancelled before its head closes the upstream connection too`(_ format: Format) async throws {
        try await ScriptedPeer.run(.hang()) { peer in
            try await format.with(peer.baseURL) { model in
                try await cancelled(model, peer, when: nil)
            }
        }
    }

    /// Cancels when the request has arrived, or when an event that satisfies `when` was heard. A deadline for the close
    /// guards the test, not a figure: what is promised is that it comes at all, and by cancelling alone.
    private func cancelled(
        _ model: any LanguageModel, _ peer: ScriptedPeer, when: (@Sendable (ModelEvent) -> Bool)?
    ) async throws {
        let heard = Heard()
        let (ready, isReady) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await model.answer(.greeting) { event in
                    heard.hear(event)
                    if when?(event) == true { isReady.finish() }
                }
            }
            if when != nil { for await _ in ready {} } else { _ = await peer.request() }
            let said = heard.events
            let duration = await ContinuousClock().measure {
                group.cancelAll()
                await group.waitForAll()
            }
            #expect(heard.events == said)
            #expect(duration < .seconds(8), "the idle timeout is ten seconds; it was not what ended this")
        }
        #expect(await peer.next { $0 == .closedByCaller } != nil)
        #expect(heard.events.allSatisfy { !$0.isTerminal })
    }

    @Test(arguments: Format.allCases)
    func `leaves a connection that serves the next one`(_ format: Format) async throws {
        let script: Script = .head().chunk(format.whole).wait(.milliseconds(20)).end()
        try await ScriptedPeer.run(script) { peer in
            // A busy machine may be late with the end of an answer; that costs the connection, and is not what this is about.
            try await format.with(peer.baseURL, tailLimit: .seconds(10)) { model in
                for _ in 0..<3 { #expect(await model.heard().events.last == .finished(.complete)) }
            }
            var connections = 0
            for _ in 0..<4 where await peer.next() == .connected { connections += 1 }
            #expect(connections == 1)
        }
    }

    @Test(arguments: Format.allCases)
    func `does not wait for an upstream that has said all and stays`(_ format: Format) async throws {
        try await ScriptedPeer.run(.head().chunk(format.whole).hang()) { peer in
            try await format.with(peer.baseURL) { model in
                let duration = await ContinuousClock().measure {
                    let heard = await model.heard()
                    #expect(heard.events.last == .finished(.complete))
                    #expect(heard.events.filter(\.isTerminal).count == 1)
                }
                #expect(duration < .seconds(8), "the idle timeout is ten seconds")
                #expect(await peer.next { $0 == .closedByCaller } != nil)
            }
        }
    }

    @Test func `waits its turn when every connection is taken`() async throws {
        let script: Script =
            .head().chunk(Anthropic.start()).wait(.milliseconds(50)).chunk(Anthropic.end).end()
        try await ScriptedPeer.run(script) { peer in
            try await Format.anthropic.with(peer.baseURL, connections: 2, tailLimit: .seconds(10)) { model in
                await withTaskGroup(of: ModelEvent?.self) { group in
                    for _ in 0..<6 { group.addTask { await model.heard().events.last } }
                    for await last in group { #expect(last == .finished(.other)) }
                }
            }
            var connections = 0
            for _ in 0..<8 where await peer.next() == .connected { connections += 1 }
            #expect(connections == 2)
        }
    }
}
