import HTTPTypes

/// Which cookies of a request may hold its token.
package enum SessionCookie: Sendable {
    /// Of a port each, so that two servers on one machine do not overwrite each other's.
    case named(String)
    /// Clerk's `__session`, and `__session_<suffix>` where several of its instances share a domain.
    case clerk

    /// A browser holds one or two; more are not tried, because each costs a signature.
    static let candidates = 4

    func tokens(in headers: HTTPFields) -> [String] {
        var tokens: [String] = []
        for pair in headers[values: .cookie].flatMap({ $0.split(separator: ";") }) {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, isOurs(parts[0].drop { $0 == " " }), tokens.count < Self.candidates else {
                continue
            }
            tokens.append(String(parts[1]))
        }
        return tokens
    }

    private func isOurs(_ name: Substring) -> Bool {
        switch self {
        case .named(let own): name == own
        case .clerk: name == "__session" || name.hasPrefix("__session_")
        }
    }
}
