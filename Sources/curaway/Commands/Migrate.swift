import ArgumentParser
import CareStore
import Foundation

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database up to date (serve does it too), or move it to another one.",
        discussion: """
            To move an installation, stop its servers first:

                curaway migrate --from sqlite:.curaway/curaway.sqlite --to postgres

            The target must be empty. Every row is copied in one transaction, and both sides are counted and digested; the \
            source is only read. docs/operations/postgresql.md says more.
            """)

    @OptionGroup var place: PlaceOptions
    @Option(help: "Move from here: sqlite:PATH, postgres:URI, or postgres for CURAWAY_POSTGRES_URL.") var from: String?
    @Option(help: "Move to there, in the same words.") var to: String?

    func validate() throws {
        guard (from == nil) == (to == nil) else { throw ValidationError("--from and --to belong together.") }
    }

    func run() async throws {
        let settings = try await readSettings(place.values, file: place.settings)
        if let from, let to {
            try await orExplained { try await move(from, to, settings) }
            return
        }
        let steps = try await orExplained {
            try Assembly.makeFolder(settings)
            return try await SQLStore(try settings.store.open()).migrate()
        }
        Swift.print(
            steps.isEmpty
                ? "The schema is at step \(SQLStore.newestSchema) or a newer one; nothing to do."
                : "Took \(steps.count) step(s); the schema is at step \(SQLStore.newestSchema).")
    }

    private func move(_ from: String, _ to: String, _ settings: Settings) async throws {
        let source = try StorePlace(parsing: from, option: "from", settings)
        let target = try StorePlace(parsing: to, option: "to", settings)
        for place in [source, target] {
            if let who = try await place.user() {
                throw SettingError(
                    name: "from", value: "",
                    why: "\(place) is in use by \(who), and what it writes meanwhile would be lost; stop it first",
                    isOption: true)
            }
        }
        let moved = try await Moving.move(from: try source.open(readOnly: true), to: try target.open())
        Swift.print("Moved from \(source) to \(target); both hold the same:\n")
        let width = moved.map(\.name.count).max() ?? 0
        for table in moved {
            let name = table.name.padding(toLength: width, withPad: " ", startingAt: 0)
            let rows = String(table.rows)
            Swift.print(
                "  \(name)  \(String(repeating: " ", count: max(0, 9 - rows.count)))\(rows)  \(table.digest.prefix(16))"
            )
        }
        Swift.print(
            "\nThe source was only read. Start the servers with the new store; keep the old one until you are content.")
    }
}

extension StorePlace {
    /// Who has it open, as far as that can be known.
    fileprivate func user() async throws -> String? {
        switch self {
        case .sqlite(let path): return SQLiteDatabase.holder(of: path).map { "process \($0)" }
        #if Postgres
            case .postgres(let settings):
                let sessions = try await PostgresDatabase(settings).otherSessions()
                return sessions == 0 ? nil : "\(sessions) session(s) of Curaway"
        #endif
        }
    }
}
