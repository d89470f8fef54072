import ArgumentParser
import CareStore

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database up to date (serve does it too).")

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let settings = try await readSettings(place.values, file: place.settings)
        let steps = try await orExplained {
            try Assembly.makeFolder(settings)
            return try await SQLStore(try SQLiteDatabase(path: settings.databasePath)).migrate()
        }
        Swift.print(
            steps.isEmpty
                ? "The schema is at step \(SQLStore.newestSchema); nothing to do."
                : "Took \(steps.count) step(s); the schema is at step \(SQLStore.newestSchema).")
    }
}
