import CareTestKit
import Foundation
import Testing

@testable import CareStore

/// The databases that everything must work on.
enum Engine: CaseIterable, CustomTestStringConvertible {
    case sqlite
    #if Postgres
        case postgres
    #endif

    var testDescription: String { "\(self)" }

    /// An empty database, opened twice as two processes would.
    func withTwo(_ body: (any SQLDatabase, any SQLDatabase) async throws -> Void) async throws {
        switch self {
        case .sqlite:
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let path = folder.appendingPathComponent("test.sqlite").path
            try await body(try SQLiteDatabase(path: path), try SQLiteDatabase(path: path))
        #if Postgres
            case .postgres:
                let address = try await PostgresServer.database()
                try await body(PostgresDatabase(try settings(address)), PostgresDatabase(try settings(address)))
        #endif
        }
    }
}
