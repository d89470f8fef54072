/// One range of bytes as a client may ask for it (RFC 9110 §14.1.2). Several at once are answered with the whole, as §14.2
/// allows: nobody here needs them, and they cost more than they give.
enum ByteRange: Equatable {
    case whole
    case part(ClosedRange<Int>)
    /// Nothing of it is there: 416.
    case unsatisfiable

    init(_ header: String?, of size: Int) {
        guard let header, header.lowercased().hasPrefix("bytes=") else {
            self = .whole
            return
        }
        let wanted = header.dropFirst(6).filter { $0 != " " }
        let parts = wanted.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else {
            self = .whole
            return
        }
        switch (Int(parts[0]), Int(parts[1])) {
        case (let first?, let last?):
            guard first <= last else {
                self = .whole
                return
            }
            self = first < size ? .part(first...min(last, size - 1)) : .unsatisfiable
        case (let first?, nil) where parts[1].isEmpty:
            self = first < size ? .part(first...(size - 1)) : .unsatisfiable
        case (nil, let count?) where parts[0].isEmpty:
            self = count > 0 && size > 0 ? .part(max(0, size - count)...(size - 1)) : .unsatisfiable
        default: self = .whole
        }
    }
}
