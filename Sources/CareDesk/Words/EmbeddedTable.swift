#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads a JSON table that was compiled in.
enum EmbeddedTable {
    static func read<Content: Decodable>(_ bytes: [UInt8], as name: String) -> Content {
        do {
            return try JSONDecoder().decode(Content.self, from: Data(bytes))
        } catch {
            // Nothing a person sends gets here: a broken table is a broken build, and every test of this target says so.
            fatalError("the table \(name) does not read: \(error)")
        }
    }
}
