import CareDesk
import CareDomain
import CareStore
import CareTestKit
import Foundation
import Subprocess
import Testing

@testable import curaway

/// `curaway audit`, as an operator runs it, on a file that a server has written.
@Suite(.timeLimit(.minutes(6)))
struct `The audit command` {
    @Test func `lists what staff did, finds the trail whole beside a running server, and broken where it was edited`()
        async throws
    {
        try await withProgram { program in
            let (first, second) = try await program.serve { server in
                let token = try await program.run("token", "--coordinator", "priya").text
                var priya = server.amina
                priya.token = token.trimmingCharacters(in: .whitespacesAndNewlines)
                let ids = (try await server.amina.open("A secret knee"), try await server.amina.open("A secret hip"))
                for _ in 1...2 { #expect(try await priya.get("/api/v1/cases/\(ids.0)").status == 200) }
                #expect(try await priya.get("/api/v1/cases/\(ids.1)/messages").status == 200)
                #expect(try await priya.ask("Hello", key: "k", in: ids.1).status == 403)
                let whole = try await program.run("audit", "verify")
                #expect(whole.status == .exited(0))
                #expect(whole.text.hasPrefix("The audit trail is whole: 4 row(s), head 4:"))
                return ids
            }
            let list = try await program.run("audit", "list").text
            let rows = list.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
            #expect(rows.map { $0[0] } == ["1", "2", "3", "4"])
            #expect(rows.map { $0[2] } == ["allowed", "allowed", "allowed", "refused"])
            #expect(rows.map { $0[3] } == ["read_case", "read_case", "read_messages", "ask"])
            #expect(
                rows.allSatisfy { $0.count == 9 && $0[4] == "priya" && $0[5].hasPrefix("sess_") && $0[7] == "amina" })
            #expect(rows.map { $0[6] } == [first, first, second, second])
            #expect(!list.contains("secret") && !list.contains("Hello"))

            for (arguments, numbers) in [
                (["--case", second], ["3", "4"]), (["--person", "priya", "--limit", "1"], ["4"]),
                (["--person", "tom"], []), (["--since", "2026-01-01"], ["1", "2", "3", "4"]),
                (["--since", "2100-01-01T00:00:00Z"], []), (["--since", rows[0][1], "--case", first], ["1", "2"]),
            ] {
                let found = try await program.run(["audit", "list"] + arguments)
                #expect(found.status == .exited(0), "\(found.complaint)")
                #expect(found.text.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) } == numbers)
            }

            let head = try await program.run("audit", "head").text.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(AuditHead(parsing: head)?.number == 4)
            #expect(try await program.run("audit", "verify", "--head", head).status == .exited(0))
            let other = "3:" + String(repeating: "a", count: 64)
            let notAsNoted = try await program.run("audit", "verify", "--head", other)
            #expect(notAsNoted.status == .exited(1))
            #expect(notAsNoted.text.hasPrefix("The audit trail is broken at row 3: "))

            let file = try SQLiteDatabase(path: program.data.appendingPathComponent("curaway.sqlite").path)
            _ = try await file.write { try $0.run("UPDATE audit SET outcome = 'allowed' WHERE number = 4", []) }
            let altered = try await program.run("audit", "verify")
            #expect(altered.status == .exited(1))
            #expect(altered.text.hasPrefix("The audit trail is broken at row 4: "))
            #expect(altered.text.contains("3 row(s) follow one another"))
            _ = try await file.write { try $0.run("DELETE FROM audit WHERE number = 2", []) }
            #expect(try await program.run("audit", "verify").text.hasPrefix("The audit trail is broken at row 2: "))
            _ = try await file.write { try $0.run("DELETE FROM audit_chain", []) }
            #expect(try await program.run("audit", "head").status == .exited(1))
        }
    }

    @Test func `says what is wrong with its options, and makes no database`() async throws {
        try await withProgram { program in
            for arguments in [
                ["list", "--limit", "0"], ["list", "--limit", "10001"], ["list", "--since", "yesterday"],
                ["list", "--since", "2026-13-01"], ["list", "--case", "a b"], ["list", "--person", ""],
                ["verify", "--head", "4"], ["nothing"],
            ] {
                let refused = try await program.run(["audit"] + arguments)
                #expect(refused.status == .exited(64), "\(arguments)")
                #expect(!refused.complaint.isEmpty)
            }
            for arguments in [["verify"], ["list"], ["head"], ["list", "--limit", "1"], ["list", "--limit", "10000"]] {
                #expect(try await program.run(["audit"] + arguments).status == .exited(78), "\(arguments)")
            }
            #expect(!FileManager.default.fileExists(atPath: program.data.path))
        }
    }

    @Test(
        arguments: [
            ("2026-11-24", 1_795_478_400_000), ("2026-11-24T08:00:00Z", 1_795_507_200_000),
            ("2026-11-24T08:00:00.250Z", 1_795_507_200_250), ("2026-11-24T10:00:00+02:00", nil),
            ("yesterday", nil), ("2026-11", nil), ("2026-02-30", nil), ("", nil), ("2026-11-24T25:00:00Z", nil),
            ("24-11-2026", nil), ("2026-11-2x", nil),
        ] as [(String, Int64?)]) func `reads a day or a time`(_ text: String, _ milliseconds: Int64?)
    {
        #expect(AuditCommand.List.moment(text)?.milliseconds == milliseconds)
    }

    @Test func `prints no control character that somebody put into the file`() {
        #expect(AuditCommand.List.printable("a\u{1B}[2J\tb\n\u{9B}é") == "a?[2J?b??é")
    }
}
