import CareDesk
import CareDomain
import GRDB

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// SQLite by GRDB: WAL, `synchronous=FULL`, so that what was committed survives a power cut, one writer, several readers.
package struct SQLiteDatabase: SQLDatabase {
    private let writer: any DatabaseWriter
    private let place: String

    /// Opens or makes the file. `nil`: a database in memory, for tests. Throws `StoreUnavailable` for a file that cannot
    /// be used, and has not changed it then. `readOnly`: does not make it and changes nothing in it.
    package init(path: String?, readOnly: Bool = false) throws {
        var configuration = Configuration()
        configuration.readonly = readOnly
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(5)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        let place = path ?? "in memory"
        self.place = place
        do {
            if let path {
                writer = try DatabasePool(path: path, configuration: configuration)
            } else {
                writer = try DatabaseQueue(configuration: configuration)
            }
        } catch let error as DatabaseError {
            throw Self.translated(error, at: place)
        }
    }

    /// The process that has the file open, if another one has. It is seen by the lock that SQLite holds on the file's
    /// shared memory for as long as it is open; over a network's file system it may not be seen.
    ///
    /// Not while this process has it open: the system would take its locks away with this look.
    package static func holder(of path: String) -> Int32? {
        let file = open(path + "-shm", O_RDONLY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        // The "dead man's switch" of SQLite's WAL: one byte after those of its eight locks.
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = 128
        lock.l_len = 1
        guard fcntl(file, F_GETLK, &lock) == 0, lock.l_type != Int16(F_UNLCK) else { return nil }
        return lock.l_pid
    }

    package func read<Answer: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> Answer
    ) async throws -> Answer {
        do {
            return try await writer.read { try body(Session(database: $0)) }
        } catch let error as DatabaseError {
            throw Self.translated(error, at: place)
        }
    }

    package func write<Answer: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> Answer
    ) async throws -> Answer {
        do {
            return try await writer.write { try body(Session(database: $0)) }
        } catch let error as DatabaseError {
            throw Self.translated(error, at: place)
        }
    }

    package func writeAlone<Answer: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> Answer
    ) async throws -> Answer { try await write(body) }

    /// What is a matter of the machine gets its name; what is a mistake of ours stays as it is and is answered 500.
    private static func translated(_ error: DatabaseError, at place: String) -> any Error {
        let reason: StoreUnavailable.Reason? =
            switch error.resultCode {
            case .SQLITE_FULL: .diskFull
            // A quota or a limit on file sizes also looks like this: SQLite calls only ENOSPC a full disk.
            case .SQLITE_IOERR, .SQLITE_PROTOCOL, .SQLITE_NOLFS: .inputOutput
            case .SQLITE_READONLY, .SQLITE_PERM: .readOnly
            case .SQLITE_BUSY, .SQLITE_LOCKED: .busy
            case .SQLITE_CANTOPEN: .cannotOpen
            case .SQLITE_NOTADB: .notADatabase
            case .SQLITE_CORRUPT: .damaged
            default: nil
            }
        return reason.map { StoreUnavailable($0, at: place) } ?? error
    }

    private struct Session: SQLSession {
        let database: Database
        var dialect: Dialect { .sqlite }

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
