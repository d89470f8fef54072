import CareDesk
import CareDomain
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a response that is not an answer means for asking again. Pure; the table in the tests is its specification.
enum UpstreamRefusal {
    /// Bytes of an error body that are read; both formats say all we want to know in far less.
    static let bodyLimit = 16 * 1024
    /// The longest advice passed on. A larger number is a mistake or an overflow, and nobody waits a day for an answer.
    static let longestAdvice: Duration = .seconds(86_400)

    static func failure(status: Int, headers: HTTPHeaders, body: [UInt8], now: Moment) -> ModelFailure {
        let answer = try? JSONDecoder().decode(Body.self, from: Data(body))
        let requestID = requestID(headers) ?? answer?.requestID.flatMap(UpstreamLabel.checked)
        let mayRetry =
            if answer?.error?.isSpent == true {
                // It comes as a 429 like any other, but lasts until the next month or until somebody pays.
                false
            } else {
                headers.first(name: "x-should-retry").flatMap(Self.flag)
                    ?? (status == 408 || status == 409 || status == 429 || status >= 500)
            }
        return mayRetry
            ? ModelFailure(.busy, retryAfter: advice(headers, now: now), status: status, requestID: requestID)
            : ModelFailure(.refused, status: status, requestID: requestID)
    }

    static func requestID(_ headers: HTTPHeaders) -> String? {
        (headers.first(name: "request-id") ?? headers.first(name: "x-request-id")).flatMap(UpstreamLabel.checked)
    }

    /// `retry-after-ms`, or else `retry-after` in seconds or as a date.
    static func advice(_ headers: HTTPHeaders, now: Moment) -> Duration? {
        if let milliseconds = headers.first(name: "retry-after-ms").flatMap(Double.init) {
            return bounded(seconds: milliseconds / 1000)
        }
        guard let text = headers.first(name: "retry-after") else { return nil }
        if let seconds = Double(text) { return bounded(seconds: seconds) }
        return HTTPDate.seconds(text).flatMap { bounded(seconds: Double($0) - Double(now.milliseconds) / 1000) }
    }

    private static func bounded(seconds: Double) -> Duration? {
        guard !seconds.isNaN else { return nil }
        return seconds >= 86_400 ? longestAdvice : .milliseconds(Int64(max(0, seconds) * 1000))
    }

    private static func flag(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// Anthropic: `{type, error: {type, message, details: {error_code}}, request_id}`. OpenAI: `{error: {code, …}}`,
    /// where llama.cpp's `code` is a number. The message is not read: it may repeat what was said.
    private struct Body: Decodable {
        var error: Reason?
        var requestID: String?

        enum CodingKeys: String, CodingKey {
            case error
            case requestID = "request_id"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            error = try? container.decodeIfPresent(Reason.self, forKey: .error)
            requestID = try? container.decodeIfPresent(String.self, forKey: .requestID)
        }

        struct Reason: Decodable {
            var isSpent: Bool

            enum CodingKeys: String, CodingKey { case code, details }
            enum DetailKeys: String, CodingKey { case code = "error_code" }

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                let details = try? container.nestedContainer(keyedBy: DetailKeys.self, forKey: .details)
                let codes = [
                    try? details?.decodeIfPresent(String.self, forKey: .code),
                    try? container.decodeIfPresent(String.self, forKey: .code),
                ]
                isSpent = codes.contains("enforced_spend_limit_reached") || codes.contains("insufficient_quota")
            }
        }
    }
}

/// The date of RFC 9110 §5.6.7 in the one form that is still sent: `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    /// Seconds since 1970.
    static func seconds(_ text: String) -> Int64? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT",
            let day = number(parts[1], 1...31), let month = months.firstIndex(of: String(parts[2])),
            let year = number(parts[3], 1970...9999)
        else { return nil }
        let time = parts[4].split(separator: ":")
        guard time.count == 3, let hour = number(time[0], 0...23), let minute = number(time[1], 0...59),
            let second = number(time[2], 0...60)
        else { return nil }
        return Int64(((days(year, month + 1, day) * 24 + hour) * 60 + minute) * 60 + second)
    }

    /// Days since 1970 in the Gregorian calendar, with years that begin in March so that leap days come last.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int>) -> Int? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(text) else { return nil }
        return range.contains(value) ? value : nil
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
