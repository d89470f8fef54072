/// The same numbers for the same seed, on every machine: SplitMix64 (Steele, Lea and Flood, 2014).
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    package mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    /// True once in so many times.
    package mutating func once(in times: Int) -> Bool { below(times) == 0 }

    package mutating func element<Value>(of values: [Value]) -> Value { values[below(values.count)] }

    /// A few words, some of them in Arabic or outside the first plane, so that bytes and characters differ.
    package mutating func words() -> String {
        let all = [
            "stay ", "two ", "nights ", "الركبة ", "near ", "é ", "\n\n", "👩🏽‍⚕️ ", "**bold** ", "\"quoted\" ", "\u{2028}",
        ]
        return (0...below(3)).map { _ in element(of: all) }.joined()
    }
}
