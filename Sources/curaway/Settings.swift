import CareDomain
import CareRedis
import CareStore
import CareWeb
import Configuration
import Foundation
import Logging
import SystemPackage

/// Everything an operator can set, read once at the start. `docs/operations/settings.md` is made from `Setting.all`
/// in the sense that a test compares the two.
struct Settings: Sendable {
    enum Model: String, CaseIterable, Sendable { case guide, anthropic, openai }

    enum Identity: Sendable {
        case development
        /// `pem`: the instance's public key, for checking tokens without asking Clerk.
        case clerk(ClerkInstance, pem: String?)
    }

    private enum IdentityName: String, CaseIterable { case development, clerk }
    /// The log that nodes share.
    struct SharedLog: Sendable {
        var redis: RedisSettings
        var keys: LogKeys
    }

    private enum LogName: String, CaseIterable { case memory, redis }
    private enum StoreName: String, CaseIterable { case sqlite, postgres }

    struct Upstream: Sendable {
        var baseURL: String
        var key: String?
        var model: String
    }

    var identity: Identity
    var host: String
    var port: Int
    var publicPort: Int
    var hosts: [String]
    var connections: ConnectionLimits
    var data: String
    var store: StorePlace
    #if Postgres
        /// Also while the store is SQLite, for moving there.
        var postgres: PostgresSettings?
    #endif
    var logLevel: Logger.Level
    /// Without one the log is this process's own.
    var sharedLog: SharedLog?
    var frontend: String
    var demonstration: Bool
    var model: Model
    var anthropic: Upstream
    var anthropicVersion: String
    var openai: Upstream
    var modelIsDemonstration: Bool
    var modelMaxTokens: Int
    var modelIdle: Duration
    var historyTokens: Int
    var guidePace: Duration
    var contact: String?
    var language: Language
    var wait: Duration
    var heartbeat: Duration
    var streamAuthorised: Duration
    var streamStaffGrace: Duration
    var streamsPerPerson: Int
    var ticketLifetime: Duration
    var ticketsPerPerson: Int
    var ticketsInAll: Int
    var messagesPerMinute: Int
    var messageCharacters: Int
    var waitingMessages: Int
    var casesPerPatient: Int
    var repliesAtOnce: Int
    var lease: Duration
    var checkpoint: Duration
    var coalescing: Duration
    var drain: Duration
    var tokenLifetime: Duration
    var logKept: Int
    var logKeptWhileReplying: Int
    var followerLagBytes: Int
    var logTopics: Int
    /// Nil: in the data folder.
    var documentFolder: String?
    var documentBytes: Int
    var documentsPerPatient: Int
    var uploadsAtOnce: Int
    var documentsAtOnce: Int
    var documentPages: Int
    var documentLease: Duration
    var clamd: String?

