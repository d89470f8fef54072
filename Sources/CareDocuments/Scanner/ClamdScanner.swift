package import CareDesk

/// ClamAV's daemon, over its INSTREAM command: the file is sent, so the daemon needs no access to where it lies, and may run
/// on another machine.
///
///     us      zINSTREAM\0  <length: 4 bytes, big-endian> <bytes> …  <0 0 0 0>
///     clamd   stream: OK\0   |   stream: Eicar-Signature FOUND\0   |   … ERROR\0
///
/// - clamd takes a stream of 25 MiB unless its `StreamMaxLength` says otherwise; of a longer one it says an error, and the document
///   fails. `greeting` finds that out.
/// - `.clean` is said only when exactly `stream: OK` came after everything had been sent. An answer that is here before the
///   end was sent, a limit of the daemon's, a broken line, silence: all are `ReaderTrouble.scanner`. What the kernels hold
///   under way cannot be seen: a peer that answers a few KiB early may be believed, so it has to be one we trust.
/// - Bounded: `seconds` for connecting, and for the whole of a scan.
package struct ClamdScanner: VirusScanner {
    private let address: Address

    /// For one scan, from connecting to the answer.
    package var seconds = 30
    private static let step = 64 * 1024

    enum Address: Equatable, Sendable {
        case host(String, String)
        case unix(String)
    }

    /// `host:port`, `[v6]:port`, or the path of a socket, also as `unix:/path`. nil for anything else.
    package init?(address text: String) {
        guard let address = Self.parse(text) else { return nil }
        self.address = address
    }

    static func parse(_ text: String) -> Address? {
        let path = text.hasPrefix("unix:") ? String(text.dropFirst(5)) : text
        if path.hasPrefix("/") { return path.utf8.count < 108 ? .unix(path) : nil }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty || host.contains(where: { $0.isWhitespace || $0 == "/" })
            ? nil : .host(String(host), "\(port)")
    }

    package func scan(_ path: String) async throws -> ScanVerdict {
        try Task.checkCancellation()
        return try await offPool(.scans) { [self] in
            do { return try verdict(on: path) } catch { throw ReaderTrouble.scanner }
        }
    }

    /// What answers there, and whether it takes a stream of so many bytes: noughts are sent, so that nothing is found.
    /// Throws `ReaderTrouble.scanner` when nobody answers.
    package func greeting(takes bytes: Int) async throws -> (version: String, isEnough: Bool) {
        try await offPool(.scans) { [self] in
            let line = try PeerSocket(address, until: .now + .seconds(seconds))
            try line.send(Array("zVERSION\0".utf8))
            let version = try line.receive(atMost: 4_096)
            // ClamAV 1.4.6/27000/Fri Nov 27 …: program, signatures, their day. Printed, so of plain letters only.
            let plain = version.unicodeScalars.filter { $0.isASCII && $0.value >= 0x20 }
            let noughts = [UInt8](repeating: 0, count: Self.step)
            let answer = try? answer(to: bytes) { Array(noughts.prefix(bytes - $0)) }
            return (String(String.UnicodeScalarView(plain.prefix(80))), answer == "stream: OK")
        }
    }

    private func verdict(on path: String) throws -> ScanVerdict {
        try FileBytes.with(path) { file in
            let answer = try answer(to: file.count) { try file.bytes(at: $0, Self.step) }
            if answer == "stream: OK" { return .clean }
            if answer.hasPrefix("stream: "), answer.hasSuffix(" FOUND") { return .infected }
            throw ReaderTrouble.scanner
        }
    }

    private func answer(to count: Int, _ piece: (_ offset: Int) throws -> [UInt8]) throws -> String {
        let line = try PeerSocket(address, until: .now + .seconds(seconds))
        try line.send(Array("zINSTREAM\0".utf8))
        var offset = 0
        while offset < count {
            let bytes = try piece(offset)
            // Cut off while it was read: what would be scanned is not what there is.
            guard !bytes.isEmpty else { throw ReaderTrouble.scanner }
            // An answer before the end is about something else than this file.
            guard !line.hasAnswer() else { throw ReaderTrouble.scanner }
            try line.send(Self.bigEndian(bytes.count) + bytes)
            offset += bytes.count
        }
        guard !line.hasAnswer() else { throw ReaderTrouble.scanner }
        try line.send(Self.bigEndian(0))
        return try line.receive(atMost: 4_096)
    }

    private static func bigEndian(_ number: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }
}
