import AsyncHTTPClient
import CareDomain
import CareLog
import CareTestKit
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// One open page over real sockets: a picture kept by the five rules, and a place in the stream. Throws `Unexpected` when it is
/// told a thing twice, or finds that something is missing though nothing said so.
struct WireReader: Sendable {
    let caseID: String
    var seat: Seat
    var picture = ClientPicture()
    var position: Position?
    /// How often it was told to begin anew, by the reason it was given.
    private(set) var resetsByReason: [String: Int] = [:]
    /// How often words it was behind with came in one piece: a fold ends with a heartbeat that tells the position, and others
    /// come only when nothing happens for as long as `heartbeat.seconds`.
    private(set) var folds = 0
    private(set) var entries = 0
    /// The last snapshot told of no answer that runs, waits or ended without a word.
    private(set) var isQuiet = false

    init(caseID: String, seat: Seat) {
        self.caseID = caseID
        self.seat = seat
    }

    /// As a reload does: everything it knew is gone.
    mutating func reload() async throws {
        picture = ClientPicture()
        position = nil
        try await refresh()
    }

    mutating func refresh() async throws {
        let snapshot = try await snapshot()
        picture.apply(snapshot.picture)
        isQuiet = snapshot.reply == nil
        if position == nil { position = try Position(parsing: snapshot.cursor) }
    }

    var resets: Int { resetsByReason.values.reduce(0, +) }

    func snapshot() async throws -> WireSnapshot {
        let body = try await seat.bytes(
            "/api/v1/cases/\(caseID)", headers: [("Authorization", "Bearer \(seat.token ?? "")")])
        return try JSONDecoder().decode(WireSnapshot.self, from: Data(body.utf8))
    }

    /// The stream from here on.
    func open(cursor: Position? = nil, lastEventID: Position? = nil) async throws -> HTTPClientResponse.Body {
        var request = HTTPClientRequest(
            url: seat.base + "/api/v1/cases/\(caseID)/events" + (cursor.map { "?cursor=\($0)" } ?? ""))
        request.headers.add(name: "Authorization", value: "Bearer \(seat.token ?? "")")
        if let lastEventID { request.headers.add(name: "Last-Event-ID", value: lastEventID.description) }
        let response = try await seat.client.execute(request, timeout: .seconds(30))
        guard response.status == .ok else { throw Refused(status: response.status.code) }
        return response.body
    }

    struct Refused: Error {
        var status: UInt
    }

    private struct Reset: Decodable {
        var reason: String
    }

    /// What the frame told about the case, if anything.
    @discardableResult
    mutating func take(_ frame: Frames.Frame) throws -> CareEvent? {
        let before = position
        if let id = frame.id { position = try Position(parsing: id) }
        switch frame.type {
        case "ready", "bye", "auth_expired": return nil
        case "heartbeat":
            if frame.id != nil { folds += 1 }
            return nil
        case "reset":
            resetsByReason[try JSONDecoder().decode(Reset.self, from: Data(frame.data)).reason, default: 0] += 1
            picture.reset()
            return nil
        default:
            let event = try CareEvent(json: frame.data)
            if case .replySnapshot = event {
            } else {
                entries += 1
                if let before, let now = position, before.epoch == now.epoch, now.offset <= before.offset {
                    throw Unexpected("doubled: \(now) after \(before)")
                }
            }
            let knew = picture.needsSnapshot
            picture.apply(event)
            if picture.needsSnapshot, !knew { throw Unexpected("lost: \(frame.type) at \(frame.id ?? "?")") }
            return event
        }
    }
}

/// A page that stays open: it comes back whenever it is cut, and fetches the snapshot whenever a rule says so.
final class OpenPage: Sendable {
    typealias Watch = @Sendable (_ reader: WireReader, _ event: CareEvent?) -> Void
    private struct State {
        var reader: WireReader
        var connections = 0
        var failure: (any Error)?
    }
    /// As a browser does it: who is not there is not there, and each page has a connection of its own. Never shut down: it
    /// belongs to all tests.
    static let client = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 400
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()
    private let state: Mutex<State>
    private let base: @Sendable (_ connection: Int) -> String
    private let watch: Watch

    /// `base` says where the n-th connection goes, from 0; `watch` hears of everything after the picture has taken it, and
    /// with nil of a picture that a snapshot made.
    init(
        caseID: String, seat: Seat, base: @escaping @Sendable (_ connection: Int) -> String,
        watch: @escaping Watch = { _, _ in }
    ) {
        var seat = seat
        seat.client = Self.client
        state = Mutex(State(reader: WireReader(caseID: caseID, seat: seat)))
        self.base = base
        self.watch = watch
    }

    var reader: WireReader { state.withLock { $0.reader } }
    var connections: Int { state.withLock { $0.connections } }

    /// Until cancelled, or until something was lost or doubled (`check`).
    func run() async {
        while !Task.isCancelled {
            do {
                try await connection(connections)
            } catch let error as Unexpected {
                return state.withLock { $0.failure = error }
            } catch {
                // Cut, refused, or nobody there: again, soon.
            }
            state.withLock { $0.connections += 1 }
            try? await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Throws what was lost or doubled.
    func check() throws {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// It has come as far as a fresh page, and shows the same. Returns what that is.
    func showsWhatIsSo() async throws -> ClientPicture.Shown {
        var difference = ""
        do {
            return try await eventually { [self] in
                try check()
                let fresh = try await reader.snapshot()
                var expected = ClientPicture()
                expected.apply(fresh.picture)
                let shown = reader.picture.shown
                difference = "shows\n\(shown)\nand not\n\(expected.shown)"
                return shown == expected.shown ? shown : nil
            }
        } catch is NeverCame { throw Unexpected(difference) }
    }

    private func connection(_ number: Int) async throws {
        var reader = reader
        reader.seat.base = base(number)
        if reader.position == nil || reader.picture.needsSnapshot { try await reader.refresh() }
        let body = try await reader.open(lastEventID: reader.position)
        show(reader)
        var parser = Frames()
        for try await var chunk in body {
            for frame in parser.feed(chunk.readBytes(length: chunk.readableBytes) ?? []) {
                let event = try reader.take(frame)
                show(reader, event)
                if reader.picture.needsSnapshot {
                    try await reader.refresh()
                    show(reader)
                }
            }
        }
    }

    private func show(_ reader: WireReader, _ event: CareEvent? = nil) {
        state.withLock { $0.reader = reader }
        watch(reader, event)
    }
}

/// A snapshot as it came over the wire.
struct WireSnapshot: Decodable {
    struct Words: Decodable {
        var id: ReplyID
        var state: Reply.State
        var attempt: Int
        var sequence: Int?
        var through: Int
        var text: String
    }
    var `case`: CareCase
    var messages: [Message]
    var reply: Words?
    var cursor: String

    var picture: ClientPicture.Snapshot {
        ClientPicture.Snapshot(
            careCase: self.case, messages: messages,
            reply: reply.map {
                Reply(
                    id: $0.id, caseID: self.case.id, patientID: self.case.patientID, state: $0.state,
                    attempt: $0.attempt, sequence: $0.sequence, through: $0.through, text: $0.text)
            })
    }
}
