package import CareDomain
package import CareLog

/// Carries committed facts from the store's outbox to the log, in the store's order.
///
/// Safe to call from anywhere at any time and twice at once: the log takes each number once. Whoever commits calls it;
/// what a crash left behind the sweep finds.
package struct FactPublisher: Sendable {
    package static let page = 200
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
            while true {
                let facts = try await store.pendingFacts(of: topic, limit: Self.page)
                guard let last = facts.last else { return }
                for fact in facts {
                    let outcome = try await log.append(
                        .fact(fact.event, number: fact.number, fence: fact.fence), to: topic)
                    if case .behind = outcome { return report("outbox of a topic is ahead of the log") }
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
