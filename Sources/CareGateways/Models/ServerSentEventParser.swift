/// Turns the bytes of a `text/event-stream` into events, one byte at a time, so that no cut in the network can change
/// the outcome. Pure: no I/O, no clock.
///
/// - Lines end at LF, CR or CRLF and nowhere else: U+2028 and U+0085 are text. UTF-8 is decoded per finished line,
///   never per chunk, so a letter cut in two arrives whole.
/// - Comments, fields it has no use for (`id`, `retry`) and events without data vanish, as WHATWG says.
/// - An event that the body ends in the middle of is dropped: half a JSON text can be valid JSON.
struct ServerSentEventParser {
    struct Event: Equatable, Sendable {
        /// Empty when the stream did not name it.
        var name: String
        var data: String
    }

    /// The upstream sent more than any event of the formats has reason to hold; the stream cannot be trusted further.
    enum Overflow: Error, Equatable { case line, event }

    /// Bytes in one line. Beyond it: `Overflow.line`.
    static let lineLimit = 256 * 1024
    /// Bytes of data in one event, over all its lines. Beyond it: `Overflow.event`.
    static let eventLimit = 512 * 1024

    private var line: [UInt8] = []
    private var name = ""
    private var data = ""
    private var hasData = false
    private var lastWasCR = false
    private var isFirstLine = true

    mutating func receive(_ byte: UInt8) throws(Overflow) -> Event? {
        let wasCR = lastWasCR
        lastWasCR = byte == Self.cr
        switch byte {
        case Self.lf where wasCR: return nil  // the second half of a CRLF
        case Self.lf, Self.cr: return try lineEnded()
        default:
            guard line.count < Self.lineLimit else { throw .line }
            line.append(byte)
            return nil
        }
    }

    private mutating func lineEnded() throws(Overflow) -> Event? {
        defer { line.removeAll(keepingCapacity: true) }
        if isFirstLine {
            isFirstLine = false
            if line.starts(with: Self.byteOrderMark) { line.removeFirst(Self.byteOrderMark.count) }
        }
        guard !line.isEmpty else { return dispatch() }
        let colon = line.firstIndex(of: UInt8(ascii: ":"))
        let field = line[..<(colon ?? line.endIndex)]
        var value = colon.map { line[($0 + 1)...] } ?? []
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        if field.elementsEqual(Self.dataField) {
            guard data.utf8.count + value.count < Self.eventLimit else { throw .event }
            if hasData { data += "\n" }
            data += String(decoding: value, as: UTF8.self)
            hasData = true
        } else if field.elementsEqual(Self.eventField) {
            name = String(decoding: value, as: UTF8.self)
        }
        return nil
    }

    private mutating func dispatch() -> Event? {
        defer {
            name = ""
            data = ""
            hasData = false
        }
        return hasData ? Event(name: name, data: data) : nil
    }

    private static let lf = UInt8(ascii: "\n")
    private static let cr = UInt8(ascii: "\r")
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let dataField = Array("data".utf8)
    private static let eventField = Array("event".utf8)
}
