// swift-tools-version: 6.2
import PackageDescription

// Targets are cut where the third-party import changes; features are folders inside them. The arrows are
//   curaway → {CareWeb, CareStore, CareRedis, CareGateways, CareDocuments} → CareDesk → CareLog → CareDomain
// and `./test` holds them with --explicit-target-dependency-import-check error and scripts/layering.
//
// CARE_SLICE is for developers only, never for something an operator deploys:
//   core      CareDomain, CareLog, CareDesk and their tests: a loop of seconds, no dependency at all
//   gateways  core and CareGateways
//   store     core and CareStore
//   redis     core and CareRedis
//   documents core and CareDocuments
let slice = Context.environment["CARE_SLICE"] ?? "all"

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

func care(
    _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = [], exclude: [String] = []
) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func product(_ name: String, _ package: String) -> Target.Dependency { .product(name: name, package: package) }

/// libpq, for who wants PostgreSQL: `--disable-default-traits` builds where its header is missing.
let libpq: Target.Dependency = .target(name: "CLibPQ", condition: .when(traits: ["Postgres"]))

var dependencies: [Package.Dependency] = []
var targets: [Target] = [
    care("CareDomain"),
    care("CareLog", ["CareDomain"]),
    care("CareDesk", ["CareLog", "CareDomain"], resources: [.embedInCode("Resources")]),
    care("CareTestKit", ["CareDesk", "CareLog", "CareDomain"]),
    tests("CareDomainTests", ["CareDomain"]),
    tests("CareLogTests", ["CareLog", "CareDomain", "CareTestKit"]),
    tests("CareDeskTests", ["CareDesk", "CareLog", "CareDomain", "CareTestKit"]),
]

if slice != "core" {
    dependencies += [.package(url: "https://github.com/apple/swift-nio", from: "2.101.0")]
}

if slice == "redis" || slice == "all" {
    dependencies += [
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6")
    ]
    if slice == "redis" { dependencies.append(.package(url: "https://github.com/apple/swift-crypto", from: "4.5.2")) }
    targets += [
        care(
            "CareRedis",
            [
                "CareLog", "CareDomain",
                product("NIOCore", "swift-nio"),
                product("NIOPosix", "swift-nio"),
                product("NIOSSL", "swift-nio-ssl"),
                product("Crypto", "swift-crypto"),
            ],
            resources: [.embedInCode("Scripts"), .embedInCode("Checkup/prices.json")]),
        tests(
            "CareRedisTests",
            [
                "CareRedis", "CareLog", "CareDomain", "CareTestKit",
                product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
                product("Crypto", "swift-crypto"),
            ]),
    ]
}

if slice == "gateways" || slice == "all" {
    dependencies += [
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0")
    ]
    targets += [
        care(
            "CareGateways",
            [
                "CareDesk", "CareLog", "CareDomain",
                product("AsyncHTTPClient", "async-http-client"),
                product("NIOCore", "swift-nio"),
                product("NIOHTTP1", "swift-nio"),
                product("NIOFoundationCompat", "swift-nio"),
            ]),
        tests(
            "CareGatewaysTests",
            [
                "CareGateways", "CareDesk", "CareDomain", "CareTestKit",
                product("AsyncHTTPClient", "async-http-client"),
                product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"), product("NIOHTTP1", "swift-nio"),
            ]),
    ]
}

if slice == "store" || slice == "all" {
    dependencies += [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ]
    targets += [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        care(
            "CareStore",
            [
                "CareDesk", "CareLog", "CareDomain", libpq,
                product("GRDB", "GRDB.swift"), product("Crypto", "swift-crypto"),
            ]),
        tests("CareStoreTests", ["CareStore", "CareDesk", "CareLog", "CareDomain", "CareTestKit"]),
    ]
}

