/// Looks at a body before it is decoded, because the decoder is kind where we must not be: it takes the last of two equal
/// keys, guesses UTF-16, skips a byte order mark and forgives a comma before a bracket. Whatever in front of us reads the
/// same bytes (a proxy, an audit) might take the first key; so a body has one meaning or none. RFC 8259, nothing more.
struct StrictJSON {
    enum Fault: Error, Equatable { case malformed, tooDeep, duplicateKey }

    /// Arrays and objects within each other. Ours have one; a client of tomorrow may add a few.
    static let depthLimit = 16

    private let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0

    static func check(_ bytes: some Collection<UInt8>) throws(Fault) {
        let bytes = Array(bytes)
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .malformed }
        let result = bytes.withUnsafeBufferPointer { buffer in
            var json = StrictJSON(bytes: buffer)
            return Result { () throws(Fault) in try json.whole() }
        }
        try result.get()
    }

    private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    private mutating func whole() throws(Fault) {
        try value(depth: 0)
        skipBlank()
        guard at == bytes.count else { throw .malformed }
    }

    /// Recursion is bounded by `depthLimit`, so no body can exhaust the stack.
    private mutating func value(depth: Int) throws(Fault) {
        skipBlank()
        switch peek {
        case UInt8(ascii: "{"): try object(depth: depth + 1)
        case UInt8(ascii: "["): try array(depth: depth + 1)
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: try number()
        }
    }

    private mutating func object(depth: Int) throws(Fault) {
        guard depth <= Self.depthLimit else { throw .tooDeep }
        at += 1
        skipBlank()
        if take(UInt8(ascii: "}")) { return }
        var keys: Set<String> = []
        repeat {
            skipBlank()
            guard keys.insert(try string()).inserted else { throw .duplicateKey }
            skipBlank()
            guard take(UInt8(ascii: ":")) else { throw .malformed }
            try value(depth: depth)
            skipBlank()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw .malformed }
    }

    private mutating func array(depth: Int) throws(Fault) {
        guard depth <= Self.depthLimit else { throw .tooDeep }
        at += 1
        skipBlank()
        if take(UInt8(ascii: "]")) { return }
        repeat {
            try value(depth: depth)
            skipBlank()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw .malformed }
    }

    /// A string, its escapes read: two spellings of one key are one key.
    private mutating func string() throws(Fault) -> String {
        guard take(UInt8(ascii: "\"")) else { throw .malformed }
        var text: [UInt8] = []
        while let byte = peek {
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw .malformed
            default: text.append(byte)
            }
        }
        throw .malformed
    }

    private mutating func escape() throws(Fault) -> [UInt8] {
        guard let byte = peek else { throw .malformed }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): return try scalar()
        default: throw .malformed
        }
    }

    /// Half a surrogate pair is no text: what was stored would not be what was sent.
    private mutating func scalar() throws(Fault) -> [UInt8] {
        var code = try hex()
        if (0xD800...0xDBFF).contains(code) {
            guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw .malformed }
            let low = try hex()
            guard (0xDC00...0xDFFF).contains(low) else { throw .malformed }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw .malformed }
        return Array(String(scalar).utf8)
    }

    private mutating func hex() throws(Fault) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = peek.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }) else { throw .malformed }
            at += 1
            code = code << 4 + UInt32(digit)
        }
        return code
    }

    private mutating func number() throws(Fault) {
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
    }

    private mutating func digits() throws(Fault) {
        let start = at
        while let byte = peek, (0x30...0x39).contains(byte) { at += 1 }
        guard at > start else { throw .malformed }
    }

    private mutating func literal(_ text: StaticString) throws(Fault) {
        for index in 0..<text.utf8CodeUnitCount {
            guard take(text.utf8Start[index]) else { throw .malformed }
        }
    }

    private mutating func skipBlank() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        at += 1
        return true
    }
}
