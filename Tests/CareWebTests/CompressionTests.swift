import NIOCore
import Testing

@testable import CareWeb

struct `What a browser is given` {
    @Test(
        arguments: [
            (nil, false), ("", false), ("identity", false), ("gzip", true), ("GZIP", true), ("br, gzip", true),
            ("gzip;q=0", false), ("gzip; q=0.0, *", false), ("gzip;q=0.5", true), ("*", true), ("*;q=0", false),
            ("deflate, br", false), ("x-gzip", true), ("gzip;q=nonsense", true), (";;,,", false),
        ] as [(String?, Bool)])
    func `is gzip only for a client that takes it`(header: String?, welcome: Bool) {
        #expect(Compression.isWelcome(header) == welcome)
    }

    @Test func `has no lines that are only comments, and keeps its lines' numbers`() {
        let source = """
            // why
            import { a } from "./a.js"; // stays
            /**
             * @param {string} url
             */
            export function b(url) { /* stays */
                // gone
                /** @type {Set<string>} */
                const all = new Set();
                /** @type {A} */ (all).add("https://x//y");
                return `/* ${all} */`;
            }
            """
        let expected = """

            import { a } from "./a.js"; // stays



            export function b(url) { /* stays */


            const all = new Set();
            /** @type {A} */ (all).add("https://x//y");
            return `/* ${all} */`;
            }
            """
        #expect(Compression.stripped(source) == expected)
    }

    @Test func `is one gzip member that is smaller`() throws {
        let text = String(repeating: "What a patient reads. ", count: 500)
        let gzip = try Compression.gzip(ByteBuffer(string: text))
        #expect(Array(gzip.readableBytesView.prefix(3)) == [0x1f, 0x8b, 8])
        #expect(gzip.readableBytes < text.utf8.count / 10)
    }
}