if slice == "documents" || slice == "all" {
    dependencies += [
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ]
    if slice == "documents" {
        dependencies.append(.package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"))
    }
    targets += [
        care(
            "CareDocuments",
            [
                "CareDesk", "CareDomain",
                product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
                product("Crypto", "swift-crypto"),
                product("Subprocess", "swift-subprocess"), product("SystemPackage", "swift-system"),
            ]),
        tests(
            "CareDocumentsTests",
            [
                "CareDocuments", "CareDesk", "CareDomain", "CareTestKit",
                product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
                product("Subprocess", "swift-subprocess"), product("SystemPackage", "swift-system"),
            ]),
    ]
}

if slice == "all" {
    dependencies += [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ]
    targets += [
        care(
            "CareWeb",
            [
                "CareDesk", "CareLog", "CareDomain",
                product("Hummingbird", "hummingbird"),
                product("HummingbirdCore", "hummingbird"),
                product("JWTKit", "jwt-kit"),
                product("CryptoExtras", "swift-crypto"),
                product("Crypto", "swift-crypto"),
                product("Logging", "swift-log"),
                product("HTTPTypes", "swift-http-types"),
                product("NIOCore", "swift-nio"),
                product("NIOEmbedded", "swift-nio"),
                product("NIOHTTP1", "swift-nio"),
                product("NIOFoundationCompat", "swift-nio"),
                product("NIOHTTPCompression", "swift-nio-extras"),
                product("NIOHTTPTypes", "swift-nio-extras"),
                product("NIOHTTPTypesHTTP1", "swift-nio-extras"),
            ]),
        .executableTarget(
            name: "curaway",
            dependencies: [
                "CareWeb", "CareStore", "CareRedis", "CareGateways", "CareDocuments", "CareDesk", "CareLog",
                "CareDomain",
                product("ArgumentParser", "swift-argument-parser"),
                product("Configuration", "swift-configuration"),
                product("SystemPackage", "swift-system"),
                product("Hummingbird", "hummingbird"),
                product("AsyncHTTPClient", "async-http-client"),
                product("Logging", "swift-log"),
                product("ServiceLifecycle", "swift-service-lifecycle"),
                product("UnixSignals", "swift-service-lifecycle"),
            ],
            swiftSettings: settings),
        // Measures the server from outside (scripts/load). Not part of what an operator deploys; imports nothing of ours.
        .executableTarget(
            name: "CareLoad",
            dependencies: [
                product("ArgumentParser", "swift-argument-parser"),
                product("AsyncHTTPClient", "async-http-client"),
                product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"), product("NIOHTTP1", "swift-nio"),
                product("NIOFoundationCompat", "swift-nio"),
                product("Subprocess", "swift-subprocess"),
                product("SystemPackage", "swift-system"),
                product("UnixSignals", "swift-service-lifecycle"),
            ],
            swiftSettings: settings),
        tests(
            "CareLoadTests",
            [
                "CareLoad", "curaway", product("Subprocess", "swift-subprocess"),
                product("SystemPackage", "swift-system"),
            ]),
        tests(
            "CareWebTests",
            ["CareWeb", "CareDesk", "CareLog", "CareDomain", "CareTestKit", product("NIOCore", "swift-nio")]),
        tests(
            "CareScenarioTests",
            [
                "curaway", "CareWeb", "CareStore", "CareGateways", "CareDocuments", "CareDesk", "CareLog", "CareDomain",
                "CareTestKit",
                product("AsyncHTTPClient", "async-http-client"),
                product("NIOPosix", "swift-nio"),
                product("NIOCore", "swift-nio"),
                product("NIOFoundationCompat", "swift-nio"),
                product("NIOHTTP1", "swift-nio"),
                product("Logging", "swift-log"),
                product("Hummingbird", "hummingbird"),
                product("HTTPTypes", "swift-http-types"),
                product("Subprocess", "swift-subprocess"),
                product("SystemPackage", "swift-system"),
                product("Crypto", "swift-crypto"),
                product("CryptoExtras", "swift-crypto"),
            ]),
    ]
}

let package = Package(
    name: "curaway", platforms: [.macOS(.v15)],
    products: slice == "all" ? [.executable(name: "care-load", targets: ["CareLoad"])] : [],
    traits: [
        .trait(name: "Postgres", description: "The store on PostgreSQL as well; needs libpq."),
        .default(enabledTraits: ["Postgres"]),
    ],
    dependencies: dependencies, targets: targets)
