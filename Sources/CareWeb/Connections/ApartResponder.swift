package import Hummingbird

/// Works out each answer in a child task, and leaves only its writing to the task of the connection.
///
/// A task keeps the deepest stack it ever had until it ends, and a connection's task is one for as long as a stream is open. What
/// letting somebody in takes, some 27 KiB, would be held by each of ten thousand idle streams
/// (docs/architecture/performance.md); the child's is given back before the first byte is written.
package struct ApartResponder<Inner: HTTPResponder>: HTTPResponder where Inner.Context: Sendable {
    let inner: Inner

    package init(_ inner: Inner) { self.inner = inner }

    package func respond(to request: Request, context: Inner.Context) async throws -> Response {
        async let response = inner.respond(to: request, context: context)
        return try await response
    }
}
