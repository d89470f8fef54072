import CareDesk
import CareDomain
import CareLog
import CareStore
import CareTestKit
import CareWeb
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import curaway

@Suite(.timeLimit(.minutes(4)))
struct `The edge` {
    @Test func `shows nobody another patient's case, by any verb`() async throws {
        try await withServer(model: ScriptedModel([.say("secret"), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let tom = try await server.seat(of: Cast.tom)
            let id = try await amina.open()
            let asked = try await amina.ask("Hi", key: "k", in: id)
            let reply = asked.body["reply"]["id"].text
            #expect(!reply.isEmpty)
            for (method, path) in [
                ("GET", ""), ("GET", "/messages"), ("GET", "/events"), ("GET", "/chat/stream"),
                ("GET", "/messages/stream"),
                ("POST", "/replies/\(reply)/stop"), ("POST", "/replies/\(reply)/retry"),
            ] {
                let refused = try await tom.send(method, "/api/v1/cases/\(id)\(path)")
                #expect(refused.status == 404, "\(method) \(path)")
                #expect(refused.body["code"].text == "not_found")
            }
            #expect(try await tom.ask("Hi", key: "t", in: id).status == 404)
            #expect(try await tom.get("/api/v1/cases").body["cases"].list.isEmpty)
        }
    }

    @Test func `asks who it is, and answers 405 with what is allowed`() async throws {
        try await withServer { server in
            var nobody = try await server.seat(of: Cast.amina)
            let good = nobody.token
            for token in [nil, "", "x", "a.b.c", good.map { $0 + "x" }, good.map { String($0.dropLast(4)) + "AAAA" }] {
                nobody.token = token
                let refused = try await nobody.get("/api/v1/cases")
                #expect(refused.status == 401)
                #expect(refused.body["code"].text == "unauthenticated")
                #expect(refused.headers.first(name: "WWW-Authenticate") == "Bearer")
            }
            nobody.token = good
            for (path, allow) in [
                ("/health", "GET, HEAD"), ("/api/v1/cases", "GET, HEAD, POST"), ("/api/v1/cases/x/chat", "POST"),
            ] {
                let refused = try await nobody.send("DELETE", path)
                #expect(refused.status == 405)
                #expect(try await nobody.send("TRACE", path).status == 405)
                #expect(try await nobody.send("QUERY", path).status == 405)
                #expect(refused.headers.first(name: "Allow") == allow)
                #expect(refused.body["code"].text == "method_not_allowed")
            }
            #expect(try await nobody.get("/nowhere").status == 404)
        }
    }

    @Test func `answers HEAD like GET, without a body, and keeps no stream for it`() async throws {
        try await withServer(["streams.perPerson": "1"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            for path in ["/", "/health", "/api/v1/me", "/api/v1/cases/\(id)", "/api/v1/cases/\(id)/events"] {
                for _ in 1...3 {
                    // Compressed nothing is more than this client can read.
                    let head = try await amina.send("HEAD", path, headers: [("Accept-Encoding", "identity")])
                    #expect(head.status == 200, "\(path)")
                    #expect(head.body == .null)
                }
            }
            try await amina.stream(id) { stream in #expect(stream.status == 200) }
            #expect(try await amina.send("HEAD", "/api/v1/cases/nothing").status == 404)
        }
    }

    @Test func `refuses a token after its time`() async throws {
        try await withServer(["token.seconds": "1"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            #expect(try await amina.get("/api/v1/me").status == 200)
            // One second of life and five of leeway for clocks that differ.
            let refused = try await eventually {
                let reply = try await amina.get("/api/v1/me")
                return reply.status == 401 ? reply : nil
            }
            #expect(refused.body["code"].text == "token_expired")
        }
    }

    @Test(arguments: [
        ("", 400, "malformed_json"), ("{", 400, "malformed_json"), ("[]", 400, "invalid_field"),
        ("{}", 400, "invalid_field"), (#"{"message":1,"client_message_id":"k"}"#, 400, "invalid_field"),
        (#"{"message":"x"}"#, 400, "invalid_field"), (#"{"message":"x","client_message_id":""}"#, 400, "invalid_field"),
        (#"{"message":"x","client_message_id":"a\nb"}"#, 400, "invalid_field"),
        (#"{"message":"  \n ","client_message_id":"k"}"#, 422, "message_empty"),
        (#"{"message":"\#(String(repeating: "x", count: 21))","client_message_id":"k"}"#, 422, "message_too_long"),
        (#"{"message":"\#(String(repeating: "x", count: 20))","client_message_id":"k"}"#, 202, ""),
        (#"{"message":"\#(String(repeating: "x", count: 70_000))","client_message_id":"k"}"#, 413, "body_too_large"),
    ]) func `answers a bad body with a clear code`(_ body: String, _ status: Int, _ code: String) async throws {
        try await withServer(["message.characters": "20"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let reply = try await amina.send(
                "POST", "/api/v1/cases/\(id)/chat", body, headers: [("Prefer", "respond-async")])
            #expect(reply.status == status)
            #expect(reply.body["code"].text == code)
            if status >= 400 {
                #expect(reply.headers.first(name: "Content-Type") == "application/problem+json")
                #expect(reply.body["status"].int == status)
            }
            #expect(try await amina.get("/health").status == 200, "and lives on")
        }
    }

    @Test func `takes only JSON, and only so many messages a minute`() async throws {
        try await withServer(["messages.perMinute": "3"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let form = try await amina.send(
                "POST", "/api/v1/cases/\(id)/chat", "message=x", headers: [("Content-Type", "text/plain")])
            #expect(form.status == 415)
            for number in 1...3 {
                #expect(try await amina.ask("m", key: "k\(number)", in: id, async: true).status == 202)
            }
            let fourth = try await amina.ask("m", key: "k4", in: id, async: true)
            #expect(fourth.status == 429)
            #expect(fourth.body["code"].text == "too_many_messages")
            let wait = fourth.headers.first(name: "Retry-After").flatMap { Int($0) }
            #expect((1...20).contains(wait ?? 0))
        }
    }

    /// Each try asks the model anew, and was counted by nobody: one click a second was sixty requests a minute.
    @Test func `takes another try at an answer for a message of the minute`() async throws {
        let model = ScriptedModel([.say("Half"), .fail(ModelFailure(.truncated))])
        try await withServer(["messages.perMinute": "3"], model: model) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let reply = try await amina.ask("m", key: "k", in: id).body["reply"]["id"].text
            let retry = "/api/v1/cases/\(id)/replies/\(reply)/retry"
            #expect(try await amina.send("POST", retry).status == 202)
            #expect(try await amina.send("POST", retry).status != 429, "the third, whether the second has ended or not")
            let fourth = try await amina.send("POST", retry)
            #expect(fourth.status == 429)
            #expect(fourth.body["code"].text == "too_many_messages")
            #expect(fourth.headers.first(name: "Retry-After") != nil)
            #expect(try await amina.ask("m", key: "other", in: id).status == 429, "one measure for both")
            let tom = try await server.seat(of: Cast.tom)
            let toms = try await tom.open()
            #expect(try await tom.ask("m", key: "k", in: toms).status == 200)
        }
    }

    @Test func `lets a cookie read from anywhere and write only from our own pages`() async throws {
        try await withServer { server in
            var amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let cookie = ("Cookie", "__session_0=\(amina.token ?? "")")
            amina.token = nil
            #expect(try await amina.send("GET", "/api/v1/cases/\(id)", headers: [cookie]).status == 200)
            let body = #"{"message":"x","client_message_id":"k"}"#
            let path = "/api/v1/cases/\(id)/chat"
            for (origin, status) in [(nil, 403), ("https://evil.example", 403), ("null", 403), (amina.base, 202)] {
                let headers = [cookie, ("Prefer", "respond-async")] + (origin.map { [("Origin", $0)] } ?? [])
                #expect(
                    try await amina.send("POST", path, body, headers: headers).status == status, "\(origin ?? "none")")
            }
        }
    }

    @Test func `pages through history without holes, and says what is wrong with a page`() async throws {
        try await withServer(model: ScriptedModel([.say("a"), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            for number in 1...4 { _ = try await amina.ask("m\(number)", key: "k\(number)", in: id) }
            var bodies: [String] = []
            var before = ""
            while true {
                let page = try await amina.get("/api/v1/cases/\(id)/messages?limit=4\(before)").body
                bodies = page["messages"].list.map { $0["body"].text } + bodies
                guard page["more"] == .bool(true) else { break }
                before = "&before=\(page["messages"][0]["sequence"].int)"
            }
            #expect(Array(bodies.dropFirst()) == ["m1", "a", "m2", "a", "m3", "a", "m4", "a"])
            for query in ["limit=0", "limit=201", "limit=x", "before=0", "before=-1", "before=99999999999999999999"] {
                let refused = try await amina.get("/api/v1/cases/\(id)/messages?\(query)")
                #expect(refused.status == 400, "\(query)")
                #expect(refused.body["code"].text == "invalid_field")
            }
        }
    }

    @Test func `opens a case once for one key, and greets`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina)
            let body = #"{"title":"  Knee   replacement ","client_case_id":"c1"}"#
            let first = try await amina.send("POST", "/api/v1/cases", body)
            let second = try await amina.send("POST", "/api/v1/cases", body)
            #expect(first.status == 201)
            #expect(second.status == 200)
            #expect(first.body == second.body)
            #expect(first.body["title"].text == "Knee replacement")
            let snapshot = try await amina.get("/api/v1/cases/\(first.body["id"].text)").body
            #expect(snapshot["messages"][0]["sender_type"].text == "ai")
            #expect(!snapshot["messages"][0]["body"].text.isEmpty)
            for body in [
                #"{"title":""}"#, #"{"title":"\#(String(repeating: "x", count: 121))"}"#, #"{"language":"xx"}"#,
                "{\"title\":\"a\(String(repeating: "\u{301}", count: 120))\"}",
            ] {
                #expect(try await amina.send("POST", "/api/v1/cases", body).status == 400)
            }
            let priya = try await server.seat(of: Cast.priya)
            #expect(try await priya.send("POST", "/api/v1/cases", "{}").status == 403)
        }
    }

    @Test func `serves the app for ever under its hash, the page never, and both behind a strict policy`() async throws
    {
        try await withServer { server in
            let seat = Seat(base: "http://127.0.0.1:\(server.port)", token: nil)
            let page = try await seat.get("/")
            #expect(page.headers.first(name: "Cache-Control") == "no-cache")
            let policy = page.headers.first(name: "Content-Security-Policy") ?? ""
            #expect(policy.contains("default-src 'self'") && policy.contains("require-trusted-types-for 'script'"))
            #expect(!policy.contains("unsafe"))
            let hash = try AssetCatalogHash.of(server)
            let script = try await seat.get("/assets/\(hash)/js/app.js")
            #expect(script.status == 200)
            #expect(script.headers.first(name: "Cache-Control") == "public, max-age=31536000, immutable")
            #expect(script.headers.first(name: "Vary") == "Accept-Encoding")
            for path in ["/assets/\(hash)/js/app.js", "/"] {
                let plain = try await seat.bytes(path, headers: [("Accept-Encoding", "identity")])
                let small = try await seat.bytes(path, headers: [("Accept-Encoding", "gzip")])
                #expect(small == plain, "\(path) is another file when it came compressed")
                #expect(!plain.isEmpty && !plain.contains("// "), "\(path) has comments")
            }
            for path in ["js/nothing.js", "../Package.swift", "test/sse.test.js", "deno.json", "%2e%2e/Package.swift"] {
                #expect(try await seat.get("/assets/\(hash)/\(path)").status == 404, "\(path)")
            }
        }
    }
}
