package import CareDomain
package import CareLog
import Foundation
package import NIOCore
import NIOPosix
import Synchronization

/// The log that several nodes share. One script an append (`Scripts/topic.lua`) does fence, order, offset, entry and
/// publication in one step; one subscription a node brings what others append. Readers are fanned out to in this process,
/// from a mirror of each topic that is read here, so an idle reader costs Redis nothing.
///
///     append ─▶ script ─▶ entry, PUBLISH ─▶ every node's subscription ─▶ its mirror ─▶ its readers
///
/// A mirror takes the next offset and nothing else: what is doubled is dropped, and a gap is read from Redis. `run` keeps the
/// connections; without it, or while Redis cannot be reached or takes no writes, the node is alone (`SharedEventLog`).
package final class RedisEventLog: SharedEventLog {
    /// Cases remembered as vouched for; beyond it all are forgotten, which costs each one look into the store.
    static let vouchedLimit = 100_000

    struct Mirror {
        var host: TopicHost
        /// It has taken entries that the shared log has not.
        var isAlone = false
        var touched: ContinuousClock.Instant
    }
    struct Link {
        var commands: RedisConnection
        var subscriber: RedisConnection
        /// Ends the link when something of it is not as it should be.
        var broken: AsyncStream<Void>.Continuation
    }
    struct State {
        var link: Link?
        var mirrors: [Topic: Mirror] = [:]
        var listeners: [Int: AsyncStream<LogStanding>.Continuation] = [:]
        var lastListener = 0
        /// Cases whose fence was loaded from the store since the link is there: a takeover that was committed while Redis was away
        /// may be in the store alone, so the first words after it are sent there. A fact does not vouch, not even with
        /// a fence: behind it a takeover may be waiting to be told.
        var vouched: Set<CaseID> = []
        var made = 0
        /// What the operator and the listeners were told last.
        var announced: LogStanding?
        var complained = false

        mutating func vouch(for caseID: CaseID) {
            if vouched.count >= RedisEventLog.vouchedLimit { vouched = [] }
            vouched.insert(caseID)
        }
    }

    let settings: RedisSettings
    let keys: LogKeys
    let limits: LogLimits
    let group: any EventLoopGroup
    let report: @Sendable (String) -> Void
    let state = Mutex(State())
    let boot = RedisEventLog.chance()
    package let counter = CommandCounter()

    /// `report` hears when Redis is away and when it is back, and of entries that no key opens.
    package init(
        _ settings: RedisSettings, keys: LogKeys, limits: LogLimits = LogLimits(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.settings = settings
        self.keys = keys
        self.limits = limits
        self.group = group
        self.report = report
    }

    package func append(_ draft: Draft, to topic: Topic) async throws -> AppendOutcome {
        let json = try draft.event.json()
        while true {
            if let link = state.withLock({ $0.link }) {
                do {
                    return try await append(draft, json, to: topic, link)
                } catch let error as RedisError {
                    // It may have been done all the same: numbers and n make the next try harmless.
                    lost(link, error)
                }
            }
            if let outcome = appendAlone(draft, json, to: topic) { return outcome }
        }
    }

    func append(
        _ draft: Draft, _ json: [UInt8], to topic: Topic, _ link: Link
    ) async throws -> AppendOutcome {
        if case .reply = draft.kind, !state.withLock({ $0.vouched.contains(draft.event.caseID) }) {
            return .unknownFence
        }
        let sealed = try keys.seal(StoredEntry.bytes(of: draft, json: json), of: topic)
        let (verb, rest) = Self.arguments(of: draft, sealed, limits, settings)
        let outcome = try Self.outcome(try await step(verb, rest, on: topic, link))
        // This node's readers need not wait for it to come back by subscription.
        if case .appended(let position) = outcome, let host = state.withLock({ $0.mirrors[topic]?.host }) {
            take((draft, json), at: position, into: host)
        }
        return outcome
    }

    package func loadFence(_ fence: Fence, of caseID: CaseID, in topic: Topic) async throws {
        if let link = state.withLock({ $0.link }) {
            do {
                _ = try await step(
                    "fence",
                    [
                        .text(caseID.rawValue),
                        .integer(fence.takeover),
                        .integer(fence.lease),
                    ], on: topic, link)
                let host = state.withLock { state in
                    state.vouch(for: caseID)
                    return state.mirrors[topic]?.host
                }
                // What it knows it knows alone, too.
                _ = host?.raiseFence(fence, of: caseID)
                return
            } catch let error as RedisError {
                lost(link, error)
            }
        }
        hostAlone(topic) { $0.change { $0.raiseFence(fence, of: caseID) } }
    }

    package func renew(_ topic: Topic) async throws {
        if let link = state.withLock({ $0.link }) {
            do {
                _ = try await step("renew", on: topic, link)
                try await catchUp(topic, link)
                return
            } catch let error as RedisError {
                lost(link, error)
            }
        }
        let epoch = epochAlone()
        hostAlone(topic) { host in host.change { $0 = TopicState(epoch: epoch, limits: self.limits) } }
    }

    package func follow(_ topic: Topic, from position: Position?, view: StreamView) async throws -> Follower {
        while true {
            if let follower = try await host(of: topic).follow(from: position, view: view) { return follower }
        }
    }

    package func reading(of topic: Topic) async throws -> TopicReading {
        if let link = state.withLock({ $0.link }) {
            do {
                if isMirrored(topic) { try await catchUp(topic, link) } else { _ = try await mirror(topic, link) }
            } catch let error as RedisError {
                lost(link, error)
            }
        }
        while true {
            if let reading = try await host(of: topic).reading { return reading }
        }
    }

    package func tell(_ signal: Signal, to topic: Topic) async {
        guard let link = state.withLock({ $0.link }), let sealed = try? keys.seal(Self.bytes(of: signal), of: topic)
        else {
            return hostAlone(topic) { $0.tell(signal) }
        }
        // Heard or missed: a failure is not worth a word, and a link that is lost is found out by others.
        _ = try? await link.commands.send([
            "PUBLISH", .text(channel(of: topic)), .bytes([UInt8(ascii: "s"), 32] + sealed),
        ])
    }

    /// Shared from when every mirror has caught up.
    package var standing: LogStanding { state.withLock { $0.link == nil ? .alone : $0.announced ?? .alone } }

    package func standings() -> AsyncStream<LogStanding> {
        let (stream, continuation) = AsyncStream.makeStream(of: LogStanding.self, bufferingPolicy: .bufferingNewest(1))
        let (id, standing) = state.withLock { state in
            state.lastListener += 1
            state.listeners[state.lastListener] = continuation
            return (state.lastListener, state.announced ?? .alone)
        }
        continuation.yield(standing)
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: id) }
        }
        return stream
    }

    package func followed() -> [Topic] { state.withLock { $0.mirrors.filter { $0.value.host.isFollowed }.map(\.key) } }

    // MARK: Alone

    func epochAlone() -> String {
        "a\(boot)"
            + String(
                state.withLock { state in
                    state.made += 1
                    return state.made
                }, radix: 36)
    }

    @discardableResult
    func hostAlone<Answer>(_ topic: Topic, _ body: (TopicHost) -> Answer?) -> Answer {
        while true {
            let epoch = epochAlone()
            let host = state.withLock { state in
                if let known = state.mirrors[topic]?.host { return known }
                let host = TopicHost(epoch: epoch, limits: limits)
                // Not of the shared log, so that it is read from there when that is back.
                state.mirrors[topic] = Mirror(host: host, isAlone: true, touched: .now)
                return host
            }
            makeRoom(besides: topic)
            if let answer = body(host) { return answer }
            state.withLock { state in if state.mirrors[topic]?.host === host { state.mirrors[topic] = nil } }
        }
    }

    /// `nil` when the link is back. Decided and done in one step with that: an entry taken alone after the mirrors were brought
    /// up to the shared log would part this one from it again, unnoticed until the next entry. (Readers that are woken inside
    /// are only put in line.)
    func appendAlone(_ draft: Draft, _ json: [UInt8], to topic: Topic) -> AppendOutcome? {
        let epoch = epochAlone()
        return hostAlone(topic) { host -> AppendOutcome?? in
            state.withLock { state in
                guard state.link == nil else { return .some(nil) }
                guard let mirror = state.mirrors[topic], mirror.host === host else { return nil }
                let outcome = host.change { topic -> AppendOutcome in
                    switch draft.kind {
                    case .fact:
                        switch topic.refusal(of: draft) {
                        // Of what was taken alone, the shared log has not heard; of what it has, a later try will tell.
                        case .duplicate?: return .alone(topic.position)
                        case let refusal?: return refusal
                        case nil: break
                        }
                    case .reply(let fence, let isVouched):
                        if let refusal = topic.refusal(under: fence, of: draft.event.caseID) { return refusal }
                        guard isVouched else { return .unvouched }
                    }
                    // From the first entry on it is another history than the one the others have.
                    if !mirror.isAlone { topic = topic.begunAnew(epoch: epoch) }
                    return topic.append(draft, json: json)
                }
                switch outcome {
                case .appended(let position):
                    state.mirrors[topic]?.isAlone = true
                    return .some(.alone(position))
                case .behind?:
                    // Of words, whose beginning the new history lacks.
                    if case .reply = draft.kind { state.mirrors[topic]?.isAlone = true }
                    return .some(outcome)
                case nil: return nil
                default: return .some(outcome)
                }
            }
        }
    }

    // MARK: Small things

    static func chance() -> String { String(UInt64.random(in: 0..<(1 << 50)), radix: 36) }

    static func bytes(of signal: Signal) -> [UInt8] {
        Array("\(signal.caseID) \(signal.who) \(signal.state.rawValue) \(signal.audience.rawValue)".utf8)
    }

    static func signal(_ bytes: [UInt8]) -> Signal? {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ").map(String.init)
        guard words.count == 4, let caseID = CaseID(rawValue: words[0]), let who = PersonID(rawValue: words[1]),
            let state = Signal.State(rawValue: words[2]), let audience = Audience(rawValue: words[3])
        else { return nil }
        return Signal(caseID: caseID, who: who, state: state, audience: audience)
    }
}
