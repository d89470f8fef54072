import CareDesk
import CareDomain
import CareTestKit
import Testing

struct `The audit chain` {
    private func row(person: String = "p", session: String? = "s", verb: String = "v", caseID: String? = "c")
        -> AuditRow
    {
        AuditRow(
            number: 1, at: Moment(milliseconds: 5), person: person, session: session, verb: verb, caseID: caseID,
            patientID: nil, outcome: "allowed", request: "r", hash: "")
    }

    @Test func `lays a row out so that another row is other bytes`() {
        #expect(String(decoding: row().canonical, as: UTF8.self) == "1:1,1:1,1:5,1:p,1:s,1:v,1:c,-,7:allowed,1:r,")
        let rows = [
            row(), row(person: "p,1:s", session: nil), row(person: "p,", session: "s"), row(session: nil),
            row(session: ""), row(session: "-"), row(person: "ps", session: ""), row(verb: "v,1:c", caseID: nil),
        ]
        #expect(Set(rows.map(\.canonical)).count == rows.count)
    }

    @Test func `follows what it added and nothing else`() {
        // The hash of a test: long enough to tell, short enough to read.
        let digest: @Sendable ([UInt8]) -> String = { bytes in
            String(bytes.reduce(UInt64(7)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, radix: 16)
        }
        var writing = AuditChain(digest: digest)
        let entry = AuditEntry(
            at: .now, person: Cast.priya.id, session: nil, right: .followCase, caseID: nil, patientID: nil,
            outcome: .refused, request: "r")
        let rows = (1...3).map { _ in writing.add(entry) }
        var reading = AuditChain(digest: digest)
        #expect(reading.follow(rows[1]) == AuditFault(row: 1, what: .missing(found: 2)))
        #expect(rows.allSatisfy { reading.follow($0) == nil })
        #expect(reading.head == writing.head)
        #expect(reading.follow(nil) == AuditFault(row: 4, what: .unreadable))
        #expect(reading.head.number == 3, "a fault moves nothing")
        #expect(rows[0].verb == "follow_case")
        #expect(rows[0].outcome == "refused")
    }

    @Test func `reads a noted head back, and nothing that is not one`() {
        let hash = String(repeating: "0a", count: 32)
        let head = AuditHead(number: 12, hash: hash)
        #expect(AuditHead(parsing: head.description) == head)
        #expect(AuditHead(parsing: AuditHead.none.description) == AuditHead.none)
        for wrong in [
            "", "12", ":", "12:", ":\(hash)", "-1:\(hash)", "x:\(hash)", "12:\(hash)0", "12:\(hash.dropLast())",
            "12:\(hash.uppercased())", "12:\(hash):", " 12:\(hash)", "12:\(String(repeating: "g", count: 64))",
        ] {
            #expect(AuditHead(parsing: wrong) == nil, "\(wrong)")
        }
    }
}
