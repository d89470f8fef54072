/// What cannot be the same in both databases. When this file grows with every feature, the seam is in the wrong place.
package struct Dialect: Sendable {
    /// Ends a SELECT whose rows nobody else may change, or read with the same wish, until the transaction ends; each row
    /// is read as it is then, not as it was when the transaction began. SQLite has one writer: it holds them all.
    let forUpdate: String
    /// The same, leaving out the rows that somebody else has locked, so that two nodes do not wait for each other.
    let forUpdateSkippingLocked: String
    /// What `writeAlone` asks first: that nobody else is in it.
    let alone: [String]
    /// A row when there is a table of the name $1.
    let hasTable: String
    /// The names of the columns of the table $1.
    let columns: String
    /// Text is compared and sorted by its bytes. SQLite does so by itself; PostgreSQL would go by the database's
    /// locale, and an index over it breaks when the system's locales change.
    private let byteOrder: String

    static let sqlite = Dialect(
        forUpdate: "", forUpdateSkippingLocked: "", alone: [],
        hasTable: "SELECT name FROM sqlite_master WHERE type = 'table' AND name = $1",
        columns: "SELECT name FROM pragma_table_info($1)", byteOrder: "")

    static let postgres = Dialect(
        forUpdate: " FOR UPDATE", forUpdateSkippingLocked: " FOR UPDATE SKIP LOCKED",
        // "curaway" in ASCII. Any number will do that no other program uses on the same database.
        alone: ["SELECT pg_advisory_xact_lock(x'63757261776179'::bigint)"],
        hasTable:
            "SELECT tablename AS name FROM pg_tables WHERE tablename = $1 AND schemaname = ANY (current_schemas(false))",
        columns: """
            SELECT column_name::text AS name FROM information_schema.columns
            WHERE table_name = $1 AND table_schema = ANY (current_schemas(false))
            """,
        byteOrder: " COLLATE \"C\"")

    /// A statement of the schema, in its words. `TEXT` in capitals is the type and nothing else there.
    func schema(_ statement: String) -> String {
        byteOrder.isEmpty ? statement : statement.replacing(" TEXT", with: " TEXT" + byteOrder)
    }
}
