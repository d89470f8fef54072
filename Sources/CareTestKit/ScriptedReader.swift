package import CareDesk
import CareDomain
import Foundation

/// Reads files that are text, a form feed between pages, without any tool. A first word says what goes wrong:
/// `ENCRYPTED`, `DAMAGED` refuse; `FAIL` is trouble; `SLOW` takes long over each page.
package final class ScriptedReader: DocumentReader {
    /// The smallest JPEG that begins and ends like one.
    package static let picture: [UInt8] = [0xff, 0xd8, 0xff, 0xe0, 0, 2, 0xff, 0xd9]
    private let pause: Duration

    package init(pause: Duration = .milliseconds(200)) { self.pause = pause }

    package func inspect(_ path: String) async throws -> InspectedFile {
        let text = try Self.text(path)
        if text.hasPrefix("ENCRYPTED") { throw DocumentRefusal.encrypted }
        if text.hasPrefix("DAMAGED") { throw DocumentRefusal.damaged }
        if text.hasPrefix("FAIL") { throw ReaderTrouble.broken }
        return InspectedFile(path: path, mediaType: "text/plain", pages: Self.pages(text).count)
    }

    package func read(page: Int, of file: InspectedFile) async throws -> ReadPage {
        let text = try Self.text(file.path)
        if text.hasPrefix("SLOW") { try await Task.sleep(for: pause) }
        let pages = Self.pages(text)
        guard pages.indices.contains(page - 1) else { throw DocumentRefusal.damaged }
        return ReadPage(text: PageText(number: page, text: pages[page - 1]), picture: Self.picture)
    }

    private static func text(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else { throw ReaderTrouble.broken }
        return String(decoding: data, as: UTF8.self)
    }

    private static func pages(_ text: String) -> [String] {
        text.split(separator: "\u{c}", omittingEmptySubsequences: false).map(String.init)
    }
}
