import CareDomain
import CareTestKit
import Foundation
import NIOHTTP1
import Testing

/// What keeps one page from using another's rights: headers, the origin of what a cookie authorises, the name in `Host`.
@Suite(.timeLimit(.minutes(4)))
struct `A foreign page` {
    @Test func `finds the same defences on every answer, and no word of CORS`() async throws {
        try await withServer(model: ScriptedModel([.say("Yes."), .finish])) { server in
            let amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let wire = Wire(port: server.port, token: amina.token ?? "", caseID: id)
            let hash = try AssetCatalogHash.of(server)
            let origin = "Origin: https://evil.example\r\n"
            let preflight =
                "\(origin)Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n"
            let rows: [(String, [UInt8], Int, String)] = [
                ("the page", wire.get("/", origin), 200, "no-cache"),
                ("a script", wire.get("/assets/\(hash)/js/app.js", origin), 200, "public, max-age=31536000, immutable"),
                ("a script of yesterday", wire.get("/assets/old/js/app.js", origin), 200, "no-store"),
                ("an answer", wire.get("/api/v1/me", origin), 200, "no-store"),
                ("health", wire.get("/health", origin), 200, "no-store"),
                ("a stream", wire.get("/api/v1/cases/\(id)/events", origin), 200, "no-cache, no-transform"),
                ("a question", wire.chat(Wire.question(#""x""#), origin), 202, "no-store"),
                ("an unknown path", wire.get("/nowhere", origin), 404, "no-store"),
                ("an unknown script", wire.get("/assets/x/js/none.js", origin), 404, "no-store"),
                ("a wrong body", wire.chat("{", origin), 400, "no-store"),
                ("a wrong type", wire.chat(Array("{}".utf8), origin, type: "text/plain"), 415, "no-store"),
                (
                    "a preflight", Array("OPTIONS /api/v1/cases HTTP/1.1\r\n\(wire.identity)\(preflight)\r\n".utf8),
                    405, "no-store"
                ),
                (
                    "a preflight for signing in",
                    Array("OPTIONS /dev/sign-in HTTP/1.1\r\n\(wire.identity)\(preflight)\r\n".utf8), 405, "no-store"
                ),
                ("TRACE", Array("TRACE /health HTTP/1.1\r\n\(wire.identity)\r\n".utf8), 405, "no-store"),
                ("what is no request", Array("garbage\r\n\r\n".utf8), 400, "no-store"),
                ("another host", Array("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".utf8), 421, "no-store"),
            ]
            for (name, request, status, cache) in rows {
                try await RawPeer.at(server.port) { peer in
                    await peer.send(request)
                    try await peer.until("\r\n\r\n")
                    let head = peer.text.components(separatedBy: "\r\n\r\n")[0].lowercased()
                    #expect(peer.statuses == [status], "\(name)")
                    for line in [
                        "cache-control: \(cache)", "x-content-type-options: nosniff", "x-frame-options: deny",
                        "referrer-policy: no-referrer", "cross-origin-opener-policy: same-origin",
                        "cross-origin-resource-policy: same-origin", "permissions-policy: camera=(self)",
                        "content-security-policy: default-src 'self'; ", "frame-ancestors 'none'",
                        "require-trusted-types-for 'script'",
                    ] {
                        #expect(head.contains(line), "\(name) lacks \(line)")
                    }
                    for line in ["access-control-", "\r\nserver:", "x-powered-by", "unsafe-"] {
                        #expect(!head.contains(line), "\(name) says \(line)")
                    }
                }
            }
        }
    }

    /// Whether this `Origin` and this `Sec-Fetch-Site`, with only the cookie, may read and may change.
    @Test func `can use a cookie neither to write nor, where its browser says so, to read`() async throws {
        try await withServer(["messages.perMinute": "1000", "messages.waiting": "100"]) { server in
            var amina = try await server.seat(of: Cast.amina)
            let id = try await amina.open()
            let cookie = ("Cookie", "other=1; __session_0=\(amina.token ?? "")")
            amina.token = nil
            let own = amina.base
            let port = server.port
            let rows: [(origin: String?, site: String?, reads: Bool, writes: Bool)] = [
                (own, nil, true, true), (own, "same-origin", true, true),
                ("https://127.0.0.1:\(port)", nil, true, true),
                (nil, nil, true, false), (nil, "same-origin", true, false), (nil, "none", true, false),
                ("", nil, true, false), ("null", nil, true, false), ("null", "cross-site", false, false),
                ("https://evil.example", "cross-site", false, false), ("https://evil.example", nil, true, false),
                (own, "cross-site", false, false), (own, "same-site", false, false), (own, "none", true, false),
                (own, "Same-Origin", false, false), (own, "", false, false),
                ("http://127.0.0.1:\(port + 1)", nil, true, false), ("http://127.0.0.1", nil, true, false),
                ("http://localhost:\(port)", nil, true, false), ("ftp://127.0.0.1:\(port)", nil, true, false),
                ("HTTP://127.0.0.1:\(port)", nil, true, false), ("\(own)/", nil, true, false),
                ("\(own).evil.example", nil, true, false), ("http://evil@127.0.0.1:\(port)", nil, true, false),
                ("\(own), https://evil.example", nil, true, false), ("http://x.127.0.0.1:\(port)", nil, true, false),
            ]
            for (number, row) in rows.enumerated() {
                var headers = [cookie]
                if let origin = row.origin { headers.append(("Origin", origin)) }
                if let site = row.site { headers.append(("Sec-Fetch-Site", site)) }
                let read = try await amina.send("GET", "/api/v1/cases/\(id)", headers: headers)
                #expect(read.status == (row.reads ? 200 : 403), "\(row)")
                let written = try await amina.send(
                    "POST", "/api/v1/cases/\(id)/chat", Wire.question(#""x""#, key: "k\(number)"),
                    headers: headers + [("Prefer", "respond-async")])
                #expect(written.status == (row.writes ? 202 : 403), "\(row)")
                if !row.writes { #expect(written.body["code"].text == "wrong_origin") }
            }
            let stored = try await server.seat(of: Cast.amina).get("/api/v1/cases/\(id)/messages?limit=200").body
            #expect(stored["messages"].list.filter { $0["role"].text == "user" }.count == rows.filter(\.writes).count)
        }
    }

    /// A name of the attacker's that resolves to 127.0.0.1 makes their page our origin, as its browser sees it.
    @Test func `that points its own name at this machine gets nothing, least of all a token`() async throws {
        try await withServer(["hosts": "care.example, other.example"]) { server in
            let amina = try await server.seat(of: Cast.amina)
            let port = server.port
            let rows: [(String, Bool)] = [
                ("127.0.0.1:\(port)", true), ("localhost:\(port)", true), ("LOCALHOST", true), ("[::1]:\(port)", true),
                ("[::1]", true), ("care.example", true), ("other.example:443", true),
                ("evil.example:\(port)", false), ("127.0.0.1.evil.example", false), ("localhost.evil.example", false),
                ("evil.example:localhost", false), ("localhost:80:80", false), ("", false), ("localhost.", false),
                ("x.care.example", false), ("care.example@evil.example", false), ("0.0.0.0:\(port)", false),
                ("127.0.0.1 evil.example", false), ("127.0.0.1,evil.example", false), ("[::1", false),
                ("2130706433", false), ("127.1", false),
            ]
            for (host, isOurs) in rows {
                for request in [
                    "GET /dev/people HTTP/1.1\r\nHost: \(host)\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: \(host)\r\nX-Forwarded-Host: localhost\r\n\r\n",
                    "POST /dev/sign-in HTTP/1.1\r\nHost: \(host)\r\nOrigin: http://\(host)\r\nSec-Fetch-Site: same-origin\r\n"
                        + "Content-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"person\":\"amina\"}",
                    "GET /api/v1/me HTTP/1.1\r\nHost: \(host)\r\nAuthorization: Bearer \(amina.token ?? "")\r\n\r\n",
                ] {
                    try await RawPeer.at(port) { peer in
                        await peer.send(request)
                        try await peer.until("\r\n\r\n")
                        #expect((peer.statuses == [200]) == isOurs, "\(host): \(request.prefix(20))")
                        if !isOurs { #expect(!peer.text.contains("set-cookie") && !peer.text.contains("token\"")) }
                    }
                }
            }
        }
    }

    @Test func `cannot sign anybody in`() async throws {
        try await withServer { server in
            let page = Seat(base: "http://127.0.0.1:\(server.port)", token: nil)
            let body = #"{"person":"\#(Cast.amina.id)"}"#
            for (headers, status) in [
                ([], 200), ([("Origin", page.base)], 200),
                ([("Origin", page.base), ("Sec-Fetch-Site", "same-origin")], 200),
                ([("Origin", "http://localhost:3000")], 403), ([("Origin", "null")], 403),
                ([("Sec-Fetch-Site", "same-site")], 403), ([("Sec-Fetch-Site", "cross-site")], 403),
                // What a form or a simple fetch can send without asking first.
                ([("Content-Type", "text/plain")], 415), ([("Content-Type", "application/x-www-form-urlencoded")], 415),
            ] as [([(String, String)], Int)] {
                let answer = try await page.send("POST", "/dev/sign-in", body, headers: headers)
                #expect(answer.status == status, "\(headers)")
                let cookie = answer.headers.first(name: "Set-Cookie") ?? ""
                #expect(cookie.contains("HttpOnly") == (status == 200))
                #expect(cookie.contains("SameSite=Lax") == (status == 200))
            }
        }
    }
}
