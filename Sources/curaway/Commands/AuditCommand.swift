import ArgumentParser
import CareDesk
import CareDomain
import CareStore
import Foundation

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Look into the trail of what staff did with patients' data.",
        discussion: "docs/operations/audit.md says what is in it and what it can prove.",
        subcommands: [Verify.self, List.self, Head.self])

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Walk the whole chain and say where it breaks.",
            discussion: "Exit code 0 when it is whole, 1 when it is not. The server may be running.")
        @OptionGroup var place: PlaceOptions
        @Option(help: "What \"curaway audit head\" said once: the trail must still be the same up to there.")
        var head: String?

        func validate() throws {
            if let head, AuditHead(parsing: head) == nil {
                throw ValidationError("A head is a number, a colon and 64 hexadecimal digits, as audit head prints it.")
            }
        }

        func run() async throws {
            let trail = try await trail(place)
            let (head, fault) = try await trail.verify(noted: head.flatMap { AuditHead(parsing: $0) })
            guard let fault else {
                Swift.print("The audit trail is whole: \(head.number) row(s), head \(head)")
                return
            }
            Swift.print("The audit trail is broken at \(fault)")
            Swift.print("Before that, \(min(head.number, fault.row)) row(s) follow one another.")
            throw ExitCode(1)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print rows, the newest last.",
            discussion:
                "A column each, parted by tabs: number, time, outcome, verb, person, sign-in, case, patient, request."
        )
        @OptionGroup var place: PlaceOptions
        @Option(name: .customLong("case"), help: "Only this case.") var caseID: String?
        @Option(help: "Only this member of staff.") var person: String?
        @Option(help: "Only from then on: 2026-11-24 or 2026-11-24T08:00:00Z.") var since: String?
        @Option(help: "The newest so many, 1 to \(AuditQuery.limits.upperBound).") var limit = 100

        func validate() throws { _ = try query() }

        func run() async throws {
            for row in try await trail(place).auditRows(query()) {
                let columns = [
                    String(row.number), row.at.description, row.outcome, row.verb, row.person, row.session, row.caseID,
                    row.patientID, row.request,
                ]
                // What somebody else wrote into the file must not move this terminal's cursor.
                Swift.print(columns.map { Self.printable($0 ?? "-") }.joined(separator: "\t"))
            }
        }

        private func query() throws -> AuditQuery {
            var query = AuditQuery(limit: limit)
            guard AuditQuery.limits.contains(limit) else {
                throw ValidationError("--limit is a number from 1 to \(AuditQuery.limits.upperBound).")
            }
            query.caseID = try id(caseID, "--case")
            query.person = try id(person, "--person")
            if let since {
                guard let moment = Self.moment(since) else {
                    throw ValidationError("--since is a day or a time in UTC: 2026-11-24 or 2026-11-24T08:00:00Z.")
                }
                query.since = moment
            }
            return query
        }

        private func id<Subject>(_ text: String?, _ option: String) throws -> Identifier<Subject>? {
            guard let text else { return nil }
            guard let id = Identifier<Subject>(rawValue: text) else {
                throw ValidationError("\(option) is an id: 1 to 64 characters out of A–Z a–z 0–9 . _ ~ -")
            }
            return id
        }

        static func moment(_ text: String) -> Moment? {
            let time = text.utf8.count == 10 ? text + "T00:00:00Z" : text
            guard time.hasSuffix("Z"),
                let date = (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(time))
                    ?? (try? Date.ISO8601FormatStyle().parse(time))
            else { return nil }
            let moment = Moment(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
            // The parser takes the 30th of February for the 2nd of March.
            return moment.description.prefix(19) == time.prefix(19) ? moment : nil
        }

        static func printable(_ text: String) -> String {
            String(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : Character($0) })
        }
    }

    struct Head: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print where the chain ends, to be noted somewhere else.",
            discussion:
                "Who cuts the end off the trail can cut the head kept beside it too; what is noted elsewhere tells.")
        @OptionGroup var place: PlaceOptions

        func run() async throws {
            guard let head = try await trail(place).auditHead() else {
                Swift.print("The head of the audit trail is missing; see curaway audit verify.")
                throw ExitCode(1)
            }
            Swift.print(head)
        }
    }
}

private func trail(_ place: PlaceOptions) async throws -> any AuditTrail {
    let settings = try await readSettings(place.values, file: place.settings)
    return try await orExplained { try await Assembly.openExistingStore(settings) }
}
