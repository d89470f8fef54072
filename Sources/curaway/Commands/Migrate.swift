import ArgumentParser
import CareStore
import Foundation

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database up to date (serve does it too).")

    @OptionGroup var place: PlaceOptions

    func run() async throws {
        let settings = try await readSettings(place.values, file: place.settings)
        try FileManager.default.createDirectory(atPath: settings.data, withIntermediateDirectories: true)
        let steps = try await SQLStore(try SQLiteDatabase(path: settings.databasePath)).migrate()
        Swift.print(
            steps.isEmpty
                ? "The schema is at step \(SQLStore.newestSchema); nothing to do."
                : "Took \(steps.count) step(s); the schema is at step \(SQLStore.newestSchema).")
    }
}
