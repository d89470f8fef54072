import CareDomain
import CareLog
import Synchronization

/// What this node has heard of each topic, and its readers.
extension RedisEventLog {
    func isMirrored(_ topic: Topic) -> Bool { state.withLock { $0.mirrors[topic] != nil } }

    func host(of topic: Topic) async throws -> TopicHost {
        let (known, link) = state.withLock { state in
            state.mirrors[topic]?.touched = .now
            return (state.mirrors[topic]?.host, state.link)
        }
        if let known { return known }
        if let link {
            do { return try await mirror(topic, link) } catch let error as RedisError { lost(link, error) }
        }
        return hostAlone(topic) { $0 }
    }

    /// Reads it, puts it where it is heard of, subscribes, and reads what came in between: nothing can be missed. In this
    /// order, because `letGo` unsubscribes before it takes a mirror away: a mirror that is there is never left deaf.
    func mirror(_ topic: Topic, _ link: Link) async throws -> TopicHost {
        let fresh = try await whole(topic, link)
        let host = state.withLock { state in
            if let other = state.mirrors[topic] { return other.host }
            let host = TopicHost(epoch: fresh.epoch, limits: limits)
            _ = host.change { $0 = fresh }
            state.mirrors[topic] = Mirror(host: host, touched: .now)
            return host
        }
        makeRoom(besides: topic)
        link.subscriber.post(["SUBSCRIBE", .text(channel(of: topic))])
        try await settled(link)
        try await catchUp(topic, link)
        return host
    }

    /// Beyond `LogLimits.topics` the longest untouched that nobody reads are let go, a tenth at a time so that the sorting is
    /// rare.
    func makeRoom(besides topic: Topic) {
        let (crowd, link) = state.withLock { state in
            (state.mirrors.count > limits.topics ? state.mirrors.filter { $0.key != topic } : [:], state.link)
        }
        var room = max(1, limits.topics / 10)
        for (topic, mirror) in crowd.sorted(by: { $0.value.touched < $1.value.touched }) where room > 0 {
            if letGo(topic, mirror, link) { room -= 1 }
        }
    }

    /// Unless somebody reads it, or a reply is being written in it.
    func letGo(_ topic: Topic, _ mirror: Mirror, _ link: Link?) -> Bool {
        guard mirror.host.closeIfIdle() else { return false }
        link?.subscriber.post(["UNSUBSCRIBE", .text(channel(of: topic))])
        state.withLock { state in if state.mirrors[topic]?.host === mirror.host { state.mirrors[topic] = nil } }
        return true
    }

    /// Waits until the subscriber has carried out what was posted to it.
    func settled(_ link: Link) async throws { _ = try await link.subscriber.ask(["PING"]) }

    /// Entries of one answer. Of the largest that a patient can send they are three megabytes, which a slow line brings well
    /// within a command's time; a whole topic of them would be sixty, and the link would be given up again and again.
    static let entriesAtOnce = 100

    /// What Redis has of a topic after a position, as far as one answer goes.
    struct Part {
        /// The topic had another history: these are its first entries.
        var isWhole: Bool
        var epoch: String
        /// The topic's last, whether or not it is among these.
        var last: Int
        var fact: Int?
        var entries: [(offset: Int, entry: RESPValue)]
    }

    func read(_ topic: Topic, after position: (epoch: String, offset: Int), _ link: Link) async throws -> Part {
        let answer = try await step(
            "read", [.text(position.epoch), .integer(position.offset), .integer(Self.entriesAtOnce)], on: topic, link)
        let entries = answer.count > 4 ? answer[4].parts ?? [] : []
        return Part(
            isWhole: answer[0].text != "rest", epoch: answer[1].text ?? "", last: answer[2].integer ?? 0,
            fact: answer.count > 3 ? answer[3].integer.flatMap { $0 < 0 ? nil : $0 } : nil,
            entries: entries.compactMap { entry in Self.offset(entry).map { ($0, entry) } })
    }

    /// All that Redis has of a topic, up to what was its last entry at some moment of this.
    func whole(_ topic: Topic, _ link: Link, from first: Part? = nil) async throws -> TopicState {
        var part: Part
        if let first { part = first } else { part = try await read(topic, after: ("", 0), link) }
        var fresh = state(from: part, of: topic)
        while let read = part.entries.last?.offset, read < part.last {
            part = try await self.read(topic, after: (fresh.epoch, read), link)
            if part.isWhole {
                fresh = state(from: part, of: topic)
            } else {
                adopt(part, into: &fresh, of: topic)
            }
        }
        return fresh
    }

    private func state(from part: Part, of topic: Topic) -> TopicState {
        let first = part.entries.first?.offset ?? part.last + 1
        var fresh = TopicState(epoch: part.epoch, limits: limits, after: first - 1, lastFact: part.fact)
        adopt(part, into: &fresh, of: topic)
        return fresh
    }

