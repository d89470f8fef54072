package import CareDomain

/// Reads files that strangers made.
///
/// Guarantees:
/// - Whatever the file is, an answer or an error comes within the bounds of time, memory, output and pages that the reader
///   was given; nothing it started is left running, also when the task is cancelled.
/// - The type is told by the bytes; the name is not asked.
/// - A refusal is about the file, and asking again gives the same. A `ReaderTrouble` is ours, and asking again may help.
/// - The file is not changed. Pictures of pages carry no metadata of the original (no place, no camera).
package protocol DocumentReader: Sendable {
    /// What it is and how many pages it has. Throws `DocumentRefusal`, `ReaderTrouble`, `CancellationError`.
    func inspect(_ path: String) async throws -> InspectedFile
    /// One page, from 1. Throws the same.
    func read(page: Int, of file: InspectedFile) async throws -> ReadPage
}

package struct InspectedFile: Hashable, Sendable {
    package var path: String
    package var mediaType: String
    package var pages: Int

    package init(path: String, mediaType: String, pages: Int) {
        self.path = path
        self.mediaType = mediaType
        self.pages = pages
    }
}

package struct ReadPage: Sendable, Equatable {
    package var text: PageText
    /// The page as a JPEG, upright; nil for a file that has no pictures, such as plain text.
    package var picture: [UInt8]?

    package init(text: PageText, picture: [UInt8]?) {
        self.text = text
        self.picture = picture
    }
}

/// Why a file cannot be read, in codes of the protocol; the app says each in the patient's words.
package enum DocumentRefusal: String, Error, Sendable, CaseIterable {
    case empty
    /// More bytes than a document may have.
    case tooLarge = "too_large"
    /// A kind of file that is not read here.
    case unsupported = "unsupported_type"
    /// It begins like one kind of file and is another one as well.
    case ambiguous = "ambiguous_type"
    case encrypted
    case damaged
    case tooManyPages = "too_many_pages"
    /// So many pixels, or so much when unpacked, that opening it would be an attack.
    case tooBig = "too_big_to_open"
    case infected
    /// Readable, and nothing on any page.
    case nothingToRead = "nothing_to_read"
}

/// Ours, not the file's.
package enum ReaderTrouble: String, Error, Sendable {
    /// A tool took longer than it may.
    case slow = "reading_took_too_long"
    /// A tool is missing, or died of something that is not the file.
    case broken = "reader_unavailable"
    case scanner = "scanner_unavailable"
}

/// Asked before anybody opens a file.
package protocol VirusScanner: Sendable {
    /// Throws `ReaderTrouble.scanner` when no answer is to be had: then the document fails and may be tried again; it is never
    /// read unscanned because the scanner was away.
    func scan(_ path: String) async throws -> ScanVerdict
}

package enum ScanVerdict: Sendable, Equatable {
    case clean
    case infected
}
