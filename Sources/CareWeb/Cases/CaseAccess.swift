import CareDesk
import CareDomain
import Hummingbird

/// Who may see and do what with a case. What is not yours answers 404, as if it were not there.
struct CaseAccess: Sendable {
    let store: any CaseStore

    /// The case in the path, if the caller may read it.
    func readable(_ context: CareContext) async throws -> (Caller, CareCase) {
        let caller = try context.required()
        let id: CaseID = try context.id("case")
        guard let found = try await store.careCase(id),
            caller.person.role == .coordinator || found.patientID == caller.person.id
        else { throw Problem.notFound }
        return (caller, found)
    }

    /// The case in the path, if the caller is its patient.
    func own(_ context: CareContext) async throws -> (Caller, CareCase) {
        let (caller, found) = try await readable(context)
        guard found.patientID == caller.person.id else { throw Problem.forbidden }
        return (caller, found)
    }

    /// The case in the path, for a coordinator to handle.
    func handled(_ context: CareContext) async throws -> (Caller, CareCase) {
        let (caller, found) = try await readable(context)
        guard caller.person.role == .coordinator else { throw Problem.coordinatorsOnly }
        return (caller, found)
    }

    func patient(_ context: CareContext) throws -> Caller {
        let caller = try context.required()
        guard caller.person.role == .patient else { throw Problem.forbidden }
        return caller
    }
}
