import CareDesk
import CareDomain
import CareStore
import Foundation

/// What a database really holds, looked at from beside the server that has it open.
struct Ledger: Sendable {
    let database: SQLiteDatabase
    let store: SQLStore

    init(_ file: URL) throws {
        database = try SQLiteDatabase(path: file.path)
        store = SQLStore(database)
    }

    func count(_ what: String) async throws -> Int {
        let rows = try await database.read { try $0.rows("SELECT COUNT(*) AS n FROM \(what)", []) }
        guard case .integer(let n)? = rows.first?.values["n"] else { throw Unexpected(what) }
        return Int(n)
    }

    func texts(_ sql: String) async throws -> [String] {
        try await database.read { session in
            try session.rows(sql, []).compactMap {
                if case .text(let text)? = $0.values.values.first { text } else { nil }
            }
        }
    }

    /// Nothing is being written, nothing waits, and everything that was committed has been told.
    func isQuiet() async throws -> Bool {
        guard try await count("replies WHERE state IN ('queued', 'running') OR lease_until <> 0") == 0 else {
            return false
        }
        return try await count("log_outbox WHERE settled_at IS NULL") == 0
    }

    /// What the store would still have of a reply if its writer died now.
    func checkpoint(of reply: String) async throws -> String {
        guard let id = ReplyID(rawValue: reply) else { throw Unexpected(reply) }
        return try await store.reply(id)?.text ?? ""
    }
}
