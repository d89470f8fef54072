import CareLog
import Testing

struct `A position` {
    @Test(arguments: ["a-0", "7h3kq0-42", "0-1", "abcdefghijklmnopqrstuvwx-999999999999999"])
    func `is read back as it was written`(_ text: String) throws {
        #expect(try Position(parsing: text).description == text)
    }

    @Test(arguments: [
        "", "-", "a", "a-", "-1", "a-01", "a--1", "a-1-2", "A-1", "a-1 ", " a-1", "a-1\n", "a-+1", "a-1.0", "a-٣",
        "é-1",
        "abcdefghijklmnopqrstuvwxy-1", "a-1000000000000000", "a-\u{0}",
    ])
    func `that we did not give is refused`(_ text: String) {
        #expect(throws: PositionError.malformed) { try Position(parsing: text) }
    }
}
