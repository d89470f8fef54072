import AsyncHTTPClient
import CareDesk
import CareDomain
import CareLog
import CareStore
import CareTestKit
import CareWeb
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Testing

@testable import curaway

enum AssetCatalogHash {
    static func of(_ server: Server) throws -> String {
        try AssetCatalog(folder: server.assembly.settings.frontend).hash
    }
}

@Suite(.timeLimit(.minutes(4)))
struct `The settings` {
    fileprivate func read(_ options: [String: String] = [:], _ environment: [String: String] = [:]) async throws
        -> Settings
    {
        try await Settings.read(options: options, environment: environment, file: nil)
    }

    @Test func `come from options, then the environment, then the file, then the defaults`() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(CaseID.new()).json")
        try Data(
            #"{"port": 1111, "contact": "file", "openai": {"baseUrl": "http://127.0.0.1:9/v1"}, "demo": true}"#.utf8
        )
        .write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let environment = ["CURAWAY_PORT": "2222", "CURAWAY_CONTACT": "environment", "CURAWAY_SETTINGS": file.path]
        let all = try await read(["port": "3333"], environment)
        #expect(all.port == 3333)
        #expect(all.contact == "environment")
        #expect(all.openai.baseURL == "http://127.0.0.1:9/v1")
        #expect(all.demonstration)
        #expect(try await read([:], environment).port == 2222)
        #expect(try await read([:], ["CURAWAY_SETTINGS": file.path]).port == 1111)
        #expect(try await read().port == 8080)
    }

    /// It was 64 whatever the settings said: the 65th answer that was written at once came from the guide.
    @Test(
        arguments: [
            ([:], 256 + 1), (["replies.atOnce": "1000", "documents.atOnce": "8"], 1_000 + 8),
            (["replies.atOnce": "1"], 1 + 1),
        ] as [([String: String], Int)])
    func `give each answer and each document that is read a connection to the model`(
        _ options: [String: String], _ connections: Int
    ) async throws {
        let configuration = Assembly.upstream(try await read(options))
        #expect(configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit == connections)
    }

    @Test(arguments: [
        ("port", "x"), ("port", "-1"), ("port", "65536"), ("model", "gpt"), ("demo", "maybe"), ("host", "0.0.0.0"),
        ("openai.baseUrl", "ftp://x"), ("heartbeat.seconds", "0"), ("heartbeat.seconds", "31"), ("data", ""),
        ("checkpoint.ms", "4000"), ("language", "fr"), ("store", "mysql"), ("postgres.url", "mysql://a/b"),
    ]) func `that are wrong are refused with a sentence that names them`(_ name: String, _ value: String) async throws {
        do {
            _ = try await read([name: value])
            Issue.record("\(name) = \(value) was taken")
        } catch let error as SettingError {
            #expect(error.name == name)
            #expect(error.description.contains("CURAWAY_"))
            #expect(error.why.count > 10)
        }
    }

    @Test func `a key alone changes nothing; the model alone decides`() async throws {
        let keys = [
            "CURAWAY_ANTHROPIC_KEY": "a", "CURAWAY_OPENAI_KEY": "b", "ANTHROPIC_API_KEY": "c", "OPENAI_API_KEY": "d",
        ]
        #expect(try await read([:], keys).model == .guide)
        #expect(try await read([:], keys.merging(["CURAWAY_MODEL": "anthropic"]) { $1 }).model == .anthropic)
        await #expect(throws: SettingError.self) { try await read(["model": "anthropic"]) }
    }

    private static let clerk = [
        "identity": "clerk", "clerk.publishableKey": "pk_live_\(Data("clerk.example.org$".utf8).base64EncodedString())",
        "clerk.authorizedParties": "https://care.example.org,https://desk.example.org/",
    ]

    @Test func `derive everything about Clerk from its publishable key, and then serve any address`() async throws {
        let settings = try await read(Self.clerk.merging(["host": "0.0.0.0"]) { $1 })
        guard case .clerk(let instance, pem: nil) = settings.identity else { throw Unexpected("not Clerk") }
        #expect(settings.host == "0.0.0.0")
        #expect(instance.frontendAPI == "https://clerk.example.org")
        #expect(instance.keysURL == "https://clerk.example.org/.well-known/jwks.json")
        #expect(instance.parties == ["https://care.example.org", "https://desk.example.org"])
        #expect(instance.organization == nil)
        let own = try await read(Self.clerk.merging(["clerk.frontendApi": "http://127.0.0.1:9"]) { $1 })
        guard case .clerk(let local, pem: nil) = own.identity else { throw Unexpected("not Clerk") }
        #expect(local.frontendAPI == "http://127.0.0.1:9")
    }

    @Test(
        arguments: [
            ("clerk.publishableKey", ""), ("clerk.publishableKey", "sk_live_x"), ("clerk.publishableKey", "pk_live_"),
            ("clerk.publishableKey", "pk_live_\(Data("clerk.example.org".utf8).base64EncodedString())"),
            ("clerk.publishableKey", "pk_live_\(Data("a; script-src *$".utf8).base64EncodedString())"),
            ("clerk.frontendApi", "clerk.example.org"), ("clerk.frontendApi", "http://clerk.example.org"),
            ("clerk.frontendApi", "https://clerk.example.org/v1"), ("clerk.frontendApi", "https://Clerk.example.org"),
            ("clerk.frontendApi", "https://a@clerk.example.org"), ("clerk.frontendApi", "https://clerk.example.org; x"),
            ("clerk.authorizedParties", ""), ("clerk.authorizedParties", "*"),
            ("clerk.authorizedParties", "https://care.example.org, care"), ("clerk.jsVersion", "latest"),
            ("clerk.jsVersion", "3"), ("clerk.jsVersion", "100"), ("identity", "none"), ("demo", "true"),
        ])
    func `of Clerk that are wrong are refused with a sentence that names them`(
        _ name: String, _ value: String
    ) async throws {
        do {
            _ = try await read(Self.clerk.merging([name: value]) { $1 })
            Issue.record("\(name) = \(value) was taken")
        } catch let error as SettingError {
            #expect(error.name == name)
            #expect(error.why.count > 10)
        }
    }

    @Test(arguments: ["nonsense", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
    func `refuse a key of Clerk that is none, without repeating it`(_ pem: String) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(CaseID.new())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let settings = try await read(Self.clerk.merging(["clerk.pem": pem, "data": folder]) { $1 })
        let error = await #expect(throws: SettingError.self) {
            try await Assembly.make(settings, logger: .init(label: "test"))
        }
        #expect(error?.name == "clerk.pem")
        #expect(error?.description.contains(pem) == false)
    }

    /// The page lists every variable the code reads, and none it does not.
    @Test func `are all on their page`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appendingPathComponent("docs/operations/settings.md"), encoding: .utf8)
        let source = try String(
            contentsOf: root.appendingPathComponent("Sources/curaway/Settings.swift"), encoding: .utf8)
        let read = Set(
            source.matches(of: /source\.\w+\(\s*"([a-zA-Z.]+)"/).map { SettingError.variable(String($0.1)) })
        let told = Set(page.matches(of: /`CURAWAY_([A-Z_]+)`/).map { String($0.1) }).subtracting(["SETTINGS"])
        #expect(read.count > 20)
        #expect(read == told, "missing: \(read.subtracting(told)), too many: \(told.subtracting(read))")
    }
}
