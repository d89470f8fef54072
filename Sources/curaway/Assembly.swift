import AsyncHTTPClient
import CareDesk
import CareDocuments
import CareDomain
import CareGateways
import CareLog
import CareRedis
import CareStore
import CareWeb
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle
import UnixSignals

/// Puts the product together: the only file that knows every adapter.
struct Assembly: Sendable {
    let settings: Settings
    let logger: Logger
    let store: SQLStore
    let log: any EventLog
    private let redis: RedisEventLog?
    let board: StreamBoard
    let revocations: RevocationList
    let tickets: StreamTickets
    let orchestrator: ReplyOrchestrator
    let identity: Identity
    let intake: Intake
    let handover: Handover
    let blobs: any BlobStore
    let documents: DocumentDesk
    private let pipeline: DocumentPipeline
    private let client: HTTPClient
    private let publisher: FactPublisher

    /// Opens the store, brings its schema up to date, and wires everything; nothing runs yet.
    /// `model` replaces the configured one, for tests that say when each word comes; `reader` likewise the tools.
    static func make(
        _ settings: Settings, logger: Logger, model: (any LanguageModel)? = nil, reader: (any DocumentReader)? = nil
    ) async throws -> Assembly {
        let store = try await openStore(settings) { logger.error("\($0)") }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: upstream(settings))
        do {
            return try await Assembly(
                settings, store: store, client: client, logger: logger, model: model, reader: reader)
        } catch {
            // A setting found wrong only now must end in its sentence, not in the client's complaint about being left.
            try await client.shutdown()
            throw error
        }
    }

    /// As many connections to the model as answers may be written and documents read at once. With fewer, the one too many
    /// would wait for as long as a connect may take and then be taken for unreachable: its patient would get the guide from a
    /// model that is well.
    static func upstream(_ settings: Settings) -> HTTPClient.Configuration {
        .models(connections: settings.repliesAtOnce + settings.documentsAtOnce)
    }

    /// The newest step that the store has taken, `nil` when there is nothing of Curaway's. Makes nothing and changes nothing.
    static func schema(_ settings: Settings) async throws -> Int? {
        if case .sqlite(let path) = settings.store, !FileManager.default.fileExists(atPath: path) { return nil }
        return try await SQLStore(try settings.store.open(readOnly: true)).schema()
    }

    /// For commands that are about a server's data: a mistyped folder must not become a new, empty one.
    static func openExistingStore(_ settings: Settings) async throws -> SQLStore {
        switch settings.store {
        case .sqlite(let path):
            guard FileManager.default.fileExists(atPath: path) else {
                throw SettingError(
                    name: "data", value: settings.data,
                    why: "there is no database in it; name the server's folder with --data, or make one with curaway "
                        + "migrate")
            }
        #if Postgres
            case .postgres:
                guard try await schema(settings) != nil else {
                    throw SettingError(
                        name: "postgres.url", value: "",
                        why:
                            "there is nothing of Curaway's in that database; name the server's, or make the tables with "
                            + "curaway migrate")
                }
        #endif
        }
        return try await openStore(settings)
    }

    /// A file needs its folder.
    static func makeFolder(_ settings: Settings) throws(SettingError) {
        guard case .sqlite = settings.store else { return }
        do {
            try FileManager.default.createDirectory(atPath: settings.data, withIntermediateDirectories: true)
        } catch {
            throw SettingError(name: "data", value: settings.data, why: "the folder cannot be made or written")
        }
    }

    static func openStore(
        _ settings: Settings, report: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> SQLStore {
        try makeFolder(settings)
        let database = try settings.store.open()
        // What goes wrong here ends the start with a sentence; a line in the log as well would say it twice.
        try await SQLStore(database).migrate()
        return SQLStore(database, report: report)
    }

    private init(
        _ settings: Settings, store: SQLStore, client: HTTPClient, logger: Logger, model: (any LanguageModel)?,
        reader: (any DocumentReader)?
    ) async throws {
        self.settings = settings
        self.logger = logger
        self.store = store
        let report: @Sendable (String) -> Void = { logger.error("\($0)") }
        var limits = LogLimits()
        limits.kept = settings.logKept
        limits.keptWhileReplying = settings.logKeptWhileReplying
        limits.lagBytes = settings.followerLagBytes
        limits.topics = settings.logTopics
        redis = settings.sharedLog.map { shared in
            RedisEventLog(shared.redis, keys: shared.keys, limits: limits) { logger.warning("\($0)") }
        }
        log = redis ?? MemoryEventLog(limits: limits)
        publisher = FactPublisher(store: store, log: log, report: report)
        self.client = client
        var replies = ReplyOrchestrator.Settings()
        replies.lease = settings.lease
        replies.checkpoint = settings.checkpoint
        replies.coalescing = settings.coalescing
        replies.running = settings.repliesAtOnce
        replies.drain = settings.drain
        let chosen = try model ?? Self.model(settings, client)
        orchestrator = ReplyOrchestrator(
            store: store, log: log, publisher: publisher,
            answering: Answering(model: chosen, guide: Guide(pace: settings.guidePace)),
            prompts: PromptWriter(tokenBudget: settings.historyTokens, system: SystemPrompt.text(in:)),
            documents: store, flags: store, settings: replies, report: report)
        var intake = Intake.Settings()
        intake.messageLimit = settings.messageCharacters
        intake.waitingLimit = settings.waitingMessages
        intake.caseLimit = settings.casesPerPatient
        intake.contact = settings.contact
        self.intake = Intake(
            store: store, publisher: publisher, orchestrator: orchestrator, flags: store, settings: intake)
        handover = Handover(
            store: store, log: log, publisher: publisher, orchestrator: orchestrator, report: report)
        blobs = try Self.blobs(settings)
        pipeline = DocumentPipeline(
            store: store, blobs: blobs, reader: reader ?? Self.reader(settings), scanner: try Self.scanner(settings),
            extractor: Self.extractor(chosen), publisher: publisher, settings: Self.pipeline(settings), report: report)
        var papers = DocumentDesk.Settings()
        papers.bytes = settings.documentBytes
        papers.uploads.open = settings.uploadsAtOnce
        papers.uploads.documents = settings.documentsPerPatient
        documents = DocumentDesk(
            store: store, blobs: blobs, publisher: publisher, pipeline: pipeline,
            installation: { [store] in try await store.secret("installation") { Identifier<Assembly>.new().rawValue } },
            settings: papers, report: report)
        identity = try await Self.identity(settings, store: store, client: client) { logger.notice("\($0)") }
        var streams = StreamBoard.Settings()
        streams.heartbeat = settings.heartbeat
        streams.authorised = settings.streamAuthorised
        streams.staffGrace = settings.streamStaffGrace
        streams.perPerson = settings.streamsPerPerson
        streams.spread = settings.drain
        revocations = RevocationList(store: store)
        // Before the first request: who was shut out yesterday is shut out today.
        try await revocations.refresh()
        board = StreamBoard(settings: streams, revocations: revocations)
        var tickets = TicketBook.Settings()
        tickets.lifetime = settings.ticketLifetime
        tickets.perPerson = settings.ticketsPerPerson
        tickets.inAll = settings.ticketsInAll
        // A database that several nodes can share is where a stream finds a ticket that another node made.
        self.tickets = StreamTickets(settings: tickets, shelf: settings.store.isShareable ? store : nil)
    }

    static func identity(
        _ settings: Settings, store: SQLStore, client: HTTPClient, report: @escaping @Sendable (String) -> Void
    ) async throws -> Identity {
        switch settings.identity {
        case .development:
            return .development(
                try await DevelopmentIdentity(
                    store: store, lifetime: settings.tokenLifetime, language: settings.language),
                cookieName: "__session_\(settings.publicPort)")
        case .clerk(let instance, pem: nil):
            let published = PublishedKeys(client: client, url: instance.keysURL)
            return .clerk(
                ClerkIdentity(
                    instance, keys: KeySet(fetch: { try await published.fetch() }), store: store,
                    language: settings.language, refusals: RefusalLog(report: report)))
        case .clerk(let instance, let pem?):
            do {
                return .clerk(
                    try await ClerkIdentity(
                        instance, pem: pem, store: store, language: settings.language,
                        refusals: RefusalLog(report: report)))
            } catch {
                throw SettingError(
                    name: "clerk.pem", value: "", why: "it is not a public RSA key of 2,048 bits or more in PEM")
            }
        }
    }

    private static func blobs(_ settings: Settings) throws -> any BlobStore {
        let folder = settings.documentFolder ?? settings.data + "/documents"
        do {
            return try DirectoryBlobStore(root: folder)
        } catch {
            throw SettingError(name: "documents.folder", value: folder, why: "the folder cannot be made or written")
        }
    }

    private static func reader(_ settings: Settings) -> any DocumentReader {
        var limits = ReaderLimits()
        limits.pages = settings.documentPages
        return DocumentTools(limits: limits)
    }

    static func scanner(_ settings: Settings) throws -> ClamdScanner? {
        guard let address = settings.clamd else { return nil }
        guard let scanner = ClamdScanner(address: address) else {
            throw SettingError(
                name: "clamd.address", value: address,
                why: "it must be host:port, or the path of clamd's socket, which begins with /")
        }
        return scanner
    }

    private static func pipeline(_ settings: Settings) -> DocumentPipeline.Settings {
        var pipeline = DocumentPipeline.Settings()
        pipeline.atOnce = settings.documentsAtOnce
        pipeline.lease = settings.documentLease
        return pipeline
    }

    /// A model is asked when there is one; what it does not find, or says in no usable form, rules find.
    private static func extractor(_ model: any LanguageModel) -> @Sendable ([PageText]) async -> Extraction {
        guard model.author != .guide else { return { Extraction.byRules($0) } }
        let extractor = ModelExtractor(model: model)
        // It throws only when cancelled, and then nobody takes what is said here.
        return { pages in (try? await extractor.extract(pages)) ?? Extraction.byRules(pages) }
    }

    /// The setting alone decides; a key that happens to be in the environment changes nothing.
    static func model(_ settings: Settings, _ client: HTTPClient) throws -> any LanguageModel {
        switch settings.model {
        case .guide: return Guide(pace: settings.guidePace)
        case .anthropic:
            // A server of one's own that speaks this format may want no key; the header is sent all the same.
            guard let key = UpstreamKey(settings.anthropic.key ?? "none") else {
                throw SettingError(name: "anthropic.key", value: "", why: "it is not usable in a header")
            }
            return AnthropicModel(
                .init(
                    baseURL: settings.anthropic.baseURL, key: key, model: settings.anthropic.model,
                    version: settings.anthropicVersion, maxTokens: settings.modelMaxTokens,
                    idleTimeout: settings.modelIdle), client: client)
        case .openai:
            return OpenAIModel(
                .init(
                    baseURL: settings.openai.baseURL, key: settings.openai.key.flatMap { UpstreamKey($0) },
                    model: settings.openai.model, maxTokens: settings.modelMaxTokens,
                    idleTimeout: settings.modelIdle), client: client)
        }
    }

    /// Serves until asked to stop. `onRunning` is told the port once it is bound.
    /// `signals` ask it to stop; none in tests, where many servers live in one process.
    func serve(
        signals: [UnixSignal] = [.sigterm, .sigint], onRunning: @escaping @Sendable (Int) async -> Void
    ) async throws {
        var application = Application(
            responder: ApartResponder(try routes().router(logger: logger).buildResponder()),
            server: .guarded(settings.connections, hosts: .loopback(and: settings.hosts)),
            configuration: .init(
                address: .hostname(settings.host, port: settings.port), serverName: nil, backlog: 4_096),
            onServerRunning: { await onRunning($0.localAddress?.port ?? 0) }, logger: logger)
        if case .clerk(let clerk) = identity, let keys = clerk.published {
            // Without keys the start goes on: whoever comes is told 503, and they are asked for again.
            application.beforeServerStarts { [logger] in
                if await !keys.warm() { logger.warning("the identity provider's keys could not be fetched yet") }
            }
        }
        if let redis {
            let outage = OutageReader(store: store, log: redis, publisher: publisher) { [logger] line in
                logger.error("\(line)")
            }
            application.addServices(SharedLogService(log: redis, outage: outage))
        }
        application.addServices(OrchestratorService(orchestrator: orchestrator))
        application.addServices(DocumentService(pipeline: pipeline, desk: documents, logger: logger))
        // In dependency order; shutdown runs backwards: first the streams are told goodbye, then the server waits for the
        // requests in progress, then the replies are drained. The other way round the server would wait for streams.
        var configuration = ServiceGroupConfiguration(
            services: [application, BoardService(board: board, revocations: revocations, patience: settings.drain)],
            gracefulShutdownSignals: signals, logger: logger)
        configuration.maximumGracefulShutdownDuration = settings.drain * 2 + .seconds(10)
        let group = ServiceGroup(configuration: configuration)
        do {
            try await group.run()
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    func routes() throws -> Routes {
        Routes(
            store: store, documents: store, blobs: blobs, documentDesk: documents, audit: store, log: log, flags: store,
            intake: intake, orchestrator: orchestrator,
            handover: handover, identity: identity, board: board, tickets: tickets, revocations: revocations,
            rate: MessageRate(perMinute: settings.messagesPerMinute),
            assets: try AssetCatalog(folder: settings.frontend), about: about, patience: settings.wait)
    }

    var about: About {
        About(
            version: Curaway.version, identity: identity,
            model: Message.Author(rawValue: settings.model.rawValue) ?? .guide,
            isDemonstration: settings.modelIsDemonstration, contact: settings.contact,
            defaultLanguage: settings.language, messageLimit: settings.messageCharacters)
    }
}

/// Keeps the connections to the shared log, and tells readers from the store while it is away. Ends with the process: replies
/// that are drained still speak through it.
private struct SharedLogService: Service {
    let log: RedisEventLog
    let outage: OutageReader

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await log.run() }
            group.addTask { await outage.run() }
            group.addTask {
                // Ends at a graceful shutdown or when this service is cancelled.
                try? await gracefulShutdown()
            }
            await group.next()
            group.cancelAll()
        }
    }
}

