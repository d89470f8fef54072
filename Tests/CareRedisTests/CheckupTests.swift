import CareDomain
import CareLog
import CareTestKit
import Foundation
import NIOPosix
import Testing

@testable import CareRedis

@Suite struct `What an operator is told of a Redis` {
    private func problems(_ info: String, _ config: [String: String]? = ["save": ""]) -> [String] {
        RedisFacts(info: info, config: config).findings.filter { $0.level == .problem }.map(\.sentence)
    }

    @Test(arguments: [
        ("role:slave", [:], "replica"),
        ("cluster_enabled:1", [:], "cluster"),
        ("", ["maxmemory-policy": "allkeys-lru"], "allkeys-lru"),
        ("maxmemory_policy:volatile-ttl", [:], "volatile-ttl"),
        ("used_memory:80\nmaxmemory:100", [:], "Give it more"),
        ("loading:1", [:], "loading"),
        ("aof_last_write_status:err", [:], "disk"),
        ("rdb_last_bgsave_status:err", [:], "disk"),
        ("redis_version:6.2.14", [:], "older than 7"),
    ])
    func `names what would lose data or refuse words`(info: String, config: [String: String], word: String) {
        let found = problems(info, config)
        #expect(found.count == 1 && found.first?.contains(word) == true, "\(found)")
    }

