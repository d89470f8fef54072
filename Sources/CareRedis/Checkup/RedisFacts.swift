/// What a server says about itself (`INFO`, `CONFIG GET`), as far as it says it. Pure: the text is read elsewhere.
package struct RedisFacts: Sendable, Equatable {
    /// `INFO`, all sections, without the headings.
    package var info: [String: String]
    /// `CONFIG GET`; nil when it is not told.
    package var config: [String: String]?

    package init(info text: String, config: [String: String]?) {
        info = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            info[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
        self.config = config
    }

    /// Redis, Valkey, or what else says its version.
    package var server: String {
        if let version = info["valkey_version"] { return "Valkey \(version)" }
        if let version = info["redis_version"] {
            return info["upstash_version"].map { "Upstash \($0), as Redis \(version)" } ?? "Redis \(version)"
        }
        return "a server that does not say its version"
    }

    /// Calls since the server's start, by name, those of scripts too; nil where the provider hides it.
    package var calls: [String: Int]? {
        let all = info.compactMap { key, value -> (String, Int)? in
            guard key.hasPrefix("cmdstat_"),
                let calls = value.split(separator: ",").first(where: { $0.hasPrefix("calls=") }),
                let count = Int(calls.dropFirst(6)), count >= 0
            else { return nil }
            return (String(key.dropFirst(8)).uppercased(), count)
        }
        return all.isEmpty ? nil : Dictionary(all, uniquingKeysWith: max)
    }

    package func number(_ key: String) -> Int? { info[key].flatMap { Int($0) } }

    /// What is wrong with it, or worth knowing, for the log that is kept there.
    package var findings: [RedisFinding] {
        var found: [RedisFinding] = []
        func say(_ level: RedisFinding.Level, _ sentence: String) {
            found.append(RedisFinding(level: level, sentence: sentence))
        }

        if let version = info["redis_version"]?.split(separator: ".").first.flatMap({ Int($0) }),
            // Upstash says an old version and does what we need; it is what `greeting` calls it.
            info["valkey_version"] == nil, info["upstash_version"] == nil, version < 7
        {
            say(.problem, "Redis \(version) is older than 7, with which this is tested")
        }
        if let role = info["role"], role != "master" {
            say(
                .problem,
                "it is a replica: it takes no writes, and every node goes on alone. Name the primary's address")
        }
        if info["cluster_enabled"] == "1" {
            say(
                .problem,
                "it is a cluster: one append touches three keys that may lie on different nodes. Take one without")
        }
        if let policy = config?["maxmemory-policy"] ?? info["maxmemory_policy"], policy != "noeviction" {
            say(
                .problem,
                "maxmemory-policy is \(policy): when memory is short, topics are thrown away, and their readers fetch snapshots again and "
                    + "again. Set noeviction, and watch the memory")
        }
        if let most = number("maxmemory"), most > 0, let used = number("used_memory") {
            let percent = whole(Double(used) / Double(most) * 100)
            say(
                percent >= 80 ? .problem : .fine,
                "memory: \(used >> 20) of \(most >> 20) MiB"
                    + (percent >= 80 ? "; when it is full, every node goes on alone. Give it more" : ""))
        } else if let used = number("used_memory") {
            say(
                .note,
                "memory: \(used >> 20) MiB, without a bound of its own (maxmemory 0): the machine's memory is the bound"
            )
        }
        if info["loading"] == "1" { say(.problem, "it is loading its data, and answers nothing else meanwhile") }
        if info["aof_last_write_status"].map({ $0 != "ok" }) == true
            || info["rdb_last_bgsave_status"].map({ $0 != "ok" }) == true
        {
            say(.problem, "its last write to disk failed; it may refuse writes soon. Look at its disk")
        }
        switch (info["aof_enabled"], config?["save"]) {
        case ("1", _): say(.fine, "it keeps its data over a restart (appendonly)")
        case ("0", ""?):
            say(
                .note,
                "it keeps nothing over a restart: then every reader fetches a snapshot. No fact is lost, they are in PostgreSQL; "
                    + "appendonly yes spares the readers that")
        case ("0", let save?):
            say(
                .note,
                "it keeps its data over a restart up to its last snapshot (save \(save)); then every reader fetches one of ours"
            )
        default: say(.note, "whether it keeps its data over a restart, it does not say. No fact is lost either way")
        }
        if config == nil {
            say(.note, "CONFIG GET is refused, as many providers do; what only it tells is not looked at")
        }
        return found
    }
}

/// What a server says may be any number; a bound, because a conversion of one that does not fit would trap.
func whole(_ value: Double) -> Int { value.isFinite ? Int(min(max(value, 0), 1e15)) : 0 }

package struct RedisFinding: Sendable, Equatable {
    package enum Level: String, Sendable { case fine = "ok", note, problem = "FAIL" }
    package var level: Level
    package var sentence: String

    package init(level: Level, sentence: String) {
        self.level = level
        self.sentence = sentence
    }
}
