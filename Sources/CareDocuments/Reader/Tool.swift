import CareDesk

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Runs somebody else's program on a stranger's file, within bounds.
///
/// - Bounds of memory, processor time, file size and open files are the kernel's (`prlimit`); wall time is ours.
/// - It sees no environment of the server's, and works in a folder that is thrown away.
/// - However it ends, by itself, by its bounds or by cancellation, when `run` returns or throws nothing of its process group
///   is left running.
struct Tool: Sendable {
    var limits: ReaderLimits
    /// Where programs are looked for, and what they find each other by.
    var path = "/usr/bin:/bin"

    enum End: Equatable, Sendable {
        case exit(Int32)
        case signal(Int32)
        /// Wall or processor time was over.
        case timeOver
        /// It wrote more than it may.
        case outputOver
        /// It could not get more memory.
        case memoryOver
        /// The machine would not let it: no room on the disk, or bounds that may not be set.
        case unable
    }

    struct Outcome: Sendable {
        var end: End
        var output: [UInt8]
        /// The first 64 KiB of its complaints. May quote the document: for deciding, never for a log.
        var complaint: String

        var isSuccess: Bool { end == .exit(0) }
    }

    /// `writes`: bytes of the largest file it may make, its output among them.
    /// Throws `ReaderTrouble.broken` when the program is missing, `CancellationError`.
    func run(
        _ name: String, _ arguments: [String], in place: Workplace, writes: Int? = nil
    ) async throws -> Outcome {
        guard let prlimit = find("prlimit"), let program = find(name) else { throw ReaderTrouble.broken }
        try Task.checkCancellation()
        let writes = writes ?? limits.textBytes
        let bounds = [
            "--as=\(limits.memoryBytes)", "--cpu=\(limits.processorSeconds):\(limits.processorSeconds + 1)",
            "--fsize=\(writes)", "--nofile=64", "--core=0", "--",
        ]
        let environment = [
            "PATH": path, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "OMP_THREAD_LIMIT": "1", "TMPDIR": place.path,
        ]
        // By names no tool here is told to make.
        let said = place.path + "/.said"
        let complained = place.path + "/.complained"
        let ((isInTime, isCancelled), end) = try await Child.run(
            [prlimit] + bounds + [program] + arguments, environment: environment, folder: place.path, output: said,
            errors: complained, watch: wait)
        if isCancelled { throw CancellationError() }
        let output = try await offPool { try FileBytes.with(said) { try $0.bytes(at: 0, min($0.count, writes)) } }
        let complaint = try await offPool { try FileBytes.with(complained) { try $0.bytes(at: 0, 65_536) } }
        let words = String(decoding: complaint, as: UTF8.self)
        return Outcome(
            end: isInTime ? judge(end, words, output.count >= writes) : .timeOver, output: output, complaint: words)
    }

    /// Asks now and then, first often: most tools are quick. Cancellation is noticed at once, by the sleep.
    private func wait(for child: Child) async -> (isInTime: Bool, isCancelled: Bool) {
        let deadline = ContinuousClock.now + .seconds(limits.wallSeconds)
        var pause = Duration.milliseconds(2)
        while !child.isOver() {
            if ContinuousClock.now >= deadline { return (false, false) }
            do { try await Task.sleep(for: pause) } catch { return (true, true) }
            pause = min(pause * 2, .milliseconds(40))
        }
        return (true, false)
    }

    private func judge(_ end: End, _ complaint: String, _ isFull: Bool) -> End {
        if complaint.hasPrefix("prlimit:") || Self.fullWords.contains(where: complaint.contains) { return .unable }
        switch end {
        case .signal(SIGXCPU): return .timeOver
        case .signal(SIGXFSZ): return .outputOver
        default:
            if isFull || complaint.contains("File too large") { return .outputOver }
            // Also of one that ends well: pdftoppm and tesseract do, with nothing done.
            let words = complaint.lowercased()
            return Self.memoryWords.contains { words.contains($0) } ? .memoryOver : end
        }
    }

    private static let fullWords = ["No space left on device", "Disk quota exceeded", "Read-only file system"]

    /// How the tools here say that memory was refused to them; the kernel does not tell.
    private static let memoryWords = [
        "bad_alloc", "out of memory", "memory allocation", "cannot allocate memory", "cache resources exhausted",
        "bogus memory", "calloc fail", "malloc fail", "not enough memory", "memory exhausted",
        "failed to map segment",
    ]

    func find(_ name: String) -> String? {
        path.split(separator: ":").map { $0 + "/" + name }.first { access($0, X_OK) == 0 }
    }
}
