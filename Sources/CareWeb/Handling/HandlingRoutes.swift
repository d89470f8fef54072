import CareDesk
import CareDomain
import Hummingbird

/// A coordinator takes a case over and gives it back.
struct HandlingRoutes {
    let handover: Handover

    func accept(_ request: Request, _ context: CareContext) async throws -> Response {
        let (caller, found) = try context.visit()
        return try answer(try await handover.accept(found, for: caller.person, noting: try context.noted()))
    }

    func release(_ request: Request, _ context: CareContext) async throws -> Response {
        let (caller, found) = try context.visit()
        return try answer(try await handover.release(found, by: caller.person, noting: try context.noted()))
    }

    private func answer(_ outcome: HandlingOutcome) throws -> Response {
        switch outcome {
        case .changed(let careCase), .already(let careCase): return try JSON.response(careCase)
        case .takenBy(let careCase):
            throw Problem(
                .conflict, "already_accepted", "\(careCase.handling.by ?? "Another coordinator") has this case.")
        case .notTaken: throw Problem(.conflict, "not_accepted", "Nobody has taken this case over.")
        case .noSuchCase: throw Problem.notFound
        case .raced: throw Problem.storeUnavailable
        }
    }
}
