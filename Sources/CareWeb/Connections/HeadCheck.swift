import NIOHTTP1

/// What a request's head must be before anything of ours sees it. The decoder has refused what is not HTTP; this refuses
/// what is, but could be understood in two ways, by us and by a proxy in front of us, and what is not meant for us.
struct HeadCheck: Sendable {
    static let methods: [HTTPMethod] = [
        .GET, .HEAD, .POST, .PUT, .PATCH, .DELETE, .OPTIONS, .TRACE, .RAW(value: "QUERY"),
    ]

    let hosts: AllowedHosts

    func refusal(of head: HTTPRequestHead) -> Problem? {
        guard Self.methods.contains(head.method) else { return .notImplemented("This method is not known here.") }
        guard head.uri.utf8.first == UInt8(ascii: "/") else {
            return .badRequest("The request must name a path that begins with /.")
        }
        let named = head.headers["host"]
        guard named.count == 1 || (named.isEmpty && head.version != .http1_1) else {
            return .badRequest("The request must name one host.")
        }
        if let host = named.first, !hosts.allow(host) { return .wrongHost }
        let codings = head.headers["transfer-encoding"]
        if !codings.isEmpty {
            guard head.version == .http1_1 else { return .badRequest("HTTP/1.0 has no transfer encoding.") }
            guard codings.count == 1, codings.first?.lowercased() == "chunked" else {
                return .notImplemented("The only transfer encoding known here is chunked.")
            }
        }
        let expected = head.headers["expect"]
        guard expected.allSatisfy({ $0.lowercased() == "100-continue" }) else { return .expectationFailed }
        return nil
    }
}

/// The names this server answers to. A page of another name that resolves to our address (DNS rebinding) is of the same
/// origin as we are, as far as its browser knows; only the `Host` it sends tells.
package struct AllowedHosts: Sendable {
    private let names: Set<String>?

    /// Whatever name a request uses: for a server whose callers must show a token that a page of another name cannot have.
    package static let any = AllowedHosts(names: nil)

    /// This machine's own names, and these.
    package static func loopback(and names: [String] = []) -> AllowedHosts {
        AllowedHosts(names: Set(["localhost", "127.0.0.1", "[::1]"] + names.map { $0.lowercased() }))
    }

    func allow(_ host: String) -> Bool {
        guard let names else { return true }
        return names.contains(Self.name(of: host))
    }

    /// Without the port. `[::1]:8080` has colons before it too.
    private static func name(of host: String) -> String {
        guard let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") else { return host.lowercased() }
        guard host[host.index(after: colon)...].utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return host }
        return host[..<colon].lowercased()
    }
}
