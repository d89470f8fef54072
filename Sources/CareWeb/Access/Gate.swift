import CareDesk
import CareDomain
import HTTPTypes
import Hummingbird
import Logging

/// Stands before every handler and does what the table says (`Right`). A handler behind it is let in already, and gets
/// its case from here, so that none can look up one it was not let in to. What staff ask of a case is in the audit trail
/// before the handler begins; if it cannot be written, the handler does not begin.
struct Gate: Sendable {
    let store: any CaseStore
    let audit: any AuditTrail
    let logger: Logger

    func guarding(_ route: Route) -> Route.Handler {
        { request, context in try await route.handler(request, try await enter(route.right, context)) }
    }

    /// The context with the case of the path, if the right is about one.
    private func enter(_ right: Right, _ context: CareContext) async throws -> CareContext {
        if right.isAboutPatient, let caller = context.caller { return try await enter(right, context, caller) }
        guard right.isAboutCase, let caller = context.caller else {
            try obey(right.access(of: Asker(context.caller?.person)), right)
            return context
        }
        let id: CaseID = try context.id("case")
        let found = try await store.careCase(id)
        let asker = Asker(caller.person, about: found)
        let access = found == nil ? .hide : right.access(of: asker)
        var context = context
        if asker == .coordinator {
            context.change = try await note(right, access, context, caseID: id, patientID: found?.patientID)
        }
        try obey(access, right)
        context.visited = found
        return context
    }

    /// The context with the patient of the path. Staff find whoever is known here.
    private func enter(_ right: Right, _ context: CareContext, _ caller: Caller) async throws -> CareContext {
        let id: PersonID = try context.id("patient")
        let asker = Asker(caller.person, aboutPatient: id)
        var access = right.access(of: asker)
        var context = context
        if asker == .coordinator {
            let isThere = try await store.person(id)?.role == .patient
            if !isThere { access = .hide }
            context.change = try await note(right, access, context, caseID: nil, patientID: id)
        }
        try obey(access, right)
        context.visitedPatient = id
        return context
    }

    /// Writes the row of what staff asked for, and gives the one that a change by it will leave.
    private func note(
        _ right: Right, _ access: Access, _ context: CareContext, caseID: CaseID?, patientID: PersonID?
    ) async throws -> AuditEntry {
        let caller = try context.required()
        let change = AuditEntry(
            at: .now, person: caller.person.id, session: caller.session, right: right, caseID: caseID,
            patientID: patientID, outcome: .done, request: context.id)
        var entry = change
        entry.outcome =
            switch access {
            case .allow: .allowed
            case .refuse, .signIn: .refused
            case .hide: .notFound
            }
        try await record(entry)
        return change
    }

    /// No unseen access: without its row there is none.
    private func record(_ entry: AuditEntry) async throws {
        do {
            try await audit.record(entry)
        } catch {
            logger.error("the audit trail cannot be written", metadata: ["error": "\(type(of: error))"])
            throw Problem.storeUnavailable
        }
    }

    private func obey(_ access: Access, _ right: Right) throws(Problem) {
        switch access {
        case .allow: return
        case .signIn: throw .unauthenticated
        case .refuse: throw right.access(of: .coordinator) == .allow ? .coordinatorsOnly : .forbidden
        case .hide: throw .notFound
        }
    }
}
