import Synchronization

/// What all readers of a run have heard, and the model peer's own punctuality. Written by two threads, one for readers
/// and one for the peer, so its lock is hardly ever waited for.
final class Ledger: Sendable {
    struct Page: Sendable {
        /// Nanoseconds from the newest token of a delta to its arrival.
        var deltas: [UInt64] = []
        /// The same for every token, also for those that waited for a newer one.
        var tokens: [UInt64] = []
        /// How late the peer wrote its tokens by its own schedule: the generator's part of any slowness.
        var lateness: [UInt64] = []
        /// From asking for a stream to its first byte of an event, and to its first entry after `Last-Event-ID`.
        var opened: [UInt64] = []
        var resumed: [UInt64] = []
        var lost = 0
        var doubled = 0
        var folded = 0
        var heartbeats = 0
        var resets = 0
    }
    private let page = Mutex(Page())

    /// Room is made before the run, so that no growing array stops a reader in its middle.
    init(deliveries: Int = 0) {
        page.withLock {
            $0.deltas.reserveCapacity(deliveries)
            $0.tokens.reserveCapacity(deliveries)
        }
    }

    func note(_ body: (inout Page) -> Void) { page.withLock { body(&$0) } }

    var read: Page { page.withLock { $0 } }
}

/// Percentiles by nearest rank over exact samples: nothing is rounded into classes, and there is no model behind it.
struct Percentiles {
    private let sorted: [UInt64]

    init(_ samples: [UInt64]) { sorted = samples.sorted() }

    var count: Int { sorted.count }

    /// In milliseconds; nothing was sampled: 0.
    func milliseconds(_ percent: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        // In whole tenths of a percent: 99.9 / 100 × 1000 is a little more than 999 in floating point.
        let rank = (Int((percent * 10).rounded()) * sorted.count + 999) / 1_000
        return Double(sorted[min(sorted.count, max(1, rank)) - 1]) / 1_000_000
    }
}
