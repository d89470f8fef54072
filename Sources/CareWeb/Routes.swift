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
    let identity: DevelopmentIdentity
    let board: StreamBoard
    let rate: MessageRate
    let assets: AssetCatalog
    let about: About
    let patience: Duration
    let cookieName: String

    package init(
        store: any CaseStore, log: any EventLog, flags: any Flags, intake: Intake, orchestrator: ReplyOrchestrator,
        identity: DevelopmentIdentity, board: StreamBoard, rate: MessageRate, assets: AssetCatalog, about: About,
        patience: Duration, cookieName: String
    ) {
        self.store = store
        self.log = log
        self.flags = flags
        self.intake = intake
        self.orchestrator = orchestrator
        self.identity = identity
        self.board = board
        self.rate = rate
        self.assets = assets
        self.about = about
        self.patience = patience
        self.cookieName = cookieName
    }

    package func router(logger: Logger) -> Router<CareContext> {
        let router = Router(context: CareContext.self)
        router.add(middleware: ProblemMiddleware(logger: logger))

        let reader = CaseReader(store: store, log: log)
        let access = CaseAccess(store: store)
        let operation = OperationRoutes(about: about, store: store, log: log, flags: flags, board: board)
        let signIn = SignInRoutes(identity: identity, store: store, cookieName: cookieName)
        let cases = CaseRoutes(cases: access, intake: intake, reader: reader)
        let replies = ReplyRoutes(
            cases: access, intake: intake, reader: reader, orchestrator: orchestrator, rate: rate, patience: patience)
        let streams = StreamRoutes(cases: access, log: log, flags: flags, board: board)

        router.at("/", [.get: assets.index])
        router.at("/assets/{hash}/**", [.get: assets.asset])
        router.at("/health", [.get: operation.health])
        router.at("/ready", [.get: operation.ready])
        router.at("/dev/people", [.get: signIn.people])
        router.at("/dev/sign-in", [.get: assets.index, .post: signIn.signIn])
        router.at("/api/v1/config", [.get: operation.config])

        let api = router.group("/api/v1").add(
            middleware: IdentityMiddleware(verifier: identity, cookieName: cookieName))
        api.at("me", [.get: operation.me])
        api.at("cases", [.get: cases.list, .post: cases.open])
        api.at("cases/{case}", [.get: cases.snapshot])
        api.at("cases/{case}/messages", [.get: cases.messages])
        api.at("cases/{case}/chat", [.post: replies.ask])
        api.at("cases/{case}/replies/{reply}/stop", [.post: replies.stop])
        api.at("cases/{case}/replies/{reply}/retry", [.post: replies.retry])
        api.at("cases/{case}/events", [.get: streams.events])
        api.at("cases/{case}/chat/stream", [.get: streams.chat])
        api.at("cases/{case}/messages/stream", [.get: streams.messages])
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
        for method in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete, .options, .trace] {
            if let handler = handlers[method] {
                on(path, method: method, use: handler)
            } else {
                on(path, method: method) { _, _ -> Response in throw Problem.methodNotAllowed(allow) }
            }
        }
    }
}
