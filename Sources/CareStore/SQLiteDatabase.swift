import CareDomain
import GRDB

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// SQLite by GRDB: WAL, `synchronous=FULL`, so that what was committed survives a power cut, one writer, several readers.
package struct SQLiteDatabase: SQLDatabase {
    private let writer: any DatabaseWriter

    /// Opens or makes the file. `nil`: a database in memory, for tests.
    package init(path: String?) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        if let path {
            writer = try DatabasePool(path: path, configuration: configuration)
        } else {
            writer = try DatabaseQueue(configuration: configuration)
        }
    }

    package func read<Answer: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> Answer
    ) async throws -> Answer {
        try await writer.read { try body(Session(database: $0)) }
    }

    package func write<Answer: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> Answer
    ) async throws -> Answer {
        try await writer.write { try body(Session(database: $0)) }
    }

    private struct Session: SQLSession {
        let database: Database

        func rows(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] {
            let statement = try database.cachedStatement(sql: sql)
            return try Row.fetchAll(statement, arguments: arguments(values)).map { row in
                var named: [String: SQLValue] = [:]
                for (column, value) in row {
                    switch value.storage {
                    case .null: named[column] = .null
                    case .int64(let integer): named[column] = .integer(integer)
                    case .string(let text): named[column] = .text(text)
                    // No column of ours has these types; reading one as text or integer throws `unreadable`.
                    case .double, .blob: break
                    }
                }
                return SQLRow(values: named)
            }
        }

        func run(_ sql: String, _ values: [SQLValue]) throws -> Int {
            let statement = try database.cachedStatement(sql: sql)
            try statement.execute(arguments: arguments(values))
            return database.changesCount
        }

        /// Named "1", "2", …: SQLite numbers `$n` by first appearance, so an array would bind swapped ones wrongly.
        private func arguments(_ values: [SQLValue]) -> StatementArguments {
            var named: [String: (any DatabaseValueConvertible)?] = [:]
            for (index, value) in values.enumerated() {
                let name = String(index + 1)
                switch value {
                case .null: named.updateValue(nil, forKey: name)
                case .text(let text): named[name] = text
                case .integer(let integer): named[name] = integer
                }
            }
            return StatementArguments(named)
        }
    }
}
