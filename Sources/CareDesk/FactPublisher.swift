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
            var renewals = 0
            pages: while true {
                let facts = try await store.pendingFacts(of: topic, limit: Self.page)
                guard let last = facts.last else { return }
                for fact in facts {
                    let draft = Draft.fact(fact.event, number: fact.number, fence: fact.fence)
                    guard case .behind = try await log.append(draft, to: topic) else { continue }
                    // What comes before the oldest pending fact was in the log once and is settled: it has been lost.
                    // In the middle of a page somebody else renewed it just now; the next page begins in the right place.
                    if fact == facts.first { try await log.renew(topic) }
                    renewals += 1
                    guard renewals <= Self.renewals else {
                        return report("a log loses facts as fast as it is given them")
                    }
                    continue pages
                }
                try await store.settle(topic, through: last.number)
                if facts.count < Self.page { return }
            }
        } catch {
            report("publishing facts failed: \(type(of: error))")
        }
    }

    /// Publishes what others left lying, for instance by crashing between commit and append.
    package func sweep(olderThan moment: Moment) async {
        do {
            for topic in try await store.topicsWithFacts(olderThan: moment, limit: Self.page) { await publish(topic) }
        } catch {
            report("looking for unpublished facts failed: \(type(of: error))")
        }
    }
}
