import NIOCore

/// Why bytes are not what a Redis says. The connection is of no use after it.
enum RESPError: Error, Equatable {
    case unknownType(UInt8)
    case badNumber
    case badLength
    case lineTooLong
    case valueTooLong
    case tooManyParts
    case tooDeep
}

/// Takes values out of bytes that come in any pieces. Pure: it is given all bytes that have not been taken yet, and looks at
/// them again when more have come. That costs little because no answer is long that we ask for: the longest is a part of a topic
/// (`RedisEventLog.entriesAtOnce`).
struct RESPParser {
    /// A simple string, an error or a number.
    static let lineBytes = 64 * 1024
    /// One bulk string. An entry of ours is far shorter.
    static let valueBytes = 64 * 1024 * 1024
    /// Parts of one array, a map's keys and values counted.
    static let parts = 1_000_000
    /// Arrays in arrays.
    static let depth = 16

    /// The next value, and the buffer moved behind it; nil, and the buffer as it was, when it is not there to its end.
    static func next(in buffer: inout ByteBuffer) throws(RESPError) -> RESPValue? {
        let start = buffer.readerIndex
        guard let value = try value(in: &buffer, depth: 0) else {
            buffer.moveReaderIndex(to: start)
            return nil
        }
        return value
    }

    private static func value(in buffer: inout ByteBuffer, depth: Int) throws(RESPError) -> RESPValue? {
        guard depth < Self.depth else { throw .tooDeep }
        guard let type = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return nil }
        let known: StaticString = "+-:$*_#,(=!%~>|"
        guard known.withUTF8Buffer({ $0.contains(type) }) else { throw .unknownType(type) }
        guard let line = try line(in: &buffer) else { return nil }
        switch type {
        case UInt8(ascii: "+"), UInt8(ascii: "("), UInt8(ascii: ","): return .bytes(line)
        case UInt8(ascii: "-"): return .error(String(decoding: line, as: UTF8.self))
        case UInt8(ascii: ":"): return .integer(try number(line))
        case UInt8(ascii: "_"): return .null
        case UInt8(ascii: "#"):
            guard line == [UInt8(ascii: "t")] || line == [UInt8(ascii: "f")] else { throw .badNumber }
            return .boolean(line == [UInt8(ascii: "t")])
        case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
            let length = try number(line)
            // RESP2's two ways to say nothing: $-1 here, *-1 below.
            if length == -1, type == UInt8(ascii: "$") { return .null }
            guard let bytes = try bulk(length, in: &buffer) else { return nil }
            if type == UInt8(ascii: "!") { return .error(String(decoding: bytes, as: UTF8.self)) }
            // A verbatim string begins with three letters and a colon that say what it is.
            return .bytes(type == UInt8(ascii: "=") ? Array(bytes.dropFirst(4)) : bytes)
        default: return try parts(of: type, try number(line), in: &buffer, depth: depth)
        }
    }

    private static func parts(
        of type: UInt8, _ number: Int64, in buffer: inout ByteBuffer, depth: Int
    ) throws(RESPError) -> RESPValue? {
        if number == -1, type == UInt8(ascii: "*") { return .null }
        let isMap = type == UInt8(ascii: "%") || type == UInt8(ascii: "|")
        guard number >= 0 else { throw .badLength }
        guard number <= parts / (isMap ? 2 : 1) else { throw .tooManyParts }
        let count = Int(number) * (isMap ? 2 : 1)
        var found: [RESPValue] = []
        // Not what was announced but what has come decides how much is set aside.
        found.reserveCapacity(min(count, buffer.readableBytes))
        for _ in 0..<count {
            guard let part = try value(in: &buffer, depth: depth + 1) else { return nil }
            found.append(part)
        }
        switch type {
        case UInt8(ascii: "%"): return .map(found)
        case UInt8(ascii: ">"): return .push(found)
        // An attribute describes the value after it; nobody here asked for any.
        case UInt8(ascii: "|"): return try value(in: &buffer, depth: depth + 1)
        default: return .array(found)
        }
    }

    /// Without its type and its end.
    private static func line(in buffer: inout ByteBuffer) throws(RESPError) -> [UInt8]? {
        let view = buffer.readableBytesView
        let window = view.prefix(lineBytes + 3)
        guard let end = window.firstIndex(of: UInt8(ascii: "\r")) else {
            if window.count > lineBytes { throw .lineTooLong }
            return nil
        }
        guard view.index(after: end) < view.endIndex else { return nil }
        guard view[view.index(after: end)] == UInt8(ascii: "\n") else { throw .badLength }
        let line = Array(view[view.index(after: view.startIndex)..<end])
        guard line.count <= lineBytes else { throw .lineTooLong }
        buffer.moveReaderIndex(to: view.index(after: end) + 1)
        return line
    }

    private static func bulk(_ length: Int64, in buffer: inout ByteBuffer) throws(RESPError) -> [UInt8]? {
        guard length >= 0 else { throw .badLength }
        guard length <= valueBytes else { throw .valueTooLong }
        guard buffer.readableBytes >= Int(length) + 2 else { return nil }
        guard let bytes = buffer.readBytes(length: Int(length)), buffer.readBytes(length: 2) == [13, 10] else {
            throw .badLength
        }
        return bytes
    }

    private static func number(_ line: [UInt8]) throws(RESPError) -> Int64 {
        guard let number = Int64(String(decoding: line, as: UTF8.self)) else { throw .badNumber }
        return number
    }
}
