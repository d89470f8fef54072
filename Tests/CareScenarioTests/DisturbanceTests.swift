#if Postgres
    import CareDomain
    import CareStore
    import CareTestKit
    import Foundation
    import Subprocess
    import Synchronization
    import Testing

    @testable import curaway

    /// Redis or PostgreSQL goes in mid-answer, and comes back, under open streams on two nodes: what the patients saw and what
    /// `/ready` said. `./test proof` has 200 streams.
    @Suite(.serialized, .timeLimit(.minutes(10)))
    struct `What patients see of a failure` {
        enum Failure: String, CaseIterable, Sendable, CustomTestStringConvertible {
            case emptied = "Redis emptied (FLUSHALL)"
            case asleep = "Redis asleep (DEBUG SLEEP 3)"
            case hanging = "Redis hanging (SIGSTOP, 2 s)"
            case killed = "Redis killed, empty again after 2 s"
            case takenOver = "Redis killed, every case taken over on the other node, Redis again after 2 s"
            case database = "PostgreSQL killed, again after 2 s"
            var testDescription: String { rawValue }
        }

        /// How it ended for the patients, beside that nothing was lost, doubled or said after a takeover.
        struct Outcome: Sendable {
            var answers: [String: Int] = [:]
            var resets = 0
            var returns = 0
            var silence = [Duration.zero, .zero]
            var ready: [String] = []
            var accepted: Duration?

            var line: String {
                let ends = answers.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
                return "\(ends); longest silence \(silence[0].milliseconds) ms on the node that writes, "
                    + "\(silence[1].milliseconds) ms on the other; \(resets) resets, \(returns) reconnects; "
                    + (accepted.map { "taken over within \($0.milliseconds) ms; " } ?? "")
                    + "/ready: \(ready.joined(separator: " | "))"
            }
        }

        private static let words = 60
        private static let pace = Duration.milliseconds(100)

        @Test(arguments: Failure.allCases)
        func `is calm, complete and honest`(_ failure: Failure) async throws {
            let proof = Proof()
            let patients = proof.isFull ? 20 : 4, each = proof.isFull ? 10 : 6
            let redis = try RedisServer()
            let database = PostgresServer()
            let options = [
                "coalesce.ms": "0", "streams.perPerson": "100", "redis.commandMs": "500",
                "postgres.url": try await database.database(),
            ]
            let chatter = Chatter()
            try await withCluster(options, model: chatter, redis: redis) { nodes in
                let rooms = try await Self.rooms(patients, each: each, on: nodes, chatter, seed: proof.seed)
                let outcome = try await withThrowingTaskGroup(of: Void.self) { group in
                    let pages = rooms.flatMap(\.pages)
                    for page in pages { group.addTask { await page.page.run() } }
                    _ = try await eventually { pages.allSatisfy(\.isOpen) ? true : nil }
                    let witness = Witness()
                    for node in nodes { group.addTask { try await witness.watch(node) } }
                    async let answers = Self.ask(rooms)
                    _ = try await eventually { pages.allSatisfy { $0.pieces >= 10 } ? true : nil }
                    let accepted = try await Self.happen(failure, redis, database, nodes, rooms)
                    var outcome = Outcome(accepted: accepted)
                    for end in try await answers { outcome.answers[end, default: 0] += 1 }
                    for room in rooms { try await room.expectTruth(takenOver: failure == .takenOver) }
                    _ = try await eventually { await witness.isReadyAgain ? true : nil }
                    outcome.ready = await witness.lines
                    for page in pages {
                        outcome.resets += page.page.reader.resets
                        outcome.returns += page.page.connections
                        outcome.silence[page.node] = max(outcome.silence[page.node], page.silence)
                    }
                    group.cancelAll()
                    return outcome
                }
                proof.say("\(failure.rawValue), \(patients * each) streams", outcome.line)
            }
            try await database.end()
        }

        private static func rooms(
            _ patients: Int, each: Int, on nodes: [Server], _ chatter: Chatter, seed: UInt64
        ) async throws -> [Room] {
            var random = SeededRandom(seed: seed)
            var rooms: [Room] = []
            for number in 0..<patients {
                let patient = Person(id: .new(), name: "Patient \(number)", role: .patient, language: .english)
                try await nodes[0].assembly.store.save(patient)
                var seats: [Seat] = []
                for node in nodes {
                    var seat = try await node.seat(of: patient)
                    // The one that all share has eight connections for everybody, and each of these patients waits on one.
                    seat.client = OpenPage.client
                    seats.append(seat)
                }
                let id = try await seats[0].open()
                var plan = Chatter.Plan(&random, words: words...words)
                plan.pauseEach = pace
                chatter.plan(plan, for: id)
                rooms.append(
                    Room(
                        caseID: id, text: plan.text, seats: seats,
                        pages: (0..<each).map { Watched(caseID: id, seat: seats[$0 % 2], node: $0 % 2) }))
            }
            return rooms
        }

        /// Each patient asks and waits; what they were told.
        private static func ask(_ rooms: [Room]) async throws -> [String] {
            try await withThrowingTaskGroup(of: String.self) { group in
                for room in rooms {
                    group.addTask {
                        let answer = try await room.seats[0].ask("How long?", key: "k", in: room.caseID)
                        guard answer.status == 200 else {
                            return "answered \(answer.status) \(answer.body["code"].text)"
                        }
                        return answer.body["reply"]["state"].text
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }

        /// The failure from its beginning to its end; and how long the takeovers took that were in it.
        private static func happen(
            _ failure: Failure, _ redis: RedisServer, _ database: PostgresServer, _ nodes: [Server], _ rooms: [Room]
        ) async throws -> Duration? {
            func order(_ words: String...) async throws {
                let done = try await Subprocess.run(
                    .name("redis-cli"), arguments: Arguments(["-p", "\(redis.port)"] + words),
                    output: .string(limit: 1_000))
                #expect(done.standardOutput.contains("OK"))
            }
            let last = Duration.seconds(2)
            switch failure {
            case .emptied: try await order("FLUSHALL")
            case .asleep: try await order("DEBUG", "SLEEP", "3")
            case .hanging:
                redis.pause()
                try await Task.sleep(for: last)
                redis.resume()
            case .killed:
                redis.stop()
                try await Task.sleep(for: last)
                try redis.start()
            case .takenOver:
                redis.stop()
                var priya = try await nodes[1].seat(of: Cast.priya)
                priya.client = OpenPage.client
                // At once, because each waits for the writer, and the answers are short.
                let longest = try await withThrowingTaskGroup(of: Duration.self) { [priya] group in
                    for room in rooms {
                        group.addTask {
                            let began = ContinuousClock.now
                            let accepted = try await priya.send("POST", "/api/v1/cases/\(room.caseID)/accept")
                            #expect(accepted.status == 200, "\(accepted.body["code"].text)")
                            return .now - began
                        }
                    }
                    return try await group.reduce(.zero) { max($0, $1) }
                }
                try await Task.sleep(for: last)
                try redis.start()
                return longest
            case .database:
                try await database.stop()
                try await Task.sleep(for: last)
                try await database.start()
            }
            return nil
        }

        /// A patient's case, with the pages that show it.
        private struct Room: Sendable {
            let caseID: String
            let text: String
            let seats: [Seat]
            let pages: [Watched]

            /// Every page shows the same as a fresh one does, and what that shows is the whole answer; or, taken over, what had
            /// been shown before, with nothing of the AI after it.
            func expectTruth(takenOver: Bool) async throws {
                for page in pages {
                    let shown = try await page.page.showsWhatIsSo()
                    let answer = shown.messages.last { $0.sender == .ai && $0.replyID != nil }
                    if takenOver {
                        #expect(page.heardTheAIAfterAPerson == false)
                        #expect(answer?.status == .stopped || answer?.status == .complete)
                        let kept = answer?.body ?? ""
                        let shown = page.wordsBeforeThePerson
                        #expect(!kept.isEmpty && text.hasPrefix(kept))
                        #expect(kept.hasPrefix(shown), "a word was taken back")
                    } else {
                        #expect(answer?.status == .complete && answer?.body == text)
                    }
                }
            }
        }

        /// An open page, and what its patient could notice.
        private final class Watched: Sendable {
            private struct Seen {
                var isOpen = false
                var pieces = 0
                var words = ""
                var lastWord: ContinuousClock.Instant?
                var silence = Duration.zero
                var isInHands = false
                var heardTheAI = false
                var isOver = false
            }
            /// So that the page can tell it while this is being made.
            private final class Shared: Sendable {
                let value = Mutex(Seen())
            }
            let node: Int
            let page: OpenPage
            private let state: Shared

            init(caseID: String, seat: Seat, node: Int) {
                self.node = node
                let state = Shared()
                self.state = state
                page = OpenPage(caseID: caseID, seat: seat, base: { _ in seat.base }) { reader, event in
                    state.value.withLock { seen in
                        seen.isOpen = true
                        if reader.picture.handling.state == .coordinator { seen.isInHands = true }
                        guard let event, let attempt = event.attempt else { return }
                        switch event {
                        case .replyDelta, .replySnapshot:
                            let words = reader.picture.words(of: attempt.replyID.rawValue)
                            // A stream that is behind the snapshot still tells words; they change nothing.
                            if seen.isInHands, !words.isEmpty { seen.heardTheAI = true }
                            seen.pieces += 1
                            seen.words = words.isEmpty ? seen.words : words
                        case .replyEnded: break
                        default: return
                        }
                        // An end that a node has told alone is told again when the log is back. Nobody waits for that.
                        guard !seen.isOver else { return }
                        if case .replyEnded = event { seen.isOver = true }
                        let now = ContinuousClock.now
                        if let last = seen.lastWord { seen.silence = max(seen.silence, now - last) }
                        seen.lastWord = now
                    }
                }
            }

            var isOpen: Bool { state.value.withLock { $0.isOpen } }
            var pieces: Int { state.value.withLock { $0.pieces } }
            var silence: Duration { state.value.withLock { $0.silence } }
            var wordsBeforeThePerson: String { state.value.withLock { $0.words } }
            var heardTheAIAfterAPerson: Bool { state.value.withLock { $0.heardTheAI } }
        }

        /// Asks `/ready` ten times a second, as a load balancer would.
        private actor Witness {
            private var seen: [Int: [(said: String, since: ContinuousClock.Instant, until: ContinuousClock.Instant)]] =
                [:]

            func watch(_ node: Server) async throws {
                var seat = node.seat(with: nil)
                seat.client = OpenPage.client
                while !Task.isCancelled {
                    let said = await Self.said(by: seat)
                    let now = ContinuousClock.now
                    var all = seen[node.port, default: []]
                    if let last = all.indices.last, all[last].said == said {
                        all[last].until = now
                    } else {
                        all.append((said, now, now))
                    }
                    seen[node.port] = all
                    try await Task.sleep(for: .milliseconds(100))
                }
            }

            /// That nobody answered is told too: a witness that fell silent would have seen nothing wrong.
            private static func said(by seat: Seat) async -> String {
                do {
                    let ready = try await seat.get("/ready")
                    let log = ready.body["checks"]["log"].text, store = ready.body["checks"]["store"].text
                    return "\(ready.status) \(ready.body["status"].text)"
                        + (log == "ok" ? "" : ", log \(log)") + (store == "ok" ? "" : ", store \(store)")
                } catch {
                    return "no answer (\(type(of: error)))"
                }
            }

            var isReadyAgain: Bool { seen.values.allSatisfy { $0.last?.said == "200 ready" } }

            /// One for each node: what it said and, of what was not well, for how long.
            var lines: [String] {
                seen.sorted { $0.key < $1.key }.map { _, said in
                    said.map {
                        $0.said == "200 ready" ? $0.said : "\($0.said) for \(($0.until - $0.since).milliseconds) ms"
                    }
                    .joined(separator: " → ")
                }
            }
        }
    }

#endif
