import CareDomain
import CareLog
import Hummingbird
import NIOCore

/// One reader's connection: the only type that writes to it. Takes what its follower gives, encodes, writes, and lets
/// the socket's own back-pressure decide how fast that goes.
struct EventStream: Sendable {
    let follower: Follower
    /// Nil on a stream that is about no case in particular.
    let caseID: CaseID?
    let isStreaming: Bool

    @concurrent
    func write(to writer: inout any ResponseBodyWriter, retry: Duration) async throws {
        var isFirst = true
        while true {
            let items = await follower.next()
            guard !items.isEmpty else { return }
            var buffer = ByteBuffer()
            if isFirst {
                buffer.writeString("retry: \(retry.milliseconds)\n")
                isFirst = false
            }
            var isOver = false
            for item in items {
                encode(item, into: &buffer)
                if case .parting = item { isOver = true }
            }
            try await writer.write(buffer)
            if isOver { return }
        }
    }

    private func encode(_ item: Follower.Item, into buffer: inout ByteBuffer) {
        switch item {
        case .ready(let position):
            frame(
                "ready", at: position, #"{"type":"ready",\#(subject)"streaming":\#(isStreaming)}"#, &buffer)
        case .entry(let entry, let position):
            buffer.writeString("id: \(position)\nevent: \(entry.event.type)\ndata: ")
            buffer.writeBytes(entry.json)
            buffer.writeString("\n\n")
        case .fold(let fold, let position):
            guard let json = try? CareEvent.replySnapshot(fold).json() else { return }
            frame("reply.snapshot", at: position, String(decoding: json, as: UTF8.self), &buffer)
        case .reset(let reason, let position):
            let json = #"{"type":"reset",\#(subject)"reason":"\#(reason.rawValue)"}"#
            frame("reset", at: position, json, &buffer)
        case .heartbeat(nil): buffer.writeStaticString(Self.heartbeat)
        case .heartbeat(let position): frame("heartbeat", at: position, #"{"type":"heartbeat"}"#, &buffer)
        case .signal(let signal): frame(signal.kind.rawValue, at: nil, signal.json, &buffer)
        case .parting(.authExpired):
            frame("auth_expired", at: nil, #"{\#(subject)"type":"auth_expired"}"#, &buffer)
        case .parting(let parting):
            var retry: Int64 = 0
            if case .restarting(let duration) = parting { retry = duration.milliseconds }
            let json = #"{"type":"bye",\#(subject)"reason":"\#(parting.reason)","retry_ms":\#(retry)}"#
            frame("bye", at: nil, json, &buffer)
        }
    }

    private var subject: String { caseID.map { "\"case_id\":\"\($0)\"," } ?? "" }

    private static let heartbeat: StaticString = "event: heartbeat\ndata: {\"type\":\"heartbeat\"}\n\n"

    /// Ids and reasons cannot hold a line break: ids by their type, reasons because they are ours.
    private func frame(_ type: String, at position: Position?, _ json: String, _ buffer: inout ByteBuffer) {
        if let position { buffer.writeString("id: \(position)\n") }
        buffer.writeString("event: \(type)\ndata: \(json)\n\n")
    }
}
