import Crypto
import Dispatch
import Synchronization

/// Moves an installation to another database: every row of every table, out of one picture of the source, into one
/// transaction of the target. Both sides are read in the order of the keys and digested in the same way; when they differ,
/// or anything else goes wrong, the target is as empty as before. The source is only read.
package struct Moving: Sendable {
    /// Rows that are on their way at a time, twice: one batch being written while the next is read.
    static let batch = 200

    package struct Table: Sendable, Equatable {
        package var name: String
        package var rows: Int
        /// SHA-256 over the rows in the order of their keys, in small hexadecimal letters.
        package var digest: String
    }

    package enum Refusal: Error, Equatable {
        /// The source is at another step than this version writes; nil: there is nothing of ours in it.
        case sourceSchema(found: Int?, wanted: Int)
        /// The target has rows already.
        case notEmpty(table: String)
        /// The columns are not the same on both sides.
        case columns(table: String)
        /// What arrived is not what was sent.
        case differs(table: String)
        /// Somebody else writes into the target.
        case disturbed
    }

    /// In an order in which no row refers to a later one, with what each is sorted by.
    static let tables: [(name: String, key: [String])] = [
        ("people", ["id"]), ("cases", ["id"]), ("messages", ["id"]), ("replies", ["id"]), ("topics", ["name"]),
        ("log_outbox", ["topic", "number"]), ("flags", ["name"]), ("secrets", ["name"]), ("audit", ["number"]),
        ("audit_chain", ["name"]), ("documents", ["id"]), ("document_pages", ["document_id", "number"]),
        ("uploads", ["id"]), ("revocations", ["kind", "subject"]),
    ]

    private enum Load: Sendable {
        case rows([SQLRow])
        case end(Table)
    }

    /// What has been moved, table by table. The target gets its schema first.
    package static func move(from source: any SQLDatabase, to target: any SQLDatabase) async throws -> [Table] {
        let found = try await Migrations.current(on: source)
        guard found == Migrations.newest else {
            throw Refusal.sourceSchema(found: found, wanted: Migrations.newest)
        }
        _ = try await Migrations.run(on: target)
        // The one picture and the one transaction are each on a thread of their own, and meet here.
        let belt = Belt<Load>()
        return try await withThrowingTaskGroup(of: [Table]?.self) { group in
            group.addTask {
                try await belt.failing {
                    try await source.read { session in
                        for table in tables { try send(table, from: session, over: belt) }
                    }
                }
                return nil
            }
            group.addTask {
                try await belt.failing {
                    try await target.writeAlone { session in
                        guard belt.begins() else { throw Refusal.disturbed }
                        try expectEmpty(session)
                        let sent = try tables.map { try take($0, into: session, from: belt) }
                        // Only now, when the source has nothing more to wait for.
                        for (table, sent) in zip(tables, sent) {
                            guard try inventory(of: table, in: session, { _ in }) == sent else {
                                throw Refusal.differs(table: table.name)
                            }
                        }
                        return sent
                    }
                }
            }
            var moved: [Table] = []
            for try await tables in group { moved = tables ?? moved }
            return moved
        }
    }

    /// The digests of a database as it is.
    package static func inventory(of database: any SQLDatabase) async throws -> [Table] {
        try await database.read { session in try tables.map { try inventory(of: $0, in: session) { _ in } } }
    }

    private static func send(
        _ table: (name: String, key: [String]), from session: any SQLSession, over belt: Belt<Load>
    ) throws {
        let sent = try inventory(of: table, in: session) { try belt.put(.rows($0)) }
        try belt.put(.end(sent))
    }

    private static func take(
        _ table: (name: String, key: [String]), into session: any SQLSession, from belt: Belt<Load>
    ) throws -> Table {
        let columns = try columns(of: table.name, in: session)
        while true {
            switch try belt.take() {
            case .rows(let rows):
                for row in rows where Set(row.values.keys) != Set(columns) { throw Refusal.columns(table: table.name) }
                try insert(rows, columns, into: table.name, session)
            case .end(let sent): return sent
            }
        }
    }

    private static func insert(
        _ rows: [SQLRow], _ columns: [String], into table: String, _ session: any SQLSession
    ) throws {
        guard !rows.isEmpty else { return }
        let places = rows.indices.map { row in
            "(" + columns.indices.map { "$\(row * columns.count + $0 + 1)" }.joined(separator: ", ") + ")"
        }
        try session.run(
            "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES \(places.joined(separator: ", "))",
            rows.flatMap { row in columns.map { row.values[$0] ?? .null } })
    }

    /// What a fresh schema has is not in the way: the beginning of the audit trail, and the mark of `health`.
    private static func expectEmpty(_ session: any SQLSession) throws {
        let fresh = ["secrets": " WHERE name <> 'write_probe'", "audit_chain": " WHERE number <> 0"]
        for table in tables.map(\.name) {
            let found = try session.row("SELECT 1 AS one FROM \(table)\(fresh[table] ?? "") LIMIT 1", [])
            guard found == nil else { throw Refusal.notEmpty(table: table) }
        }
        for table in fresh.keys.sorted() { try session.run("DELETE FROM \(table)", []) }
    }

    private static func columns(of table: String, in session: any SQLSession) throws -> [String] {
        try session.rows(session.dialect.columns, [.text(table)]).map { try $0.text("name") }.sorted()
    }

    /// Reads a table in the order of its keys, a batch at a time.
    private static func inventory(
        of table: (name: String, key: [String]), in session: any SQLSession, _ body: ([SQLRow]) throws -> Void
    ) throws -> Table {
        let columns = try columns(of: table.name, in: session)
        let key = table.key.joined(separator: ", ")
        let places = table.key.indices.map { "$\($0 + 2)" }.joined(separator: ", ")
        var digest = SHA256()
        var count = 0
        var last: [SQLValue] = []
        while true {
            let beyond = last.isEmpty ? "" : "WHERE (\(key)) > (\(places))"
            let rows = try session.rows(
                "SELECT * FROM \(table.name) \(beyond) ORDER BY \(key) LIMIT $1", [SQLValue(batch)] + last)
            for row in rows {
                for column in columns {
                    // A value of a type that no column of ours has would be lost on the way.
                    guard let value = row.values[column] else { throw StoreError.unreadable(column: column) }
                    digest.add(column, value)
                }
            }
            count += rows.count
            try body(rows)
            guard rows.count == batch, let row = rows.last else { break }
            last = table.key.map { row.values[$0] ?? .null }
        }
        return Table(
            name: table.name, rows: count,
            digest: digest.finalize().map { byte in
                let digits = Array("0123456789abcdef")
                return String([digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            }.joined())
    }
}

extension SHA256 {
    /// Type, length, bytes: nothing that is not the same can look the same.
    fileprivate mutating func add(_ column: String, _ value: SQLValue) {
        func add(_ tag: String, _ text: String, to digest: inout SHA256) {
            digest.update(data: Array("\(tag)\(text.utf8.count):".utf8) + Array(text.utf8))
        }
        add("c", column, to: &self)
        switch value {
        case .null: add("n", "", to: &self)
        case .integer(let integer): add("i", String(integer), to: &self)
        case .text(let text): add("t", text, to: &self)
        }
    }
}

/// Between one thread that gives and one that takes; each blocks when the other is behind. What fails on one side is
/// thrown on the other.
private final class Belt<Item: Sendable>: Sendable {
    private struct State {
        var items: [Item] = []
        var error: (any Error)?
        var hasBegun = false
    }
    private let state = Mutex(State())
    private let room = DispatchSemaphore(value: 0)
    private let filled = DispatchSemaphore(value: 0)

    /// Room for one item beside the one that is being worked on.
    init() { room.signal() }

    /// False the second time: what was on the belt is gone.
    func begins() -> Bool {
        state.withLock { state in
            defer { state.hasBegun = true }
            return !state.hasBegun
        }
    }

    func put(_ item: Item) throws {
        room.wait()
        try state.withLock { state in
            if let error = state.error { throw error }
            state.items.append(item)
        }
        filled.signal()
    }

    func take() throws -> Item {
        filled.wait()
        let item = try state.withLock { state in
            if let error = state.error { throw error }
            return state.items.removeFirst()
        }
        room.signal()
        return item
    }

    func failing<Answer: Sendable>(_ body: () async throws -> Answer) async throws -> Answer {
        do {
            return try await body()
        } catch {
            state.withLock { $0.error = $0.error ?? error }
            room.signal()
            filled.signal()
            throw error
        }
    }
}
