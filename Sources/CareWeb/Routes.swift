package import CareDesk
package import CareLog
package import Hummingbird
package import Logging

/// The whole URL map, each line with the right it needs. What a path does not list answers 405 with `Allow`, what is not
/// here 404.
package struct Routes: Sendable {
    let store: any CaseStore
    let documents: any DocumentStore
    let blobs: any BlobStore
    let documentDesk: DocumentDesk
    let audit: any AuditTrail
    let log: any EventLog
    let flags: any Flags
    let intake: Intake
    let orchestrator: ReplyOrchestrator
    let handover: Handover
    let identity: Identity
    let board: StreamBoard
    let tickets: StreamTickets
    let revocations: RevocationList
    let rate: MessageRate
    let assets: AssetCatalog
    let about: About
    let patience: Duration
    private let places = UploadPlaces()

    package init(
        store: any CaseStore, documents: any DocumentStore, blobs: any BlobStore, documentDesk: DocumentDesk,
        audit: any AuditTrail, log: any EventLog, flags: any Flags, intake: Intake,
        orchestrator: ReplyOrchestrator, handover: Handover, identity: Identity, board: StreamBoard,
        tickets: StreamTickets, revocations: RevocationList, rate: MessageRate, assets: AssetCatalog, about: About,
        patience: Duration
    ) {
        self.store = store
        self.documents = documents
        self.blobs = blobs
        self.documentDesk = documentDesk
        self.audit = audit
        self.log = log
        self.flags = flags
        self.intake = intake
        self.orchestrator = orchestrator
        self.handover = handover
        self.identity = identity
        self.board = board
        self.tickets = tickets
        self.revocations = revocations
        self.rate = rate
        self.assets = assets
        self.about = about
        self.patience = patience
    }

    package func router(logger: Logger) -> Router<CareContext> {
        let router = Router(context: CareContext.self)
        router.add(middleware: ProblemMiddleware(logger: logger, policy: ContentPolicy(identity: identity)))
        router.add(
            map, gate: Gate(store: store, audit: audit, logger: logger),
            identity: IdentityMiddleware(verifier: identity, cookie: identity.cookie, revocations: revocations),
            tickets: tickets)
        return router
    }

    package var map: [Route] {
        let reader = CaseReader(store: store, log: log, documents: documents)
        let operation = OperationRoutes(
            about: about, store: store, log: log, flags: flags, board: board, documentLimit: documentDesk.settings.bytes
        )
        let cases = CaseRoutes(store: store, intake: intake, reader: reader)
        let replies = ReplyRoutes(
            store: store, intake: intake, reader: reader, orchestrator: orchestrator, rate: rate, patience: patience)
        let handling = HandlingRoutes(handover: handover)
        let streams = StreamRoutes(log: log, flags: flags, board: board)
        let papers = DocumentRoutes(store: documents, blobs: blobs, desk: documentDesk, log: log)
        let uploads = UploadRoutes(desk: documentDesk, places: places)
        let patient = "/api/v1/patients/{patient}"
        let document = patient + "/documents/{document}"
        let upload = patient + "/uploads/{upload}"

        return [
            .get("/", .useApp, assets.index),
            .get("/assets/{hash}/**", .useApp, assets.asset),
            .get("/health", .readHealth, operation.health),
            .get("/ready", .readHealth, operation.ready),
            .get("/api/v1/config", .readConfiguration, operation.config),

            .get("/api/v1/me", .readSelf, operation.me),
            .get("/api/v1/cases", .listOwnCases, cases.list),
            .post("/api/v1/cases", .openCase, cases.open),
            .get("/api/v1/cases/{case}", .readCase, cases.snapshot),
            .get("/api/v1/cases/{case}/messages", .readMessages, cases.messages),
            .post("/api/v1/cases/{case}/chat", .ask, replies.ask),
            .post("/api/v1/cases/{case}/replies/{reply}/stop", .stopReply, replies.stop),
            .post("/api/v1/cases/{case}/replies/{reply}/retry", .retryReply, replies.retry),
            .post("/api/v1/cases/{case}/accept", .acceptCase, handling.accept),
            .post("/api/v1/cases/{case}/release", .releaseCase, handling.release),
            .get("/api/v1/cases/{case}/events", .followCase, streams.events),
            .get("/api/v1/cases/{case}/chat/stream", .followCase, streams.chat),
            .get("/api/v1/cases/{case}/messages/stream", .followCase, streams.messages),

            .get(patient + "/documents", .readDocuments, papers.list),
            .post(patient + "/documents", .addDocument, uploads.form),
            .get(patient + "/documents/search", .readDocuments, papers.search),
            .get(patient + "/documents/stream", .followDocuments, streams.documents),
            .get(document, .readDocuments, papers.detail),
            .get(document + "/text", .readDocuments, papers.text),
            .get(document + "/pages/{page}", .readDocuments, papers.picture),
            .get(document + "/file", .readDocuments, papers.file),
            .post(document + "/retry", .retryDocument, papers.retry),
            .on(.delete, document, .deleteDocument, papers.delete),

            .on(.options, patient + "/uploads", .addDocument, uploads.options),
            .post(patient + "/uploads", .addDocument, uploads.create),
            .on(.head, upload, .addDocument, uploads.offset),
            .on(.patch, upload, .addDocument, uploads.append),
            .on(.delete, upload, .addDocument, uploads.cancel),

            .post("/api/v1/stream-tickets", .takeTicket, TicketRoutes(tickets: tickets).issue),
        ] + development
    }

    /// Signing in as anybody of the demonstration: there with the development identity only.
    private var development: [Route] {
        guard case .development(let development, let cookieName) = identity else { return [] }
        let signIn = SignInRoutes(identity: development, store: store, cookieName: cookieName)
        return [
            .get("/dev/people", .signInForDevelopment, signIn.people),
            .get("/dev/sign-in", .useApp, assets.index),
            .post("/dev/sign-in", .signInForDevelopment, signIn.signIn),
        ]
    }
}
