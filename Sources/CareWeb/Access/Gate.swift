import CareDesk
import CareDomain
import HTTPTypes
import Hummingbird
import Logging

/// Stands before every handler and does what the table says (`Right`). A handler behind it is let in already, and gets
/// its case from here, so that none can look up one it was not let in to. What staff ask of a case is in the audit trail
/// before the handler begins; if it cannot be written, the handler does not begin. Staff is also who acts as a patient.
struct Gate: Sendable {
    let store: any CaseStore
    let audit: any AuditTrail
    let logger: Logger

    func guarding(_ route: Route) -> Route.Handler {
        { request, context in try await route.handler(request, try await enter(route, context)) }
    }

    private func enter(_ route: Route, _ context: CareContext) async throws -> CareContext {
        guard let caller = context.caller else {
            try obey(route.right.access(of: .nobody), route.right)
            return context
        }
        if route.right.isAboutPatient { return try await visitPatient(route, caller, context) }
        if route.right.isAboutCase { return try await visitCase(route, caller, context) }
        let access = route.right.access(of: Asker(caller.person))
        if caller.impersonator == nil {
            try obey(access, route.right)
        } else {
            // What is the caller's own is somebody else's to whoever acts as them.
            _ = try await admit(route, caller, access, context)
        }
        return context
    }

    /// The context with the case of the path.
    private func visitCase(_ route: Route, _ caller: Caller, _ context: CareContext) async throws -> CareContext {
        let id: CaseID = try context.id("case")
        let found = try await store.careCase(id)
        let access = found == nil ? .hide : route.right.access(of: Asker(caller.person, about: found))
        var context = context
        context.change = try await admit(route, caller, access, context, caseID: id, patientID: found?.patientID)
        context.visited = found
        return context
    }

    /// The context with the patient of the path. Staff find whoever is known here.
    private func visitPatient(_ route: Route, _ caller: Caller, _ context: CareContext) async throws -> CareContext {
        let id: PersonID = try context.id("patient")
        let asker = Asker(caller.person, aboutPatient: id)
        var access = route.right.access(of: asker)
        if asker == .coordinator, try await store.person(id)?.role != .patient { access = .hide }
        var context = context
        context.change = try await admit(route, caller, access, context, patientID: id)
        context.visitedPatient = id
        return context
    }

    /// Writes the row of what staff asked for, then does what the table says. Gives the row that a change by staff will
    /// leave; patients leave none.
    private func admit(
        _ route: Route, _ caller: Caller, _ access: Access, _ context: CareContext, caseID: CaseID? = nil,
        patientID: PersonID? = nil
    ) async throws -> AuditEntry? {
        guard let staff = caller.staff else {
            try obey(access, route.right)
            return nil
        }
        // Staff who look through a person's eyes must not speak with their mouth.
        let isMute = caller.impersonator != nil && !route.isReading
        let change = AuditEntry(
            at: .now, person: staff, session: caller.session, right: route.right, caseID: caseID,
            patientID: caller.person.role == .patient ? caller.person.id : patientID, outcome: .done,
            request: context.id)
        var entry = change
        entry.outcome =
            switch access {
            case _ where isMute: .refused
            case .allow: .allowed
            case .refuse, .signIn: .refused
            case .hide: .notFound
            }
        try await record(entry)
        if isMute { throw Problem.readOnlySession }
        try obey(access, route.right)
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
