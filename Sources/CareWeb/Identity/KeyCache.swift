package import CareDomain

package struct KeyCacheSettings: Sendable {
    /// After this time the keys are asked for again.
    package var fresh: Duration = .seconds(300)
    /// Between two requests, after one that succeeded.
    package var pause: Duration = .seconds(30)
    /// The same after one that failed, so that a short failure at the start does not shut everybody out for long.
    package var pauseAfterFailure: Duration = .seconds(5)
    /// Keys this old are not trusted, even if they cannot be had anew: a key withdrawn must stop working.
    package var stale: Duration = .seconds(3_600)
    package init() {}
}

/// Which published key to trust, and when to ask for them again. Pure: no clock, no I/O; `KeySet` is its host.
///
///     fetched ──── 5 min ────▶ asked for again, the old ones good meanwhile ──── 1 h ────▶ good for nothing
///
/// Asking is never oftener than `pause`, whatever tokens come: a forged kid must not become a request to Clerk each.
package struct KeyCache<Key: Equatable & Sendable>: Sendable {
    package enum Answer: Equatable, Sendable {
        case use(Key)
        /// Ask for the keys, and then here again.
        case ask
        /// The keys are known, and this is none of them.
        case unknown
        /// Nobody can say now.
        case unavailable
    }

    private let settings: KeyCacheSettings
    private var keys: [String: Key] = [:]
    private var fetchedAt: Moment?
    private var askedAt: Moment?
    private var failed = false

    package init(settings: KeyCacheSettings = .init()) { self.settings = settings }

    /// `refused`: a key that was tried and did not fit. A kid is an instance's id and may stay the same when its key is
    /// changed, so a signature that does not fit may be as good as an unknown kid.
    package func key(_ kid: String, insteadOf refused: Key? = nil, mayAsk: Bool = true, at now: Moment) -> Answer {
        let age = fetchedAt.map { now - $0 }
        var held: Key?
        if let age, age <= settings.stale, let key = keys[kid], key != refused { held = key }
        if let held, let age, age < settings.fresh { return .use(held) }
        let pause = failed ? settings.pauseAfterFailure : settings.pause
        // A clock that went back must not silence us until it has caught up.
        let isRested = askedAt.map { now - $0 >= pause || now < $0 } ?? true
        if mayAsk, isRested { return .ask }
        if let held { return .use(held) }
        return failed || fetchedAt == nil ? .unavailable : .unknown
    }

    package var isEmpty: Bool { keys.isEmpty }

    /// Until the answer is there everybody else makes do with what is held.
    package mutating func asked(at now: Moment) { askedAt = now }

    /// The keys of now; those that are not among them are withdrawn.
    package mutating func received(_ keys: [String: Key], at now: Moment) {
        self.keys = keys
        fetchedAt = now
        failed = false
    }

    package mutating func missed() { failed = true }
}
