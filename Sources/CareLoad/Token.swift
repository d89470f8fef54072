/// A token of the model peer says which one it is and when it was written: `17@8123456789123 `, with the machine's
/// monotonic clock in nanoseconds. No character of it needs escaping in JSON.
struct Token: Equatable {
    var sequence: Int
    var writtenAt: UInt64

    var text: String { "\(sequence)@\(writtenAt) " }

    /// The tokens within some JSON, in order, wherever they stand. An id is never one, because it has no `@`.
    static func all(in json: [UInt8]) -> [Token] {
        var tokens: [Token] = []
        var digits: UInt64 = 0
        var hasDigits = false
        var sequence: Int?
        for byte in json {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits = digits &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
                hasDigits = true
                continue
            case UInt8(ascii: "@"): sequence = hasDigits ? Int(truncatingIfNeeded: digits) : nil
            default:
                if let number = sequence, hasDigits { tokens.append(Token(sequence: number, writtenAt: digits)) }
                sequence = nil
            }
            digits = 0
            hasDigits = false
        }
        return tokens
    }
}

/// Whether one reader was told every token of an answer once and in order. Pure.
struct TokenCheck: Equatable {
    private(set) var next = 0
    private(set) var lost = 0
    private(set) var doubled = 0
    /// Told in a snapshot or by the final message instead of a delta: the server folds for a reader that is behind.
    private(set) var folded = 0

    mutating func delta(_ tokens: [Token]) {
        for token in tokens {
            if token.sequence < next { doubled += 1 } else { lost += token.sequence - next }
            next = max(next, token.sequence + 1)
        }
    }

    /// The text so far, or in the end: it repeats what is known and may hold more.
    mutating func whole(_ tokens: [Token]) {
        for (index, token) in tokens.enumerated() where token.sequence != index {
            if token.sequence < index { doubled += 1 } else { lost += 1 }
            return
        }
        folded += max(0, tokens.count - next)
        next = max(next, tokens.count)
    }

    /// The answer is over and had this many.
    mutating func end(of count: Int) {
        lost += max(0, count - next)
        doubled += max(0, next - count)
    }
}
