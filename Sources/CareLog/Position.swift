/// A place in a topic: SSE `id`, `Last-Event-ID`, `?cursor=`. Written `<epoch>-<offset>`.
///
/// An offset alone lies. `[1, 2, 3]` is lost in a crash, `[1, 2, 3′]` is written anew, and a reader that says "I have
/// 3" is told that it missed nothing. The epoch changes whenever history may have been lost, so that reader is told
/// to fetch a snapshot instead.
package struct Position: Hashable, Sendable, CustomStringConvertible {
    /// 1–24 characters out of `0–9 a–z`.
    package let epoch: String
    /// The last entry seen; 0 before the first one.
    package let offset: Int

    package init(epoch: String, offset: Int) {
        self.epoch = epoch
        self.offset = offset
    }

    /// Reads what a client sent. Strict, because it ends up in log lines and in keys.
    package init(parsing text: some StringProtocol) throws(PositionError) {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, (1...24).contains(parts[0].count), (1...15).contains(parts[1].count),
            parts[0].allSatisfy({ Self.isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }),
            parts[1].allSatisfy(Self.isDigit), parts[1].count == 1 || parts[1].first != UInt8(ascii: "0"),
            let offset = Int(String(decoding: parts[1], as: UTF8.self))
        else { throw .malformed }
        self.init(epoch: String(decoding: parts[0], as: UTF8.self), offset: offset)
    }

    package var description: String { "\(epoch)-\(offset)" }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}

package enum PositionError: Error { case malformed }
