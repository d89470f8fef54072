package import CareDomain

/// Where the bytes of documents lie.
///
/// Guarantees:
/// - `append` and `put` are durable when they return. What `append` had not written when the process died may be there
///   in part; `size` says how far, and one goes on from there.
/// - `put` is whole or not at all, and replaces.
/// - Nothing can be reached by a key that is not one: keys are made of ids, never of a person's words.
/// - `remove` of what is not there does nothing.
/// - When there is no room, or it may not be written, `BlobStoreUnavailable` is thrown and nothing is lost.
package protocol BlobStore: Sendable {
    /// Bytes there are; nil when there is no such blob.
    func size(of key: BlobKey) async throws -> Int?
    /// Adds to the end. The offset is the size its caller knows; with another one nothing is written and `WrongOffset` is
    /// thrown. An offset of 0 makes the blob.
    func append(_ bytes: [UInt8], to key: BlobKey, at offset: Int) async throws
    func put(_ bytes: [UInt8], as key: BlobKey) async throws
    /// At most `count` bytes from an offset; fewer only at the end. `NoSuchBlob` when there is none.
    func read(_ key: BlobKey, from offset: Int, count: Int) async throws -> [UInt8]
    /// SHA-256 of the whole in small hexadecimal letters, with constant memory.
    func digest(of key: BlobKey) async throws -> String
    /// A file of this machine with its bytes, for programs that read files; good while the body runs, not to be written.
    func withFile<Answer: Sendable>(
        of key: BlobKey, _ body: @Sendable (String) async throws -> Answer
    ) async throws -> Answer
    /// Everything of one document: the original, its pages.
    func removeAll(of document: DocumentID) async throws
    /// Documents that have blobs here, in no order, and when bytes of each came or went last, for who looks for what nobody owns
    /// any more.
    func documents() async throws -> [(id: DocumentID, changed: Moment)]
    /// Whether these are this installation's blobs. Whoever asks first owns them; for a store that knows another set of
    /// documents, all of these would be nobody's.
    func belongs(to installation: String) async throws -> Bool
}

/// One blob of one document.
package struct BlobKey: Hashable, Sendable {
    package var document: DocumentID
    package var part: Part

    package enum Part: Hashable, Sendable {
        case original
        /// The picture of a page, from 1.
        case page(Int)
    }

    package init(_ document: DocumentID, _ part: Part) {
        self.document = document
        self.part = part
    }
}

package struct WrongOffset: Error, Equatable {
    /// Where it ends now.
    package var size: Int
    package init(size: Int) { self.size = size }
}

package struct NoSuchBlob: Error, Equatable { package init() {} }

package struct BlobStoreUnavailable: Error, Equatable {
    /// For the operator's log; names no patient and no file.
    package var reason: String
    package init(reason: String) { self.reason = reason }
}
