package import CareDomain
import HTTPTypes
import Synchronization

/// Messages and further tries a minute of one patient on this node, as a token bucket.
package final class MessageRate: Sendable {
    /// Patients remembered; beyond it the fullest buckets are forgotten, which only ever allows more.
    private static let remembered = 10_000

    private struct Bucket {
        var tokens: Double
        var at: Moment
    }
    private let perMinute: Int
    private let now: @Sendable () -> Moment
    private let buckets = Mutex<[PersonID: Bucket]>([:])

    package init(perMinute: Int, now: @escaping @Sendable () -> Moment = { .now }) {
        self.perMinute = perMinute
        self.now = now
    }

    package func count(_ person: PersonID) throws(Problem) {
        let now = now()
        let wait: Double? = buckets.withLock { buckets in
            if buckets.count >= Self.remembered { buckets = buckets.filter { $0.value.tokens < Double(perMinute) / 2 } }
            var bucket = buckets[person] ?? Bucket(tokens: Double(perMinute), at: now)
            let passed = Double(max(0, now.milliseconds - bucket.at.milliseconds))
            bucket.tokens = min(Double(perMinute), bucket.tokens + passed * Double(perMinute) / 60_000)
            bucket.at = now
            defer { buckets[person] = bucket }
            guard bucket.tokens >= 1 else { return (1 - bucket.tokens) * 60 / Double(perMinute) }
            bucket.tokens -= 1
            return nil
        }
        if let wait {
            throw Problem(
                .tooManyRequests, "too_many_messages",
                "\(perMinute) messages or new tries a minute are allowed; wait a moment.",
                retryAfter: max(1, Int(wait.rounded(.up))))
        }
    }
}
