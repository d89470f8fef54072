import ArgumentParser

/// The command line. Every subcommand reads the same settings, so that what `check` says is what `serve` does.
@main
struct Curaway: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "curaway",
        abstract: "A real-time care conversation: patients, an AI assistant, coordinators, one timeline.",
        discussion: """
            Settings come from the options below, then from the environment (CURAWAY_PORT, CURAWAY_MODEL, …), then from a \
            JSON file named by --settings. docs/operations/settings.md lists them all.

            Start it with nothing else installed:      curaway serve --demo
            Talk to it with curl:                      curaway token --patient amina
            See what is configured and what answers:   curaway check
            """,
        version: version,
        subcommands: [
            Serve.self, Migrate.self, FlagCommand.self, AuditCommand.self, Token.self, Revoke.self, Check.self,
            Version.self,
        ])
}

/// The options that say where the product's things are: shared by every subcommand.
struct PlaceOptions: ParsableArguments {
    @Option(help: "Folder of the database.")
    var data: String?

    @Option(help: "A JSON file with settings.")
    var settings: String?

    var values: [String: String] { data.map { ["data": $0] } ?? [:] }
}

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")

    func run() { Swift.print("curaway \(Curaway.version)") }
}
