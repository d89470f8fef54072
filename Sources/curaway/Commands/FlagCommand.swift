import ArgumentParser
import CareDesk

struct FlagCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flag", abstract: "Read and turn the product's flags; takes effect without a restart.",
        subcommands: [Get.self, Set.self, List.self], defaultSubcommand: List.self)

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print one flag.")
        @OptionGroup var place: PlaceOptions
        @Argument(help: "Its name.") var name: String

        func run() async throws {
            let flag = try flag(named: name)
            Swift.print(try await store(place).value(of: flag))
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Turn one flag.")
        @OptionGroup var place: PlaceOptions
        @Argument(help: "Its name.") var name: String
        @Argument(help: "true, false, or default.") var value: String

        func run() async throws {
            let flag = try flag(named: name)
            guard ["true", "false", "default"].contains(value) else {
                throw ValidationError("The value is true, false or default, not \"\(value)\".")
            }
            try await store(place).set(flag, to: Bool(value))
            Swift.print("\(flag.rawValue) = \(Bool(value) ?? flag.byDefault)")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print every flag.")
        @OptionGroup var place: PlaceOptions

        func run() async throws {
            let store = try await store(place)
            for flag in CareDesk.Flag.allCases {
                Swift.print("\(flag.rawValue) = \(try await store.value(of: flag))    \(flag.summary)")
            }
        }
    }
}

private func flag(named name: String) throws -> CareDesk.Flag {
    guard let flag = CareDesk.Flag(rawValue: name) else {
        let known = CareDesk.Flag.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("There is no flag \"\(name)\"; there are: \(known).")
    }
    return flag
}

private func store(_ place: PlaceOptions) async throws -> any Flags {
    let settings = try await readSettings(place.values, file: place.settings)
    return try await orExplained { try await Assembly.openExistingStore(settings) }
}
