import CareDesk
import CareDomain
import CareLog
import CareTestKit
import Foundation
import Logging
import Testing

@testable import curaway

/// On how many nodes a scenario runs.
enum Nodes: String, CaseIterable, Sendable, CustomStringConvertible, CustomTestStringConvertible {
    case one = "one node"
    #if Postgres
        case two = "two nodes on Redis and PostgreSQL"
    #endif

    var description: String { rawValue }
    var testDescription: String { rawValue }

    /// The servers, for the length of a closure.
    func serve(
        _ options: [String: String], model: (any LanguageModel)? = nil,
        _ body: @escaping @Sendable ([Server]) async throws -> Void
    ) async throws {
        switch self {
        case .one: try await withServer(options, model: model) { try await body([$0]) }
        #if Postgres
            case .two: try await withCluster(options, model: model, body)
        #endif
        }
    }
}

#if Postgres
    /// Two nodes in this process, each on a socket of its own, on one PostgreSQL and one Redis.
    func withCluster(
        _ options: [String: String] = [:], model: (any LanguageModel)? = nil, redis: RedisServer? = nil,
        _ body: @escaping @Sendable ([Server]) async throws -> Void
    ) async throws {
        let redis = try redis ?? RedisServer()
        var options = options
        options["store"] = "postgres"
        // A machine that stands still for a second is no Redis that is away; those who mean one say so.
        if options["redis.commandMs"] == nil { options["redis.commandMs"] = "10000" }
        if options["postgres.url"] == nil { options["postgres.url"] = try await PostgresServer.database() }
        options["log.backend"] = "redis"
        options["redis.url"] = redis.address
        options["log.key"] = "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
        try await withServer(options, model: model) { [options] one in
            try await withServer(options, model: model) { two in
                for server in [one, two] {
                    _ = try await eventually { server.assembly.log.standing == .shared ? true : nil }
                }
                try await body([one, two])
            }
        }
        withExtendedLifetime(redis) {}
    }
#endif
