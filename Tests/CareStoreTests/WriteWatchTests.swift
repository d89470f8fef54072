import CareDesk
import CareDomain
import Foundation
import Synchronization
import Testing

@testable import CareStore

struct `What is said of a store that takes no writes` {
    private let full = StoreUnavailable(.diskFull, at: "/data/curaway.sqlite")
    private func at(_ seconds: Int64) -> Moment { Moment(milliseconds: 1_000_000 + seconds * 1_000) }

    @Test func `is one line when it begins, one when it is over, and a reminder in between`() {
        var watch = WriteWatchState()
        var lines = [watch.wrote(at: at(0))]
        #expect(watch.isWritable)
        lines.append(watch.refused(full, at: at(1)))
        #expect(!watch.isWritable)
        for second in 2...60 { lines.append(watch.refused(full, at: at(Int64(second)))) }
        #expect(lines.compactMap(\.self) == [.refuses(full)])
        let later = [watch.refused(full, at: at(61)), watch.wrote(at: at(62)), watch.wrote(at: at(63))]
        #expect(later == [.refuses(full), .again, nil], "a minute later it is said again")
        #expect(watch.isWritable)
    }

    @Test func `is bounded when it comes and goes with every write`() {
        var watch = WriteWatchState()
        var lines: [WriteWatchState.Line?] = []
        for second in 0..<120 {
            lines.append(watch.refused(full, at: at(Int64(second))))
            lines.append(watch.wrote(at: at(Int64(second))))
        }
        #expect(lines.compactMap(\.self) == [.refuses(full), .again, .refuses(full), .again])
    }

    @Test func `that befell one call is no more than a line in a minute`() {
        var watch = WriteWatchState()
        let locked = StoreUnavailable(.locked, at: "postgres://db/curaway")
        var lines = (0...60).map { watch.refused(locked, at: at($0)) }
        #expect(lines.removeFirst() == .failed(locked))
        #expect(lines.removeLast() == .failed(locked))
        #expect(lines.allSatisfy { $0 == nil })
        #expect(watch.isWritable)
        lines = [watch.wrote(at: at(61)), watch.refused(full, at: at(62))]
        #expect(lines == [nil, .refuses(full)], "nothing to take back, and nothing hidden that matters more")
    }

    @Test func `is over with the first read when nobody was there at all, not when only writes were refused`() {
        var watch = WriteWatchState()
        let away = StoreUnavailable(.away, at: "postgres://db/curaway")
        var lines = [
            watch.read(at: at(0)), watch.refused(away, at: at(1)), watch.read(at: at(2)), watch.read(at: at(3)),
        ]
        #expect(lines == [nil, .refuses(away), .again, nil])
        lines = [watch.refused(full, at: at(100)), watch.read(at: at(101))]
        #expect(lines == [.refuses(full), nil])
        #expect(!watch.isWritable)
    }

    @Test func `is found out by a try, at most once in a second`() {
        var watch = WriteWatchState()
        var tries = [0, 999, 1_000].map { watch.wantsTry(at: Moment(milliseconds: at(0).milliseconds + $0)) }
        _ = watch.refused(full, at: at(5))
        tries.append(watch.wantsTry(at: at(5)))
        #expect(tries == [true, false, true, false], "the last: somebody has just found out")
    }

    @Test func `comes from the database's own errors, and heals with it`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("test.sqlite").path
        let database = try SQLiteDatabase(path: path)
        let lines = Mutex<[String]>([])
        let store = SQLStore(database) { line in lines.withLock { $0.append(line) } }
        try await store.migrate()
        let pages = try await database.read { try $0.rows("PRAGMA page_count", []).first?.values["page_count"] }
        guard case .integer(let count)? = pages else { throw StoreError.unreadable(column: "page_count") }
        // SQLite's own bound on the file, which it reports as it does a disk without room.
        _ = try await database.write { try $0.rows("PRAGMA max_page_count = \(count)", []) }
        let name = String(repeating: "x", count: 100_000)
        let person = Person(id: .new(), name: name, role: .patient, language: .english)
        await #expect(throws: StoreUnavailable(.diskFull, at: path)) { try await store.save(person) }
        #expect(await store.health() == .readOnly, "what failed just now is not tried again")
        #expect(try await store.person(person.id) == nil)
        _ = try await database.write { try $0.rows("PRAGMA max_page_count = 1000000", []) }
        try await store.save(person)
        #expect(await store.health() == .ok)
        let said = lines.withLock { $0 }
        #expect(said.count == 2)
        #expect(said.first?.contains("disk_full") == true && said.first?.contains(path) == true)
    }
}
