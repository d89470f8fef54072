/// Heard or missed, never kept: somebody types, somebody is there. It has no place in a log, so losing one is nothing
/// and a newer one of the same person and kind replaces it.
package struct Signal: Hashable, Sendable {
    /// SSE `event:`, WebSocket `type`.
    package enum Kind: String, Sendable, Hashable { case typing, presence }

    package enum State: String, Sendable, Hashable, CaseIterable {
        /// Of typing.
        case started, stopped
        /// Of presence.
        case here, away

        package var kind: Kind {
            switch self {
            case .started, .stopped: .typing
            case .here, .away: .presence
            }
        }
    }

    package var caseID: CaseID
    package var who: PersonID
    package var state: State
    /// Never sent, and so never more than a server's own business: a note being typed is for staff.
    package var audience: Audience

    package init(caseID: CaseID, who: PersonID, state: State, audience: Audience = .everyone) {
        self.caseID = caseID
        self.who = who
        self.state = state
        self.audience = audience
    }

    package var kind: Kind { state.kind }

    /// The one line of JSON that every transport sends. Ids and states need no escaping, by their types.
    package var json: String {
        #"{"type":"\#(kind.rawValue)","case_id":"\#(caseID)","who":"\#(who)","state":"\#(state.rawValue)"}"#
    }
}