    /// Reads options first, then `CURAWAY_…`, then the file. Throws a sentence that says which, why and what is allowed.
    static func read(
        options: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment, file: String?
    ) async throws -> Settings {
        var providers: [any ConfigProvider] = [
            InMemoryProvider(
                name: "options",
                values: Dictionary(
                    uniqueKeysWithValues: options.map {
                        (
                            AbsoluteConfigKey($0.key.split(separator: ".").map(String.init)),
                            ConfigValue(.string($0.value), isSecret: false)
                        )
                    })),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "curaway"),
        ]
        if let file = file ?? environment["CURAWAY_SETTINGS"] {
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(file)))
            } catch {
                throw SettingError(name: "settings", value: file, why: "the file cannot be read as JSON")
            }
        }
        return try await Settings(Source(reader: ConfigReader(providers: providers)))
    }

    private init(_ source: Source) async throws {
        switch try await source.choice("identity", default: IdentityName.development) {
        case .development: identity = .development
        case .clerk: identity = try await Self.clerk(source)
        }
        host = try await source.text("host", default: "127.0.0.1")
        if case .development = identity, !Self.loopback.contains(host) {
            throw SettingError(
                name: "host", value: host,
                why: "the development identity lets anybody sign in, so it serves loopback only; use 127.0.0.1, ::1 or "
                    + "localhost")
        }
        port = try await source.number("port", default: 8080, 0...65_535)
        publicPort = try await source.number("public.port", default: port, 0...65_535)
        hosts =
            try await source.optional("hosts").map { $0.split(separator: ",").map { $0.filter { $0 != " " } } } ?? []
        connections = ConnectionLimits()
        connections.atOnce = try await source.number("connections.atOnce", default: 20_000, 1...1_000_000)
        connections.head = .seconds(try await source.number("head.seconds", default: 10, 1...120))
        connections.body = .seconds(try await source.number("body.seconds", default: 30, 1...600))
        connections.idle = .seconds(try await source.number("idle.seconds", default: 75, 1...3_600))
        connections.stalled = .seconds(try await source.number("stalled.seconds", default: 30, 1...600))
        connections.sendBuffer = try await source.number("send.bufferBytes", default: 131_072, 4_096...16_777_216)
        connections.headBytes = try await source.number("head.bytes", default: 32_768, 1_024...1_048_576)
        connections.headFields = try await source.number("head.fields", default: 100, 10...1_000)
        data = try await source.text("data", default: ".curaway")
        #if Postgres
            postgres = try await Self.postgres(source)
        #endif
        switch try await source.choice("store", default: StoreName.sqlite) {
        case .sqlite: store = .sqlite(path: Self.databasePath(in: data))
        case .postgres:
            #if Postgres
                guard let postgres else { throw Self.noPostgresURL }
                store = .postgres(postgres)
            #else
                throw Self.noPostgres
            #endif
        }
        switch try await source.choice("log.backend", default: LogName.memory) {
        case .memory: break
        case .redis:
            guard store.isShareable else {
                throw SettingError(
                    name: "log.backend", value: "redis",
                    why: "nodes that share a log must share a store; use it with CURAWAY_STORE=postgres")
            }
            sharedLog = try await Self.sharedLog(source)
        }
        logLevel = try await source.choice("log.level", default: .info)
        frontend = try await source.text("frontend", default: "Frontend")
        demonstration = try await source.flag("demo", default: false)
        if demonstration, case .clerk = identity {
            throw SettingError(
                name: "demo", value: "true",
                why: "the people of the demonstration sign in without a password, so they need the development identity"
            )
        }
        model = try await source.choice("model", default: .guide)
        anthropic = Upstream(
            baseURL: try await source.url("anthropic.baseUrl", default: Self.anthropicURL),
            key: try await source.secret("anthropic.key"),
            model: try await source.text("anthropic.model", default: "claude-sonnet-4-5"))
        anthropicVersion = try await source.text("anthropic.version", default: "2026-10-21")
        openai = Upstream(
            baseURL: try await source.url("openai.baseUrl", default: "https://api.openai.com/v1"),
            key: try await source.secret("openai.key"),
            model: try await source.text("openai.model", default: "default"))
        modelIsDemonstration = try await source.flag("model.isDemonstration", default: false)
        modelMaxTokens = try await source.number("model.maxTokens", default: 1_024, 16...32_768)
        modelIdle = .seconds(try await source.number("model.idleSeconds", default: 30, 1...600))
        historyTokens = try await source.number("history.tokens", default: 6_000, 256...200_000)
        guidePace = .milliseconds(try await source.number("guide.paceMs", default: 45, 0...5_000))
        contact = try await source.optional("contact")
        language = try await source.choice("language", default: .english)
        wait = .seconds(try await source.number("wait.seconds", default: 50, 1...55))
        heartbeat = .seconds(try await source.number("heartbeat.seconds", default: 15, 1...30))
        streamAuthorised = .seconds(try await source.number("stream.authorisedSeconds", default: 600, 2...86_400))
        streamStaffGrace = .seconds(try await source.number("stream.staffGraceSeconds", default: 15, 0...300))
        streamsPerPerson = try await source.number("streams.perPerson", default: 24, 1...10_000)
        ticketLifetime = .seconds(try await source.number("ticket.seconds", default: 30, 1...300))
        ticketsPerPerson = try await source.number("tickets.perPerson", default: 24, 1...10_000)
        ticketsInAll = try await source.number("tickets.inAll", default: 10_000, 1...1_000_000)
        messagesPerMinute = try await source.number("messages.perMinute", default: 30, 1...1_000_000)
        messageCharacters = try await source.number("message.characters", default: 8_000, 1...15_000)
        waitingMessages = try await source.number("messages.waiting", default: 8, 1...100)
        casesPerPatient = try await source.number("cases.perPatient", default: 50, 1...100_000)
        repliesAtOnce = try await source.number("replies.atOnce", default: 256, 1...10_000)
        lease = .milliseconds(try await source.number("lease.ms", default: 5_000, 500...60_000))
        checkpoint = .milliseconds(try await source.number("checkpoint.ms", default: 1_000, 50...10_000))
        coalescing = .milliseconds(try await source.number("coalesce.ms", default: 30, 0...1_000))
        drain = .seconds(try await source.number("drain.seconds", default: 5, 0...300))
        tokenLifetime = .seconds(try await source.number("token.seconds", default: 12 * 3_600, 1...(30 * 86_400)))
        logKept = try await source.number("log.kept", default: 2_000, 8...1_000_000)
        logKeptWhileReplying = try await source.number("log.keptWhileReplying", default: 20_000, 8...1_000_000)
        followerLagBytes = try await source.number("follower.lagBytes", default: 262_144, 1_024...67_108_864)
        logTopics = try await source.number("log.topics", default: 10_000, 1...1_000_000)
        documentFolder = try await source.optional("documents.folder")
        documentBytes = try await source.number("document.bytes", default: 50_000_000, 1_024...2_000_000_000)
        documentPages = try await source.number("document.pages", default: 200, 1...2_000)
        documentLease = .milliseconds(try await source.number("document.leaseMs", default: 20_000, 500...120_000))
        documentsPerPatient = try await source.number("documents.perPatient", default: 500, 1...100_000)
        uploadsAtOnce = try await source.number("uploads.atOnce", default: 20, 1...1_000)
        documentsAtOnce = try await source.number("documents.atOnce", default: 1, 1...64)
        clamd = try await source.optional("clamd.address")
        if checkpoint * 3 > lease {
            throw SettingError(
                name: "checkpoint.ms", value: "\(checkpoint.milliseconds)",
                why: "a lease of \(lease.milliseconds) ms must outlive three checkpoints, or a healthy writer loses it")
        }
        if model == .anthropic, anthropic.key == nil, anthropic.baseURL == Self.anthropicURL {
            throw SettingError(
                name: "anthropic.key", value: "",
                why: "the model is anthropic, which needs a key (CURAWAY_ANTHROPIC_KEY)")
        }
    }

    private static let loopback: Set = ["127.0.0.1", "::1", "localhost"]

    private static func clerk(_ source: Source) async throws -> Identity {
        guard let key = try await source.optional("clerk.publishableKey") else {
            throw SettingError(
                name: "clerk.publishableKey", value: "", why: "the identity is clerk, which needs its publishable key")
        }
        var frontendAPI: String?
        if try await source.optional("clerk.frontendApi") != nil {
            frontendAPI = try await source.origin("clerk.frontendApi", loopback: loopback)
        }
        let parties = try await source.origins("clerk.authorizedParties", loopback: loopback)
        guard !parties.isEmpty else {
            throw SettingError(
                name: "clerk.authorizedParties", value: "",
                why: "list the origins that patients and staff open, for instance https://care.example.org; tokens "
                    + "made for another site are refused")
        }
        let version = try await source.number("clerk.jsVersion", default: 5, 4...99)
        guard
            let instance = ClerkInstance(
                publishableKey: key, frontendAPI: frontendAPI, parties: Set(parties),
                organization: try await source.optional("clerk.organization"), scriptVersion: String(version))
        else {
            throw SettingError(
                name: "clerk.publishableKey", value: key,
                why: "it must be the key from Clerk's dashboard that begins with pk_test_ or pk_live_")
        }
        // A line of an environment file cannot hold line breaks; Clerk's own examples write them so.
        let pem = try await source.optional("clerk.pem")?.replacingOccurrences(of: "\\n", with: "\n")
        return .clerk(instance, pem: pem)
    }

    #if Postgres
        static let noPostgresURL = SettingError(
            name: "postgres.url", value: "",
            why: "PostgreSQL is wanted, and where it is has to be said: postgres://role@host/database")

        private static func postgres(_ source: Source) async throws -> PostgresSettings? {
            guard let url = try await source.secret("postgres.url") else { return nil }
            guard let address = PostgresAddress(url) else {
                // Not repeated: there may be a password in it.
                throw SettingError(
                    name: "postgres.url", value: "",
                    why: "libpq cannot read it; it must be like postgres://role:password@host:5432/database, with "
                        + "percent signs for what has a meaning in an address")
            }
            var settings = PostgresSettings(address)
            settings.connections = try await source.number("postgres.connections", default: 10, 1...1_000)
            settings.acquire = .milliseconds(try await source.number("postgres.acquireMs", default: 3_000, 50...60_000))
            settings.connect = .milliseconds(
                try await source.number("postgres.connectMs", default: 5_000, 100...60_000))
            settings.lock = .milliseconds(try await source.number("postgres.lockMs", default: 5_000, 50...60_000))
            settings.statement = .milliseconds(
                try await source.number("postgres.statementMs", default: 10_000, 100...120_000))
            guard settings.lock <= settings.statement else {
                throw SettingError(
                    name: "postgres.lockMs", value: "\(settings.lock.milliseconds)",
                    why: "a statement waits for its lock, so it may take at least as long "
                        + "(CURAWAY_POSTGRES_STATEMENT_MS is \(settings.statement.milliseconds))")
            }
            return settings
        }
    #else
        static let noPostgres = SettingError(
            name: "store", value: "postgres",
            why: "this program was built without PostgreSQL (its trait was switched off)")
    #endif

    private static func sharedLog(_ source: Source) async throws -> SharedLog {
        // Not shown when it is wrong: there may be a password in it.
        guard let address = try await source.secret("redis.url").flatMap({ RedisAddress($0) }) else {
            throw SettingError(
                name: "redis.url", value: "",
                why: "the log is in Redis, and where it is has to be said: redis://[user:password@]host:6379[/0], or "
                    + "rediss:// with TLS")
        }
        guard let keys = try await source.secret("log.key").flatMap({ LogKeys($0) }) else {
            throw SettingError(
                name: "log.key", value: "",
                why: "what lies in Redis is sealed; it must be like 1:KEY, KEY the 32 bytes that openssl rand -base64 "
                    + "32 prints, further ones after commas; the first seals, all open")
        }
        var redis = RedisSettings(address)
        redis.trustFile = try await source.optional("redis.trustFile")
        redis.commandTimeout = .milliseconds(try await source.number("redis.commandMs", default: 1_000, 50...30_000))
        return SharedLog(redis: redis, keys: keys)
    }

    static let anthropicURL = "https://api.anthropic.com"

    /// Where SQLite is, or would be.
    var databasePath: String { Self.databasePath(in: data) }

    private static func databasePath(in data: String) -> String {
        URL(fileURLWithPath: data, isDirectory: true).appendingPathComponent("curaway.sqlite").path
    }
}

