import Testing

@testable import CareDocuments

struct `The words of a page` {
    @Test func `are composed, and nothing in them is a command`() {
        let text = "\u{FEFF}\n\nCafe\u{301}\0\u{1B}[2J  \r\n  \u{202E}fdp\u{202C}\tx\u{C}\n\n"
        #expect(PageWords.cleaned(Array(text.utf8), limit: 1_000) == "Caf\u{E9}[2J\n  fdp\tx")
        #expect(PageWords.cleaned([0x61, 0xFF, 0x62], limit: 1_000) == "a\u{FFFD}b")
        #expect(PageWords.cleaned(Array("abcdef".utf8), limit: 3) == "abc")
        #expect(PageWords.cleaned(Array(" \n\t\n".utf8), limit: 100).isEmpty)
    }

    /// A table in Arabic came with the range first and the name of what was measured last.
    @Test func `in Arabic are read from the right, column by column`() {
        let row = "     13.0 - 17.0     g/dL    11.2        الهيموغلوبين"
        #expect(PageWords.inReadingOrder(row) == "الهيموغلوبين   11.2   g/dL   13.0 - 17.0")
        #expect(PageWords.inReadingOrder("  اسم المريض: سامر") == "  اسم المريض: سامر")
        let english = "Haemoglobin    11.2    g/dL    خضاب"
        #expect(PageWords.inReadingOrder(english) == english)
    }

    @Test func `in Arabic keep a number apart from the word behind it`() {
        let written = "بمقدار\u{202A} 7.4\u{202C}ملم\u{202A} :\u{202C}x\u{202A} cut\ny"
        let words = PageWords.cleaned(PageWords.withNumbersApart(Array(written.utf8)), limit: 1_000)
        #expect(words == "بمقدار7.4 ملم: xcut\ny")
        #expect(PageWords.withNumbersApart([0x61, 0xE2, 0x80]) == [0x61, 0xE2, 0x80])
    }

    @Test func `are as sure as the mean of them, and smudges are none`() {
        let head = "level\tpage\tblock\tpar\tline\tword\tleft\ttop\twidth\theight\tconf\ttext\n"
        func row(_ confidence: String, _ word: String) -> String {
            "5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t\(confidence)\t\(word)\n"
        }
        let table = head + row("-1", "") + row("90.4", "HbA1c") + row("80", "7.4") + row("95", " ")
        #expect(PageWords(text: "HbA1c 7.4", table: Array(table.utf8)) == PageWords(text: "HbA1c 7.4", confidence: 85))
        let smudges = head + row("12", "ii") + row("95", "|")
        #expect(PageWords(text: "ii |", table: Array(smudges.utf8)) == PageWords(text: "", confidence: nil))
        #expect(PageWords(text: "cut", table: Array("5\t1".utf8)).text.isEmpty)
    }
}
