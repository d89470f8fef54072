/// Reads `multipart/form-data` (RFC 7578, RFC 2046 §5.1) as it comes, in pieces cut anywhere, holding no more than a boundary and
/// one part's headers. Pure: bytes in, events out.
struct MultipartParser {
    enum Event: Equatable {
        case part(name: String, fileName: String?)
        case bytes([UInt8])
        case partEnd
        /// The last boundary; what follows is ignored (RFC 2046: the epilogue).
        case end
    }

    enum Fault: Error { case malformed }

    /// Bytes of one part's headers.
    static let headLimit = 8 * 1024
    static let boundaryLimit = 70
    /// Blanks after a boundary.
    static let blankLimit = 256
    /// Parts of one body.
    static let partLimit = 16

    private enum State { case start, head, body, end }
    private let delimiter: [UInt8]
    private var state = State.start
    private var held: [UInt8] = []
    /// Where what has not been given on begins, and where the next boundary is looked for. What looks like one and is not moves
    /// only the second, or a body of nothing else would be moved, or given on, a few bytes at a time.
    private var start = 0, look = 0
    private var parts = 0

    /// Nil when the header names no boundary, or one that RFC 2046 does not allow.
    init?(contentType: String) {
        let pieces = contentType.split(separator: ";", omittingEmptySubsequences: false)
        guard pieces.first?.lowercased().filter({ !$0.isWhitespace }) == "multipart/form-data" else { return nil }
        guard let boundary = Self.parameter("boundary", of: contentType), !boundary.isEmpty,
            boundary.utf8.count <= Self.boundaryLimit,
            boundary.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f || $0 == 0x20 }), !boundary.hasSuffix(" ")
        else { return nil }
        delimiter = Array("\r\n--\(boundary)".utf8)
        // The first boundary has no line break before it.
        held = [13, 10]
    }

    mutating func feed(_ bytes: some Sequence<UInt8>) throws(Fault) -> [Event] {
        held.append(contentsOf: bytes)
        defer {
            held.removeFirst(start)
            look = max(look - start, 0)
            start = 0
        }
        var events: [Event] = []
        while try step(&events) {}
        return events
    }

    /// True once the last boundary has been seen: without it the body was cut.
    var isComplete: Bool { state == .end }

    private mutating func step(_ events: inout [Event]) throws(Fault) -> Bool {
        switch state {
        case .end:
            start = held.count
            return false
        case .start, .body:
            guard let found = Self.find(delimiter, in: held, from: max(start, look)) else {
                // What could still become a boundary stays; in front of the first one nothing is anybody's.
                let keep = min(held.count - start, delimiter.count - 1)
                give(upTo: held.count - keep, &events)
                return false
            }
            let after = found + delimiter.count
            // "--" ends it, blanks and a line break begin a part.
            guard held.count >= after + 2 else {
                if state == .body { give(upTo: found, &events) }
                return false
            }
            let isLast = held[after] == 45 && held[after + 1] == 45
            var next = after
            while next < held.count, held[next] == 32 || held[next] == 9 { next += 1 }
            if !isLast {
                guard held.count >= next + 2 || next - after > Self.blankLimit else { return false }
                guard held.count >= next + 2, held[next] == 13, held[next + 1] == 10 else {
                    // Something that only begins like the boundary is what the part holds.
                    look = found + 1
                    return true
                }
            }
            if state == .body {
                give(upTo: found, &events)
                events.append(.partEnd)
            }
            if isLast {
                events.append(.end)
                state = .end
            } else {
                parts += 1
                guard parts <= Self.partLimit else { throw .malformed }
                // The line break stays: a part without headers has its empty line at once.
                start = next
                state = .head
            }
            return true
        case .head:
            guard let end = Self.find([13, 10, 13, 10], in: held, from: start) else {
                guard held.count - start <= Self.headLimit else { throw .malformed }
                return false
            }
            guard end - start <= Self.headLimit else { throw .malformed }
            let head = String(decoding: held[start..<end], as: UTF8.self)
            start = end + 4
            events.append(try Self.part(head))
            state = .body
            return true
        }
    }

    /// What comes before is done with; inside of a part it is the part's.
    private mutating func give(upTo end: Int, _ events: inout [Event]) {
        guard end > start else { return }
        if state == .body { events.append(.bytes(Array(held[start..<end]))) }
        start = end
    }

    private static func part(_ head: String) throws(Fault) -> Event {
        for line in head.split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":") else { throw .malformed }
            guard line[..<colon].lowercased() == "content-disposition" else { continue }
            let value = String(line[line.index(after: colon)...])
            guard value.drop(while: \.isWhitespace).lowercased().hasPrefix("form-data"),
                let name = parameter("name", of: value)
            else { throw .malformed }
            return .part(name: name, fileName: parameter("filename", of: value))
        }
        throw .malformed
    }

    /// A parameter's value, quoted or not. Browsers write `"` in names as `%22` and line breaks as `%0D%0A` (WHATWG HTML,
    /// multipart/form-data encoding); a backslash before a quote is taken as one, as older ones write it.
    private static func parameter(_ name: String, of header: String) -> String? {
        var rest = header[...]
        while let semicolon = rest.firstIndex(of: ";") {
            rest = rest[rest.index(after: semicolon)...].drop(while: \.isWhitespace)
            guard let equals = rest.firstIndex(of: "=") else { return nil }
            let found = rest[..<equals].lowercased().filter { !$0.isWhitespace }
            rest = rest[rest.index(after: equals)...]
            var value = ""
            if rest.first == "\"" {
                rest = rest.dropFirst()
                var isEscaped = false
                while let character = rest.first, isEscaped || character != "\"" {
                    if character == "\\", !isEscaped, rest.dropFirst().first == "\"" {
                        isEscaped = true
                    } else {
                        value.append(character)
                        isEscaped = false
                    }
                    rest = rest.dropFirst()
                }
                guard rest.first == "\"" else { return nil }
                value = value.replacing("%22", with: "\"").replacing("%0D", with: " ").replacing("%0A", with: " ")
            } else {
                let end = rest.firstIndex(of: ";") ?? rest.endIndex
                value = rest[..<end].filter { !$0.isWhitespace }
                rest = rest[end...]
            }
            if found == name { return value }
        }
        return nil
    }

    private static func find(_ needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count - start >= needle.count else { return nil }
        return bytes.withUnsafeBufferPointer { bytes in
            var place = start
            while place <= bytes.count - needle.count {
                if bytes[place] == needle[0] {
                    var matched = 1
                    while matched < needle.count, bytes[place + matched] == needle[matched] { matched += 1 }
                    if matched == needle.count { return place }
                }
                place += 1
            }
            return nil
        }
    }
}
