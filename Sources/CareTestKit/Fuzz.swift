#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Many cases of input nobody would think of, each from a seed of its own, so that one that fails can be had again:
///
///     CURAWAY_FUZZ_SEED=<the seed it names> CURAWAY_FUZZ_RUNS=1 swift test --filter …
///
/// Without a seed every run tries other cases. A crash has no message: the seed printed first repeats the whole run.
package enum Fuzz {
    package static func run(_ name: String, _ runs: Int, _ body: (inout Mutator) throws -> Void) rethrows {
        let first = setting("CURAWAY_FUZZ_SEED") ?? .random(in: 0...0xFFFF_FFFF)
        let runs = setting("CURAWAY_FUZZ_RUNS").map(Int.init) ?? runs
        print("fuzzing \(name): CURAWAY_FUZZ_SEED=\(first), \(runs) runs")
        fflush(nil)
        for number in 0..<runs {
            var mutator = Mutator(seed: first &+ UInt64(number))
            try body(&mutator)
        }
    }

    private static func setting(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }
}

/// Makes something slightly wrong of something right.
package struct Mutator: RandomNumberGenerator {
    /// What to name in a message.
    package let seed: UInt64
    private var state: UInt64

    package init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    /// SplitMix64.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &self) }
    package mutating func one<Element>(of all: [Element]) -> Element { all[below(all.count)] }

    /// One of the corpus after up to eight small accidents; `tokens` are what the grammar is sensitive to.
    package mutating func mutated(_ corpus: [[UInt8]], tokens: [[UInt8]]) -> [UInt8] {
        var bytes = one(of: corpus)
        for _ in 0..<below(9) { mutate(&bytes, corpus, tokens) }
        return bytes
    }

    /// The same bytes in pieces, some of them empty.
    package mutating func pieces(of bytes: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        let longest = one(of: [1, 2, 7, 64, bytes.count + 1])
        while !rest.isEmpty {
            let count = below(longest + 1)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    private mutating func mutate(_ bytes: inout [UInt8], _ corpus: [[UInt8]], _ tokens: [[UInt8]]) {
        let at = below(bytes.count + 1)
        let end = min(bytes.count, at + below(one(of: [2, 16, 200])))
        switch below(9) {
        case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8(below(8))
        case 1 where at < bytes.count: bytes[at] = UInt8(below(256))
        case 2: bytes.removeSubrange(at..<end)
        case 3: bytes.insert(contentsOf: bytes[at..<end], at: at)
        case 4: bytes.removeSubrange(at...)
        case 5:
            let other = one(of: corpus)
            let from = below(other.count + 1)
            bytes.insert(contentsOf: other[from..<min(other.count, from + below(200))], at: at)
        case 6:
            let token = one(of: tokens)
            let times = one(of: [1, 2, 40])
            for _ in 0..<times where bytes.count < 100_000 { bytes.insert(contentsOf: token, at: at) }
        case 7: bytes.replaceSubrange(at..<end, with: one(of: tokens))
        default: bytes.insert(UInt8(below(256)), at: at)
        }
    }
}
