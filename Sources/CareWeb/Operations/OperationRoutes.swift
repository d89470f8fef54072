import CareDesk
package import CareDomain
import CareLog
import HTTPTypes
import Hummingbird

/// What the app and the operator want to know about the server itself.
struct OperationRoutes {
    let about: About
    let store: any CaseStore
    let log: any EventLog
    let flags: any Flags
    let board: StreamBoard
    /// Bytes of one document.
    let documentLimit: Int

    private struct Health: Encodable { var status = "ok" }
    private struct Ready: Encodable {
        var status: String
        var checks: [String: String]
    }
    private struct Config: Encodable {
        struct Model: Encodable {
            var kind: String
            var advice: String
        }
        struct Limits: Encodable {
            var messageCharacters: Int
            var documentBytes: Int
            enum CodingKeys: String, CodingKey {
                case messageCharacters = "message_characters"
                case documentBytes = "document_bytes"
            }
        }
        struct Clerk: Encodable {
            var publishableKey: String
            var frontendAPI: String
            var scriptURL: String
            enum CodingKeys: String, CodingKey {
                case publishableKey = "publishable_key"
                case frontendAPI = "frontend_api"
                case scriptURL = "script_url"
            }
        }
        var version: String
        var identity: String
        var clerk: Clerk?
        var defaultLanguage: Language
        var model: Model
        var streaming: Bool
        var contact: String?
        var limits: Limits
        enum CodingKeys: String, CodingKey {
            case version, identity, clerk, model, streaming, contact, limits
            case defaultLanguage = "default_language"
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(version, forKey: .version)
            try container.encode(identity, forKey: .identity)
            try container.encodeIfPresent(clerk, forKey: .clerk)
            try container.encode(defaultLanguage, forKey: .defaultLanguage)
            try container.encode(model, forKey: .model)
            try container.encode(streaming, forKey: .streaming)
            try container.encode(contact, forKey: .contact)
            try container.encode(limits, forKey: .limits)
        }
    }

    func health(_ request: Request, _ context: CareContext) async throws -> Response {
        try JSON.response(Health())
    }

    func ready(_ request: Request, _ context: CareContext) async throws -> Response {
        let storeHealth = await store.health()
        let logAnswers = (try? await log.reading(of: .desk)) != nil
        // A store that takes no writes is degraded, not unavailable: taken out of rotation, nobody could read either.
        let isUp = storeHealth != .unavailable && !board.isClosing
        // Alone this node answers and tells its own readers; what others say comes late, from the store.
        let isShared = log.standing == .shared
        let isWhole = storeHealth == .ok && logAnswers && isShared
        let status = isUp ? (isWhole ? "ready" : "degraded") : "unavailable"
        let checks = [
            "store": storeHealth.rawValue, "log": logAnswers ? (isShared ? "ok" : "alone") : "unavailable",
            "model": about.model.rawValue,
        ]
        return try JSON.response(
            Ready(status: status, checks: checks), status: isUp ? .ok : .serviceUnavailable)
    }

    func config(_ request: Request, _ context: CareContext) async throws -> Response {
        try JSON.response(
            Config(
                version: about.version, identity: about.identity,
                clerk: about.clerk.map {
                    .init(publishableKey: $0.publishableKey, frontendAPI: $0.frontendAPI, scriptURL: $0.scriptURL)
                }, defaultLanguage: about.defaultLanguage,
                model: .init(
                    kind: about.model.rawValue,
                    advice: about.model == .guide ? "guide" : about.isDemonstration ? "demonstration" : "model"),
                streaming: try await flags.value(of: .enableResponseStreaming), contact: about.contact,
                limits: .init(messageCharacters: about.messageLimit, documentBytes: documentLimit)))
    }

    func me(_ request: Request, _ context: CareContext) async throws -> Response {
        try JSON.response(try context.required().person)
    }
}

/// What the server says of itself.
package struct About: Sendable {
    package var version: String
    package var identity: String
    /// What a browser needs to sign somebody in; nil with the development identity.
    package var clerk: ClerkInstance?
    package var model: Message.Author
    package var isDemonstration: Bool
    package var contact: String?
    package var defaultLanguage: Language
    package var messageLimit: Int

    package init(
        version: String, identity: Identity, model: Message.Author, isDemonstration: Bool, contact: String?,
        defaultLanguage: Language, messageLimit: Int
    ) {
        self.version = version
        self.identity = identity.name
        if case .clerk(let identity) = identity { clerk = identity.instance }
        self.model = model
        self.isDemonstration = isDemonstration
        self.contact = contact
        self.defaultLanguage = defaultLanguage
        self.messageLimit = messageLimit
    }
}
