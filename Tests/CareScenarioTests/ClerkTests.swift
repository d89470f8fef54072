import AsyncHTTPClient
import CareDesk
import CareDomain
import CareGateways
import CareStore
import CareTestKit
import CareWeb
import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import curaway

/// The whole server with Clerk tokens, signed by keys it fetches from a Clerk instance on loopback.
@Suite(.timeLimit(.minutes(4)))
struct `With Clerk` {
    private func withClerk(
        _ options: [String: String] = [:], model: (any LanguageModel)? = nil,
        _ body: @escaping @Sendable (Server, ClerkPeer) async throws -> Void
    ) async throws {
        try await ClerkPeer.listening { clerk in
            try await withServer(clerk.settings.merging(options) { $1 }, model: model) { try await body($0, clerk) }
        }
    }

    @Test func `somebody never seen before signs in, opens a case and is answered`() async throws {
        try await withClerk(model: ScriptedModel([.say("Hello."), .finish])) { server, clerk in
            let seat = server.seat(with: try clerk.token("user_2aB", ["name": .string("Layla Nasser")]))
            let me = try await seat.get("/api/v1/me").body
            #expect(me["id"].text == "user_2aB")
            #expect(me["name"].text == "Layla Nasser")
            #expect(me["role"].text == "patient")
            let id = try await seat.open()
            let asked = try await seat.ask("Hi", key: "k", in: id)
            #expect(asked.body["reply"]["message"]["body"].text == "Hello.")
            #expect(asked.body["message"]["sender_name"].text == "Layla Nasser")
            let kept = try #require(try await server.assembly.store.person(Cast.id("user_2aB")))
            #expect(kept == Person(id: Cast.id("user_2aB"), name: "Layla Nasser", role: .patient, language: .english))
            #expect(clerk.asked == 1, "one request for the keys serves them all")

            // A token without a name leaves the one we know; another name replaces it.
            let nameless = server.seat(with: try clerk.token("user_2aB"))
            #expect(try await nameless.get("/api/v1/me").body["name"].text == "Layla Nasser")
            let married = server.seat(with: try clerk.token("user_2aB", ["name": .string("Layla Haddad")]))
            #expect(try await married.get("/api/v1/me").body["name"].text == "Layla Haddad")
            let nobody = server.seat(with: try clerk.token("user_3"))
            #expect(try await nobody.get("/api/v1/me").body["name"].text == "user_3")
        }
    }

    @Test func `a coordinator is one only while our organization is active, in both versions`() async throws {
        try await withClerk { server, clerk in
            let organization: JSONValue = .string(ClerkPeer.organization)
            let first: [String: JSONValue] = [
                "v": .null, "sts": .null, "org_id": organization, "org_role": .string("org:coordinator"),
            ]
            let table: [(what: String, token: String, role: String)] = [
                ("version 2", try clerk.coordinator("user_p"), "coordinator"),
                ("version 1", try clerk.token("user_p", first), "coordinator"),
                (
                    "another organization",
                    try clerk.token("user_p", first.merging(["org_id": .string("org_x")]) { $1 }), "patient"
                ),
                ("no longer active: the token decides, not the past", try clerk.token("user_p"), "patient"),
            ]
            for (what, token, role) in table {
                let me = try await server.seat(with: token).get("/api/v1/me").body
                #expect(me["role"].text == role, "\(what)")
            }
        }
    }

