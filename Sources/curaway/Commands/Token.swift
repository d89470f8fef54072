import ArgumentParser
import CareDomain
import CareStore
import CareWeb

struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a development token, for use with curl; one a line for several people.",
        discussion: "curl -H \"Authorization: Bearer $(curaway token --patient amina)\" http://127.0.0.1:8080/api/v1/me"
    )

    @OptionGroup var place: PlaceOptions
    @Option(help: "Id of a patient; made if nobody has it. May be given again.") var patient: [String] = []
    @Option(help: "Id of a coordinator; made if nobody has it. May be given again.") var coordinator: [String] = []
    @Option(help: "Seconds it is good for.") var seconds: Int?

    func validate() throws {
        guard patient.isEmpty != coordinator.isEmpty else {
            throw ValidationError("Name people of one kind: --patient ID or --coordinator ID.")
        }
        guard (patient + coordinator).allSatisfy({ PersonID(rawValue: $0) != nil }) else {
            throw ValidationError("An id has 1 to 64 characters out of A–Z a–z 0–9 . _ ~ -")
        }
    }

    func run() async throws {
        let role: Person.Role = patient.isEmpty ? .coordinator : .patient
        var settings = try await readSettings(place.values, file: place.settings)
        guard case .development = settings.identity else {
            try await orExplained {
                throw SettingError(
                    name: "identity", value: "clerk",
                    why: "a server with Clerk takes only Clerk's tokens; this command signs those of the development "
                        + "identity")
            }
            return
        }
        if let seconds { settings.tokenLifetime = .seconds(max(1, seconds)) }
        let store = try await orExplained { [settings] in try await Assembly.openExistingStore(settings) }
        let identity = try await DevelopmentIdentity(store: store, lifetime: settings.tokenLifetime)
        for id in (patient + coordinator).compactMap({ PersonID(rawValue: $0) }) {
            let known = try await store.person(id)
            if let known, known.role != role {
                throw ValidationError("\(id) is a \(known.role.rawValue), not a \(role.rawValue).")
            }
            let person = known ?? Person(id: id, name: id.rawValue, role: role, language: settings.language)
            if known == nil { try await store.save(person) }
            Swift.print(try await identity.token(for: person).token)
        }
    }
}
