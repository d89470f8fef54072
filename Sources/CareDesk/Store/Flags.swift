/// Switches an operator turns while the product runs. Read through this port, kept in the store, so a change is seen
/// by every node without a restart.
package protocol Flags: Sendable {
    func value(of flag: Flag) async throws -> Bool
    /// `nil` goes back to the default.
    func set(_ flag: Flag, to value: Bool?) async throws
}

package enum Flag: String, Sendable, CaseIterable {
    /// Words are sent as they come. Off: the POST and the message entry carry the whole answer.
    case enableResponseStreaming = "enable_response_streaming"
    /// Coordinators answer from the dashboard.
    case coordinatorEnabled = "coordinator_enabled"

    package var byDefault: Bool {
        switch self {
        case .enableResponseStreaming: true
        case .coordinatorEnabled: false
        }
    }

    package var summary: String {
        switch self {
        case .enableResponseStreaming: "send the words of an answer as they come"
        case .coordinatorEnabled: "coordinators answer from the dashboard"
        }
    }
}
