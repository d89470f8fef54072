import CareDesk
import CareDomain
import NIOHTTP1
import Testing

@testable import CareGateways

struct `A response that is no answer` {
    struct Row: Sendable, CustomStringConvertible {
        var status: Int
        var headers: [String: String] = [:]
        var body = ""
        var kind: ModelFailure.Kind
        var wait: Duration?
        var description: String { "\(status) \(headers) \(body) is \(kind)" }

        init(
            _ status: Int, _ kind: ModelFailure.Kind, _ wait: Duration? = nil, _ headers: [String: String] = [:],
            body: String = ""
        ) {
            self.status = status
            self.headers = headers
            self.body = body
            self.kind = kind
            self.wait = wait
        }
    }

    /// Sun, 06 Nov 1994 08:49:37 GMT
    static let now = Moment(milliseconds: 784_111_777_000)
    static let spent =
        #"{"type":"error","error":{"type":"rate_limit_error","message":"x","#
        + #""details":{"error_code":"enforced_spend_limit_reached"}},"request_id":"req_b"}"#
    static let unpaid =
        #"{"error":{"message":"x","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#

    static let rows =
        [301, 400, 401, 402, 403, 404, 413, 422].map { Row($0, .refused) }
        + [408, 409, 429, 500, 502, 503, 504, 529].map { Row($0, .busy) }
        + [
            Row(429, .busy, .seconds(7), ["retry-after": "7"]),
            Row(429, .busy, .milliseconds(250), ["Retry-After": "0.25"]),
            Row(529, .busy, .milliseconds(1500), ["retry-after": "7", "retry-after-ms": "1500"]),
            Row(429, .busy, .seconds(10), ["retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"]),
            Row(429, .busy, .zero, ["retry-after": "Sun, 06 Nov 1994 08:49:07 GMT"]),
            Row(429, .busy, .zero, ["retry-after": "-3"]),
            Row(429, .busy, nil, ["retry-after": "soon"]),
            Row(429, .busy, nil, ["retry-after": "nan"]),
            Row(429, .busy, .seconds(86_400), ["retry-after": "1e300"]),
            Row(429, .busy, .seconds(86_400), ["retry-after": "inf"]),
            Row(429, .busy, .seconds(2), ["retry-after-ms": "x", "retry-after": "2"]),
            Row(429, .refused, nil, ["x-should-retry": "false"]),
            Row(529, .refused, nil, ["x-should-retry": "false"]),
            Row(400, .busy, nil, ["x-should-retry": "true"]),
            Row(400, .refused, nil, ["x-should-retry": "perhaps"]),
            Row(400, .refused, nil, ["retry-after": "7"]),
            Row(429, .refused, body: spent),
            Row(429, .refused, nil, ["x-should-retry": "true", "retry-after": "7"], body: spent),
            Row(429, .refused, body: unpaid),
            Row(503, .busy, body: #"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#),
            Row(429, .busy, body: #"{"error":"slow down"}"#),
            Row(429, .busy, body: "<html>"),
        ]

    @Test(arguments: rows) func `is refused or busy:`(_ row: Row) {
        let failure = UpstreamRefusal.failure(
            status: row.status, headers: HTTPHeaders(row.headers.map { ($0, $1) }), body: Array(row.body.utf8),
            now: Self.now)
        #expect(failure.kind == row.kind)
        #expect(failure.retryAfter == row.wait)
        #expect(failure.status == row.status)
    }

    @Test func `names the request for the operator, from the head before the body`() {
        func id(_ headers: HTTPHeaders, _ body: String = "") -> String? {
            UpstreamRefusal.failure(status: 500, headers: headers, body: Array(body.utf8), now: Self.now).requestID
        }
        #expect(id(["request-id": "req_h"], Self.spent) == "req_h")
        #expect(id(["x-request-id": "req_x"]) == "req_x")
        #expect(id([:], Self.spent) == "req_b")
        #expect(id(["request-id": "two words"]) == nil)
        #expect(id(["request-id": String(repeating: "x", count: 129)]) == nil)
    }

    @Test(
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199), ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
            ("Sun, 06 Nov 1994 08:49:37", nil), ("Sun, 06 Now 1994 08:49:37 GMT", nil),
            ("Sun, +6 Nov 1994 08:49:37 GMT", nil),
            ("Sun, 06 Nov 1994 25:49:37 GMT", nil), ("Sunday, 06-Nov-94 08:49:37 GMT", nil), ("", nil),
        ] as [(String, Int64?)])
    func `may give a date:`(_ text: String, _ seconds: Int64?) {
        #expect(HTTPDate.seconds(text) == seconds)
    }
}
