/// A log that several nodes share, and that one of them may lose sight of.
///
/// While it is `alone`, a node is its own log: nothing throws and nothing waits. A fact goes to this node's readers, under
/// an epoch of their topic's own that begins with the first such append, and `alone` says that it must stay pending in the
/// store. Words of a reply are taken only when the store has vouched for their fence (`unvouched`). `reading` is what this
/// node knows. A topic that nobody appends to keeps its epoch, and its readers hear nothing of it.
///
/// When the shared log is back, every topic that readers follow is brought up to it: those that went on alone get its
/// epoch, and their readers a `reset`; the others go on without one. The first words of a reply after that answer
/// `unknownFence` once per case, because a takeover may be in the store and not yet in the log.
package protocol SharedEventLog: EventLog {
    /// Every change of it from now on, beginning with how it is. Who is slow gets the newest.
    func standings() -> AsyncStream<LogStanding>

    /// The topics with readers on this node.
    func followed() -> [Topic]
}
