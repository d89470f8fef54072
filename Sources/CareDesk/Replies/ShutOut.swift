import CareDomain
import CareLog

/// Shuts the writer of a case's running reply out of the log, on whatever node it is, and says what readers have been shown.
///
/// The fence is newer than the writer's, so it is refused at its next words, and what the log has folded is all that will ever
/// have been shown. The store knows less: words since the last checkpoint.
struct ShutOut: Sendable {
    let log: any EventLog
    let report: @Sendable (String) -> Void

    /// Of every reply that the log knows to run in the topic (`Reply.withWords`). From a shared log that is away, what this node
    /// has heard of it. Empty when the log fails; then the checkpoint has to do.
    func callAsFunction(of caseID: CaseID, in topic: Topic, under fence: Fence) async -> [ReplyFold] {
        do {
            try await log.loadFence(fence, of: caseID, in: topic)
            return try await log.reading(of: topic).running
        } catch {
            report("the log did not say what a silenced reply had shown: \(type(of: error))")
            return []
        }
    }
}
