/// The bytes of one `text/event-stream` response over HTTP/1.1, made into events. Pure, and cheap enough for a hundred
/// thousand events a second in one thread beside the server that is measured: of each event it keeps the kind, the id
/// and the data as bytes, and it reads JSON not at all.
///
/// It believes what our server sends (a status line, headers, chunked transfer coding) and says so loudly when it is
/// something else; cuts may fall anywhere.
struct EventBytes {
    enum Kind: Sendable, Equatable {
        case ready, delta, snapshot, message, finished, endedOtherwise, heartbeat, reset, parting, other
    }

    struct Event: Equatable {
        var kind: Kind
        /// The cursor; empty when the event does not move it.
        var id: [UInt8]
        var data: [UInt8]
    }

    struct Unexpected: Error, Equatable { var what: String }

    /// A head longer than this is not our server's.
    static let headLimit = 16 * 1024

    private enum Phase { case head, size, chunk(left: Int), chunkEnd, over }
    private var phase = Phase.head
    /// Of the head, or of a chunk's size.
    private var protocolLine: [UInt8] = []
    private var headBytes = 0
    private var isFirstLine = true
    private var isChunked = false
    private var size = 0

    private var line: [UInt8] = []
    private var kind = Kind.other
    private var id: [UInt8] = []
    private var data: [UInt8] = []

    /// The events that these bytes complete.
    mutating func feed(_ bytes: some Sequence<UInt8>, _ happened: (Event) -> Void) throws(Unexpected) {
        for byte in bytes {
            switch phase {
            case .chunk(let left):
                phase = left == 1 ? .chunkEnd : .chunk(left: left - 1)
                if byte == Self.lf { lineEnded(happened) } else { line.append(byte) }
            case .chunkEnd:
                if byte == Self.lf { phase = .size }
            case .size:
                if byte == Self.lf {
                    phase = size == 0 ? .over : .chunk(left: size)
                    size = 0
                } else if let digit = Self.hexadecimal(byte) {
                    size = size << 4 | digit
                } else if byte != Self.cr {
                    throw Unexpected(what: "a chunk whose size is no number")
                }
            case .head: try head(byte)
            case .over: break
            }
        }
    }

    private mutating func head(_ byte: UInt8) throws(Unexpected) {
        headBytes += 1
        guard headBytes <= Self.headLimit else { throw Unexpected(what: "a head without an end") }
        guard byte == Self.lf else {
            if byte != Self.cr { protocolLine.append(byte) }
            return
        }
        defer { protocolLine.removeAll(keepingCapacity: true) }
        let text = String(decoding: protocolLine, as: UTF8.self)
        if isFirstLine {
            isFirstLine = false
            guard text.hasPrefix("HTTP/1.1 200") else { throw Unexpected(what: text) }
        } else if text.isEmpty {
            guard isChunked else { throw Unexpected(what: "a body that is not chunked") }
            phase = .size
        } else if text.lowercased().hasPrefix("transfer-encoding: chunked") {
            isChunked = true
        }
    }

    private mutating func lineEnded(_ happened: (Event) -> Void) {
        defer { line.removeAll(keepingCapacity: true) }
        if line.isEmpty {
            if !data.isEmpty { happened(Event(kind: kind, id: id, data: data)) }
            (kind, id, data) = (.other, [], [])
        } else if line.starts(with: Self.dataField) {
            data = Array(line.dropFirst(Self.dataField.count))
        } else if line.starts(with: Self.idField) {
            id = Array(line.dropFirst(Self.idField.count))
        } else if line.starts(with: Self.eventField) {
            kind = Self.kind(line.dropFirst(Self.eventField.count))
        }
    }

    private static func kind(_ name: ArraySlice<UInt8>) -> Kind {
        // By far the most frequent one first, without making a string of it.
        if name.elementsEqual(deltaName) { return .delta }
        return switch String(decoding: name, as: UTF8.self) {
        case "ready": .ready
        case "reply.snapshot": .snapshot
        case "message": .message
        case "reply.finished": .finished
        case "reply.stopped", "reply.interrupted", "reply.failed": .endedOtherwise
        case "heartbeat": .heartbeat
        case "reset": .reset
        case "bye", "auth_expired": .parting
        default: .other
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }

    private static let lf = UInt8(ascii: "\n")
    private static let cr = UInt8(ascii: "\r")
    private static let dataField = Array("data: ".utf8)
    private static let idField = Array("id: ".utf8)
    private static let eventField = Array("event: ".utf8)
    private static let deltaName = Array("reply.delta".utf8)
}
