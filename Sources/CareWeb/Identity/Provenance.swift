import HTTPTypes
import Hummingbird

/// Where a browser says a request comes from. A cookie travels with whatever any page makes its browser send, so what is
/// authorised by it alone must come from a page of ours.
enum Provenance {
    /// Reading: the browser does not say that another site asks. Another port of this machine is another site here, though
    /// not to a cookie.
    static func mayRead(_ request: Request) -> Bool {
        let site = request.headers[values: .named("Sec-Fetch-Site")]
        return site.allSatisfy { $0 == "same-origin" || $0 == "none" }
    }

    /// Changing: it says that a page of this host and port asks.
    static func mayChange(_ request: Request) -> Bool {
        let site = request.headers[values: .named("Sec-Fetch-Site")]
        return site.allSatisfy { $0 == "same-origin" } && names(request, origins: request.headers[values: .origin])
    }

    /// For what needs no cookie: no `Origin` at all is no browser.
    static func isNotForeign(_ request: Request) -> Bool {
        let origins = request.headers[values: .origin]
        return mayRead(request) && (origins.isEmpty || names(request, origins: origins))
    }

    private static func names(_ request: Request, origins: [String]) -> Bool {
        guard origins.count == 1, let origin = origins.first, let host = request.head.authority else { return false }
        return origin == "http://\(host)" || origin == "https://\(host)"
    }
}
