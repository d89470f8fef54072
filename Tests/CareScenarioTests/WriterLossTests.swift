#if Postgres
    import CareDomain
    import CareTestKit
    import Foundation
    import Subprocess
    import Synchronization
    import Testing

    /// The node that writes an answer is killed, or stands still for longer than its lease and then goes on. Two programs on one
    /// Redis and one PostgreSQL. `./test proof` does 20 kills and 10 standstills.
    @Suite(.timeLimit(.minutes(10)))
    struct `A node that is lost in the middle of an answer` {
        private static let lease = Duration.seconds(2)

        @Test func `killed, leaves its words and another try to every reader`() async throws {
            let proof = Proof()
            let kills = proof.isFull ? 20 : 3
            try await Pair.started { pair in
                var chances = SeededRandom(seed: proof.seed)
                var waits: [Duration] = []
                var shown: [Int] = []
                try await withThrowingTaskGroup(of: Void.self) { group in
                    var scene: Scene?
                    for life in 0...kills {
                        let isLast = life == kills
                        try await pair.serveWriter(ending: isLast ? .exited(0) : Program.killed) { writer in
                            pair.move(to: writer.base)
                            if let scene {
                                waits += try await scene.readers.asyncMap { try await $0.hasLost() }
                                shown.append(try await scene.expectPartial())
                                try await scene.retry(at: life.isMultiple(of: 2) ? writer.amina : pair.other)
                                for reader in scene.readers { try await reader.hasFinished() }
                            }
                            guard !isLast else { return }
                            // After the k-th piece of words; the first time as soon as it is being written.
                            let next = try await Scene.begun(at: writer.amina, pair, following: &group)
                            scene = next
                            try await next.pieces(life * 4 * 20 / kills)
                            try await Task.sleep(for: .milliseconds(chances.below(40)))
                            next.noteLoss()
                            try writer.kill()
                        }
                    }
                    group.cancelAll()
                }
                waits.sort()
                proof.say(
                    "SIGKILL of the node that writes",
                    "\(kills) kills with \(shown.map(String.init).joined(separator: ", ")) characters shown; every reader on both nodes "
                        + "had them and the retry after at most \(waits.last?.milliseconds ?? 0) ms (median "
                        + "\(waits[waits.count / 2].milliseconds) ms) with a lease of \(Self.lease.milliseconds) ms")
                #expect(waits.count == kills * 3)
                #expect(shown.contains { $0 > 0 }, "nothing was ever shown before a kill")
            }
        }

        @Test func `standing still for longer than its lease, can say nothing more when it goes on`() async throws {
            let proof = Proof()
            let stops = proof.isFull ? 10 : 2
            try await Pair.started { pair in
                var waits: [Duration] = []
                try await pair.serveWriter { writer in
                    pair.move(to: writer.base)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<stops {
                            let scene = try await Scene.begun(at: writer.amina, pair, following: &group)
                            try await scene.pieces(number * 60 / stops)
                            scene.noteLoss()
                            kill(writer.process, SIGSTOP)
                            defer { kill(writer.process, SIGCONT) }
                            // Of the readers the one on the node that runs; the others are on a line that is only silent.
                            waits.append(try await scene.readers[0].hasLost())
                            if number.isMultiple(of: 2) {
                                kill(writer.process, SIGCONT)
                                // It has many words left, and this is the time in which it tries to say them.
                                try await Task.sleep(for: .seconds(1))
                            }
                            try await scene.retry(at: pair.other)
                            try await scene.readers[0].until { $0.attempt == 2 && !$0.words.isEmpty }
                            kill(writer.process, SIGCONT)
                            for reader in scene.readers { try await reader.hasFinished() }
                            for reader in scene.readers {
                                #expect(!reader.seen.heardTheZombie, "the zombie was heard")
                            }
                        }
                        group.cancelAll()
                    }
                }
                waits.sort()
                proof.say(
                    "SIGSTOP of the node that writes, SIGCONT after its lease",
                    "\(stops) times: no word of it was heard any more, every reader on both nodes shows the other node's answer; "
                        + "given up after at most \(waits.last?.milliseconds ?? 0) ms with a lease of \(Self.lease.milliseconds) ms"
                )
            }
        }

        @Test func `shut down in peace, ends what it writes while its readers go on at the other node`() async throws {
            try await Pair.started(["CURAWAY_DRAIN_SECONDS": "20"]) { pair in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    let scene = try await pair.serveWriter { writer in
                        pair.move(to: writer.base)
                        let scene = try await Scene.begun(at: writer.amina, pair, following: &group)
                        try await scene.pieces(5)
                        try writer.terminate()
                        // Nobody new is let in while it leaves.
                        _ = try await eventually {
                            guard let answer = try? await writer.amina.get("/ready") else { return true }
                            return answer.status == 503 ? true : nil
                        }
                        pair.move(to: pair.other.base)
                        for reader in scene.readers { try await reader.hasFinished(attempt: 1) }
                        return scene
                    }
                    for reader in scene.readers { #expect(reader.seen.endedAt == nil, "it was interrupted") }
                    group.cancelAll()
                }
            }
        }
    }

    /// Two programs, of which one is to be lost.
    private final class Pair: Sendable {
        let program: Program
        let settings: [String: String]
        let other: Seat
        private let writer = Mutex("")
        var writerBase: String { writer.withLock { $0 } }
        func move(to base: String) { writer.withLock { $0 = base } }

        private init(_ program: Program, _ settings: [String: String], other: Seat) {
            self.program = program
            self.settings = settings
            self.other = other
        }

        static func started(
            _ more: [String: String] = [:], _ body: (Pair) async throws -> Void
        ) async throws {
            let redis = try RedisServer()
            var settings = [
                "CURAWAY_STORE": "postgres", "CURAWAY_POSTGRES_URL": try await PostgresServer.database(),
                "CURAWAY_LOG_BACKEND": "redis", "CURAWAY_REDIS_URL": redis.address,
                "CURAWAY_LOG_KEY": "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                "CURAWAY_LEASE_MS": "2000", "CURAWAY_CHECKPOINT_MS": "500", "CURAWAY_DRAIN_SECONDS": "0",
                "CURAWAY_COALESCE_MS": "0", "CURAWAY_GUIDE_PACE_MS": "15", "CURAWAY_STREAMS_PER_PERSON": "1000",
            ]
            settings.merge(more) { $1 }
            try await withProgram { program in
                try await program.serve(settings) { other in
                    try await body(Pair(program, settings, other: other.amina))
                }
            }
            withExtendedLifetime(redis) {}
        }

        func serveWriter<Answer: Sendable>(
            ending: TerminationStatus = .exited(0), _ body: (Program.Listening) async throws -> Answer
        ) async throws -> Answer {
            try await program.serve(settings, ending: ending, body)
        }
    }

    /// One answer and who reads it: one on the node that goes on, one that comes back there from the lost one, and one that
    /// comes back to the lost one.
    private struct Scene {
        let id: String
        let reply: String
        let readers: [Onlooker]
        private var path: String { "/api/v1/cases/\(id)/replies/\(reply)" }

        static func begun(
            at writer: Seat, _ pair: Pair, following group: inout ThrowingTaskGroup<Void, any Error>
        ) async throws -> Scene {
            let id = try await writer.open()
            let asked = try await writer.ask(
                "How long would I stay, and what does it cost?", key: "k", in: id, async: true)
            let reply = asked.body["reply"]["id"].text
            let other = pair.other.base
            let readers = [
                Onlooker(id, reply, pair.other) { _ in other },
                Onlooker(id, reply, writer) { $0 == 0 ? pair.writerBase : other },
                Onlooker(id, reply, writer) { _ in pair.writerBase },
            ]
            for reader in readers { group.addTask { await reader.run() } }
            for reader in readers { try await reader.until { $0.hasBegun } }
            return Scene(id: id, reply: reply, readers: readers)
        }

        func pieces(_ count: Int) async throws {
            try await readers[0].until { $0.isBeingWritten && $0.pieces >= count }
        }
        func noteLoss() { for reader in readers { reader.noteLoss() } }

        /// All have the same, and it is what the store has and what they were shown. Says how much it is.
        func expectPartial() async throws -> Int {
            let kept = try await readers[0].stored()
            for reader in readers {
                let seen = reader.seen
                #expect(kept?.body ?? "" == seen.kept)
                #expect(seen.kept.hasPrefix(seen.wordsAtLoss), "a word that was shown was taken back")
            }
            #expect(kept == nil || kept?.status == .interrupted)
            return kept?.body.count ?? 0
        }

        func retry(at seat: Seat) async throws {
            let retried = try await seat.send("POST", path + "/retry")
            #expect(retried.status == 202, "\(retried.body["code"].text)")
        }
    }

    /// A page that comes back whenever it is cut.
    private final class Onlooker: Sendable {
        struct Seen {
            var hasBegun = false
            /// Before that another node starts it, and nothing is lost.
            var isBeingWritten = false
            var pieces = 0
            var attempt = 1
            var words = ""
            /// What the ended attempt left.
            var kept = ""
            var wordsAtLoss = ""
            var lostAt: ContinuousClock.Instant?
            var endedAt: ContinuousClock.Instant?
            var isFinished = false
            private var wasToldTheEnd = false
            /// Something of the attempt that was over.
            var heardTheZombie = false

            mutating func look(at reader: WireReader, _ event: CareEvent?, _ reply: String) {
                hasBegun = true
                let message = reader.picture.messages.values.first { $0.replyID?.rawValue == reply }
                if let event, let attempt = event.attempt, attempt.replyID.rawValue == reply {
                    isBeingWritten = true
                    if attempt.number < self.attempt || (wasToldTheEnd && attempt.number == 1) { heardTheZombie = true }
                    self.attempt = max(self.attempt, attempt.number)
                    if case .replyDelta = event { pieces += 1 }
                    if case .replyEnded(_, .interrupted, _, _, _) = event {
                        end(with: message?.body)
                        wasToldTheEnd = true
                    }
                }
                // Or a snapshot told it.
                if let message, message.status == .interrupted { end(with: message.body) }
                if let message, message.status == .complete { isFinished = true }
                words = reader.picture.words(of: reply)
            }

            private mutating func end(with text: String?) {
                guard endedAt == nil else { return }
                endedAt = .now
                kept = text ?? ""
            }
        }
        private let state: Shared
        private let page: OpenPage
        private let reply: String
        var seen: Seen { state.value.withLock { $0 } }

        /// So that the page can tell it while this is being made.
        private final class Shared: Sendable {
            let value = Mutex(Seen())
        }

        init(_ caseID: String, _ reply: String, _ seat: Seat, base: @escaping @Sendable (_ connection: Int) -> String) {
            self.reply = reply
            let state = Shared()
            self.state = state
            page = OpenPage(caseID: caseID, seat: seat, base: base) { reader, event in
                state.value.withLock { $0.look(at: reader, event, reply) }
            }
        }

        func run() async { await page.run() }

        func until(_ holds: @escaping @Sendable (Seen) -> Bool) async throws {
            do {
                _ = try await eventually { [self] in
                    try page.check()
                    return holds(seen) ? true : nil
                }
            } catch is NeverCame { throw Unexpected("after \(page.connections) connections: \(seen)") }
        }

        func noteLoss() {
            state.value.withLock {
                $0.lostAt = .now
                $0.wordsAtLoss = $0.words
            }
        }

        /// How long it took until it showed the end and the retry.
        func hasLost() async throws -> Duration {
            try await until { $0.endedAt != nil }
            let seen = seen
            guard let lost = seen.lostAt, let ended = seen.endedAt else { throw Unexpected("nothing was lost") }
            return ended - lost
        }

        /// It shows the second attempt, whole, and the same as a fresh page does.
        func hasFinished(attempt: Int = 2) async throws {
            try await until { $0.isFinished }
            let message = try await page.showsWhatIsSo().messages.last { $0.replyID?.rawValue == reply }
            #expect(message?.version == attempt && message?.status == .complete)
        }

        func stored() async throws -> Message? {
            try await page.reader.snapshot().messages.last { $0.replyID?.rawValue == reply }
        }
    }

    extension Array {
        fileprivate func asyncMap<Answer>(_ body: (Element) async throws -> Answer) async rethrows -> [Answer] {
            var answers: [Answer] = []
            for element in self { answers.append(try await body(element)) }
            return answers
        }
    }
#endif
