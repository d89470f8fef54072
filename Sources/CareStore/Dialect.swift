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
    /// Statements that make the words of `document_pages` searchable, once the table is there.
    let makeSearch: [String]
    /// Forget the pages of the document $1, and their words.
    let forgetPages: [String]
    /// Pages of the patient $1 with all words of the query $2, best first, at most $3.
    let searchPages: String
    private let searchWord: @Sendable (_ word: String, _ isLast: Bool) -> String
    private let searchAnd: String

    static let sqlite = Dialect(
        forUpdate: "", forUpdateSkippingLocked: "", alone: [],
        hasTable: "SELECT name FROM sqlite_master WHERE type = 'table' AND name = $1",
        columns: "SELECT name FROM pragma_table_info($1)", byteOrder: "",
        // FTS5 keeps its own copy of the words: rows of a table whose key is not an integer are renumbered by VACUUM, so
        // it cannot point at them. The trigger fills it also when an installation is moved here.
        makeSearch: [
            """
            CREATE VIRTUAL TABLE document_search USING fts5 (
              folded, document_id UNINDEXED, number UNINDEXED, tokenize = 'unicode61 remove_diacritics 0')
            """,
            """
            CREATE TRIGGER document_pages_words AFTER INSERT ON document_pages BEGIN
              INSERT INTO document_search (folded, document_id, number) VALUES (new.folded, new.document_id, new.number);
              INSERT INTO document_search_rows (document_id, place) VALUES (new.document_id, last_insert_rowid());
            END
            """,
            // FTS5 finds words and row numbers; by anything else it would read all that everybody has.
            """
            CREATE TABLE document_search_rows (
              document_id TEXT NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (document_id, place)) WITHOUT ROWID
            """,
        ],
        forgetPages: [
            "DELETE FROM document_search WHERE rowid IN (SELECT place FROM document_search_rows WHERE document_id = $1)",
            "DELETE FROM document_search_rows WHERE document_id = $1",
            "DELETE FROM document_pages WHERE document_id = $1",
        ],
        searchPages: """
            SELECT p.* FROM document_search s
            JOIN document_pages p ON p.document_id = s.document_id AND p.number = s.number
            JOIN documents d ON d.id = p.document_id
            WHERE document_search MATCH $2 AND d.patient_id = $1 ORDER BY bm25(document_search), p.document_id, p.number
            LIMIT $3
            """,
        searchWord: { word, isLast in "\"\(word)\"\(isLast ? "*" : "")" }, searchAnd: " ")

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
        byteOrder: " COLLATE \"C\"",
        makeSearch: [
            "CREATE INDEX document_pages_words ON document_pages USING gin (to_tsvector('simple', folded))"
        ],
        forgetPages: ["DELETE FROM document_pages WHERE document_id = $1"],
        searchPages: """
            SELECT p.* FROM document_pages p JOIN documents d ON d.id = p.document_id
            WHERE d.patient_id = $1 AND to_tsvector('simple', p.folded) @@ to_tsquery('simple', $2)
            ORDER BY ts_rank(to_tsvector('simple', p.folded), to_tsquery('simple', $2)) DESC, p.document_id, p.number
            LIMIT $3
            """,
        searchWord: { word, isLast in "'\(word)'\(isLast ? ":*" : "")" }, searchAnd: " & ")

    /// A statement of the schema, in its words. `TEXT` in capitals is the type and nothing else there.
    func schema(_ statement: String) -> String {
        byteOrder.isEmpty ? statement : statement.replacing(" TEXT", with: " TEXT" + byteOrder)
    }

    /// Folded words (letters and digits only) as the database asks for pages that have all of them, the last one also as
    /// the beginning of a word.
    func searchQuery(_ words: [String]) -> String {
        words.enumerated().map { searchWord($0.element, $0.offset == words.count - 1) }.joined(separator: searchAnd)
    }
}
