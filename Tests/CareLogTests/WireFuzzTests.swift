import CareDomain
import CareLog
import CareTestKit
import Testing

/// What clients hand back to us, and what a log hands to clients.
@Suite(.timeLimit(.minutes(10)))
struct `Positions, ids and events, given nonsense` {
    private static func bytes(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }
    private static let tokens =
        bytes([
            "-", "0", "a", "\n", "\r\n", "\u{0}", " ", "é", "٣", "{", "}", "\"", ",", ":", "null", "-1", "1e9", "\\n",
            "\\ud800",
        ])
        + [[0xFF], [0xC0, 0xAF]]

    @Test func `are what was written or nothing`() {
        let corpus = Self.bytes(["a-0", "7h3kq0-42", "abcdefghijklmnopqrstuvwx-999999999999999", "case-1", "A.b_c~d"])
        Fuzz.run("positions and ids", 3_000) { fuzz in
            let text = String(decoding: fuzz.mutated(corpus, tokens: Self.tokens), as: UTF8.self)
            if let position = try? Position(parsing: text) {
                #expect(position.description == text, "seed \(fuzz.seed)")
                #expect(text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "seed \(fuzz.seed)")
            }
            if let id = CaseID(rawValue: text) {
                #expect(id.rawValue == text && text.utf8.count <= 64, "seed \(fuzz.seed)")
                #expect(text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "seed \(fuzz.seed)")
            }
        }
    }

    @Test func `are one line, and the same after a trip over the wire`() throws {
        let corpus = try [
            Say.message("Hello \u{2028}\r\n👩‍⚕️"), Say.started(), Say.delta(3, "a\nb\"c\\"), Say.ended(),
            Say.ended(.failed),
        ].map { try $0.json() }
        Fuzz.run("events", 1_000) { fuzz in
            let bytes = fuzz.mutated(corpus, tokens: Self.tokens)
            guard let event = try? CareEvent(json: bytes), let json = try? event.json() else { return }
            #expect(!json.contains(0x0A) && !json.contains(0x0D), "seed \(fuzz.seed)")
            #expect((try? CareEvent(json: json)) == event, "seed \(fuzz.seed)")
        }
    }
}
