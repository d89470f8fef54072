import CareTestKit
import NIOCore
import Testing

@testable import CareRedis

struct `What a Redis says` {
    static let table: [(String, RESPValue)] = [
        ("+OK\r\n", .bytes(Array("OK".utf8))), ("-ERR no\r\n", .error("ERR no")), (":-7\r\n", .integer(-7)),
        // Nothing, in three ways: LPOP of an empty list, with a count, and both in RESP3.
        ("$-1\r\n", .null), ("*-1\r\n", .null), ("_\r\n", .null),
        ("$0\r\n\r\n", .bytes([])), ("$4\r\na\r\nb\r\n", .bytes(Array("a\r\nb".utf8))),
        ("#t\r\n", .boolean(true)), (",1.5\r\n", .bytes(Array("1.5".utf8))), ("(123\r\n", .bytes(Array("123".utf8))),
        ("=7\r\ntxt:abc\r\n", .bytes(Array("abc".utf8))), ("!5\r\nERR x\r\n", .error("ERR x")),
        ("*2\r\n:1\r\n*1\r\n_\r\n", .array([.integer(1), .array([.null])])), ("~1\r\n:1\r\n", .array([.integer(1)])),
        ("%1\r\n+a\r\n:1\r\n", .map([.bytes([97]), .integer(1)])), ("*0\r\n", .array([])),
        (">2\r\n+message\r\n+x\r\n", .push([.bytes(Array("message".utf8)), .bytes([120])])),
        ("|1\r\n+ttl\r\n:1\r\n+v\r\n", .bytes([118])),
    ]

    @Test func `is read whole, and in any two pieces`() throws {
        for (text, value) in Self.table {
            let bytes = Array(text.utf8)
            for cut in 0..<bytes.count {
                var buffer = ByteBuffer(bytes: bytes[..<cut])
                #expect(try RESPParser.next(in: &buffer) == nil, "\(text.debugDescription) cut at \(cut)")
                #expect(buffer.readableBytes == cut, "what is not whole stays")
                buffer.writeBytes(bytes[cut...] + [43])
                #expect(try RESPParser.next(in: &buffer) == value)
                #expect(buffer.readableBytes == 1, "and nothing of the next is taken")
            }
        }
    }

    @Test func `is refused beyond its bounds, and taken at them`() throws {
        func next(_ text: String) throws -> RESPValue? {
            var buffer = ByteBuffer(string: text)
            return try RESPParser.next(in: &buffer)
        }
        let line = String(repeating: "x", count: RESPParser.lineBytes)
        #expect(try next("+\(line)\r\n") == .bytes(Array(line.utf8)))
        #expect(throws: RESPError.lineTooLong) { try next("+\(line)x\r\n") }
        #expect(throws: RESPError.lineTooLong) { try next("+\(line)xxxx") }
        let deep = RESPParser.depth - 1
        #expect(try next(String(repeating: "*1\r\n", count: deep) + "_\r\n") != nil)
        #expect(throws: RESPError.tooDeep) { try next(String(repeating: "*1\r\n", count: deep + 1) + "_\r\n") }
        #expect(try next("$\(RESPParser.valueBytes)\r\n") == nil)
        #expect(throws: RESPError.valueTooLong) { try next("$\(RESPParser.valueBytes + 1)\r\n") }
        #expect(try next("*\(RESPParser.parts)\r\n") == nil)
        #expect(throws: RESPError.tooManyParts) { try next("*\(RESPParser.parts + 1)\r\n") }
        #expect(throws: RESPError.tooManyParts) { try next("%\(RESPParser.parts / 2 + 1)\r\n") }
        #expect(throws: RESPError.badLength) { try next("$-2\r\n") }
        #expect(throws: RESPError.badLength) { try next("$1\r\nab\r\n") }
        #expect(throws: RESPError.badNumber) { try next(":1x\r\n") }
        #expect(throws: RESPError.unknownType(72)) { try next("HTTP/1.1 400 Bad Request\r\n") }
    }

    @Test func `given nonsense it is refused or waits, and never crashes`() throws {
        var random = SeededRandom(seed: UInt64.random(in: 1...999_999))
        let seed = random
        for _ in 0..<20_000 {
            var bytes = Array(random.element(of: Self.table).0.utf8) + Array(random.element(of: Self.table).0.utf8)
            for _ in 0...random.below(4) {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(random.below(256))
                case 1: bytes.insert(UInt8(random.below(256)), at: place)
                default: if bytes.count > 1 { bytes.remove(at: place) }
                }
            }
            var buffer = ByteBuffer(bytes: bytes)
            var taken = 0
            while taken < 100, let value = try? RESPParser.next(in: &buffer) {
                _ = (value.text, value.integer, value.parts)
                taken += 1
            }
            #expect(taken < 100, "\(seed)")
        }
    }

    @Test func `and what is said to it, is an array of strings of bytes`() {
        var buffer = ByteBuffer()
        write(command: ["SET", .text("kë"), .bytes([13, 10]), .integer(-1)], into: &buffer)
        #expect(String(buffer: buffer) == "*4\r\n$3\r\nSET\r\n$3\r\nkë\r\n$2\r\n\r\n\r\n$2\r\n-1\r\n")
    }
}