/// A setting that cannot be used: which, why, what is allowed. A secret's value is never in it.
struct SettingError: Error, CustomStringConvertible {
    var name: String
    var value: String
    var why: String
    /// It can be said on the command line alone.
    var isOption = false

    var description: String {
        let shown = value.isEmpty ? "" : " (now \"\(value)\")"
        guard !isOption else { return "The option --\(name)\(shown): \(why)." }
        return "The setting \(name)\(shown), in the environment CURAWAY_\(Self.variable(name)): \(why)."
    }

    static func variable(_ name: String) -> String {
        var text = ""
        for character in name {
            if character == "." {
                text += "_"
            } else if character.isUppercase {
                text += "_\(character)"
            } else {
                text += character.uppercased()
            }
        }
        return text
    }
}

/// Reads one setting at a time, with a clear error for a wrong one. Text everywhere, because options and the
/// environment have nothing else; a file may use JSON's own numbers and booleans.
private struct Source {
    let reader: ConfigReader

    private func raw(_ name: String, isSecret: Bool = false) async throws -> String? {
        let key = ConfigKey(name)
        if let text = try? await reader.fetchString(forKey: key, isSecret: isSecret) { return text }
        if let number = try? await reader.fetchInt(forKey: key, isSecret: isSecret) { return String(number) }
        if let flag = try? await reader.fetchBool(forKey: key, isSecret: isSecret) { return String(flag) }
        return nil
    }

