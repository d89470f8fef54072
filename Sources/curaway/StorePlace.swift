import CareStore
import Foundation

/// Which database the store is in, in the words of an operator. Nothing printed of it has a password in it.
enum StorePlace: Sendable, CustomStringConvertible {
    case sqlite(path: String)
    #if Postgres
        case postgres(PostgresSettings)
    #endif

    var description: String {
        switch self {
        case .sqlite(let path): "SQLite at \(path)"
        #if Postgres
            case .postgres(let settings): "PostgreSQL at \(settings.address)"
        #endif
        }
    }

    /// Several nodes may have it open.
    var isShareable: Bool {
        switch self {
        case .sqlite: false
        #if Postgres
            case .postgres: true
        #endif
        }
    }

    /// Throws when it cannot be used. A file is made if it is not there, unless it is only to be read.
    func open(readOnly: Bool = false) throws -> any SQLDatabase {
        switch self {
        case .sqlite(let path): try SQLiteDatabase(path: path, readOnly: readOnly)
        #if Postgres
            case .postgres(let settings): PostgresDatabase(settings)
        #endif
        }
    }

    /// `sqlite:PATH`, `postgres:URI`, the URI by itself, or `postgres` for the one in the settings, which keeps the
    /// password out of the list of processes.
    init(parsing text: String, option: String, _ settings: Settings) throws {
        if text.hasPrefix("sqlite:"), text.utf8.count > 7 {
            self = .sqlite(path: String(text.dropFirst(7)))
            return
        }
        guard text.hasPrefix("postgres") else {
            throw SettingError(
                name: option, value: "",
                why: "it must be sqlite:PATH, postgres:URI, or postgres for CURAWAY_POSTGRES_URL",
                isOption: true)
        }
        #if Postgres
            if text == "postgres" {
                guard let postgres = settings.postgres else { throw Settings.noPostgresURL }
                self = .postgres(postgres)
                return
            }
            let uri = text.hasPrefix("postgres:postgres") ? String(text.dropFirst("postgres:".count)) : text
            guard let address = PostgresAddress(uri) else {
                throw SettingError(
                    name: option, value: "", why: "libpq cannot read its address; it begins with postgres://",
                    isOption: true)
            }
            self = .postgres(settings.postgres.map { $0.at(address) } ?? PostgresSettings(address))
        #else
            throw Settings.noPostgres
        #endif
    }
}
