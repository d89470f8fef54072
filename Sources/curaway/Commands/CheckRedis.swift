import ArgumentParser
import CareRedis
import Foundation

struct CheckRedis: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redis",
        abstract:
            "Say what the shared log's Redis is, what would lose data there, what it is asked, and what that costs.",
        discussion: """
            Watches for a while, so run it under the load you want to know about. Exit code 0 when nothing is wrong, 1 when \
            something is, 69 when it cannot be reached. The prices are those of the day in the file; see docs/operations/redis.md.
            """)

    @OptionGroup var place: PlaceOptions
    @Option(help: "Seconds to watch, 1 to 3600.") var watch = 10
    @Option(help: "A file of prices instead of the one that came with this version.") var prices: String?

    func validate() throws {
        guard (1...3_600).contains(watch) else { throw ValidationError("--watch is from 1 to 3600 seconds") }
    }

    // What it finds is this command's output, so it is printed and not logged: an operator reads it, and a script the exit code.
    func run() async throws {
        let settings = try await readSettings(place.values, file: place.settings)
        guard let shared = settings.sharedLog else {
            Swift.print("ok    the log is in this process (CURAWAY_LOG_BACKEND=memory): there is no Redis to look at")
            return
        }
        let prices = try readPrices()
        let report: RedisCheckup.Report
        do {
            report = try await RedisCheckup(shared.redis).run(watching: .seconds(watch))
        } catch let error as RedisError {
            Swift.print("FAIL  \(shared.redis.address): \(error.sentence)")
            throw ExitCode(69)
        }
        Swift.print("ok    \(shared.redis.address): \(report.greeting)")
        for line in report.lines(prices) { Swift.print(line) }
        if report.findings.contains(where: { $0.level == .problem }) { throw ExitCode(1) }
    }

    private func readPrices() throws -> RedisPrices {
        guard let prices else { return try .shipped() }
        do {
            return try RedisPrices(json: Data(contentsOf: URL(fileURLWithPath: prices)))
        } catch {
            throw ValidationError("\(prices) is no file of prices as docs/operations/redis.md has it")
        }
    }
}
