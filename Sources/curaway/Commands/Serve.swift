import ArgumentParser
import Foundation
import Logging

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start the product.")

    @OptionGroup var place: PlaceOptions
    @Option(help: "Address to listen on; with the development identity loopback only.") var host: String?
    @Option(help: "Port to listen on; 0 takes a free one.") var port: Int?
    @Option(help: "Who answers: guide, anthropic or openai.") var model: String?
    @Option(help: "Folder of the web app.") var frontend: String?
    @Flag(help: "Put demonstration people and a case into an empty database.") var demo = false

    func run() async throws {
        var options = place.values
        options["host"] = host
        options["port"] = port.map(String.init)
        options["model"] = model
        options["frontend"] = frontend
        if demo { options["demo"] = "true" }
        let settings = try await readSettings(options, file: place.settings)
        var logger = Logger(label: "curaway")
        logger.logLevel = settings.logLevel
        // A write beyond a limit on file sizes (`ulimit -f`, LimitFSIZE of systemd) must be an error of that write, which
        // the store answers for. The signal's default would end the whole server.
        signal(SIGXFSZ, SIG_IGN)
        let assembly = try await orExplained {
            let assembly = try await Assembly.make(settings, logger: logger)
            if settings.demonstration { try await Demonstration(assembly: assembly).prepare() }
            return assembly
        }
        try await assembly.serve { port in
            let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
            print("Curaway \(Curaway.version) listens on http://\(host):\(port)/ (model: \(settings.model.rawValue))")
            // What is printed tells `./run` and the tests that the port is bound; a pipe would hold it back.
            fflush(nil)
        }
    }
}

/// Settings, or a sentence and exit code 78.
func readSettings(_ options: [String: String], file: String?) async throws -> Settings {
    try await orExplained { try await Settings.read(options: options, file: file) }
}

/// What a wrong setting or an unusable data folder prevents, or a sentence and an exit code of sysexits.h.
func orExplained<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    do {
        return try await body()
    } catch {
        guard let (sentence, code) = explanation(of: error) else { throw error }
        FileHandle.standardError.write(Data("curaway: \(sentence)\n".utf8))
        throw ExitCode(code)
    }
}