/// Runs the replies; on shutdown lets them end, then interrupts them.
private struct OrchestratorService: Service {
    let orchestrator: ReplyOrchestrator

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await orchestrator.run() }
            group.addTask {
                // Ends at a graceful shutdown or when this service is cancelled.
                try? await gracefulShutdown()
                await orchestrator.drain()
            }
            await group.waitForAll()
        }
    }
}

/// Reads documents, and tidies up at the start and each hour; on shutdown what is being read is given back.
private struct DocumentService: Service {
    static let tidying: Duration = .seconds(3_600)
    let pipeline: DocumentPipeline
    let desk: DocumentDesk
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                await DocumentTools.removeLeftovers()
                group.addTask { await pipeline.run() }
                group.addTask {
                    while !Task.isCancelled {
                        do {
                            try await desk.tidy()
                        } catch {
                            logger.warning("documents could not be tidied", metadata: ["error": "\(type(of: error))"])
                        }
                        try? await Task.sleep(for: Self.tidying)
                    }
                }
                await group.waitForAll()
            }
        }
    }
}

/// The clock of all streams; on shutdown their goodbye.
private struct BoardService: Service {
    let board: StreamBoard
    let revocations: RevocationList
    /// How long streams may take to end after their goodbye.
    let patience: Duration

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !Task.isCancelled {
                        let next = ContinuousClock.now + .seconds(1)
                        await board.tick(spread: .milliseconds(900))
                        try? await Task.sleep(until: next)
                    }
                }
                // Apart: a store that takes its time must not keep the heartbeats waiting.
                group.addTask {
                    while !Task.isCancelled {
                        // A store that is away says so itself, once; what is known goes on to hold.
                        try? await revocations.refresh()
                        try? await Task.sleep(for: .seconds(1))
                    }
                }
                await group.waitForAll()
            }
        }
        board.close()
        let until = Moment.now + patience
        while board.count > 0, Moment.now < until, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
        board.cutRemaining()
    }
}
