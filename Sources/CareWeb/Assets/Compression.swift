import Foundation
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression

/// Makes files small once, at the start, so that no request waits for it.
enum Compression {
    /// gzip (RFC 1952). SwiftNIO's compressor is a handler for a server's channel; a channel in memory lends it one, so
    /// that no second binding to zlib is needed. Only whole files come here: in the server's own pipeline it would hold
    /// back the words of a stream.
    static func gzip(_ bytes: ByteBuffer) throws -> ByteBuffer {
        let channel = EmbeddedChannel(handler: HTTPResponseCompressor())
        let accepts = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: ["Accept-Encoding": "gzip"])
        try channel.writeInbound(HTTPServerRequestPart.head(accepts))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
        try channel.writeOutbound(HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: .ok)))
        try channel.writeOutbound(HTTPServerResponsePart.body(.byteBuffer(bytes)))
        try channel.writeOutbound(HTTPServerResponsePart.end(nil))
        var gzip = ByteBuffer()
        while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
            if case .body(.byteBuffer(var piece)) = part { gzip.writeBuffer(&piece) }
        }
        _ = try channel.finish()
        return gzip
    }

    /// Whether a client takes gzip (RFC 9110 §12.5.3): it is named, or `*` is, with a weight above zero.
    static func isWelcome(_ acceptEncoding: String?) -> Bool {
        guard let acceptEncoding else { return false }
        var any = false
        for coding in acceptEncoding.lowercased().split(separator: ",") {
            let parts = coding.split(separator: ";").map { $0.filter { !$0.isWhitespace } }
            guard let name = parts.first else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            if name == "gzip" || name == "x-gzip" { return weight > 0 }
            if name == "*" { any = weight > 0 }
        }
        return any
    }

    /// A script without indentation and without the lines that are comments and nothing else. Lines keep their numbers,
    /// so that an error in a browser names the line of the source. By line, not by grammar: no string or template of ours
    /// runs over the end of a line, which a test of the front end checks.
    static func stripped(_ script: String) -> String {
        var isInside = false
        return script.split(separator: "\n", omittingEmptySubsequences: false).map { line -> Substring in
            let text = line.drop { $0 == " " || $0 == "\t" }
            if isInside {
                isInside = !text.contains("*/")
                return ""
            }
            if text.hasPrefix("//") { return "" }
            guard text.hasPrefix("/*") else { return text }
            guard let end = text.range(of: "*/") else {
                isInside = true
                return ""
            }
            // `/** @type {X} */ (value)` goes on with code.
            return text[end.upperBound...].allSatisfy(\.isWhitespace) ? "" : text
        }.joined(separator: "\n")
    }
}
