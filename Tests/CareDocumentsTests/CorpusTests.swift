import CareDesk
import CareDomain
import Foundation
import Testing

@testable import CareDocuments

/// Every file of the corpus (`scripts/corpus`) through the real tools: what becomes of it, and how many of its characters are right.
@Suite(.enabled(if: Corpus.folder != nil, "scripts/corpus makes it; ./test does"), .timeLimit(.minutes(15)))
struct `The corpus of documents` {
    @Test func `ends as expected, file by file, with enough of its characters right`() async throws {
        let corpus = try Corpus()
        #expect(corpus.files.count >= 30)
        let outcomes = await Self.read(corpus.files.map(corpus.path))
        var table: [String] = []
        for (file, outcome) in zip(corpus.files, outcomes) {
            let accuracy = file.accuracy(of: outcome.pages)
            table.append(file.row(outcome, accuracy))
            let said = Comment(rawValue: file.name + ": " + outcome.description)
            // C86: what people are shown does not say where it was taken.
            #expect(outcome.pictures.allSatisfy { !$0.contains("Exif") }, said)
            if file.name.contains("gps") {
                #expect(!outcome.pictures.isEmpty, said)
                #expect(try Array(Data(contentsOf: URL(fileURLWithPath: corpus.path(of: file)))).contains("Exif"), said)
            }
            switch file.expect {
            case "ready":
                #expect(outcome.code == nil, said)
                #expect(outcome.mediaType == file.mediaType, said)
                #expect(file.pages == nil || outcome.pages.count == file.pages, said)
                #expect(accuracy >= file.least, "\(said): \(accuracy) of the characters, \(file.least) wanted")
                if let kind = file.kind {
                    #expect(Extraction.byRules(outcome.pages).kind.rawValue == kind, said)
                }
            case "rejected": #expect(outcome.code == file.code, said)
            default: #expect(outcome.code != "trouble", said)
            }
        }
        // The report is what this is run for.
        print("accuracy of what was read, by file:\n" + table.joined(separator: "\n"))
    }

    struct Outcome: CustomStringConvertible {
        var mediaType: String?
        var pages: [PageText] = []
        var pictures: [[UInt8]] = []
        var code: String?
        var description: String { code ?? "\(mediaType ?? "?"), \(pages.count) pages" }
    }

    /// Two at once, for two processors: a tool uses one.
    private static func read(_ paths: [String]) async -> [Outcome] {
        await withTaskGroup(of: (Int, Outcome).self) { group in
            var outcomes = paths.map { _ in Outcome(code: "trouble") }
            for (index, path) in paths.enumerated() {
                if index >= 2, let (read, outcome) = await group.next() { outcomes[read] = outcome }
                group.addTask { (index, await read(path)) }
            }
            for await (read, outcome) in group { outcomes[read] = outcome }
            return outcomes
        }
    }

    private static func read(_ path: String) async -> Outcome {
        // Within what the product allows: a page of the corpus that took longer could not be read by anybody.
        let tools = DocumentTools()
        var outcome = Outcome()
        do {
            let file = try await tools.inspect(path)
            outcome.mediaType = file.mediaType
            for number in 1...max(1, file.pages) {
                let page = try await tools.read(page: number, of: file)
                outcome.pages.append(page.text)
                if let picture = page.picture { outcome.pictures.append(picture) }
            }
            if !outcome.pages.contains(where: { $0.text.contains { !$0.isWhitespace } }) {
                outcome.code = DocumentRefusal.nothingToRead.rawValue
            }
        } catch let refusal as DocumentRefusal {
            outcome.code = refusal.rawValue
        } catch {
            outcome.code = "trouble"
        }
        return outcome
    }
}

struct Corpus {
    static var folder: String? { ProcessInfo.processInfo.environment["CURAWAY_CORPUS"] }
    var files: [File]

    init() throws {
        let data = FileManager.default.contents(atPath: (Self.folder ?? "") + "/corpus.json")
        files = try JSONDecoder().decode([File].self, from: try #require(data))
    }

    func path(of file: File) -> String { (Self.folder ?? "") + "/" + file.name }

    struct File: Decodable {
        var name: String
        var expect: String
        var code: String?
        var mediaType: String?
        var pages: Int?
        var text: [String]
        var mode: String?
        var least: Double
        var kind: String?

        enum CodingKeys: String, CodingKey {
            case expect, code, pages, text, mode, least, kind
            case name = "file"
            case mediaType = "media_type"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            name = try container.decode(String.self, forKey: .name)
            expect = try container.decode(String.self, forKey: .expect)
            code = try container.decodeIfPresent(String.self, forKey: .code)
            mediaType = try container.decodeIfPresent(String.self, forKey: .mediaType)
            pages = try container.decodeIfPresent(Int.self, forKey: .pages)
            text = try container.decodeIfPresent([String].self, forKey: .text) ?? []
            mode = try container.decodeIfPresent(String.self, forKey: .mode)
            least = try container.decodeIfPresent(Double.self, forKey: .least) ?? 0
            kind = try container.decodeIfPresent(String.self, forKey: .kind)
        }

        /// One less the share of characters that had to be changed, over all pages; blanks of any length are one.
        func accuracy(of pages: [PageText]) -> Double {
            let wanted = Self.folded(text.joined(separator: "\n"))
            guard !wanted.isEmpty else { return 1 }
            let found = Self.folded(pages.map(\.text).joined(separator: "\n"))
            return max(0, 1 - Double(Self.distance(wanted, found)) / Double(wanted.count))
        }

        func row(_ outcome: `The corpus of documents`.Outcome, _ accuracy: Double) -> String {
            let how = outcome.pages.contains { $0.source == .recognised } ? "recognised" : "embedded"
            let end = outcome.code ?? (text.isEmpty ? how : "\(how) \(String(format: "%.3f", accuracy))")
            return "  \(name.padding(toLength: 44, withPad: " ", startingAt: 0)) \(end)"
        }

        private static func folded(_ text: String) -> [Unicode.Scalar] {
            Array(text.split(whereSeparator: \.isWhitespace).joined(separator: " ").unicodeScalars)
        }

        /// Levenshtein's, a row at a time.
        private static func distance(_ one: [Unicode.Scalar], _ other: [Unicode.Scalar]) -> Int {
            var row = Array(0...other.count)
            for (number, scalar) in one.enumerated() {
                var corner = row[0]
                row[0] = number + 1
                for column in other.indices {
                    let above = row[column + 1]
                    row[column + 1] = min(above + 1, row[column] + 1, corner + (scalar == other[column] ? 0 : 1))
                    corner = above
                }
            }
            return row[other.count]
        }
    }
}
