import CareTestKit
import Testing

@testable import CareWeb

struct `A form in parts` {
    static let type = "multipart/form-data; boundary=\"a b\""
    static let body =
        "preamble\r\n--a b\r\nContent-Disposition: form-data; name=\"case_id\"\r\n\r\nc1\r\n--a b \t\r\n"
        + "content-disposition: form-data; name=\"file\"; filename=\"a%22b.pdf\"\r\nContent-Type: x/y\r\n\r\n"
        + "\r\n--a bx\r\n--a\r\n--a b--\r\nepilogue"
    static let parts = ["case_id/nil=c1", "file/a\"b.pdf=\r\n--a bx\r\n--a"]

    static func read(_ pieces: [[UInt8]], _ type: String = type) throws -> (parts: [String], isComplete: Bool) {
        var parser = try #require(MultipartParser(contentType: type))
        var parts: [String] = []
        for piece in pieces {
            for event in try parser.feed(piece) {
                switch event {
                case .part(let name, let file): parts.append("\(name)/\(file ?? "nil")=")
                case .bytes(let bytes): parts[parts.count - 1] += String(decoding: bytes, as: UTF8.self)
                case .partEnd, .end: break
                }
            }
        }
        return (parts, parser.isComplete)
    }

    @Test func `is the same in whatever pieces it comes`() throws {
        let bytes = Array(Self.body.utf8)
        for size in 1...bytes.count {
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            let read = try Self.read(pieces)
            #expect(read.parts == Self.parts && read.isComplete, "in pieces of \(size)")
        }
    }

    @Test func `of what looks like a boundary and is none is given on in large pieces`() throws {
        let decoys = String(repeating: "\r\n--a b!", count: 20_000)
        let head = "--a b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
        let bytes = Array((head + decoys + "\r\n--a b--\r\n").utf8)
        for size in [bytes.count, 65_536, 1_000, 7] {
            var parser = try #require(MultipartParser(contentType: Self.type))
            var text: [UInt8] = [], events = 0
            for offset in stride(from: 0, to: bytes.count, by: size) {
                for event in try parser.feed(bytes[offset..<min(offset + size, bytes.count)]) {
                    events += 1
                    if case .bytes(let piece) = event { text += piece }
                }
            }
            #expect(parser.isComplete && text == Array(decoys.utf8), "in pieces of \(size)")
            #expect(events <= bytes.count / size + 5, "\(events) events in pieces of \(size)")
        }
    }

    @Test func `that is cut anywhere is not complete`() throws {
        let bytes = Array(Self.body.utf8)
        let end = bytes.count - "\r\nepilogue".utf8.count
        for count in 0..<end { #expect(try Self.read([Array(bytes[..<count])]).isComplete == false) }
        #expect(try Self.read([Array(bytes[..<end])]).isComplete)
    }

    @Test(arguments: [
        "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x",
        "multipart/form-data; boundary=\"\u{1}\"", "multipart/form-data; boundary=" + String(repeating: "x", count: 71),
    ]) func `needs a boundary that RFC 2046 allows`(_ type: String) {
        #expect(MultipartParser(contentType: type) == nil)
    }

    @Test func `has bounds, on both sides`() throws {
        #expect(
            MultipartParser(contentType: "multipart/form-data; boundary=" + String(repeating: "x", count: 70)) != nil)
        func form(parts: Int, head: Int) -> [UInt8] {
            let disposition = "Content-Disposition: form-data; name=\"n\"\r\nX: "
            let part =
                "--x\r\n" + disposition + String(repeating: "y", count: head - disposition.utf8.count) + "\r\n\r\n\r\n"
            return Array((String(repeating: part, count: parts) + "--x--\r\n").utf8)
        }
        let type = "multipart/form-data; boundary=x"
        let (parts, head) = (MultipartParser.partLimit, MultipartParser.headLimit)
        #expect(try Self.read([form(parts: parts, head: 100)], type).parts.count == parts)
        #expect(throws: MultipartParser.Fault.self) { _ = try Self.read([form(parts: parts + 1, head: 100)], type) }
        // The line break in front of the headers is counted too.
        #expect(try Self.read([form(parts: 1, head: head - 2)], type).isComplete)
        #expect(throws: MultipartParser.Fault.self) { _ = try Self.read([form(parts: 1, head: head + 1)], type) }
    }

    @Test func `given nonsense neither crashes nor holds it`() {
        let tokens = ["\r\n", "--a b", "--a b--", ":", ";", "=", "\"", "name=", "form-data"].map { Array($0.utf8) }
        Fuzz.run("forms", 2_000) { mutator in
            guard var parser = MultipartParser(contentType: Self.type) else { return }
            let bytes = mutator.mutated([Array(Self.body.utf8)], tokens: tokens)
            var given = 0
            do {
                for piece in mutator.pieces(of: bytes) {
                    for case .bytes(let kept) in try parser.feed(piece) { given += kept.count }
                }
            } catch {}
            #expect(given <= bytes.count, "seed \(mutator.seed)")
        }
    }
}

struct `A range of bytes` {
    @Test(arguments: [
        (nil, ByteRange.whole), ("bytes=0-", .part(0...9)), ("bytes=2-4", .part(2...4)), ("bytes=2-99", .part(2...9)),
        ("bytes=-3", .part(7...9)), ("bytes=-99", .part(0...9)), ("bytes=9-9", .part(9...9)),
        ("bytes=10-", .unsatisfiable),
        ("bytes=-0", .unsatisfiable), ("bytes=4-2", .whole), ("bytes=0-1,3-4", .whole), ("lines=0-1", .whole),
        ("bytes=", .whole), ("bytes=-", .whole), ("bytes=x-1", .whole), ("bytes=99999999999999999999-", .whole),
    ]) func `is what RFC 9110 says`(_ header: String?, _ expected: ByteRange) {
        #expect(ByteRange(header, of: 10) == expected)
    }

    @Test func `of nothing is nothing`() { #expect(ByteRange("bytes=0-", of: 0) == .unsatisfiable) }
}
