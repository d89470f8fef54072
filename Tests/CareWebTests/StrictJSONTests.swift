import CareTestKit
import Foundation
import Testing

@testable import CareWeb

@Suite(.timeLimit(.minutes(10)))
struct `JSON of one meaning` {
    @Test(arguments: [
        "{}", "[]", "0", "-0.5e+10", #""""#, "null", " true ", #"{"a":[1,{"b":null}],"c":"\ud83d\ude00\n"}"#,
        #"{"a":{"a":1},"b":{"a":1}}"#, "\t\r\n[ 1 , 2 ]\n", #"{"":0}"#, "1E400",
        String(repeating: "[", count: 16) + String(repeating: "]", count: 16),
    ]) func `is taken`(_ text: String) throws { try StrictJSON.check(text.utf8) }

    @Test(
        arguments: [
            ("", .malformed), ("[1,]", .malformed), ("{\"a\":1,}", .malformed), ("01", .malformed), ("+1", .malformed),
            (".5", .malformed), ("1.", .malformed), ("tru", .malformed), ("True", .malformed), ("'a'", .malformed),
            (#"{a:1}"#, .malformed), (#""\u12"#, .malformed), (#""\u00g0""#, .malformed),
            (#""\ud800\u0041""#, .malformed),
            ("\u{FEFF}{}", .malformed), ("{} {}", .malformed), ("\"\t\"", .malformed), ("\u{A0}1", .malformed),
            (#"{"a":1,"a":2}"#, .duplicateKey), (#"{"a":1,"\u0061":2}"#, .duplicateKey),
            (#"{"😀":1,"\ud83d\ude00":2}"#, .duplicateKey),
            (String(repeating: "[", count: 17), .tooDeep), (String(repeating: #"{"a":"#, count: 17), .tooDeep),
        ] as [(String, StrictJSON.Fault)]) func `is refused`(_ text: String, _ fault: StrictJSON.Fault)
    {
        #expect(throws: fault) { try StrictJSON.check(text.utf8) }
    }

    /// The decoder's dictionary takes two spellings of one letter for one, so they are one here.
    @Test func `takes keys that look alike for one`() {
        #expect(throws: StrictJSON.Fault.duplicateKey) {
            try StrictJSON.check("{\"\u{E9}\":1,\"e\u{301}\":2}".utf8)
        }
    }

    private struct Anything: Decodable { init(from decoder: any Decoder) throws {} }

    /// What we let through, the decoder reads too; so nothing is a text to one of them and an object to the other.
    @Test func `is never something the decoder cannot read`() {
        let corpus = [
            #"{"message":"How long would I stay?","client_message_id":"018f-1"}"#, #"{"title":"Knee","language":"ar"}"#,
            #"{"a":[1,-2.5e3,true,false,null,"\ud83d\ude00\"\\\/\b\f\n\r\t"],"b":{"c":{"d":[]}}}"#,
            #"[{"a":1},{"a":2}]"#,
            #"{"message":"مرحبا 👩‍⚕️","x":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}"#,
        ].map { Array($0.utf8) }
        let tokens =
            [
                "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "\\udc00", "\\u0000", "1", "-", ".", "e",
                "null", " ", "\u{FEFF}", "\u{0}", #""a":1,"#,
            ]
            .map { Array($0.utf8) } + [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80]]
        var taken = 0
        Fuzz.run("JSON", 3_000) { fuzz in
            let bytes = fuzz.mutated(corpus, tokens: tokens)
            guard (try? StrictJSON.check(bytes)) != nil else { return }
            taken += 1
            #expect(throws: Never.self, "seed \(fuzz.seed)") {
                try JSONDecoder().decode(Anything.self, from: Data(bytes))
            }
        }
        #expect(taken > 0)
    }
}