    @Test func `is silent about what is well`() {
        let well = """
            # Server\r\nredis_version:7.0.15\r\nrole:master\r\ncluster_enabled:0\r\nused_memory:79\r\nmaxmemory:100\r\nloading:0\r
            aof_enabled:1\r\naof_last_write_status:ok\r\nrdb_last_bgsave_status:ok\r\nmaxmemory_policy:noeviction\r\n
            """
        #expect(problems(well).isEmpty)
        #expect(problems("redis_version:7.2.4\nvalkey_version:8.0.1").isEmpty)
        #expect(
            problems("redis_version:6.2.6\nupstash_version:1.25.2").isEmpty, "its own version counts, and that it works"
        )
        #expect(RedisFacts(info: "redis_version:7.2.4\nvalkey_version:8.0.1", config: nil).server == "Valkey 8.0.1")
        #expect(RedisFacts(info: "", config: nil).server.contains("does not say"))
    }

    @Test func `calls are read by name, and hidden is not none`() {
        let text = """
            cmdstat_evalsha:calls=7,usec=39,usec_per_call=5.57,rejected_calls=0,failed_calls=0
            cmdstat_config|get:calls=2,usec=1
            cmdstat_broken:usec=3
            cmdstat_less:calls=-9223372036854775808
            cmdstat_EVALSHA:calls=9223372036854775807
            """
        #expect(RedisFacts(info: text, config: nil).calls == ["EVALSHA": Int.max, "CONFIG|GET": 2], "no number traps")
        #expect(RedisFacts(info: "# Commandstats\n", config: nil).calls == nil)
    }

    @Test func `prices say what a load costs, at both sides of what is in a plan`() throws {
        let prices = try RedisPrices(
            json: Data(
                """
                {"as_of": "2026-01-01", "source": "a test", "not_billed": ["ping"], "plans": [
                  {"name": "Free", "monthly": 0, "commands_per_month": 2629800, "megabytes": 1},
                  {"name": "Each", "monthly": 5, "per_100k_commands": 0.2},
                  {"name": "Flat", "monthly": 10, "commands_per_second": 2}]}
                """.utf8))
        #expect(prices.billed(["PING": 100, "EVALSHA": 1]) == 1)
        let fits = prices.quotes(billedPerSecond: 1, bytes: 1 << 20)
        #expect(fits.map(\.tooSmall) == [nil, nil, nil])
        #expect(fits.map { ($0.monthly * 100).rounded() / 100 } == [0, 10.26, 10])
        #expect(prices.quotes(billedPerSecond: 1.001, bytes: 0)[0].tooSmall?.contains("a month") == true)
        #expect(prices.quotes(billedPerSecond: 1, bytes: 1 + 1 << 20)[0].tooSmall?.contains("MiB") == true)
        #expect(prices.quotes(billedPerSecond: 1, bytes: nil)[0].tooSmall == nil, "nobody says how much lies there")
        #expect(prices.quotes(billedPerSecond: 2, bytes: 0)[2].tooSmall == nil)
        #expect(prices.quotes(billedPerSecond: 2.001, bytes: 0)[2].tooSmall?.contains("a second") == true)
        #expect(throws: (any Error).self) { try RedisPrices(json: Data("{}".utf8)) }
        #expect(try RedisPrices.shipped().plans.count >= 5)
    }

    @Test func `a node counts what it sent between two looks`() {
        let count = NodeCount.between(["EVALSHA": 10, "PING": 4], ["EVALSHA": 70, "PING": 4, "SET": 6], seconds: 60)
        #expect(count.perSecond == ["EVALSHA": 1, "SET": 0.1])
        #expect(NodeCount.perSecond([count, count]) == ["EVALSHA": 2, "SET": 0.2])
        #expect(NodeCount.between([:], [:], seconds: 0).perSecond.isEmpty)
        // CONFIG RESETSTAT, or a restart: what is there now has come since, and what is gone says nothing.
        #expect(NodeCount.added(["GET": 100, "SET": 5, "DEL": 7], ["GET": 3, "SET": 6]) == ["GET": 3, "SET": 1])
    }

    @Test(arguments: [
        #"{"sent": {"GET": 1}, "seconds": -5}"#, #"{"sent": {"GET": -1}, "seconds": 5}"#, #"{"sent": {"GET": 1e400}}"#,
        #"{"sent": {"GET": 99999999999999999999}, "seconds": 5}"#, "CANARY", "",
        #"{"sent": {"\u001b[2J": 1}, "seconds": 5}"#,
    ])
    func `what lies under a node's key and is none is not believed`(_ json: String) {
        #expect(throws: (any Error).self) { try JSONDecoder().decode(NodeCount.self, from: Data(json.utf8)) }
    }

    @Test func `no number is too large to be said`() throws {
        let most = Int.max
        let count = try JSONDecoder().decode(
            NodeCount.self, from: Data(#"{"sent": {"GET": \#(most)}, "seconds": 0}"#.utf8))
        let rate = NodeCount.perSecond([count, count])["GET"] ?? 0
        #expect(RedisPrices.perMonth(rate) == 1_000_000_000_000_000)
        #expect(try RedisPrices.shipped().quotes(billedPerSecond: rate, bytes: most).count >= 5)
        #expect(problems("used_memory:\(most)\nmaxmemory:1").count == 1)
        #expect(problems("used_memory:1\nmaxmemory:\(most)").isEmpty)
    }

    @Test func `an address is said without what may be a secret in it`() {
        for (text, said) in [
            ("redis://SECRET@host", "redis://host:6379/0"), ("rediss://u:SECRET@host:1/2", "rediss://host:1/2"),
            ("redis://:SECRET@host", "redis://host:6379/0"),
        ] { #expect(RedisAddress(text).map { "\($0)" } == said) }
    }

    /// What an operator reads, without a server.
    private func words(
        info: String = "used_memory:1", isWhole: Bool = true, nodes: [NodeCount] = []
    ) throws -> String {
        let facts = RedisFacts(info: info, config: nil)
        let report = RedisCheckup.Report(
            greeting: "", facts: facts, findings: facts.findings, keys: 0, topics: 0, isWhole: isWhole,
            carriedOut: ["EVALSHA": 1, "XADD": 9], nodes: nodes)
        return try report.lines(.shipped()).joined(separator: "\n")
    }

    /// It was quoted by what the server carries out then, ten times too much, because scripts' own commands are in it.
    @Test func `without a node's word there is no price, and why`() throws {
        let said = try words()
        #expect(said.contains("no node has told yet") && said.contains("inside a script"))
        #expect(!said.contains("$") && !said.contains("too small"))
    }

    @Test func `what was not looked at is not called absent`() throws {
        let node = NodeCount(sent: ["EVALSHA": 60], seconds: 60)
        let said = try words(isWhole: false)
        #expect(!said.contains("no node has told yet") && said.contains("not all were"))
        #expect(try words(isWhole: false, nodes: [node]).contains("sent by 1 node (of those that were looked at)"))
        #expect(try words(nodes: [node]).contains("sent by 1 node, a second: 1.00 (EVALSHA 1.00)"))
    }

    @Test func `a price says what it leaves out, and a sum of nodes who is in it twice`() throws {
        let node = NodeCount(sent: ["EVALSHA": 3], seconds: 60)
        let said = try words(nodes: [node, node])
        #expect(said.contains("sent by 2 nodes") && said.contains("started again is counted twice"))
        #expect(said.contains("in one region, without storage, traffic"))
        #expect(said.contains("$0.00") && !said.contains("too small"), "\(said)")
        #expect(!said.contains("does not say: whether it fits"))
        let full = try words(info: "used_memory:\(300 << 20)", nodes: [node])
        #expect(full.contains("too small: 300 MiB lie there"))
        // Nobody says how much lies there, and that is not nothing.
        #expect(try words(info: "", nodes: [node]).contains("does not say: whether it fits"))
    }

    private func settings(for server: RedisServer) throws -> RedisSettings {
        var settings = RedisSettings(try #require(RedisAddress(server.address)))
        if settings.address.usesTLS { settings.trustFile = server.trustFile }
        return settings
    }

    /// Somebody else's, for what is done to the server meanwhile.
    private func connect(to server: RedisServer) async throws -> RedisConnection {
        try await RedisConnection.open(
            settings(for: server), on: .singletonMultiThreadedEventLoopGroup, counter: CommandCounter())
    }

    private func checkup(_ server: RedisServer, user: String? = nil, watching time: Duration = .milliseconds(300))
        async throws
        -> RedisCheckup.Report
    {
        var settings = try settings(for: server)
        if let user { (settings.address.user, settings.address.password) = (user, "pass") }
        return try await RedisCheckup(settings).run(watching: time)
    }

    @Test func `is read from a real server, with what its nodes send`() async throws {
        let server = try RedisServer(password: "opensesame")
        try await withNode(server, tellsCounts: .milliseconds(200)) { log in
            for number in 1...20 {
                _ = try await log.append(.fact(Say.message("CANARY"), number: number), to: EventLogContract.topic)
            }
            try await until("the node has told") { try await !checkup(server).nodes.isEmpty }
            // Until it has looked twice, however long that takes: else the node's last telling may be of a quiet moment.
            let report = try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for number in 21... {
                        _ = try await log.append(
                            .fact(Say.message("CANARY"), number: number), to: EventLogContract.topic)
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
                defer { group.cancelAll() }
                return try await checkup(server, watching: .seconds(1))
            }
            #expect(report.greeting.hasPrefix("Redis ") && report.greeting.hasSuffix("RESP3"), "\(report.greeting)")
            #expect(report.topics == 1 && report.isWhole && report.keys >= 3)
            #expect(try #require(report.bytesPerTopic) > 1_000)
            let carriedOut = try #require(report.carriedOut)
            #expect(try #require(carriedOut["EVALSHA"]) > 5, "\(carriedOut)")
            #expect(carriedOut["XADD"] == carriedOut["EVALSHA"], "what the script does is counted beside it")
            #expect(NodeCount.perSecond(report.nodes)["EVALSHA", default: 0] > 1, "\(report.nodes)")
            #expect(report.findings.filter { $0.level == .problem }.isEmpty, "\(report.findings)")
            #expect(report.findings.contains { $0.sentence.contains("keeps nothing over a restart") })
            #expect(!"\(report)".contains("CANARY") && !"\(report)".contains("opensesame"))
        }
        #expect(try await checkup(server).nodes.isEmpty, "a node that ends takes back what it told")
    }

    /// Many servers close a connection on which nothing is said; the first look's must not be needed for the second.
    @Test func `is looked at twice, whatever becomes of idle connections meanwhile`() async throws {
        let server = try RedisServer()
        let other = try await connect(to: server)
        defer { other.close() }
        _ = try await other.ask(["SET", "before", "1"])
        async let watched = checkup(server, watching: .seconds(2))
        try await until("it has asked for two settings") {
            try await other.ask(["INFO", "commandstats"]).text?.contains("cmdstat_config|get:calls=2") == true
        }
        // The rest of its first look.
        try await Task.sleep(for: .milliseconds(400))
        _ = try await other.send(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        _ = try await other.ask(["CONFIG", "RESETSTAT"])
        let report = try await watched
        let carriedOut = try #require(report.carriedOut)
        // The counters were set back with it: what the first look alone has seen was not carried out since.
        #expect(carriedOut["SET"] == nil, "\(carriedOut)")
    }

    /// PING is refused while a server loads, which was taken for a refusal of this user.
    @Test func `one that is loading its data is said to be`() async throws {
        let server = try RedisServer()
        let other = try await connect(to: server)
        defer { other.close() }
        _ = try await other.ask(["DEBUG", "POPULATE", "10000"])
        // Ten seconds for all of them, with an ear for others each kilobyte.
        _ = try await other.ask(["CONFIG", "SET", "key-load-delay", "1000"])
        _ = try await other.ask(["CONFIG", "SET", "loading-process-events-interval-bytes", "1024"])
        async let loaded = other.send(["DEBUG", "RELOAD"])  // nobody waits for it to end
        try await Task.sleep(for: .milliseconds(500))
        await #expect(throws: RedisError.refused("LOADING")) { _ = try await checkup(server) }
        #expect(RedisError.refused("LOADING").sentence.contains("loading its data"))
        server.stop()
        _ = try? await loaded
    }

    @Test func `more keys than it looks through are said to be more`() async throws {
        let server = try RedisServer()
        let other = try await connect(to: server)
        defer { other.close() }
        _ = try await other.ask(["DEBUG", "POPULATE", "5000"])
        var look = RedisCheckup(try settings(for: server))
        let whole = try await look.run(watching: .milliseconds(1))
        look.keysLimit = 1_000
        let part = try await look.run(watching: .milliseconds(1))
        #expect(whole.isWhole && !part.isWhole && part.keys == 5_000)
    }

    /// Whoever may write there may write anything under a node's key; a rate of it that did not fit ended the program.
    @Test func `what only looks like a node's word harms nothing`() async throws {
        let server = try RedisServer()
        let other = try await connect(to: server)
        defer { other.close() }
        for (name, value) in [
            ("good", #"{"sent": {"EVALSHA": 60}, "seconds": 60}"#), ("empty", ""), ("array", "[]"),
            ("negative", #"{"sent": {"GET": -1}, "seconds": 60}"#), ("back", #"{"sent": {"GET": 1}, "seconds": -60}"#),
            ("huge", #"{"sent": {"GET": \#(Int.max)}, "seconds": 1e-300}"#),
            ("terminal", #"{"sent": {"\u001b[2J": 1}, "seconds": 60}"#),
        ] { _ = try await other.ask(["SET", .text(NodeCount.prefix + name), .text(value)]) }
        _ = try await other.ask(["HSET", .text(NodeCount.prefix + "hash"), "sent", "1"])
        let report = try await checkup(server)
        #expect(report.nodes.count == 2, "\(report.nodes)")
        let said = try report.lines(.shipped()).joined()
        #expect(said.contains("1000000000000000 commands") && !said.contains("\u{1b}"))
    }

    @Test func `is honest where the provider hides things`() async throws {
        let server = try RedisServer()
        let connection = try await connect(to: server)
        defer { connection.close() }
        _ = try await connection.ask([
            "ACL", "SETUSER", "small", "on", ">pass", "~*", "&*", "+@all", "-config", "-info", "-memory",
        ])
        // A node that may not ask who it is all the same shares its log.
        try await withNode(server, user: ("small", "pass")) { log in
            let outcome = try await log.append(.fact(Say.message("m"), number: 1), to: EventLogContract.topic)
            guard case .appended = outcome else { throw EventLogContract.Broken(description: "\(outcome)") }
        }
        let report = try await checkup(server, user: "small")
        #expect(report.carriedOut == nil && report.bytesPerTopic == nil)
        #expect(report.greeting.contains("does not say its version"))
        #expect(report.findings.contains { $0.sentence.contains("CONFIG GET is refused") })
        #expect(report.findings.filter { $0.level == .problem }.isEmpty)
    }

    @Test func `is told of eviction on a real server, and of one that is not there`() async throws {
        let server = try RedisServer(usesTLS: true)
        let connection = try await connect(to: server)
        _ = try await connection.ask(["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
        connection.close()
        let report = try await checkup(server)
        #expect(report.greeting.hasSuffix("TLS"))
        #expect(report.findings.filter { $0.level == .problem }.map { $0.sentence.contains("allkeys-lru") } == [true])
        server.stop()
        await #expect(throws: RedisError.self) { _ = try await checkup(server) }
    }
}
