package import CareDesk
package import HTTPTypes
package import Hummingbird

/// One line of the URL map. It cannot be written without the right it needs.
package struct Route: Sendable {
    package typealias Handler = @Sendable (Request, CareContext) async throws -> Response

    package let method: HTTPRequest.Method
    package let path: String
    package let right: Right
    let handler: Handler

    static func get(_ path: String, _ right: Right, _ handler: @escaping Handler) -> Route {
        Route(method: .get, path: path, right: right, handler: handler)
    }

    static func post(_ path: String, _ right: Right, _ handler: @escaping Handler) -> Route {
        Route(method: .post, path: path, right: right, handler: handler)
    }

    static func on(
        _ method: HTTPRequest.Method, _ path: String, _ right: Right, _ handler: @escaping Handler
    ) -> Route {
        Route(method: method, path: path, right: right, handler: handler)
    }

    var isReading: Bool { method == .get || method == .head }

    /// Whatever answers GET answers HEAD (RFC 9110 §9.1): monitors and proxies ask that way, with the same right.
    var head: Route? {
        guard method == .get else { return nil }
        return Route(method: .head, path: path, right: right) { try await handler($0, $1).createHeadResponse() }
    }
}

extension Router<CareContext> {
    /// The registered methods (RFC 9110 §9, RFC 5789, QUERY) that a client may try; any other is answered 404.
    private static var known: [HTTPRequest.Method] {
        [.get, .head, .post, .put, .patch, .delete, .options, .trace]
            + [HTTPRequest.Method("QUERY")].compactMap(\.self)
    }

    /// Registers the whole map: each route behind the gate, behind `identity` if it needs somebody (streams take a ticket
    /// as well), and on each of its paths 405 with `Allow` for the methods that have no route there.
    func add(_ map: [Route], gate: Gate, identity: IdentityMiddleware, tickets: StreamTickets) {
        let signedIn = group().add(middleware: identity)
        var withTickets = identity
        withTickets.tickets = tickets
        let streams = group().add(middleware: withTickets)
        let all = map + map.compactMap(\.head)
        for route in all {
            let place: any RouterMethods<CareContext> =
                switch route.right {
                case .followCase, .followDocuments: streams
                case let right where right.needsSignIn: signedIn
                default: self
                }
            place.on(RouterPath(route.path), method: route.method, use: gate.guarding(route))
        }
        for (path, routes) in Dictionary(grouping: all, by: \.path) {
            let allow = routes.map(\.method).sorted { $0.rawValue < $1.rawValue }
            let place: any RouterMethods<CareContext> = routes.contains(where: \.right.needsSignIn) ? signedIn : self
            for method in Self.known where !allow.contains(method) {
                place.on(RouterPath(path), method: method) { _, _ -> Response in
                    throw Problem.methodNotAllowed(allow)
                }
            }
        }
    }
}
