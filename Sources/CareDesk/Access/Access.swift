package import CareDomain

/// Who is asking, seen from what is asked about. There are no others.
package enum Asker: String, Sendable, CaseIterable {
    /// No token, or none that is valid.
    case nobody
    /// A patient, about themselves or about a case of their own.
    case patient
    /// A patient, about a case of somebody else or about one that is not there. The two are one asker, so that no answer
    /// can tell them apart.
    case stranger
    /// Staff. The token decides, so a coordinator is one also where they were the patient.
    case coordinator

    /// Seen from something that is not about a case.
    package init(_ person: Person?) {
        self =
            switch person?.role {
            case nil: .nobody
            case .patient: .patient
            case .coordinator: .coordinator
            }
    }

    /// Seen from what belongs to a patient.
    package init(_ person: Person?, aboutPatient id: PersonID) {
        self.init(person)
        if let person, self == .patient, id != person.id { self = .stranger }
    }

    /// Seen from a case; `nil`: there is none of that id.
    package init(_ person: Person?, about careCase: CareCase?) {
        self.init(person)
        if let person, self == .patient, careCase?.patientID != person.id { self = .stranger }
    }
}

/// What becomes of a wish.
package enum Access: String, Sendable {
    case allow
    /// 401: say who you are.
    case signIn
    /// 403: you may know that it is there.
    case refuse
    /// 404: to you it is not there.
    case hide
}

/// Everything that can be asked for. No route exists without one of these, and none of these without a row in the table.
/// The texts stand in the audit trail for years: give new rights new ones, and leave the old.
package enum Right: String, Sendable, CaseIterable {
    case useApp = "use_app"
    case readHealth = "read_health"
    case readConfiguration = "read_configuration"
    case signInForDevelopment = "sign_in_for_development"

    case readSelf = "read_self"
    case listOwnCases = "list_own_cases"
    case openCase = "open_case"
    case takeTicket = "take_ticket"

    case readCase = "read_case"
    case readMessages = "read_messages"
    case followCase = "follow_case"
    case ask
    case stopReply = "stop_reply"
    case retryReply = "retry_reply"
    case acceptCase = "accept_case"
    case releaseCase = "release_case"

    case readDocuments = "read_documents"
    case followDocuments = "follow_documents"
    case addDocument = "add_document"
    case retryDocument = "retry_document"
    case deleteDocument = "delete_document"

    /// The one table. Pure: what a token says and what the store holds come in as `Asker`.
    package func access(of asker: Asker) -> Access {
        // swift-format-ignore
        let row: (nobody: Access, patient: Access, stranger: Access, coordinator: Access) = switch self {
        //                            nobody   patient  stranger coordinator
        case .useApp:               (.allow,  .allow,  .allow,  .allow)
        case .readHealth:           (.allow,  .allow,  .allow,  .allow)
        case .readConfiguration:    (.allow,  .allow,  .allow,  .allow)
        case .signInForDevelopment: (.allow,  .allow,  .allow,  .allow)

        case .readSelf:             (.signIn, .allow,  .allow,  .allow)
        case .listOwnCases:         (.signIn, .allow,  .allow,  .allow)
        case .openCase:             (.signIn, .allow,  .allow,  .refuse)
        case .takeTicket:           (.signIn, .allow,  .allow,  .allow)

        case .readCase:             (.signIn, .allow,  .hide,   .allow)
        case .readMessages:         (.signIn, .allow,  .hide,   .allow)
        case .followCase:           (.signIn, .allow,  .hide,   .allow)
        case .ask:                  (.signIn, .allow,  .hide,   .refuse)
        case .stopReply:            (.signIn, .allow,  .hide,   .refuse)
        case .retryReply:           (.signIn, .allow,  .hide,   .refuse)
        case .acceptCase:           (.signIn, .refuse, .hide,   .allow)
        case .releaseCase:          (.signIn, .refuse, .hide,   .allow)

        case .readDocuments:        (.signIn, .allow,  .hide,   .allow)
        case .followDocuments:      (.signIn, .allow,  .hide,   .allow)
        case .addDocument:          (.signIn, .allow,  .hide,   .refuse)
        case .retryDocument:        (.signIn, .allow,  .hide,   .allow)
        case .deleteDocument:       (.signIn, .allow,  .hide,   .refuse)
        }
        return switch asker {
        case .nobody: row.nobody
        case .patient: row.patient
        case .stranger: row.stranger
        case .coordinator: row.coordinator
        }
    }

    /// Whether it is about one case, which has to be looked up before the table can answer.
    package var isAboutCase: Bool {
        switch self {
        case .useApp, .readHealth, .readConfiguration, .signInForDevelopment, .readSelf, .listOwnCases, .openCase,
            .takeTicket, .readDocuments, .followDocuments, .addDocument, .retryDocument, .deleteDocument:
            false
        case .readCase, .readMessages, .followCase, .ask, .stopReply, .retryReply, .acceptCase, .releaseCase: true
        }
    }

    /// Whether it is about what belongs to a patient, whichever case it was given in.
    package var isAboutPatient: Bool {
        switch self {
        case .readDocuments, .followDocuments, .addDocument, .retryDocument, .deleteDocument: true
        default: false
        }
    }

    package var needsSignIn: Bool { access(of: .nobody) != .allow }
}
