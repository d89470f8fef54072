package import CareDomain
package import CareLog

/// Carries committed facts from the store's outbox to the log, in the store's order.
///
/// Safe to call from anywhere at any time and twice at once: the log takes each number once. Whoever commits calls it;
/// what a crash left behind the sweep finds.
package struct FactPublisher: Sendable {
    package static let page = 200
    /// New epochs that one call may begin; then the next sweep tries again.
    static let renewals = 3
    /// How long facts stay in the store once they are in the log, for nodes that cannot reach the log meanwhile.
    package static let keptSettled: Duration = .seconds(60)
    private let store: any CaseStore
    private let log: any EventLog
    private let report: @Sendable (_ what: String) -> Void

    package init(store: any CaseStore, log: any EventLog, report: @escaping @Sendable (String) -> Void = { _ in }) {
        self.store = store
        self.log = log
        self.report = report
    }

    /// Publishes what is pending of a topic. A failure is reported, not thrown: the facts are safe, the sweep retries.
    package func publish(_ topic: Topic) async {
        do {
            var told = 0
            var renewals = 0
            while true {
                let facts = try await store.pendingFacts(of: topic, after: told, limit: Self.page)
                guard let last = facts.last else { return }
                switch try await tell(facts, to: topic) {
                case .shared: try await store.settle(topic, through: last.number)
                // They stay pending, for whoever reaches the shared log first.
                case .alone: break
                case .renewed:
                    // Others may have settled some of them meanwhile: the page is read anew.
                    renewals += 1
                    guard renewals <= Self.renewals else {
                        return report("a log loses facts as fast as it is given them")
                    }
                    continue
                }
                told = last.number
                if facts.count < Self.page { return }
            }
        } catch is StoreUnavailable {
            // The store says so itself, once.
        } catch {
            report("publishing facts failed: \(type(of: error))")
        }
    }

    package enum Told: Sendable, Equatable {
        case shared
        /// This node's readers alone have been told at least one of them.
        case alone
        /// The log had lost what came before; it has a new epoch, and is to be told again from the oldest pending one.
        case renewed
    }

    /// Tells the log facts that follow each other.
    func tell(_ facts: [PendingFact], to topic: Topic) async throws -> Told {
        var told = Told.shared
        for fact in facts {
            switch try await log.append(.fact(fact.event, number: fact.number, fence: fact.fence), to: topic) {
            case .alone: told = .alone
            case .behind:
                // What comes before the oldest pending fact was in the log once and is settled: it has been lost.
                // In the middle somebody else renewed it just now; the next try begins in the right place.
                if fact == facts.first { try await log.renew(topic) }
                return .renewed
            case .appended, .duplicate, .fenced, .unknownFence, .unvouched: break
            }
        }
        return told
    }

    /// Publishes what others left lying, for instance by crashing between commit and append, and what was committed while
    /// the shared log was away; and forgets what has been in the log for long enough.
    package func sweep(olderThan moment: Moment) async {
        // Alone there is nobody to tell who has not been told; and what waits for the shared log would be read each time.
        guard log.standing == .shared else { return }
        do {
            for topic in try await store.topicsWithFacts(olderThan: moment, limit: Self.page) { await publish(topic) }
            try await store.purgeSettledFacts(olderThan: moment + (.zero - Self.keptSettled))
        } catch is StoreUnavailable {
            // The store says so itself, once.
        } catch {
            report("looking for unpublished facts failed: \(type(of: error))")
        }
    }
}
