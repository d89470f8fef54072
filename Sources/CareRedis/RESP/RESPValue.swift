import NIOCore

/// What a Redis says: the types of RESP2 and RESP3 as one value. (Redis serialization protocol specification,
/// redis.io/docs/latest/develop/reference/protocol-spec.)
enum RESPValue: Sendable, Hashable {
    case null
    /// Simple, bulk and verbatim strings, big numbers and doubles: bytes as they came.
    case bytes([UInt8])
    /// A refusal of one command; the connection is good.
    case error(String)
    case integer(Int64)
    case boolean(Bool)
    /// Arrays and sets.
    case array([RESPValue])
    /// Keys and values in turn, as RESP2 sends maps.
    case map([RESPValue])
    /// RESP3's out of turn message; in RESP2 a subscribed connection sends arrays instead.
    case push([RESPValue])

    var text: String? {
        switch self {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .integer(let integer): String(integer)
        default: nil
        }
    }

    var integer: Int? {
        switch self {
        case .integer(let integer): Int(exactly: integer)
        case .bytes(let bytes): Int(String(decoding: bytes, as: UTF8.self))
        default: nil
        }
    }

    /// The parts of anything that has parts.
    var parts: [RESPValue]? {
        switch self {
        case .array(let parts), .map(let parts), .push(let parts): parts
        default: nil
        }
    }

    var bytes: [UInt8]? { if case .bytes(let bytes) = self { bytes } else { nil } }
}

/// One argument of a command.
enum RESPArgument: Sendable, Hashable, ExpressibleByStringLiteral {
    case text(String)
    case bytes([UInt8])
    case integer(Int)

    init(stringLiteral value: String) { self = .text(value) }
}

/// A command as every version of the protocol takes it: an array of bulk strings.
func write(command: [RESPArgument], into buffer: inout ByteBuffer) {
    buffer.writeString("*\(command.count)\r\n")
    for argument in command {
        switch argument {
        case .text(let text):
            buffer.writeString("$\(text.utf8.count)\r\n")
            buffer.writeString(text)
        case .bytes(let bytes):
            buffer.writeString("$\(bytes.count)\r\n")
            buffer.writeBytes(bytes)
        case .integer(let integer):
            let text = String(integer)
            buffer.writeString("$\(text.utf8.count)\r\n")
            buffer.writeString(text)
        }
        buffer.writeString("\r\n")
    }
}
