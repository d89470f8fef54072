/// A key to somebody else's service. Printing it, or anything that holds it, shows nothing of it.
package struct UpstreamKey: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    let value: String

    /// White space around it goes: a key read from a file ends in a line break. `nil` when what is left is no token of
    /// printable ASCII, so that it can always stand in a header.
    package init?(_ text: String) {
        let isSpace: (Character) -> Bool = { $0.isWhitespace }
        let token = text.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
        value = String(token)
        guard !value.isEmpty, value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    }

    package var description: String { "‹redacted›" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
