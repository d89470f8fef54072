import CareDesk
import CareDomain
import CareStore
import CareTestKit
import CareWeb
import Foundation
import Hummingbird
import Testing

@testable import curaway

/// What staff do with patients' data leaves a row each, over every route and stream that is about a case.
@Suite(.timeLimit(.minutes(4)))
struct `The audit trail of a server` {
    @Test func `has a row for whatever staff ask of a case, and none for a patient's own`() async throws {
        try await withPlace { place, map in
            let store = place.server.assembly.store
            let about = map.filter { $0.right.isAboutCase || $0.right.isAboutPatient }
            for asker in [Asker.nobody, .patient, .stranger] {
                let seat = try await place.seat(of: asker)
                for route in about {
                    _ = try await answer(seat, route.method, place.path(route.path), place.body(for: route, of: asker))
                }
            }
            #expect(try await store.auditRows(AuditQuery()).isEmpty)

            let priya = try await place.seat(of: .coordinator)
            for own in ["/api/v1/me", "/api/v1/cases", "/api/v1/config"] { _ = try await priya.get(own) }
            #expect(try await store.auditRows(AuditQuery()).isEmpty, "nobody's data")
            for route in about {
                _ = try await answer(
                    priya, route.method, place.path(route.path), place.body(for: route, of: .coordinator))
            }
            _ = try await answer(priya, .head, place.path("/api/v1/cases/{case}"))
            let all = try await store.auditRows(AuditQuery())
            let done = all.filter { $0.outcome == "done" }
            #expect(done.map(\.verb) == ["accept_case", "release_case"], "what changed something has a second row")
            let rows = all.filter { $0.outcome != "done" }
            let asked = about.map(\.right) + [.readCase]
            #expect(rows.map(\.verb) == asked.map(\.rawValue))
            #expect(
                rows.map(\.outcome) == asked.map { $0.access(of: .coordinator) == .allow ? "allowed" : "refused" })
            for (row, right) in zip(rows, asked) {
                #expect(row.person == "priya")
                #expect(row.caseID == (right.isAboutCase ? place.caseID : nil))
                #expect(row.patientID == "amina")
            }
            #expect(Set(rows.map(\.session)).count == 1, "one token is one sign-in")
            #expect(rows.first?.session?.hasPrefix("sess_") == true)
            #expect(Set(rows.map(\.request)).count == rows.count, "each request has a name")
            #expect(try await store.verify().fault == nil)
        }
    }

    @Test func `has what staff looked for and what was not there, and nothing that is no id`() async throws {
        try await withPlace { place, _ in
            let priya = try await place.seat(of: .coordinator)
            for id in ["nowhere", "%20", String(repeating: "x", count: 65), "a%0Ab"] {
                #expect(try await priya.get("/api/v1/cases/\(id)").status == 404)
            }
            let rows = try await place.server.assembly.store.auditRows(AuditQuery())
            #expect(rows.map(\.caseID) == ["nowhere"])
            #expect(rows.map(\.outcome) == ["not_found"])
            #expect(rows.map(\.patientID) == [nil])
        }
    }

    @Test func `lets staff see nothing while it cannot be written, and leaves patients alone`() async throws {
        try await withPlace { place, map in
            let store = place.server.assembly.store
            let file = try SQLiteDatabase(path: place.server.assembly.settings.databasePath)
            let priya = try await place.seat(of: .coordinator)
            _ = try await file.write { try $0.run("ALTER TABLE audit RENAME TO away", []) }
            for route in map where route.right.isAboutCase || route.right.isAboutPatient {
                let refused = try await answer(
                    priya, route.method, place.path(route.path), place.body(for: route, of: .coordinator))
                #expect(refused.status == 503, "\(route.path)")
                #expect(route.method == .head || refused.code == "store_unavailable")
                #expect(refused.headers.contains("Retry-After: 2"))
                #expect(!refused.body.contains("Knee") && !refused.body.contains("An answer"))
            }
            #expect(place.server.assembly.board.count == 0, "no stream was opened")
            let amina = try await place.seat(of: .patient)
            #expect(try await amina.get(place.path("/api/v1/cases/{case}")).status == 200)

            _ = try await file.write { try $0.run("ALTER TABLE away RENAME TO audit", []) }
            #expect(try await priya.get(place.path("/api/v1/cases/{case}")).status == 200)
            let (head, fault) = try await store.verify()
            #expect(head.number == 1, "what was refused is not in it, and left no gap")
            #expect(fault == nil)
        }
    }
}
