import Foundation

/// How much a proof runs, and from which seed: `./test proof [seed]` says so, plain `./test` runs a tenth from a fresh
/// one. Whatever is found can be run again by the seed it prints.
package struct Proof: Sendable {
    package let isFull: Bool
    package let seed: UInt64

    package init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        isFull = environment["CURAWAY_PROOF"] == "full"
        seed = environment["CURAWAY_PROOF_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999_999)
    }

    /// One line of the report, on the screen and in the file that `CURAWAY_PROOF_REPORT` names.
    package func say(_ what: String, _ found: String) {
        let line = "proof: \(what), seed \(seed): \(found)\n"
        print(line, terminator: "")
        guard let path = ProcessInfo.processInfo.environment["CURAWAY_PROOF_REPORT"],
            let file = FileHandle(forWritingAtPath: path)
        else { return }
        defer { try? file.close() }
        _ = try? file.seekToEnd()
        try? file.write(contentsOf: Data(line.utf8))
    }
}
