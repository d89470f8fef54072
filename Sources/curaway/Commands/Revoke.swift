import ArgumentParser
import CareDesk
import CareDomain
import CareStore

struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shut somebody out now, on every node, without a restart.",
        discussion: """
            Ends their open streams within two seconds and refuses every token they were given before. With --person they may sign in \
            again, unless whoever signs people in refuses that; with --session that one sign-in is over for good.
            """)

    @OptionGroup var place: PlaceOptions
    @Option(help: "Id of a patient or coordinator.") var person: String?
    @Option(help: "Id of a sign-in: the token's sid, and session in the audit trail.") var session: String?

    func validate() throws {
        guard (person == nil) != (session == nil) else { throw ValidationError("Name --person ID or --session ID.") }
        guard subject != nil else {
            throw ValidationError("An id has 1 to 64 characters out of A–Z a–z 0–9 . _ ~ -")
        }
    }

    private var subject: Revocation.Subject? {
        person.flatMap { PersonID(rawValue: $0) }.map { .person($0) }
            ?? session.flatMap { SessionID(rawValue: $0) }.map { .session($0) }
    }

    func run() async throws {
        guard let subject else { return }
        let settings = try await readSettings(place.values, file: place.settings)
        let store = try await orExplained { try await Assembly.openExistingStore(settings) }
        if case .person(let id) = subject, try await store.person(id) == nil {
            throw ValidationError("Nobody is known here as \(id).")
        }
        try await store.revoke(Revocation(subject, at: .now))
        // Standard output: it is this command's answer to who typed it, and no log line.
        Swift.print("\(subject) is shut out: all nodes notice within two seconds.")
    }
}
