package import CareDomain

/// Time as a value, so that tests can hold it still. Durations sleep on the monotonic clock, moments are wall time
/// because leases are compared between nodes.
package struct Timekeeper: Sendable {
    package var now: @Sendable () -> Moment
    package var sleep: @Sendable (Duration) async throws -> Void

    package init(
        now: @escaping @Sendable () -> Moment, sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.sleep = sleep
    }

    package static let system = Timekeeper(now: { .now }, sleep: { try await Task.sleep(for: $0) })
}