    private func adopt(_ part: Part, into fresh: inout TopicState, of topic: Topic) {
        for (offset, entry) in part.entries {
            if let (draft, json) = opened(entry, of: topic), fresh.adopt(draft, json: json, at: offset) { continue }
            // What cannot be read, or was trimmed meanwhile, is lost history for this node: whoever has not seen it is told to
            // fetch a snapshot.
            fresh = TopicState(epoch: part.epoch, limits: limits, after: offset, lastFact: part.fact)
        }
    }

    /// Brings a mirror up to what Redis has at this moment.
    func catchUp(_ topic: Topic, _ link: Link) async throws {
        guard let mirror = state.withLock({ $0.mirrors[topic] }),
            let position = mirror.host.look({ $0.position })
        else { return }
        var after = mirror.isAlone ? ("", 0) : (position.epoch, position.offset)
        var first: Part?
        while true {
            let part = try await read(topic, after: after, link)
            if part.isWhole {
                first = part
                break
            }
            // What comes next was trimmed.
            if part.entries.first.map({ $0.offset > after.1 + 1 }) == true { break }
            for (offset, entry) in part.entries {
                take(opened(entry, of: topic), at: Position(epoch: part.epoch, offset: offset), into: mirror.host)
            }
            guard let read = part.entries.last?.offset, read < part.last else { return }
            after.1 = read
        }
        let fresh = try await whole(topic, link, from: first)
        state.withLock { $0.mirrors[topic]?.isAlone = false }
        _ = mirror.host.change { topic in
            // Two may have read at once; the later one has more.
            if topic.epoch != fresh.epoch || topic.position.offset < fresh.position.offset { topic = fresh }
        }
    }

    func take(_ entry: (draft: Draft, json: [UInt8])?, at position: Position, into host: TopicHost) {
        guard host.look({ $0.epoch == position.epoch && position.offset == $0.position.offset + 1 }) == true else {
            return
        }
        _ = host.change { topic in
            guard topic.epoch == position.epoch, position.offset == topic.position.offset + 1 else { return }
            if let entry, topic.adopt(entry.draft, json: entry.json, at: position.offset) { return }
            topic = TopicState(epoch: position.epoch, limits: limits, after: position.offset)
        }
    }

    /// An entry of a stream: its id `<offset>-0`, and one field.
    static func offset(_ entry: RESPValue) -> Int? {
        entry.parts?.first?.text.flatMap { Int($0.prefix { $0 != "-" }) }
    }

    func opened(_ entry: RESPValue, of topic: Topic) -> (draft: Draft, json: [UInt8])? {
        guard let fields = entry.parts?.last?.parts, let sealed = fields.last?.bytes else { return nil }
        return opened(sealed, of: topic)
    }

    func opened(_ sealed: [UInt8], of topic: Topic) -> (draft: Draft, json: [UInt8])? {
        let plain = keys.open(sealed, of: topic)
        if let entry = plain.flatMap(StoredEntry.draft) { return entry }
        let isFirst = state.withLock { state in
            defer { state.complained = true }
            return !state.complained
        }
        if isFirst {
            report(
                plain == nil
                    ? "an entry of the shared log cannot be read: is its key in CURAWAY_LOG_KEY on every node?"
                    : "an entry of the shared log cannot be understood: was it written by a version that is more than one ahead?"
            )
        }
        return nil
    }

    /// What came by subscription.
    func hear(_ push: [RESPValue], _ link: Link) async throws {
        guard push.count == 3, push[0].text == "message", let name = push[1].text, name.hasPrefix("care:c:"),
            let bytes = push[2].bytes
        else { return }
        let topic = Topic(name: String(name.dropFirst(7)))
        guard let host = state.withLock({ $0.mirrors[topic]?.host }) else { return }
        let words = bytes.split(separator: 32, maxSplits: 2, omittingEmptySubsequences: false)
        if words.count >= 2, words[0].elementsEqual([UInt8(ascii: "s")]) {
            let sealed = Array(bytes.dropFirst(2))
            if let plain = keys.open(sealed, of: topic), let signal = Self.signal(plain) { _ = host.tell(signal) }
            return
        }
        guard words.count == 3, let offset = Int(String(decoding: words[1], as: UTF8.self)) else { return }
        let position = Position(epoch: String(decoding: words[0], as: UTF8.self), offset: offset)
        guard let held = host.look({ $0.position }) else { return }
        if held.epoch == position.epoch, offset <= held.offset { return }
        if held.epoch == position.epoch, offset == held.offset + 1 {
            take(opened(Array(words[2]), of: topic), at: position, into: host)
        } else {
            try await catchUp(topic, link)
        }
    }
}
