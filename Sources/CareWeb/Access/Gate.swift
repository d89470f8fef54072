import CareDesk
import CareDomain
import HTTPTypes
import Hummingbird

/// Stands before every handler and does what the table says (`Right`). A handler behind it is let in already, and gets
/// its case from here, so that none can look up one it was not let in to.
struct Gate: Sendable {
    let store: any CaseStore

    func guarding(_ route: Route) -> Route.Handler {
        { request, context in
            var context = context
            context.visited = try await enter(route.right, context)
            return try await route.handler(request, context)
        }
    }

    /// The case of the path, if the right is about one.
    private func enter(_ right: Right, _ context: CareContext) async throws -> CareCase? {
        let person = context.caller?.person
        guard right.isAboutCase, person != nil else {
            try obey(right.access(of: Asker(person)), right)
            return nil
        }
        let id: CaseID = try context.id("case")
        let found = try await store.careCase(id)
        try obey(found == nil ? .hide : right.access(of: Asker(person, about: found)), right)
        return found
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
