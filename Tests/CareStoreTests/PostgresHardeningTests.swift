#if Postgres
    import CareDesk
    import CareDomain
    import CareLog
    import CareTestKit
    import Dispatch
    import Foundation
    import Synchronization
    import Testing

    @testable import CareStore

    /// What an operator's database does on a bad day. Every test ends by itself: nothing here may hang.
    @Suite(.timeLimit(.minutes(6)), .serialized)
    struct `A PostgreSQL that misbehaves` {
        private static let now = Moment(milliseconds: 1_800_000_000_000)

        private func withServer(_ body: (PostgresServer, String) async throws -> Void) async throws {
            let server = PostgresServer()
            let address = try await server.database()
            do {
                try await body(server, address)
            } catch {
                try? await server.end()
                throw error
            }
            try await server.end()
        }

        private func reason<Answer>(_ body: () async throws -> Answer) async throws -> StoreUnavailable.Reason? {
            do {
                _ = try await body()
                return nil
            } catch let error as StoreUnavailable {
                return error.reason
            }
        }

        private func sleeping(_ database: PostgresDatabase, _ seconds: String = "30") async throws {
            _ = try await database.write { try $0.rows("SELECT pg_sleep(\(seconds))", []) }
        }

        private func until(_ what: String, _ holds: () async throws -> Bool) async throws {
            for _ in 0..<2_000 {
                if try await holds() { return }
                try await Task.sleep(for: .milliseconds(5))
            }
            Issue.record("it never came to: \(what)")
        }

        private func count(_ database: PostgresDatabase, _ sql: String) async throws -> Int {
            try await database.read { try $0.row("SELECT COUNT(*) AS n FROM \(sql)", [])?.int("n") ?? -1 }
        }

        // MARK: It goes

        /// Patients go on writing while it is cut off again and again, and send again what was refused. Whatever was
        /// refused must not be there, whatever was taken must be, and once.
        @Test func `that is cut off in the middle loses and doubles nothing, and is used again without a restart`()
            async throws
        {
            try await withServer { server, address in
                let nodes = try (1...2).map { _ in
                    SQLStore(PostgresDatabase(try settings(address) { $0.connections = 3 }))
                }
                try await nodes[0].migrate()
                let cases = try await [Cast.amina, Cast.tom].asyncMap { person in
                    try await nodes[0].open(
                        CaseDraft(
                            patient: person.id, title: "Knee", language: .english, greeting: "Hello", at: Self.now)
                    ).careCase
                }
                let course = Course()
                let stored = try await withThrowingTaskGroup(of: Int.self) { group in
                    for (index, node) in [nodes[0], nodes[0], nodes[1], nodes[1]].enumerated() {
                        group.addTask {
                            let (careCase, person) = (cases[index % 2], [Cast.amina, Cast.tom][index % 2])
                            var number = 0
                            while !course.isOver.withLock({ $0 }) {
                                number += 1
                                let draft = PatientMessage(
                                    caseID: careCase.id, patient: person, body: "m",
                                    clientMessageID: "\(index)-\(number)",
                                    at: Self.now, waitingLimit: 100_000)
                                var mayBeThere = false
                                while true {
                                    do {
                                        switch try await node.receive(draft) {
                                        case .stored: break
                                        case .duplicate: #expect(mayBeThere, "what was refused was there")
                                        case let other: Issue.record("\(other)")
                                        }
                                        break
                                    } catch let error as StoreUnavailable {
                                        course.refusals.withLock { $0 += 1 }
                                        mayBeThere = mayBeThere || error.reason == .outcomeUnknown
                                        try await Task.sleep(for: .milliseconds(20))
                                    }
                                }
                            }
                            return number
                        }
                    }
                    group.addTask {
                        for _ in 0..<4 {
                            try await Task.sleep(for: .milliseconds(Int.random(in: 100...400)))
                            try await server.stop()
                            try await Task.sleep(for: .milliseconds(Int.random(in: 0...200)))
                            try await server.start()
                        }
                        try await Task.sleep(for: .milliseconds(200))
                        course.isOver.withLock { $0 = true }
                        return 0
                    }
                    return try await group.reduce(0, +)
                }
                let database = PostgresDatabase(try settings(address))
                let kept = try await count(database, "messages WHERE role = 'user'")
                #expect(kept == stored)
                for person in [Cast.amina, Cast.tom] {
                    let numbers = try await nodes[1].pendingFacts(of: .patient(person.id), limit: 1_000_000).map(
                        \.number)
                    #expect(numbers == Array(1...numbers.count))
                }
                #expect(course.refusals.withLock { $0 } > 0, "it was never away")
                #expect(await nodes[0].health() == .ok)
            }
        }

        @Test func `that is away is said once, refused at once, and said to be back`() async throws {
            try await withServer { server, address in
                let lines = Mutex<[String]>([])
                let database = PostgresDatabase(try settings(address))
                let store = SQLStore(database) { line in lines.withLock { $0.append(line) } }
                try await store.migrate()
                try await server.stop()
                for _ in 0..<20 {
                    #expect(try await reason { try await store.people() } == .away)
                    #expect(try await reason { try await store.save(Cast.amina) } == .away)
                }
                #expect(await store.health() == .unavailable)
                try await server.start()
                try await until("it answers") { try await reason { try await store.people() } == nil }
                try await store.save(Cast.amina)
                #expect(await store.health() == .ok)
                let said = lines.withLock { $0 }
                #expect(said.count == 2, "\(said)")
                #expect(said.first?.contains("cannot be used (away): postgres://curaway@127.0.0.1") == true, "\(said)")
                #expect(said.last == "the store takes writes again")
            }
        }

        @Test func `whose sessions were ended while nobody used them is used as if nothing had been`() async throws {
            let address = try await PostgresServer.database()
            let database = PostgresDatabase(try settings(address))
            let other = PostgresDatabase(try settings(address) { $0.name = "other" })
            try await SQLStore(database).migrate()
            for _ in 0..<3 {
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 { group.addTask { _ = try? await count(database, "people") } }
                }
                // One that is ended on its way is a server that refuses, which is another story.
                try await until("all are made") { !database.pool.isMaking }
                let ended = try await other.read { session in
                    try session.rows(
                        "SELECT pid, pg_terminate_backend(pid)::text AS t FROM pg_stat_activity "
                            + "WHERE application_name = 'curaway' AND datname = current_database()", []
                    ).map { try $0.int("pid") }
                }
                #expect(!ended.isEmpty)
                let pids = ended.map(String.init).joined(separator: ", ")
                try await until("they are gone") {
                    try await count(other, "pg_stat_activity WHERE pid IN (\(pids))") == 0
                }
                try await SQLStore(database).save(Cast.amina)
            }
        }

        // MARK: It stands still

        @Test func `that stands still is silent, holds nobody, and is used again`() async throws {
            try await withServer { server, address in
                let database = PostgresDatabase(
                    try settings(address) {
                        $0.statement = .milliseconds(200)
                        $0.connect = .milliseconds(500)
                        $0.acquire = .seconds(10)
                    })
                let store = SQLStore(database)
                // With more time: the first connection to a new server may take longer than what stands still is given.
                try await SQLStore(PostgresDatabase(try settings(address))).migrate()
                try await server.pause()
                #expect(await store.health() == .unavailable)
                let reasons = try await withThrowingTaskGroup(of: StoreUnavailable.Reason?.self) { group in
                    for _ in 0..<12 { group.addTask { try await reason { try await store.save(Cast.amina) } } }
                    return try await group.reduce(into: Set<StoreUnavailable.Reason?>()) { $0.insert($1) }
                }
                #expect(reasons.isSubset(of: [.silent, .exhausted]) && reasons.contains(.silent), "\(reasons)")
                // Also who is cancelled meanwhile, although the request to cancel reaches nobody.
                let cancelled = Task { try await store.save(Cast.tom) }
                try await Task.sleep(for: .milliseconds(50))
                cancelled.cancel()
                await #expect(throws: (any Error).self) { try await cancelled.value }
                try await server.resume()
                try await until("it answers") { try await reason { try await store.save(Cast.priya) } == nil }
                let patient = SQLStore(PostgresDatabase(try settings(address)))
                #expect(try await patient.people().map(\.id) == [Cast.priya.id])
                try await until("nothing is lent") {
                    database.pool.counts.lent == 0 && database.pool.counts.waiting == 0
                }
            }
        }

        // MARK: It is busy

        @Test func `with no connection free refuses in time and leaks none`() async throws {
            let database = try await postgres {
                $0.connections = 1
                $0.acquire = .milliseconds(100)
                $0.waiting = 3
            }
            try await until("it is connected") { try await reason { try await count(database, "pg_class") } == nil }
            let (held, enough) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            async let holding: Void = database.write { _ in
                held.signal()
                enough.wait()
            }
            try await until("it is held") { held.wait(timeout: .now()) == .success }
            for _ in 0..<3 {
                let reasons = try await withThrowingTaskGroup(of: StoreUnavailable.Reason?.self) { group in
                    for _ in 0..<5 { group.addTask { try await reason { try await count(database, "pg_class") } } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(reasons == Array(repeating: .exhausted, count: 5))
            }
            #expect(database.pool.counts == (idle: 0, lent: 1, waiting: 0))
            enough.signal()
            try await holding
            #expect(try await count(database, "pg_class") > 0)
            #expect(database.pool.counts == (idle: 1, lent: 0, waiting: 0))
        }

        @Test func `with a lock held for longer than we wait says so, and the verb works afterwards`() async throws {
            let address = try await PostgresServer.database()
            let database = PostgresDatabase(try settings(address) { $0.lock = .milliseconds(100) })
            let store = SQLStore(database)
            try await store.migrate()
            let careCase = try await store.open(
                CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: Self.now)
            ).careCase
            let draft = PatientMessage(
                caseID: careCase.id, patient: Cast.amina, body: "Hi", clientMessageID: "k", at: Self.now)
            let (held, enough) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            let other = PostgresDatabase(try settings(address))
            async let holding: Void = other.write { session in
                _ = try session.lock(careCase.id)
                held.signal()
                enough.wait()
            }
            try await until("it is held") { held.wait(timeout: .now()) == .success }
            #expect(try await reason { try await store.receive(draft) } == .locked)
            #expect(try await store.careCase(careCase.id) == careCase, "reading waits for no lock")
            enough.signal()
            try await holding
            guard case .stored = try await store.receive(draft) else {
                Issue.record("not stored")
                return
            }
        }

        @Test func `with a statement that takes too long is slow, and the connection goes on`() async throws {
            let database = try await postgres {
                $0.connections = 1
                $0.statement = .seconds(1)
            }
            #expect(try await reason { try await sleeping(database) } == .slow)
            #expect(try await count(database, "pg_class") > 0)
            #expect(database.pool.counts == (idle: 1, lent: 0, waiting: 0))
        }

        @Test func `with no room for another connection is waited for or refused, and says why`() async throws {
            let admin = try await postgres()
            let role = "r\(UInt32.random(in: 1...UInt32.max))"
            let address = admin.settings.address.uri
            _ = try await admin.write { session in
                try session.run("CREATE ROLE \(role) LOGIN PASSWORD 'p' CONNECTION LIMIT 1", [])
            }
            let plain = address.replacing(/curaway:[0-9a-f]{24}@/, with: "\(role):p@")
            let first = PostgresDatabase(try settings(plain) { $0.acquire = .milliseconds(100) })
            let second = PostgresDatabase(try settings(plain))
            try await until("it is connected") { try await reason { try await count(first, "pg_class") } == nil }
            let (held, enough) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            async let holding: Void = first.write { _ in
                held.signal()
                enough.wait()
            }
            try await until("it is held") { held.wait(timeout: .now()) == .success }
            #expect(try await reason { try await count(second, "pg_class") } == .tooManyConnections)
            #expect(try await reason { try await count(first, "pg_class") } == .exhausted)
            enough.signal()
            try await holding
            #expect(try await count(first, "pg_class") > 0)
            // And a role that may not make tables is told so.
            #expect(try await reason { try await SQLStore(first).migrate() } == .forbidden)
        }

        @Test func `that takes no writes is read`() async throws {
            let address = try await PostgresServer.database()
            try await SQLStore(PostgresDatabase(try settings(address))).migrate()
            let readOnly = SQLStore(
                PostgresDatabase(try settings(address + "?options=-cdefault_transaction_read_only%3Don")))
            #expect(try await reason { try await readOnly.save(Cast.amina) } == .readOnly)
            #expect(try await readOnly.people().isEmpty)
            #expect(await readOnly.health() == .readOnly)
        }

        // MARK: Its callers go

        @Test func `gives the place of a cancelled caller to the next, and ends what it was doing`() async throws {
            let address = try await PostgresServer.database()
            let database = PostgresDatabase(try settings(address) { $0.connections = 1 })
            let other = PostgresDatabase(try settings(address) { $0.name = "other" })
            let running = Task { try await sleeping(database) }
            let asleep =
                "pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%' AND datname = current_database() "
                + "AND pid <> pg_backend_pid()"
            try await until("it sleeps") { try await count(other, asleep) == 1 }
            let waiting = Task { try await count(database, "pg_class") }
            try await until("it waits") { database.pool.counts.waiting == 1 }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            #expect(database.pool.counts.waiting == 0)
            let next = Task { try await count(database, "pg_class") }
            try await until("it waits") { database.pool.counts.waiting == 1 }
            running.cancel()
            await #expect(throws: CancellationError.self) { try await running.value }
            #expect(try await next.value > 0)
            try await until("the server has stopped as well") { try await count(other, asleep) == 0 }
            #expect(database.pool.counts == (idle: 1, lent: 0, waiting: 0))
        }

        @Test func `has what was answered, and nothing of what was cancelled`() async throws {
            let database = try await postgres { $0.connections = 3 }
            let store = SQLStore(database)
            try await store.migrate()
            let seed = Proof().seed
            var random = SeededRandom(seed: seed)
            var tasks: [(PersonID, Task<Void, any Error>)] = []
            for number in 0..<300 {
                let person = Person(id: .new(), name: "\(number)", role: .patient, language: .english)
                let task = Task { try await store.save(person) }
                tasks.append((person.id, task))
                if random.once(in: 4) { try await Task.sleep(for: .microseconds(random.below(2_000))) }
                if random.once(in: 2) { tasks[random.below(tasks.count)].1.cancel() }
            }
            var kept: Set<PersonID> = []
            var cancelled = 0
            for (id, task) in tasks {
                switch await task.result {
                case .success: kept.insert(id)
                case .failure(let error):
                    #expect(error is CancellationError, "\(error), seed \(seed)")
                    cancelled += 1
                }
            }
            #expect(Set(try await store.people().map(\.id)) == kept, "seed \(seed)")
            #expect(cancelled > 0, "seed \(seed)")
            #expect(database.pool.counts.lent == 0 && database.pool.counts.waiting == 0, "seed \(seed)")
        }

        // MARK: It commits, and nobody hears

        @Test func `knows what became of a transaction whose commit was not answered`() async throws {
            let database = try await postgres()
            let server = try PostgresLink(database.settings).server
            let number = "SELECT pg_current_xact_id()::text AS number"
            let committed = try await database.write { try $0.row(number, [])?.text("number") ?? "" }
            #expect(try await database.wasCommitted(.init(number: committed, server: server)))
            struct Undone: Error { var number: String }
            do {
                try await database.write { throw Undone(number: try $0.row(number, [])?.text("number") ?? "") }
            } catch let undone as Undone {
                #expect(try await !database.wasCommitted(.init(number: undone.number, server: server)))
            }
            // The same number of another run is another transaction's.
            #expect(
                try await reason { try await database.wasCommitted(.init(number: committed, server: "before")) }
                    == .outcomeUnknown)
        }

        /// A cut-off server gives numbers again that it has lost: what they say then is about somebody else.
        @Test func `that was cut off is another server afterwards`() async throws {
            try await withServer { server, address in
                let first = try PostgresLink(try settings(address)).server
                #expect(try PostgresLink(try settings(address)).server == first)
                try await server.stop()
                try await server.start()
                #expect(try PostgresLink(try settings(address)).server != first)
            }
        }

        /// A standby that never answers: the server has committed, and is ended before it says so.
        @Test func `that goes after it has committed is asked, and the verb has worked`() async throws {
            try await withServer { _, address in
                let database = PostgresDatabase(try settings(address))
                let store = SQLStore(database)
                try await store.migrate()
                let other = PostgresDatabase(try settings(address) { $0.name = "other" })
                try alter("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", at: address)
                let waits = "pg_stat_activity WHERE wait_event = 'SyncRep'"
                let hasWaited = Mutex(false)
                // The server heeds the new setting a moment after it was told; what commits before that does not wait.
                let saving = Task {
                    repeat { try await store.save(Cast.amina) } while !hasWaited.withLock { $0 }
                }
                try await until("it waits for the standby") { try await count(other, waits) == 1 }
                hasWaited.withLock { $0 = true }
                _ = try await other.read {
                    try $0.rows("SELECT pg_terminate_backend(pid)::text AS t FROM \(waits)", [])
                }
                try await saving.value
                try alter("ALTER SYSTEM RESET synchronous_standby_names", at: address)
                #expect(try await store.person(Cast.amina.id) == Cast.amina)
            }
        }

        /// What cannot be said inside a transaction.
        private func alter(_ sql: String, at address: String) throws {
            let link = try PostgresLink(try settings(address))
            _ = try link.simple(sql, until: .now + .seconds(10))
            _ = try link.simple("SELECT pg_reload_conf()", until: .now + .seconds(10))
        }

        @Test func `that goes before it has committed is asked, and the verb is refused`() async throws {
            let database = try await postgres()
            let store = SQLStore(database)
            try await store.migrate()
            _ = try await database.write { session in
                try session.run(
                    """
                    CREATE FUNCTION go() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END'
                    """, [])
                try session.run(
                    """
                    CREATE CONSTRAINT TRIGGER goes AFTER INSERT ON people DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION go()
                    """, [])
            }
            #expect(try await reason { try await store.save(Cast.amina) } == .away)
            #expect(try await store.people().isEmpty)
        }

        // MARK: It changes under us

        @Test func `whose tables a newer node has changed is read by the older one, in mid-flight`() async throws {
            let address = try await PostgresServer.database()
            let old = PostgresDatabase(try settings(address) { $0.connections = 1 })
            let store = SQLStore(old)
            try await store.migrate()
            let careCase = try await store.open(
                CaseDraft(patient: Cast.amina.id, title: "Knee", language: .english, greeting: "Hello", at: Self.now)
            ).careCase
            for column in ["one", "two"] {
                #expect(try await store.careCase(careCase.id) == careCase)
                let new = PostgresDatabase(try settings(address))
                _ = try await new.write { try $0.run("ALTER TABLE cases ADD COLUMN \(column) TEXT", []) }
                #expect(try await store.careCase(careCase.id) == careCase)
                #expect(try await store.fenceOff(careCase.id) != nil)
            }
        }

        /// A mistake of ours is not a store that is unavailable, and says no value that was in it.
        @Test func `that refuses what makes no sense gives its code and nothing else`() async throws {
            let database = try await postgres()
            await #expect(throws: PostgresError(code: "42P01")) {
                try await count(database, "no_such_table")
            }
            await #expect(throws: PostgresError(code: "22P02")) {
                try await database.read { try $0.rows("SELECT $1::bigint AS n", ["secret words"]) }
            }
            // An error that a body swallows must not pass for a success.
            await #expect(throws: PostgresError(code: "25P02")) {
                try await database.write { _ = try? $0.rows("SELECT 1 / 0 AS n", []) }
            }
            #expect(database.pool.counts.lent == 0)
        }
    }

    private final class Course: Sendable {
        let isOver = Mutex(false)
        let refusals = Mutex(0)
    }

    extension Sequence where Element: Sendable {
        fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async rethrows -> [Value] {
            var values: [Value] = []
            for element in self { values.append(try await body(element)) }
            return values
        }
    }
#endif
