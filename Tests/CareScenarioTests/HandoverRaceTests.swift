import CareDomain
import CareStore
import CareTestKit
import Foundation
import Testing

@testable import curaway

/// Takeovers raced against words, the final save and retries, through the whole server. `./test proof` runs 10,000.
@Suite(.serialized, .timeLimit(.minutes(20)))
struct `A takeover at any moment` {
    private static let workers = 4

    @Test(arguments: Nodes.allCases)
    func `is the last that is heard of the AI, and takes back no word that was shown`(_ nodes: Nodes) async throws {
        let proof = Proof()
        let races = proof.isFull ? 10_000 : 1_000
        let chatter = Chatter()
        let options = ["messages.perMinute": "1000000", "coalesce.ms": "0", "streams.perPerson": "100"]
        let landings = Collected()
        try await nodes.serve(options, model: chatter) { servers in
            try await withThrowingTaskGroup(of: Landings.self) { group in
                for worker in 0..<Self.workers {
                    group.addTask {
                        try await Self.race(
                            races / Self.workers, seed: proof.seed &+ UInt64(worker), on: servers, chatter)
                    }
                }
                for try await landed in group { await landings.add(landed) }
            }
        }
        let all = await landings.all
        proof.say(
            "handling races, \(nodes)",
            "\(all.total) takeovers (\(all.line)): no AI entry after one, no word taken back")
        #expect(all.total == races)
        #expect(all.isSpread, "\(all.line)")
    }

    private actor Collected {
        var all = Landings()
        func add(_ more: Landings) { all = all + more }
    }

    private static func race(
        _ count: Int, seed: UInt64, on servers: [Server], _ chatter: Chatter
    ) async throws -> Landings {
        let patient = Person(id: .new(), name: "Patient \(seed)", role: .patient, language: .english)
        let coordinator = Person(id: .new(), name: "Coordinator \(seed)", role: .coordinator, language: .english)
        for person in [patient, coordinator] { try await servers[0].assembly.store.save(person) }
        // Whoever takes over does it on another node than the one that writes, half of the time.
        let seat = try await servers[Int(seed % 2) % servers.count].seat(of: patient)
        let desk = try await servers[servers.count - 1].seat(of: coordinator)
        let id = try await seat.open()
        var landings = Landings()
        // A stream is authorised for ten minutes, which is less than ten thousand of these take.
        for begin in stride(from: 0, to: count, by: perStream) {
            let end = min(begin + perStream, count)
            landings =
                landings
                + (try await race(
                    begin..<end, in: id, seed: seed &+ UInt64(begin), seat, desk, chatter,
                    patience: servers.count == 1 ? 3 : 4))
        }
        return landings
    }

    private static let perStream = 250

    private static func race(
        _ numbers: Range<Int>, in id: String, seed: UInt64, _ seat: Seat, _ desk: Seat, _ chatter: Chatter,
        patience: Int
    ) async throws -> Landings {
        let path = "/api/v1/cases/\(id)"
        return try await seat.stream(id) { stream in
            var random = SeededRandom(seed: seed)
            var landings = Landings()
            var last: (reply: String, isRetryable: Bool)?
            for number in numbers {
                let target = Chatter.Moment.allCases[number % 4]
                let plan = Chatter.Plan(&random, lingersAt: target, patience: patience)
                chatter.plan(plan, for: id)
                let reply: String
                if let last, last.isRetryable, random.once(in: 3) {
                    reply = last.reply
                    let retried = try await seat.send("POST", "\(path)/replies/\(reply)/retry")
                    guard retried.status == 202 else { throw Unexpected("retry \(retried.status)") }
                } else {
                    let asked = try await seat.ask("Question \(number)", key: "k\(number)", in: id, async: true)
                    reply = asked.body["reply"]["id"].text
                }
                await plan.reached[target.rawValue].passed()
                try await Task.sleep(for: .microseconds(target == .after ? 4_000 : random.below(800)))
                let accepted = try await desk.send("POST", path + "/accept")
                guard accepted.status == 200 else { throw Unexpected("accept \(accepted.status)") }
                let released = try await desk.send("POST", path + "/release")
                guard released.status == 200 else { throw Unexpected("release \(released.status)") }
                let version = released.body["handling"]["version"].int
                var events: [EventReader.Event] = []
                while let event = try await stream.next() {
                    events.append(event)
                    if event.type == "handling", event.data["version"].int == version { break }
                }
                let landed = try judge(events, of: reply, saying: plan.text)
                landings.add(landed.moment)
                last = (reply, landed.isRetryable)
            }
            return landings
        }
    }

    /// Where the takeover landed, and that nothing is wrong with what came before and after it.
    private static func judge(
        _ events: [EventReader.Event], of reply: String, saying text: String
    ) throws -> (moment: Chatter.Moment, isRetryable: Bool) {
        guard
            let takeover = events.firstIndex(where: {
                $0.type == "handling" && $0.data["state"].text == "coordinator"
            })
        else { throw Unexpected("no takeover in \(events.types)") }
        let before = events[..<takeover]
        for event in events[takeover...] where event.isOfTheAI {
            throw Unexpected("\(event.type) of the AI after the takeover: \(events.types)")
        }
        for event in before where event.isOfTheAI && event.data["reply_id"].text != reply {
            throw Unexpected("words of an earlier answer: \(event.type)")
        }
        let shown = before.filter { $0.type == "reply.delta" }.map { $0.data["text"].text }.joined()
        guard text.hasPrefix(shown) else { throw Unexpected("other words were shown than were said") }
        let message = before.last { $0.type == "message" && $0.data["reply_id"].text == reply }
        let kept = message?.data["body"].text ?? ""
        if before.contains(where: { $0.type == "reply.finished" }) {
            guard kept == text else { throw Unexpected("a finished answer is not whole") }
            return (.after, false)
        }
        guard kept == shown else { throw Unexpected("shown «\(shown.suffix(20))», kept «\(kept.suffix(20))»") }
        let moment: Chatter.Moment =
            shown.isEmpty ? .beforeFirstText : shown == text ? .betweenLastDeltaAndSave : .inMidText
        return (moment, true)
    }
}

extension EventReader.Event {
    fileprivate var isOfTheAI: Bool {
        type.hasPrefix("reply.") || (type == "message" && data["sender_type"].text == "ai")
    }
}