    func optional(_ name: String) async throws -> String? {
        try await raw(name).flatMap { $0.isEmpty ? nil : $0 }
    }

    func secret(_ name: String) async throws -> String? {
        try await raw(name, isSecret: true).flatMap { $0.isEmpty ? nil : $0 }
    }

    func text(_ name: String, default standard: String) async throws -> String {
        guard let text = try await raw(name) else { return standard }
        guard !text.isEmpty else { throw SettingError(name: name, value: text, why: "it is empty") }
        return text
    }

    func number(_ name: String, default standard: Int, _ range: ClosedRange<Int>) async throws -> Int {
        guard let text = try await raw(name) else { return standard }
        guard let number = Int(text), range.contains(number) else {
            throw SettingError(
                name: name, value: text,
                why: "it must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func flag(_ name: String, default standard: Bool) async throws -> Bool {
        guard let text = try await raw(name) else { return standard }
        switch text.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw SettingError(name: name, value: text, why: "it must be true or false")
        }
    }

    func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String, default standard: Value
    ) async throws -> Value {
        guard let text = try await raw(name) else { return standard }
        guard let value = Value(rawValue: text) else {
            let allowed = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingError(name: name, value: text, why: "it must be one of: \(allowed)")
        }
        return value
    }

    func url(_ name: String, default standard: String) async throws -> String {
        let text = try await text(name, default: standard)
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host != nil else {
            throw SettingError(name: name, value: text, why: "it must be an http:// or https:// address")
        }
        guard url.user == nil, url.password == nil else {
            // `check` and errors show addresses; a key has a setting of its own, which they do not.
            throw SettingError(name: name, value: "", why: "it must have no name and password in it")
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// `https://host` without a path; plain `http` for loopback alone, where tests are.
    func origin(_ name: String, loopback: Set<String>) async throws -> String {
        try origin(try await url(name, default: ""), of: name, loopback)
    }

    func origins(_ name: String, loopback: Set<String>) async throws -> [String] {
        let parts = try await optional(name)?.split(separator: ",") ?? []
        return try parts.map { try origin($0.trimmingCharacters(in: .whitespaces), of: name, loopback) }
    }

    private func origin(_ text: String, of name: String, _ loopback: Set<String>) throws -> String {
        let bare = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let url = URL(string: bare), let scheme = url.scheme, let host = url.host(percentEncoded: false),
            scheme == "https" || (scheme == "http" && loopback.contains(host)),
            bare == scheme + "://" + host + (url.port.map { ":\($0)" } ?? ""), bare == bare.lowercased(),
            bare.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "'") })
        else {
            throw SettingError(
                name: name, value: text,
                why: "it must be an origin such as https://clerk.example.org, in small letters and without a path")
        }
        return bare
    }
}
