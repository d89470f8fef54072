import NIOPosix

/// Runs work that blocks (files, sockets) on threads made for it, so that it cannot hold up the tasks of everybody else.
/// It is not cut short when the task is cancelled: what runs there is bounded by itself.
@concurrent
func offPool<Answer: Sendable>(_ work: @escaping @Sendable () throws -> Answer) async throws -> Answer {
    try await NIOThreadPool.singleton.runIfActive(work)
}
