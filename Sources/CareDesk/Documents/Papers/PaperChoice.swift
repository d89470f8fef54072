import CareDomain

/// Which of a case's documents an answer is given from. Pure.
enum PaperChoice {
    /// `read`: all that have been read, oldest first. `found`: in which of them, and maybe of others, how many of the question's
    /// words were found. Those with the most come first, then the newest, `Paper.limit` in all; they are told oldest first.
    /// `leftOut` of them nobody is told, so nobody may say what does not stand in them.
    static func choose(from read: [Document], found: [DocumentID: Int]) -> (chosen: [Document], leftOut: Int) {
        let ranked = read.enumerated().sorted {
            (found[$0.element.id] ?? 0, $0.offset) > (found[$1.element.id] ?? 0, $1.offset)
        }
        let chosen = ranked.prefix(Paper.limit).sorted { $0.offset < $1.offset }.map(\.element)
        return (chosen, read.count - chosen.count)
    }
}
