/// An opaque name of one thing, typed by what it names so that a reply's id cannot be passed for a case's.
///
/// 1–64 characters out of `A–Z a–z 0–9 . _ ~ -`: safe in a URL, in an SSE line and in a log without escaping, so an id
/// can never smuggle a line break into a stream.
package struct Identifier<Subject>: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: String

    /// `nil` when the text is not an id as described above.
    package init?(rawValue: String) {
        guard (1...64).contains(rawValue.utf8.count), rawValue.utf8.allSatisfy(Self.isAllowed) else { return nil }
        self.rawValue = rawValue
    }

    package init?(_ text: some StringProtocol) { self.init(rawValue: String(text)) }

    /// A new UUIDv7 (RFC 9562 §5.7): ids made later sort later, which keeps database indexes dense.
    package static func new(at milliseconds: Int64 = Moment.now.milliseconds) -> Self {
        Self(trusted: UUIDv7.string(at: milliseconds))
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = Self(rawValue: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an id")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    package var description: String { rawValue }

    private init(trusted: String) { rawValue = trusted }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: false
        }
    }
}

package typealias CaseID = Identifier<CareCase>
package typealias MessageID = Identifier<Message>
package typealias ReplyID = Identifier<Reply>
package typealias PersonID = Identifier<Person>
package typealias DocumentID = Identifier<Document>

/// UUID version 7: 48 bits of milliseconds, 74 bits of chance.
enum UUIDv7 {
    static func string(at milliseconds: Int64) -> String {
        var random = SystemRandomNumberGenerator()
        let high = UInt64(bitPattern: milliseconds) << 16 | 0x7000 | (random.next() & 0x0fff)
        let low = random.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        let digits = Array("0123456789abcdef".utf8)
        var text = [UInt8]()
        text.reserveCapacity(36)
        for (word, group) in [(high, [8, 4, 4]), (low, [4, 12])] {
            var shift: UInt64 = 64
            for length in group {
                if !text.isEmpty { text.append(UInt8(ascii: "-")) }
                for _ in 0..<length {
                    shift -= 4
                    text.append(digits[Int(word >> shift & 0xf)])
                }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
