import CareDesk
import CareStore

/// What an operator can do something about: 78 (EX_CONFIG) when something has to be set differently, 74 (EX_IOERR) when
/// it may be different the next time.
func explanation(of error: any Error) -> (sentence: String, code: Int32)? {
    switch error {
    case let error as SettingError: return ("\(error)", 78)
    case StoreError.newerSchema(let found, let known):
        return (
            "The database was changed by a newer version (schema step \(found), this one knows \(known)) in a way that this "
                + "one cannot work with, and was not touched. Start that version, or put a backup back.", 78
        )
    case let error as Moving.Refusal: return ("Nothing was moved: \(sentence(of: error))", 78)
    case let error as StoreUnavailable:
        let what: (String, Int32) =
            switch error.reason {
            case .diskFull: ("cannot be written, the disk is full", 74)
            case .readOnly: ("cannot be written by this user", 78)
            case .busy: ("is held by another process", 74)
            case .inputOutput: ("cannot be read or written, the file system refuses", 74)
            case .cannotOpen: ("cannot be opened or made", 78)
            case .notADatabase: ("is not a database", 78)
            case .damaged: ("is damaged", 74)
            case .away: ("cannot be reached", 74)
            case .silent: ("does not answer", 74)
            case .locked: ("has a row locked by another session", 74)
            case .slow: ("took too long", 74)
            case .exhausted: ("has no connection free", 74)
            case .tooManyConnections: ("takes no more connections", 74)
            case .outOfResources: ("lacks memory or room", 74)
            case .signInRefused: ("refuses the role or its password", 78)
            case .noDatabase: ("does not exist", 78)
            case .forbidden: ("refuses the role a right", 78)
            case .unsuitable: ("cannot be used", 78)
            case .outcomeUnknown: ("broke off while committing", 74)
            }
        return ("The store at \(error.place) \(what.0). \(error.reason.remedy)", what.1)
    default: return nil
    }
}

private func sentence(of refusal: Moving.Refusal) -> String {
    switch refusal {
    case .sourceSchema(nil, _): "there is nothing of Curaway's in the source."
    case .sourceSchema(let found?, let wanted):
        "the source is at schema step \(found) and this version writes step \(wanted). Bring it up to date with curaway "
            + "migrate first, or use the version that it was last used with."
    case .notEmpty(let table): "the target has rows in \(table) already. Name an empty database."
    case .columns(let table): "the columns of \(table) are not the same in source and target."
    case .differs(let table): "what arrived in \(table) was not what was sent. The target is as it was before."
    case .disturbed: "somebody else writes into the target. It is as it was before."
    }
}
