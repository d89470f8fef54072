import CareDomain
import CareLog
import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The keys that what lies in Redis is sealed with: the first seals, all open. To rotate, put the new one in front, and take
/// the old one out when what it sealed is gone.
package struct LogKeys: Sendable {
    private let first: (id: String, key: SymmetricKey)
    private let all: [String: SymmetricKey]

    /// `id:base64[,id:base64…]`, each of 32 bytes, ids of 1–16 letters and digits. `nil` when it is not that.
    package init?(_ text: String) {
        var all: [String: SymmetricKey] = [:]
        var first: (String, SymmetricKey)?
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: ":", maxSplits: 1)
            guard halves.count == 2, (1...16).contains(halves[0].utf8.count),
                halves[0].utf8.allSatisfy({ Self.isPlain($0) }),
                let bytes = Data(base64Encoded: String(halves[1])), bytes.count == 32, all[String(halves[0])] == nil
            else { return nil }
            let key = SymmetricKey(data: bytes)
            all[String(halves[0])] = key
            first = first ?? (String(halves[0]), key)
        }
        guard let first else { return nil }
        self.first = first
        self.all = all
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    /// AES-256-GCM; the topic and the key's id are authenticated with it.
    ///
    ///     length of id │ id │ nonce (12) │ sealed │ tag (16)
    func seal(_ plain: [UInt8], of topic: Topic) throws -> [UInt8] {
        let id = Array(first.id.utf8)
        let box = try AES.GCM.seal(plain, using: first.key, authenticating: Self.context(first.id, topic))
        return [UInt8(id.count)] + id + Array(box.nonce) + Array(box.ciphertext) + Array(box.tag)
    }

    /// `nil` when no key of ours opens it, or it is of another topic.
    func open(_ sealed: [UInt8], of topic: Topic) -> [UInt8]? {
        guard let length = sealed.first.map(Int.init), sealed.count >= 1 + length + 28 else { return nil }
        let id = String(decoding: sealed[1..<(1 + length)], as: UTF8.self)
        guard let key = all[id],
            let box = try? AES.GCM.SealedBox(combined: Data(sealed[(1 + length)...])),
            let plain = try? AES.GCM.open(box, using: key, authenticating: Self.context(id, topic))
        else { return nil }
        return Array(plain)
    }

    private static func context(_ id: String, _ topic: Topic) -> Data { Data("\(id) \(topic.name)".utf8) }
}

/// An entry as it lies in Redis, before it is sealed: what kind of draft it was, a line's end, the JSON that every
/// transport sends.
///
///     F <number> [<takeover> <lease>]⏎{…}          R <takeover> <lease>⏎{…}
enum StoredEntry {
    static func bytes(of draft: Draft, json: [UInt8]) -> [UInt8] {
        let head =
            switch draft.kind {
            case .fact(let number, nil): "F \(number)"
            case .fact(let number, let fence?): "F \(number) \(fence.takeover) \(fence.lease)"
            case .reply(let fence, _): "R \(fence.takeover) \(fence.lease)"
            }
        return Array(head.utf8) + [10] + json
    }

    static func draft(_ bytes: [UInt8]) -> (draft: Draft, json: [UInt8])? {
        guard let end = bytes.firstIndex(of: 10) else { return nil }
        let words = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ")
        let numbers = words.dropFirst().map { Int($0) }
        let json = Array(bytes[(end + 1)...])
        guard let event = try? CareEvent(json: json), numbers.allSatisfy({ $0 != nil }) else { return nil }
        let known = numbers.compactMap(\.self)
        switch (words.first, known.count) {
        case ("F", 1): return (.fact(event, number: known[0]), json)
        case ("F", 3):
            return (.fact(event, number: known[0], fence: Fence(takeover: known[1], lease: known[2])), json)
        case ("R", 2): return (.reply(event, under: Fence(takeover: known[0], lease: known[1])), json)
        default: return nil
        }
    }
}
