import ArgumentParser
import AsyncHTTPClient
import CareDesk
import CareDocuments
import CareDomain
import CareGateways
import CareLog
import CareRedis
import CareStore
import CareWeb
import Synchronization

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what is configured and what answers.",
        discussion: """
            Exit code 0 when store, log and model answer, the tools that read documents are there, and clamd, if it is configured, \
            takes documents as large as we do; 1 otherwise. Asks the model for one short answer. Makes no folder and no database, and \
            leaves the schema as it is: where there is none yet, or an older one, it says so, and curaway migrate helps.
            """,
        subcommands: [CheckRedis.self])

    @OptionGroup var place: PlaceOptions
    @Option(help: "Who answers: guide, anthropic or openai.") var model: String?

    func run() async throws {
        var options = place.values
        options["model"] = model
        let settings = try await readSettings(options, file: place.settings)
        var isWell = true
        func say(_ what: String, _ works: Bool, _ detail: String) {
            isWell = isWell && works
            Swift.print("\(works ? "ok  " : "FAIL")  \(what)  \(detail)")
        }
        do {
            let why = try await complaint(about: settings)
            say("store", why == nil, "\(settings.store)\(why.map { ": \($0)" } ?? "")")
        } catch {
            let why = explanation(of: error)?.sentence ?? "\(type(of: error))"
            say("store", false, "\(settings.store): \(why)")
        }
        if let shared = settings.sharedLog {
            do {
                let greeting = try await RedisEventLog.greeting(shared.redis)
                say("log  ", true, "Redis at \(shared.redis.address), \(greeting)")
            } catch {
                say("log  ", false, "Redis at \(shared.redis.address): \(error)")
            }
        } else {
            say("log  ", true, "in this process")
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton)
        let (works, detail) = try await answer(settings, client)
        say("model", works, detail)
        // As they are looked for when a document is read.
        let missing = await DocumentTools().missing()
        say(
            "tools", missing.isEmpty,
            missing.isEmpty ? "poppler, libheif, ImageMagick, tesseract" : "missing: \(missing.joined(separator: ", "))"
        )
        if let address = settings.clamd, let scanner = try Assembly.scanner(settings) {
            let (works, detail) = await answer(scanner, takes: settings.documentBytes)
            say("scan ", works, "clamd at \(address)\(detail)")
        }
        if case .clerk(let instance, let pem) = settings.identity {
            let published = PublishedKeys(client: client, url: instance.keysURL)
            if pem == nil {
                say(
                    "keys ", await KeySet(fetch: { try await published.fetch() }).warm(),
                    "of Clerk at \(instance.keysURL)")
            }
            if instance.organization == nil {
                Swift.print("note  clerk.organization is not set: nobody is a coordinator")
            }
        }
        try await client.shutdown()
        for (name, key) in [("anthropic", settings.anthropic.key), ("openai", settings.openai.key)]
        where key != nil && settings.model.rawValue != name {
            Swift.print("note  a key for \(name) is set and not used: the model is \(settings.model.rawValue)")
        }
        if !isWell { throw ExitCode(1) }
    }

    /// What keeps a server from working with its store as it is now; nil: nothing.
    private func complaint(about settings: Settings) async throws -> String? {
        guard let step = try await Assembly.schema(settings) else {
            return "there is nothing of Curaway's yet; curaway migrate makes it, and so does the first start"
        }
        guard step >= SQLStore.newestSchema else {
            return "its schema is at step \(step) and this version works with \(SQLStore.newestSchema); curaway "
                + "migrate brings it there, and so does the next start"
        }
        // There is no step left to take; this refuses a schema that is too new for this version.
        let health = try await Assembly.openStore(settings).health()
        return health == .ok ? nil : health.rawValue
    }

    /// What clamd is, and whether it takes a document as large as we do.
    private func answer(_ scanner: ClamdScanner, takes bytes: Int) async -> (Bool, String) {
        guard let greeting = try? await scanner.greeting(takes: bytes) else { return (false, ": no answer") }
        guard greeting.isEnough else {
            return (
                false,
                ", \(greeting.version): it takes no file of \(bytes) bytes; raise StreamMaxLength in clamd.conf"
            )
        }
        return (true, ", \(greeting.version)")
    }

    /// One short question, and what became of it.
    private func answer(_ settings: Settings, _ client: HTTPClient) async throws -> (Bool, String) {
        let model = try Assembly.model(settings, client)
        let what =
            switch settings.model {
            case .guide: "the built-in guide"
            case .anthropic: "Anthropic Messages at \(settings.anthropic.baseURL), \(settings.anthropic.model)"
            case .openai: "OpenAI-compatible at \(settings.openai.baseURL), \(settings.openai.model)"
            }
        let heard = Heard()
        let prompt = Prompt(
            system: "Answer with one word.", turns: [.init(.patient, "Hello")], language: .english, userHash: "check")
        await model.answer(prompt) { heard.note($0) }
        return heard.failure.map { (false, "\(what): \($0)") } ?? (heard.hasText, "\(what)")
    }

    private final class Heard: Sendable {
        private let state = Mutex((hasText: false, failure: String?.none))
        var hasText: Bool { state.withLock { $0.hasText } }
        var failure: String? { state.withLock { $0.failure } }

        func note(_ event: ModelEvent) {
            state.withLock { state in
                switch event {
                case .text: state.hasText = true
                case .failed(let failure):
                    let status = failure.status.map { " (status \($0))" } ?? ""
                    state.failure = failure.kind.rawValue + status
                case .started, .usage, .finished: break
                }
            }
        }
    }
}
