package import Foundation

/// What providers ask for, of one day. Read from a file, because prices move and ours are of the day they were written down.
package struct RedisPrices: Sendable, Decodable, Equatable {
    package struct Plan: Sendable, Decodable, Equatable {
        package var name: String
        /// US dollars, as everything here.
        package var monthly: Double
        package var per100kCommands: Double?
        package var commandsPerMonth: Int?
        package var commandsPerSecond: Int?
        package var megabytes: Int?

        private enum CodingKeys: String, CodingKey {
            case name, monthly, megabytes
            case per100kCommands = "per_100k_commands"
            case commandsPerMonth = "commands_per_month"
            case commandsPerSecond = "commands_per_second"
        }
    }

    /// What a plan would cost, or why it does not carry the load.
    package struct Quote: Sendable, Equatable {
        package var plan: String
        package var monthly: Double
        package var tooSmall: String?
    }

    package var asOf: String
    package var source: String
    package var plans: [Plan]
    /// Names of commands that are not counted.
    package var notBilled: [String]

    private enum CodingKeys: String, CodingKey {
        case source, plans
        case asOf = "as_of"
        case notBilled = "not_billed"
    }

    /// Throws `DecodingError`.
    package init(json: Data) throws { self = try JSONDecoder().decode(RedisPrices.self, from: json) }

    /// The ones that came with this version.
    package static func shipped() throws -> RedisPrices { try RedisPrices(json: Data(PackageResources.prices_json)) }

    /// A month of 30.4 days.
    package static let secondsPerMonth = 2_629_800.0

    /// Commands a second that count, of those sent.
    package func billed(_ perSecond: [String: Double]) -> Double {
        let free = Set(notBilled.map { $0.uppercased() })
        return perSecond.reduce(0) { $0 + (free.contains($1.key.uppercased()) ? 0 : $1.value) }
    }

    /// Commands of a month that goes on like this.
    package static func perMonth(_ perSecond: Double) -> Int { whole(perSecond * secondsPerMonth) }

    /// For a load that goes on like this all month. `bytes`: nil where nobody says how much lies there, and then no plan is too
    /// small for it.
    package func quotes(billedPerSecond: Double, bytes: Int?) -> [Quote] {
        let month = billedPerSecond * Self.secondsPerMonth
        return plans.map { plan in
            var quote = Quote(plan: plan.name, monthly: plan.monthly + month / 100_000 * (plan.per100kCommands ?? 0))
            if let most = plan.commandsPerMonth, month > Double(most) {
                quote.tooSmall = "\(whole(month)) commands a month, and \(most) are in it"
            } else if let most = plan.commandsPerSecond, billedPerSecond > Double(most) {
                quote.tooSmall = "\(whole(billedPerSecond)) commands a second, and \(most) are in it"
            } else if let most = plan.megabytes, let bytes, bytes > most << 20 {
                quote.tooSmall = "\(bytes >> 20) MiB lie there, and \(most) are in it"
            }
            return quote
        }
    }
}
