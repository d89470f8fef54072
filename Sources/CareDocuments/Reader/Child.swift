import CareDesk
import Subprocess
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A process that leads a session of its own, from its start to its reaping.
///
/// Subprocess reaps it only after the closure that watches it: until then its number stays its own, so the rest of its group
/// can be killed without a signal ever meeting a stranger who got the number next.
struct Child {
    let process: pid_t

    /// What it says goes to two files, and there is nothing to read. When `watch` returns, it and everything it started that
    /// has not left its group is killed. Throws `ReaderTrouble.broken` when it cannot be started or reaped.
    static func run<Seen: Sendable>(
        _ command: [String], environment: [String: String], folder: String, output: String, errors: String,
        watch: (Child) async -> Seen
    ) async throws -> (seen: Seen, end: Tool.End) {
        var options = PlatformOptions()
        options.createSession = true
        let configuration = Configuration(
            executable: .path(FilePath(command.first ?? "")), arguments: Arguments(Array(command.dropFirst())),
            environment: .custom(
                Dictionary(
                    uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })),
            workingDirectory: FilePath(folder), platformOptions: options)
        do {
            let ended = try await Subprocess.run(
                configuration, input: .none,
                output: .fileDescriptor(try made(output), closeAfterSpawningProcess: true),
                error: .fileDescriptor(try made(errors), closeAfterSpawningProcess: true)
            ) { execution in
                let child = Child(process: execution.processIdentifier.value)
                let seen = await watch(child)
                kill(-child.process, SIGKILL)
                return seen
            }
            switch ended.terminationStatus {
            case .exited(let code): return (ended.closureResult, .exit(code))
            case .signaled(let signal): return (ended.closureResult, .signal(signal))
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw ReaderTrouble.broken
        }
    }

    /// Whether it is over; it stays to be reaped.
    func isOver() -> Bool {
        var information = siginfo_t()
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT) != 0 {
            if errno != EINTR { return true }
        }
        return information.si_signo != 0
    }

    private static func made(_ path: String) throws -> FileDescriptor {
        try FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
    }
}
