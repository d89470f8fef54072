import CareDomain
import Foundation
import Testing

@testable import CareDesk

/// A phrase that can never match looks like care and is none; so does one that a stray blank has cut in two.
struct `The phrase tables` {
    /// Words that two neighbouring pieces may share, because people do say "a real human person" and "need help to help".
    static let saidTwice: Set<String> = ["human", "real", "to", "with", "through", "a", "an", "the", "help", "call"]
    static let particles: Set<String> = ["عم", "رح", "يا", "سيارة"]

    @Test(arguments: PhraseTables.all)
    func `every choice of every phrase is heard in some words`(_ table: PhraseTables.Table) {
        for source in table.phrases {
            let phrase = Phrase(source, classes: table.classes)
            for words in Instances.of(source, table.classes) {
                let heard = Words(words)
                let found = heard.all.indices.contains { phrase.end(in: heard.all, at: $0) != nil }
                #expect(found, "\(table.name): \(source.debugDescription) does not hear \(words.debugDescription)")
            }
        }
    }

    @Test(arguments: PhraseTables.all)
    func `no blank has cut a choice in two`(_ table: PhraseTables.Table) {
        for source in table.phrases {
            let pieces = source.split(separator: " ").map(String.init)
            for (left, right) in zip(pieces, pieces.dropFirst()) {
                // "life|from life|soul" asks for two words of which one comes twice: "from? life|soul" was meant.
                guard !left.hasSuffix("?"), !right.hasSuffix("?") else { continue }
                let twice = Set(Instances.choices(left, table.classes))
                    .intersection(Instances.choices(right, table.classes)).subtracting(Self.saidTwice)
                #expect(twice.isEmpty, "\(table.name): \(source.debugDescription) says \(twice) twice in a row")
            }
            for piece in pieces.dropLast() {
                // A particle needs its verb: as the last of several choices it has lost it to the next piece.
                let choices = piece.split(separator: "|", omittingEmptySubsequences: false)
                let cut = choices.count > 1 && Self.particles.contains(String(choices[choices.count - 1]))
                #expect(!cut, "\(table.name): \(piece) of \(source.debugDescription) ends in a particle")
                #expect(!choices.contains(""), "\(table.name): an empty choice in \(source.debugDescription)")
            }
        }
    }

    @Test(arguments: PhraseTables.all)
    func `a phrase names only lists, guards and wishes that exist`(_ table: PhraseTables.Table) {
        for source in table.phrases {
            for piece in source.split(separator: " ") {
                for choice in piece.split(separator: "|") where choice.drop(while: { "!".contains($0) }).hasPrefix("@")
                {
                    let name = choice.drop { "!@".contains($0) }.prefix { $0 != "?" }
                    #expect(table.classes[String(name)] != nil, "\(table.name): no list is called \(name)")
                }
            }
        }
        for name in table.unless { #expect(table.guards.contains(name) || name == "topic", "no guard \(name)") }
        for wish in table.wishes { #expect(wish == "person" || Emergency(rawValue: wish) != nil, "no wish \(wish)") }
    }
}

enum PhraseTables {
    struct Table: Sendable, CustomTestStringConvertible {
        var name: String
        var phrases: [String] = []
        var classes: [String: [String]] = [:]
        var guards: Set<String> = []
        var unless: Set<String> = []
        var wishes: Set<String> = []
        var testDescription: String { name }
    }

    static let all = [
        read("intent.en", PackageResources.intent_en_json), read("intent.ar", PackageResources.intent_ar_json),
        read("guide.en", PackageResources.guide_en_json), read("guide.ar", PackageResources.guide_ar_json),
    ]

    private static func read(_ name: String, _ bytes: [UInt8]) -> Table {
        let root = (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any] ?? [:]
        var table = Table(name: name)
        table.classes = root["classes"] as? [String: [String]] ?? [:]
        for key in ["now", "questionOpenings", "personal"] { table.phrases += root[key] as? [String] ?? [] }
        for (name, entry) in root["guards"] as? [String: [String: Any]] ?? [:] {
            table.guards.insert(name)
            for side in ["before", "after"] { table.phrases += entry[side] as? [String] ?? [] }
        }
        for rule in root["rules"] as? [[String: Any]] ?? [] {
            table.phrases += rule["phrases"] as? [String] ?? []
            table.unless.formUnion(rule["unless"] as? [String] ?? [])
            if let wish = rule["wish"] as? String { table.wishes.insert(wish) }
        }
        for key in ["treatments", "places", "topics"] {
            for one in root[key] as? [[String: Any]] ?? [] { table.phrases += one["hears"] as? [String] ?? [] }
        }
        for one in (root["slots"] as? [String: [String: Any]] ?? [:]).values {
            table.phrases += one["hears"] as? [String] ?? []
        }
        for one in (root["acts"] as? [String: [String]] ?? [:]).values { table.phrases += one }
        return table
    }
}

/// Texts a phrase was written for: one for each choice of each piece, the others at their first.
enum Instances {
    static func of(_ source: String, _ classes: [String: [String]]) -> [String] {
        let pieces = source.split(separator: " ").map { piece in
            ["^", "$"].contains(piece) || piece.hasPrefix("..") || piece.hasPrefix("!")
                ? [] : choices(String(piece), classes)
        }.filter { !$0.isEmpty }
        var texts: [String] = []
        for (index, piece) in pieces.enumerated() {
            for choice in piece {
                texts.append(pieces.indices.map { $0 == index ? choice : pieces[$0][0] }.joined(separator: " "))
            }
        }
        return texts
    }

    /// As a person would type them.
    static func choices(_ piece: String, _ classes: [String: [String]]) -> [String] {
        guard !["^", "$"].contains(piece), !piece.hasPrefix(".."), !piece.hasPrefix("!") else { return [] }
        return (piece.hasSuffix("?") ? piece.dropLast() : piece[...]).split(separator: "|").flatMap {
            choice -> [String] in
            if choice == "#" { return ["3"] }
            if choice == "$" { return [] }
            if choice.hasPrefix("@") { return classes[String(choice.dropFirst())] ?? [] }
            return [choice.hasSuffix("*") ? String(choice.dropLast()) : String(choice)]
        }
    }
}
