package import CareDesk
package import CareLog
import HTTPTypes
package import Hummingbird
package import Logging

/// The whole URL map. What a path does not list answers 405 with `Allow`, what is not here 404.
package struct Routes: Sendable {
    let store: any CaseStore
    let log: any EventLog
    let flags: any Flags
    let intake: Intake
    let orchestrator: ReplyOrchestrator
    let identity: Identity
    let board: StreamBoard
    let tickets: StreamTickets
    let rate: MessageRate
    let assets: AssetCatalog
    let about: About
    let patience: Duration

    package init(
        store: any CaseStore, log: any EventLog, flags: any Flags, intake: Intake, orchestrator: ReplyOrchestrator,
        identity: Identity, board: StreamBoard, tickets: StreamTickets, rate: MessageRate, assets: AssetCatalog,
        about: About,
        patience: Duration
    ) {
        self.store = store
        self.log = log
        self.flags = flags
        self.intake = intake
        self.orchestrator = orchestrator
        self.identity = identity
        self.board = board
        self.tickets = tickets
        self.rate = rate
        self.assets = assets
        self.about = about
        self.patience = patience
    }

    package func router(logger: Logger) -> Router<CareContext> {
        let router = Router(context: CareContext.self)
        router.add(middleware: ProblemMiddleware(logger: logger, policy: ContentPolicy(identity: identity)))

        let reader = CaseReader(store: store, log: log)
        let access = CaseAccess(store: store)
        let operation = OperationRoutes(about: about, store: store, log: log, flags: flags, board: board)
        let cases = CaseRoutes(cases: access, intake: intake, reader: reader)
        let replies = ReplyRoutes(
            cases: access, intake: intake, reader: reader, orchestrator: orchestrator, rate: rate, patience: patience)
        let streams = StreamRoutes(cases: access, log: log, flags: flags, board: board)

        router.at("/", [.get: assets.index])
        router.at("/assets/{hash}/**", [.get: assets.asset])
        router.at("/health", [.get: operation.health])
        router.at("/ready", [.get: operation.ready])
        if case .development(let development, let cookieName) = identity {
            let signIn = SignInRoutes(identity: development, store: store, cookieName: cookieName)
            router.at("/dev/people", [.get: signIn.people])
            router.at("/dev/sign-in", [.get: assets.index, .post: signIn.signIn])
        }
        router.at("/api/v1/config", [.get: operation.config])

        let api = router.group("/api/v1").add(
            middleware: IdentityMiddleware(verifier: identity, cookie: identity.cookie))
        api.at("me", [.get: operation.me])
        api.at("cases", [.get: cases.list, .post: cases.open])
        api.at("cases/{case}", [.get: cases.snapshot])
        api.at("cases/{case}/messages", [.get: cases.messages])
        api.at("cases/{case}/chat", [.post: replies.ask])
        api.at("cases/{case}/replies/{reply}/stop", [.post: replies.stop])
        api.at("cases/{case}/replies/{reply}/retry", [.post: replies.retry])
        api.at("stream-tickets", [.post: TicketRoutes(tickets: tickets).issue])

        let live = router.group("/api/v1").add(
            middleware: IdentityMiddleware(verifier: identity, cookie: identity.cookie, tickets: tickets))
        live.at("cases/{case}/events", [.get: streams.events])
        live.at("cases/{case}/chat/stream", [.get: streams.chat])
        live.at("cases/{case}/messages/stream", [.get: streams.messages])
        return router
    }
}

extension RouterMethods where Context == CareContext {
    typealias Handler = @Sendable (Request, CareContext) async throws -> Response

    /// One path and what each method does there; the other methods say which ones do. Whatever answers GET answers HEAD
    /// (RFC 9110 §9.1): monitors and proxies ask that way.
    func at(_ path: RouterPath, _ handlers: [HTTPRequest.Method: Handler]) {
        var handlers = handlers
        if let get = handlers[.get] { handlers[.head] = { try await get($0, $1).createHeadResponse() } }
        let allow = handlers.keys.sorted { $0.rawValue < $1.rawValue }
        for method in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete, .options] {
            if let handler = handlers[method] {
                on(path, method: method, use: handler)
            } else {
                on(path, method: method) { _, _ -> Response in throw Problem.methodNotAllowed(allow) }
            }
        }
    }
}
