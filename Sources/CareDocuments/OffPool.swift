import NIOPosix

/// Threads for work that blocks. Scans have their own: one that waits for a silent peer must not keep anybody from a file.
enum Blocking: Sendable {
    case files, scans

    private static let pools: (files: NIOThreadPool, scans: NIOThreadPool) = {
        let pools = (files: NIOThreadPool(numberOfThreads: 4), scans: NIOThreadPool(numberOfThreads: 4))
        // Never shut down: they belong to the process.
        pools.files.start()
        pools.scans.start()
        return pools
    }()

    fileprivate var pool: NIOThreadPool {
        switch self {
        case .files: Self.pools.files
        case .scans: Self.pools.scans
        }
    }
}

/// Runs work that blocks (files, sockets) on threads made for it, so that it cannot hold up the tasks of everybody else.
/// It is not cut short when the task is cancelled: what runs there is bounded by itself.
@concurrent
func offPool<Answer: Sendable>(
    _ kind: Blocking = .files, _ work: @escaping @Sendable () throws -> Answer
) async throws -> Answer {
    try await kind.pool.runIfActive(work)
}
