import CareDomain

/// The seam between our SQL and a database: what a transaction can do, synchronously, on the thread that owns the
/// connection. GRDB and libpq fit it; repositories know only this.
///
/// SQL is written once, with `$1` placeholders bound **by number**: `$2 … $1 … $2` means what it says in both dialects.
package protocol SQLSession {
    var dialect: Dialect { get }
    /// Runs a query and returns every row.
    func rows(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow]
    /// Runs a statement and returns how many rows it changed.
    @discardableResult
    func run(_ sql: String, _ values: [SQLValue]) throws -> Int
}

extension SQLSession {
    func row(_ sql: String, _ values: [SQLValue]) throws -> SQLRow? { try rows(sql, values).first }
}

/// A database: snapshot reads, a bounded pool, and write transactions that are in order as long as each locks the rows it
/// decides by before it looks at them. SQLite locks everything for each; PostgreSQL would let two decide by the same row.
package protocol SQLDatabase: Sendable {
    func read<Answer: Sendable>(_ body: @escaping @Sendable (any SQLSession) throws -> Answer) async throws -> Answer
    /// One transaction: commits when the body returns, rolls back when it throws. The body may run again when another
    /// transaction was in its way, so it does nothing but by the session.
    func write<Answer: Sendable>(_ body: @escaping @Sendable (any SQLSession) throws -> Answer) async throws -> Answer
    /// The same for what may take long, such as a migration. One at a time, of all processes.
    func writeAlone<Answer: Sendable>(
        _ body: @escaping @Sendable (any SQLSession) throws -> Answer
    ) async throws -> Answer
}

package enum SQLValue: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    case null
    case text(String)
    case integer(Int64)

    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    init(_ value: Int) { self = .integer(Int64(value)) }
    init(_ value: Int?) { self = value.map { .integer(Int64($0)) } ?? .null }
    init(_ value: String?) { self = value.map { .text($0) } ?? .null }
    init(_ value: Bool) { self = .integer(value ? 1 : 0) }
    init<Subject>(_ id: Identifier<Subject>) { self = .text(id.rawValue) }
    init<Subject>(_ id: Identifier<Subject>?) { self = id.map { .text($0.rawValue) } ?? .null }
    init(_ moment: Moment) { self = .integer(moment.milliseconds) }
    init(_ moment: Moment?) { self = moment.map { .integer($0.milliseconds) } ?? .null }
    init<Value: RawRepresentable<String>>(_ value: Value?) { self = value.map { .text($0.rawValue) } ?? .null }
}

/// One row by column names. Reading what is not there, or is not what the code says it is, throws: a row that a newer
/// version wrote must be an error, not a crash.
package struct SQLRow: Sendable {
    package let values: [String: SQLValue]

    package init(values: [String: SQLValue]) { self.values = values }

    func text(_ column: String) throws -> String {
        guard case .text(let value)? = values[column] else { throw StoreError.unreadable(column: column) }
        return value
    }
    func optionalText(_ column: String) -> String? {
        if case .text(let value)? = values[column] { value } else { nil }
    }
    func int(_ column: String) throws -> Int {
        guard case .integer(let value)? = values[column] else { throw StoreError.unreadable(column: column) }
        return Int(value)
    }
    func optionalInt(_ column: String) -> Int? {
        if case .integer(let value)? = values[column] { Int(value) } else { nil }
    }
    func bool(_ column: String) throws -> Bool { try int(column) != 0 }
    func id<Subject>(_ column: String) throws -> Identifier<Subject> {
        guard let id = Identifier<Subject>(rawValue: try text(column)) else {
            throw StoreError.unreadable(column: column)
        }
        return id
    }
    func optionalID<Subject>(_ column: String) -> Identifier<Subject>? {
        optionalText(column).flatMap { Identifier<Subject>(rawValue: $0) }
    }
    func moment(_ column: String) throws -> Moment { Moment(milliseconds: Int64(try int(column))) }
    func optionalMoment(_ column: String) -> Moment? {
        optionalInt(column).map { Moment(milliseconds: Int64($0)) }
    }
    func value<Value: RawRepresentable<String>>(_ column: String) throws -> Value {
        guard let value = Value(rawValue: try text(column)) else { throw StoreError.unreadable(column: column) }
        return value
    }
    func optionalValue<Value: RawRepresentable<String>>(_ column: String) -> Value? {
        optionalText(column).flatMap { Value(rawValue: $0) }
    }
}

package enum StoreError: Error, Equatable {
    /// A column is missing or holds what this version does not know. Names no content.
    case unreadable(column: String)
    /// The database was changed by a newer version, in a way that this one cannot work with.
    case newerSchema(found: Int, known: Int)
    /// A text with U+0000 in it, which PostgreSQL does not hold. Taken out where words come in; one that is still there
    /// is a mistake of ours.
    case unstorable
}
