import CareDesk
import CareDomain
import CareLog
import HTTPTypes
import Hummingbird

/// The three SSE views of a case.
struct StreamRoutes {
    let log: any EventLog
    let flags: any Flags
    let board: StreamBoard

    func events(_ request: Request, _ context: CareContext) async throws -> Response {
        try await open(.everything, request, context)
    }
    func chat(_ request: Request, _ context: CareContext) async throws -> Response {
        try await open(.replies, request, context)
    }
    func messages(_ request: Request, _ context: CareContext) async throws -> Response {
        try await open(.messages, request, context)
    }

    /// The documents of a patient, in whichever case they were given.
    func documents(_ request: Request, _ context: CareContext) async throws -> Response {
        try await open(
            .patient(try context.patient()), StreamView(caseID: nil, part: .documents), subject: nil, request, context)
    }

    private func open(_ part: StreamView.Part, _ request: Request, _ context: CareContext) async throws -> Response {
        let (caller, careCase) = try context.visit()
        return try await open(
            .patient(careCase.patientID), StreamView(caseID: careCase.id, part: part, audience: caller.audience),
            subject: careCase.id, request, context)
    }

    private func open(
        _ topic: Topic, _ view: StreamView, subject: CaseID?, _ request: Request, _ context: CareContext
    ) async throws -> Response {
        // A body nobody reads would keep the connection's reader waiting, and the end of the stream unnoticed.
        guard request.headers[.transferEncoding] == nil, (request.headers[.contentLength] ?? "0") == "0" else {
            throw Problem(.badRequest, "invalid_field", "A stream is asked for without a body.", field: "body")
        }
        let caller = try context.required()
        let cursor = try position(request.uri.queryParameters["cursor"].map(String.init))
        // The header wins: a browser's own reconnect repeats the old URL with the old ?cursor=.
        let from = try request.headers[.lastEventID].map(position) ?? cursor
        let follower = try await log.follow(topic, from: from, view: view)
        let stream = EventStream(
            follower: follower, caseID: subject,
            isStreaming: try await flags.value(of: .enableResponseStreaming))
        let channel = context.channel
        let place = try board.add(follower, of: caller) { channel.close(promise: nil) }
        let body = ResponseBody { writer in
            // Held by this closure alone: it ends with the stream, also when the head could not be written.
            defer { withExtendedLifetime(place) {} }
            try await request.body.consumeWithInboundCloseHandler { _ in
                try await stream.write(to: &writer, retry: .milliseconds(Int.random(in: 800...1_600)))
            } onInboundClosed: {
                follower.part(.gone)
            }
            try await writer.finish(nil)
        }
        // Whoever notices that a reader has gone owns the connection from then on, so it ends with the stream; without
        // the header a client would try to use it again.
        return Response(
            status: .ok,
            headers: [
                .connection: "close",
                .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-cache, no-transform",
                .xAccelBuffering: "no",
            ], body: body)
    }

    private func position(_ text: String?) throws -> Position? {
        guard let text, !text.isEmpty else { return nil }
        do { return try Position(parsing: text) } catch { throw Problem.invalidCursor }
    }
}

extension HTTPField.Name {
    static let lastEventID = named("Last-Event-ID")
    static let xAccelBuffering = named("X-Accel-Buffering")
    static let prefer = named("Prefer")
    static let preferenceApplied = named("Preference-Applied")

    /// A header the library has no constant for. A name that is not a token is a mistake in this source file.
    static func named(_ text: StaticString) -> Self {
        guard let name = Self("\(text)") else { preconditionFailure("not a header name: \(text)") }
        return name
    }
}
