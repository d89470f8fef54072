import CareDesk
import CareDomain
import CareLog
import HTTPTypes
import Hummingbird

/// Cases: open, list, snapshot, history.
struct CaseRoutes {
    /// Cases in a list.
    static let listLimit = 200
    /// Unicode scalars, as a message's length is counted: characters have no bound on their bytes.
    static let titleLimit = 120
    static let pageLimit = 200

    let store: any CaseStore
    let intake: Intake
    let reader: CaseReader

    private struct Opening: Decodable {
        var title: String?
        var language: Language?
        var clientCaseID: String?
        enum CodingKeys: String, CodingKey {
            case title, language
            case clientCaseID = "client_case_id"
        }
    }
    private struct Cases: Encodable { var cases: [CareCase] }
    private struct Page: Encodable {
        var messages: [Message]
        var more: Bool
    }
    private struct Snapshot: Encodable {
        var careCase: CareCase
        var messages: [Message]
        var more: Bool
        var documents: [Document]
        var reply: CurrentReply?
        var cursor: String
        enum CodingKeys: String, CodingKey {
            case messages, more, documents, reply, cursor
            case careCase = "case"
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(careCase, forKey: .careCase)
            try container.encode(messages, forKey: .messages)
            try container.encode(more, forKey: .more)
            try container.encode(documents, forKey: .documents)
            try container.encode(reply, forKey: .reply)
            try container.encode(cursor, forKey: .cursor)
        }
    }

    func open(_ request: Request, _ context: CareContext) async throws -> Response {
        let caller = try context.required()
        let body = try await JSON.read(Opening.self, from: request)
        let title = body.title.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
        if let title, title.isEmpty || title.unicodeScalars.count > Self.titleLimit {
            throw JSON.invalid(field: "title", "has 1 to \(Self.titleLimit) characters")
        }
        if let key = body.clientCaseID, CaseID(rawValue: key) == nil {
            throw JSON.invalid(field: "client_case_id", "is not an id")
        }
        guard
            let opened = try await intake.open(
                for: caller.person, title: title, language: body.language, clientCaseID: body.clientCaseID)
        else {
            throw Problem(
                .conflict, "too_many_cases",
                "\(intake.settings.caseLimit) cases are open; another can be opened once one of them is closed.")
        }
        let location: HTTPFields = [.location: "/api/v1/cases/\(opened.careCase.id)"]
        switch opened {
        case .opened(let value): return try JSON.response(value, status: .created, headers: location)
        case .existing(let value): return try JSON.response(value, headers: location)
        }
    }

    func list(_ request: Request, _ context: CareContext) async throws -> Response {
        let caller = try context.required()
        return try JSON.response(
            Cases(cases: try await store.cases(of: caller.person.id, limit: Self.listLimit)))
    }

    func snapshot(_ request: Request, _ context: CareContext) async throws -> Response {
        let (caller, found) = try context.visit()
        guard let snapshot = try await reader.snapshot(of: found, audience: caller.audience) else {
            throw Problem.notFound
        }
        return try JSON.response(
            Snapshot(
                careCase: snapshot.careCase, messages: snapshot.messages, more: snapshot.hasMore,
                documents: snapshot.documents, reply: snapshot.reply.map(CurrentReply.init),
                cursor: snapshot.cursor.description))
    }

    func messages(_ request: Request, _ context: CareContext) async throws -> Response {
        let (caller, found) = try context.visit()
        let before = try number("before", in: request, 1...Int(Int32.max))
        let limit = try number("limit", in: request, 1...Self.pageLimit) ?? CaseReader.page
        let page = try await reader.page(of: found.id, before: before, limit: limit, audience: caller.audience)
        return try JSON.response(Page(messages: page.messages, more: page.hasMore))
    }

    private func number(_ name: String, in request: Request, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = request.uri.queryParameters[name[...]] else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), range.contains(number)
        else {
            throw JSON.invalid(field: name, "is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}

/// The case's reply of now, as a snapshot shows it.
struct CurrentReply: Encodable {
    var reply: Reply
    enum CodingKeys: String, CodingKey {
        case id, state, attempt, sequence, through, text, code
        case startedAt = "started_at"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(reply.id, forKey: .id)
        try container.encode(reply.state, forKey: .state)
        try container.encode(reply.attempt, forKey: .attempt)
        try container.encode(reply.sequence, forKey: .sequence)
        try container.encode(reply.through, forKey: .through)
        try container.encode(reply.text, forKey: .text)
        try container.encode(reply.startedAt, forKey: .startedAt)
        try container.encode(reply.code, forKey: .code)
    }
}
