package import AsyncHTTPClient
package import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Fetches an issuer's JWKS document. Bounded in time and size, because whoever signs in waits for it; the client it is
/// given follows no redirects, so that the keys come from the configured host or not at all.
package struct PublishedKeys: Sendable {
    package struct Refused: Error { package var status: Int }

    /// Bytes of a document; a real one has about two thousand.
    static let limit = 64 * 1024
    package static let timeout: Duration = .seconds(5)

    private let client: HTTPClient
    private let url: String
    private let timeout: Duration

    package init(client: HTTPClient, url: String, timeout: Duration = Self.timeout) {
        self.client = client
        self.url = url
        self.timeout = timeout
    }

    package func fetch() async throws -> Data {
        // The client's own deadline ends with the head; a body that never comes would be waited for.
        try await withThrowingTaskGroup(of: Data.self) { group in
            group.addTask { try await document() }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw TimedOut()
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw TimedOut() }
            return first
        }
    }

    private struct TimedOut: Error {}

    private func document() async throws -> Data {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "Accept", value: "application/json")
        let response = try await client.execute(request, deadline: .distantFuture)
        guard response.status == .ok else { throw Refused(status: Int(response.status.code)) }
        return Data(buffer: try await response.body.collect(upTo: Self.limit))
    }
}