    @Test func `every wrong token is refused with the same words`() async throws {
        let stranger = SigningKey(kid: "ins_1")
        try await withClerk { server, clerk in
            let key = SigningKey.shared
            let now = Double(Moment.now.milliseconds / 1000)
            let good = clerk.claims("user_1")
            let parts = try key.token(good).split(separator: ".").map(String.init)
            func changed(_ changes: [String: JSONValue]) throws -> String { try clerk.token("user_1", changes) }
            let table: [(String, String, String)] = [
                ("another issuer", try changed(["iss": .string("https://clerk.example.com")]), "unauthenticated"),
                ("made for another site", try changed(["azp": .string("https://evil.example")]), "unauthenticated"),
                ("made for no site", try changed(["azp": .null]), "unauthenticated"),
                ("expired", try changed(["exp": .number(now - 6)]), "token_expired"),
                ("not yet valid", try changed(["nbf": .number(now + 30)]), "unauthenticated"),
                ("issued in the future", try changed(["iat": .number(now + 30)]), "unauthenticated"),
                ("a session not yet active", try changed(["sts": .string("pending")]), "unauthenticated"),
                ("for another service", try changed(["aud": .string("other")]), "unauthenticated"),
                ("without a session", try changed(["sid": .null]), "unauthenticated"),
                ("a version we do not know", try changed(["v": .number(3)]), "unauthenticated"),
                ("an unknown key", try key.token(good, header: ["kid": .string("ins_2")]), "unauthenticated"),
                ("no key at all", try key.token(good, header: ["kid": .null]), "unauthenticated"),
                ("a stranger's key under our kid", try stranger.token(good), "unauthenticated"),
                ("RS512 in the header", try key.token(good, header: ["alg": .string("RS512")]), "unauthenticated"),
                ("alg none", try key.signed(good, ["alg": .string("none")]) + ".", "unauthenticated"),
                (
                    "alg none with our signature", try key.signed(good, ["alg": .string("none")]) + "." + parts[2],
                    "unauthenticated"
                ),
                ("HS256 with the public key as secret", try key.confused(good), "unauthenticated"),
                ("no signature", parts[0] + "." + parts[1] + ".", "unauthenticated"),
                (
                    "claims changed after signing",
                    parts[0] + "." + (try clerk.token("user_2").split(separator: ".")[1]) + "." + parts[2],
                    "unauthenticated"
                ),
                (
                    "a critical extension", try key.token(good, header: ["crit": .array([.string("x")])]),
                    "unauthenticated"
                ),
                ("no token", "x", "unauthenticated"),
            ]
            for (what, token, code) in table {
                let refused = try await server.seat(with: token).get("/api/v1/me")
                #expect(refused.status == 401, "\(what)")
                #expect(refused.body["code"].text == code, "\(what)")
            }
            #expect(
                try await server.seat(with: try key.token(good)).get("/api/v1/me").status == 200, "the good one passes")
            #expect(clerk.asked == 1, "none of them made us ask Clerk within its pause")
        }
    }

    @Test func `the cookie serves too, under both of its names, and after the header`() async throws {
        try await withClerk { server, clerk in
            let token = try clerk.token("user_1")
            let old = try clerk.token("user_1", ["exp": .number(1_000)])
            func status(_ headers: [(String, String)]) async throws -> Int {
                try await server.seat(with: nil).send("GET", "/api/v1/me", headers: headers).status
            }
            #expect(try await status([("Cookie", "a=b; __session=\(token)")]) == 200)
            #expect(try await status([("Cookie", "__session_x1Yz=\(token); theme=dark")]) == 200)
            #expect(try await status([("Cookie", "__session=\(old); __session_x1Yz=\(token)")]) == 200)
            #expect(try await status([("Cookie", "__sessionary=\(token)")]) == 401)
            #expect(try await status([("Cookie", "__client=\(token)")]) == 401)
            #expect(try await status([("Cookie", "__session=\(token)"), ("Authorization", "Bearer x")]) == 401)
            let four = (1...4).map { "__session_\($0)=x" }.joined(separator: "; ")
            #expect(try await status([("Cookie", "\(four.dropLast(16)); __session=\(token)")]) == 200)
            #expect(try await status([("Cookie", "\(four); __session=\(token)")]) == 401, "the fifth is not tried")
            let expired = try await server.seat(with: nil).send(
                "GET", "/api/v1/me", headers: [("Cookie", "__session=\(old); __session_y=x")])
            #expect(expired.body["code"].text == "token_expired")

            for (origin, expected) in [
                (nil, 403), ("https://evil.example", 403), ("http://127.0.0.1:\(server.port)", 201),
            ] {
                let headers = [("Cookie", "__session=\(token)")] + (origin.map { [("Origin", $0)] } ?? [])
                let made = try await server.seat(with: nil).send("POST", "/api/v1/cases", "{}", headers: headers)
                #expect(made.status == expected, "\(origin ?? "none")")
            }
        }
    }

    @Test func `staff who act as a patient may look and change nothing`() async throws {
        try await withClerk { server, clerk in
            let patient = server.seat(with: try clerk.token("user_1"))
            let id = try await patient.open()
            let act: JSONValue = .object(["iss": .string("x"), "sid": .string("sess_9"), "sub": .string("user_staff")])
            let actor = server.seat(with: try clerk.token("user_1", ["act": act]))
            #expect(try await actor.get("/api/v1/cases/\(id)").status == 200)
            let refused = try await actor.ask("Hi", key: "k", in: id)
            #expect(refused.status == 403)
            #expect(refused.body["code"].text == "read_only_session")
        }
    }

    /// They read the record as its patient does, and for long no row said so: only a coordinator's access left one.
    @Test func `staff who act as a patient leave a row in their own name for whatever they ask`() async throws {
        try await withClerk { server, clerk in
            let amina = server.seat(with: try clerk.token("amina"))
            let id = try await amina.open()
            let document = try await amina.give("Haemoglobin 13.2 g/dL", in: id)
            _ = try await amina.isRead(document)
            #expect(try await amina.get("/api/v1/cases/\(id)").status == 200)
            let toms = try await server.seat(with: try clerk.token("tom")).open()
            let store = server.assembly.store
            #expect(try await store.auditRows(AuditQuery()).isEmpty, "patients themselves leave none")

            let act: JSONValue = .object(["sub": .string("user_staff")])
            let actor = server.seat(with: try clerk.token("amina", ["act": act, "sid": .string("sess_9")]))
            let asked: [(method: HTTPRequest.Method, path: String, verb: String, outcome: String, caseID: String?)] = [
                (.get, "/api/v1/me", "read_self", "allowed", nil),
                (.get, "/api/v1/cases", "list_own_cases", "allowed", nil),
                (.get, "/api/v1/cases/\(id)", "read_case", "allowed", id),
                (.head, "/api/v1/cases/\(id)", "read_case", "allowed", id),
                (.get, "/api/v1/cases/\(id)/messages", "read_messages", "allowed", id),
                (.get, "/api/v1/cases/\(id)/events", "follow_case", "allowed", id),
                (.get, "\(amina.papers)/\(document)/text", "read_documents", "allowed", nil),
                (.get, "\(amina.papers)/stream", "follow_documents", "allowed", nil),
                (.get, "/api/v1/cases/\(toms)", "read_case", "not_found", toms),
                (.post, "/api/v1/cases/\(id)/chat", "ask", "refused", id),
                (.post, "/api/v1/cases", "open_case", "refused", nil),
                (.post, "/api/v1/stream-tickets", "take_ticket", "refused", nil),
                (.delete, "\(amina.papers)/\(document)", "delete_document", "refused", nil),
            ]
            let statuses = ["allowed": 200, "not_found": 404, "refused": 403]
            for wish in asked {
                let came = try await answer(actor, wish.method, wish.path, wish.method == .post ? "{}" : nil)
                #expect(came.status == statuses[wish.outcome], "\(wish.method) \(wish.path)")
                if wish.outcome == "refused" { #expect(came.code == "read_only_session", "\(wish.path)") }
            }
            let rows = try await store.auditRows(AuditQuery())
            #expect(rows.map(\.verb) == asked.map { $0.verb })
            #expect(rows.map(\.outcome) == asked.map { $0.outcome })
            #expect(rows.map(\.caseID) == asked.map { $0.caseID })
            for row in rows {
                #expect(row.person == "user_staff", "who looked, not whom they looked as")
                #expect(row.patientID == "amina")
                #expect(row.session == "sess_9")
            }
            #expect(try await store.verify().fault == nil)

            let file = try SQLiteDatabase(path: server.assembly.settings.databasePath)
            _ = try await file.write { try $0.run("ALTER TABLE audit RENAME TO away", []) }
            for path in ["/api/v1/cases", "/api/v1/cases/\(id)", amina.papers] {
                #expect(try await actor.get(path).body["code"].text == "store_unavailable", "\(path)")
                #expect(try await amina.get(path).status == 200, "\(path)")
            }
        }
    }

    @Test func `nobody signs in without Clerk, and the page may talk to exactly that host`() async throws {
        try await withClerk { server, clerk in
            let seat = server.seat(with: nil)
            for (method, path) in [("GET", "/dev/people"), ("GET", "/dev/sign-in"), ("POST", "/dev/sign-in")] {
                #expect(try await seat.send(method, path, method == "POST" ? "{}" : nil).status == 404, "\(path)")
            }
            let development = try await DevelopmentIdentity(store: server.assembly.store)
            let forged = try await development.token(for: Cast.amina).token
            #expect(try await server.seat(with: forged).get("/api/v1/me").status == 401)

            let config = try await seat.get("/api/v1/config").body
            #expect(config["identity"].text == "clerk")
            #expect(config["clerk"]["frontend_api"].text == clerk.origin)
            #expect(config["clerk"]["publishable_key"].text == clerk.settings["clerk.publishableKey"])
            #expect(config["clerk"]["script_url"].text.hasPrefix("\(clerk.origin)/npm/@clerk/clerk-js@5/"))
            let policy = try await seat.get("/").headers.first(name: "Content-Security-Policy") ?? ""
            #expect(policy.contains("script-src 'self' \(clerk.origin);"))
            #expect(policy.contains("connect-src 'self' \(clerk.origin);"))
            #expect(policy.contains("require-trusted-types-for 'script'; trusted-types default"))
            #expect(!policy.contains("unsafe") && !policy.contains("*"))
        }
    }

    // What follows is about keys alone: theirs is a clock that only the test moves, while tokens live by the real one.

    private func withKeys(
        timeout: Duration = .seconds(5),
        _ body: @escaping @Sendable (ClerkPeer, ClerkIdentity, KeySet, ManualClock) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-\(CaseID.new())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = SQLStore(try SQLiteDatabase(path: folder.appendingPathComponent("curaway.sqlite").path))
        try await store.migrate()
        // The server's own kind of client: it follows no redirects.
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .models())
        do {
            try await ClerkPeer.listening { clerk in
                let clock = ManualClock()
                let instance = try self.instance(clerk)
                let published = PublishedKeys(client: client, url: instance.keysURL, timeout: timeout)
                let keys = KeySet(now: { clock.now }, fetch: { try await published.fetch() })
                let identity = ClerkIdentity(
                    instance, keys: keys, store: store, language: .english, refusals: RefusalLog { _ in })
                try await body(clerk, identity, keys, clock)
            }
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    private func instance(_ clerk: ClerkPeer) throws -> ClerkInstance {
        try #require(
            ClerkInstance(
                publishableKey: clerk.settings["clerk.publishableKey"] ?? "", frontendAPI: clerk.origin,
                parties: [ClerkPeer.site], organization: ClerkPeer.organization, scriptVersion: "5"))
    }

    @Test func `before the first keys came nobody is let in, and nobody is told to sign in again`() async throws {
        try await withKeys { clerk, identity, keys, clock in
            clerk.become(.answers(status: .internalServerError, body: ""))
            #expect(await !keys.warm())
            let token = try clerk.token("user_1")
            clerk.become(.well)
            clock.advance(by: .milliseconds(4_999))
            let early = await #expect(throws: Problem.self) { try await identity.verify(token) }
            #expect(early?.status == .serviceUnavailable)
            #expect(early?.code == "identity_unavailable")
            #expect(early?.retryAfter == 5)
            clock.advance(by: .milliseconds(1))
            #expect(try await identity.verify(token).person.id.rawValue == "user_1")
            #expect(clerk.asked == 2)
        }
    }

    @Test func `a key changed under a new kid is found, and the one withdrawn is good no longer`() async throws {
        let next = SigningKey(kid: "ins_2")
        try await withKeys { clerk, identity, _, clock in
            let old = try clerk.token("user_1")
            _ = try await identity.verify(old)
            clerk.publish([next, .shared])
            clock.advance(by: .seconds(30))
            _ = try await identity.verify(try clerk.token("user_1"))
            _ = try await identity.verify(old)
            #expect(clerk.asked == 2)
            clerk.publish([next])
            clock.advance(by: .seconds(300))
            _ = try await identity.verify(try clerk.token("user_1"))
            let refused = await #expect(throws: Problem.self) { try await identity.verify(old) }
            #expect(refused?.status == .unauthorized)
            #expect(clerk.asked == 3)
        }
    }

    /// A Clerk kid is the instance's id, so it may stay the same: an unknown kid alone would not show the change.
    @Test func `a key changed under the same kid is found at the first signature that does not fit`() async throws {
        let next = SigningKey(kid: "ins_1")
        try await withKeys { clerk, identity, _, clock in
            let old = try clerk.token("user_1")
            _ = try await identity.verify(old)
            clerk.publish([next])
            let fresh = try clerk.token("user_1")
            await #expect(throws: Problem.self, "not within the pause") { try await identity.verify(fresh) }
            #expect(clerk.asked == 1)
            clock.advance(by: .seconds(30))
            _ = try await identity.verify(fresh)
            await #expect(throws: Problem.self) { try await identity.verify(old) }
            #expect(clerk.asked == 2)
        }
    }

    @Test(
        arguments: [
            (.internalServerError, ""), (.notFound, ""), (.found, ""), (.ok, "<html>"), (.ok, #"{"keys":[]}"#),
            (.ok, #"{"keys":[{"kty":"EC","kid":"ins_1","crv":"P-256","x":"AA","y":"AA"}]}"#),
            (.ok, #"{"keys":[{"kty":"RSA","kid":"ins_1","use":"enc","n":"AQAB","e":"AQAB"}]}"#),
            (.ok, String(repeating: " ", count: 65_537)),
        ] as [(HTTPResponse.Status, String)])
    func `keys we know serve for an hour while Clerk answers nonsense`(
        _ status: HTTPResponse.Status, _ body: String
    ) async throws {
        try await withKeys { clerk, identity, _, clock in
            let token = try clerk.token("user_1")
            _ = try await identity.verify(token)
            clerk.become(.answers(status: status, body: body))
            clock.advance(by: .seconds(3_600))
            _ = try await identity.verify(token)
            #expect(clerk.asked == 2)
            clock.advance(by: .seconds(1))
            let refused = await #expect(throws: Problem.self) { try await identity.verify(token) }
            #expect(refused?.code == "identity_unavailable")
            clerk.become(.well)
            clock.advance(by: .seconds(5))
            _ = try await identity.verify(token)
        }
    }

    @Test func `a document of keys has at most 65,536 bytes`() async throws {
        try await withKeys { clerk, _, keys, _ in
            let document = String(decoding: try JSONEncoder().encode(try SigningKey.shared.document()), as: UTF8.self)
            for (bytes, isTaken) in [(65_537, false), (65_536, true)] {
                let padding = String(repeating: " ", count: bytes - document.utf8.count)
                clerk.become(.answers(status: .ok, body: document + padding))
                #expect(await keys.warm() == isTaken, "\(bytes)")
            }
        }
    }

    @Test func `a hundred people who come at once make one request for the keys`() async throws {
        try await withKeys { clerk, identity, _, _ in
            clerk.become(.silent)
            let tokens = try (1...100).map { try clerk.token("user_\($0)") }
            // The first of them hangs up; the others must not feel it.
            let impatient = Task { try await identity.verify(tokens[0]) }
            _ = try await eventually { clerk.asked == 1 ? true : nil }
            impatient.cancel()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for token in tokens { group.addTask { _ = try await identity.verify(token) } }
                clerk.become(.well)
                try await group.waitForAll()
            }
            _ = try? await impatient.value
            #expect(clerk.asked == 1)
        }
    }

    @Test func `a Clerk that takes the request and says nothing is given up`() async throws {
        try await withKeys(timeout: .seconds(5)) { clerk, _, keys, _ in
            clerk.become(.silent)
            #expect(await !keys.warm())
            clerk.become(.well)
            #expect(await keys.warm())
        }
    }

    @Test func `a server starts while Clerk is away, and tells each comer to try again`() async throws {
        try await ClerkPeer.listening { clerk in
            clerk.become(.answers(status: .badGateway, body: ""))
            try await withServer(clerk.settings) { server in
                let seat = server.seat(with: try clerk.token("user_1"))
                let refused = try await seat.get("/api/v1/me")
                #expect(refused.status == 503)
                #expect(refused.body["code"].text == "identity_unavailable")
                #expect(refused.headers.first(name: "Retry-After") == "5")
                #expect(try await seat.get("/health").status == 200)
            }
        }
    }

    @Test func `with the instance's key in the settings Clerk is asked nothing`() async throws {
        try await ClerkPeer.listening { clerk in
            let pem = SigningKey.shared.pem.replacingOccurrences(of: "\n", with: "\\n")
            let options = clerk.settings.merging(["clerk.pem": pem]) { $1 }
            let stranger = SigningKey(kid: "ins_1")
            try await withServer(options) { server in
                #expect(try await server.seat(with: try clerk.token("user_1")).get("/api/v1/me").status == 200)
                let forged = try stranger.token(clerk.claims("user_1"))
                #expect(try await server.seat(with: forged).get("/api/v1/me").status == 401)
                #expect(clerk.asked == 0)
            }
        }
    }
}
