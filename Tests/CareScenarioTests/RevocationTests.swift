import CareDesk
import CareDomain
import CareStore
import CareTestKit
import Foundation
import Subprocess
import Testing

@testable import curaway

/// Somebody is shut out, over real sockets: what they have open ends, and what they came with is worth nothing.
@Suite(.timeLimit(.minutes(4)))
struct `Who is shut out` {
    @Test func `loses stream, ticket and every request at once, and comes back by a new sign-in`() async throws {
        try await withServer { server in
            let amina = try await server.seat(of: Cast.amina), tom = try await server.seat(of: Cast.tom)
            let id = try await amina.open()
            let ticket = try await amina.send("POST", "/api/v1/stream-tickets", "{}").body["ticket"].text
            try await amina.stream(id) { stream in
                _ = try await stream.next()
                try await server.assembly.store.revoke(Revocation(.person(Cast.amina.id), at: .now))
                #expect(try await stream.until("auth_expired").last?.type == "auth_expired")
                #expect(try await stream.next() == nil, "the stream is closed")
            }
            for path in ["/api/v1/me", "/api/v1/cases", "/api/v1/cases/\(id)", "/api/v1/cases/\(id)/events"] {
                let refused = try await amina.get(path)
                #expect(refused.status == 401 && refused.body["code"].text == "token_expired", "\(path)")
            }
            let opened = try await server.seat(with: nil).get("/api/v1/cases/\(id)/events?ticket=\(ticket)")
            #expect(opened.status == 401)
            #expect(try await tom.get("/api/v1/me").status == 200)
            // A token tells its second, and one of the same second may have been made before.
            try await Task.sleep(for: .milliseconds(1_100))
            let again = try await server.seat(of: Cast.amina)
            #expect(try await again.get("/api/v1/cases/\(id)").status == 200)
            #expect(try await amina.get("/api/v1/me").status == 401, "the old token is no better for it")
        }
    }

    @Test func `of one sign-in keeps the others`() async throws {
        try await ClerkPeer.listening { clerk in
            try await withServer(clerk.settings) { server in
                let phone = server.seat(with: try clerk.token("user_1", ["sid": .string("sess_phone")]))
                let laptop = server.seat(with: try clerk.token("user_1", ["sid": .string("sess_laptop")]))
                let session = try #require(SessionID(rawValue: "sess_phone"))
                #expect(try await phone.get("/api/v1/me").status == 200)
                try await server.assembly.store.revoke(Revocation(.session(session), at: .now))
                _ = try await eventually { try await phone.get("/api/v1/me").status == 401 ? true : nil }
                #expect(try await laptop.get("/api/v1/me").status == 200)
                let later = server.seat(with: try clerk.token("user_1", ["sid": .string("sess_phone")]))
                #expect(try await later.get("/api/v1/me").status == 401, "whatever its tokens are called")
            }
        }
    }

    @Test func `is so after a restart, from the first request on`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("curaway-\(CaseID.new())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await withServer(folder: folder) { server in
            let amina = try await server.seat(of: Cast.amina)
            try await server.assembly.store.revoke(Revocation(.person(Cast.amina.id), at: .now + .seconds(1)))
            try Data((amina.token ?? "").utf8).write(to: folder.appendingPathComponent("token"))
        }
        try await withServer(folder: folder) { server in
            let token = try String(contentsOf: folder.appendingPathComponent("token"), encoding: .utf8)
            #expect(try await server.seat(with: token).get("/api/v1/me").status == 401)
        }
    }

    @Test func `by the operator's command, without a restart`() async throws {
        try await withProgram { program in
            try await program.serve { server in
                #expect(try await server.amina.get("/api/v1/me").status == 200)
                let done = try await program.run("revoke", "--person", Cast.amina.id.rawValue)
                #expect(done.status == .exited(0), "\(done.complaint)")
                _ = try await eventually { try await server.amina.get("/api/v1/me").status == 401 ? true : nil }
                for wrong in [
                    ["revoke"], ["revoke", "--person", "nobody"], ["revoke", "--person", "a", "--session", "b"],
                ] {
                    #expect(try await program.run(wrong).status == .exited(64), "\(wrong)")
                }
            }
        }
    }
}
