import CareDesk
import CareDomain
import Foundation
import Synchronization
import Testing

@testable import CareDocuments

struct `clamd` {
    /// More than one piece.
    private let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

    @Test func `is sent the whole file, and its OK is believed`() async throws {
        try await ClamdPeer.with(.answers("stream: OK\0")) { peer in
            try await expect(.clean, at: peer.address)
            #expect(peer.received == [bytes])
        }
    }

    @Test func `is reached by the path of its socket too`() async throws {
        try await withFolder { folder in
            try await ClamdPeer.with(.answers("stream: OK\0"), unix: folder.path + "/c.sock") { peer in
                try await expect(.clean, at: peer.address)
                try await expect(.clean, at: "unix:" + peer.address)
            }
        }
    }

    @Test func `finds something`() async throws {
        try await ClamdPeer.with(.answers("stream: Eicar-Test-Signature FOUND\0")) { peer in
            try await expect(.infected, at: peer.address)
        }
    }

    @Test(arguments: [
        "INSTREAM size limit exceeded. ERROR\0", "stream: OK and more\0", "stream: OK\0stream: OK\0", "OK\0",
        "stream: \u{E9}\0", "\0", String(repeating: "x", count: 5_000) + "\0",
    ]) func `is not believed when its answer is unclear`(_ answer: String) async throws {
        try await ClamdPeer.with(.answers(answer)) { peer in
            await #expect(throws: ReaderTrouble.scanner) { try await scan(at: peer.address) }
        }
    }

    /// Longer than what sockets hold by themselves, so that the early answer finds us still sending.
    @Test func `is not believed when it says OK before it has seen everything`() async throws {
        let long = [UInt8](repeating: 7, count: 24_000_000)
        try await ClamdPeer.with(.answersEarly("stream: OK\0")) { peer in
            await #expect(throws: ReaderTrouble.scanner) { try await scan(at: peer.address, bytes: long) }
            #expect(peer.received.isEmpty)
        }
    }

    @Test(arguments: [ClamdPeer.Manner.hangsUp, .isSilent])
    func `is not waited for without end`(_ manner: ClamdPeer.Manner) async throws {
        try await ClamdPeer.with(manner) { peer in
            await #expect(throws: ReaderTrouble.scanner) { try await scan(at: peer.address, seconds: 1) }
        }
    }

    /// Was: scans shared their threads with files, and a clamd that hung kept everybody from every document.
    @Test func `that is silent keeps nobody from a file`() async throws {
        try await ClamdPeer.with(.isSilent) { peer in
            try await withFolder { folder in
                var scanner = try #require(ClamdScanner(address: peer.address))
                scanner.seconds = 5
                let path = try folder.file("file", bytes)
                let ended = Ended()
                await withTaskGroup { [scanner] group in
                    // More than there are threads of either kind.
                    for _ in 0..<6 {
                        group.addTask {
                            _ = try? await scanner.scan(path)
                            ended.count.withLock { $0 += 1 }
                        }
                    }
                    await #expect(throws: Never.self) {
                        try await Task.sleep(for: .seconds(1))  // All threads for scans are taken.
                        let blobs = try DirectoryBlobStore(root: folder.path + "/blobs")
                        let key = BlobKey(.new(), .original)
                        try await blobs.append([1], to: key, at: 0)
                        #expect(try await blobs.size(of: key) == 1)
                    }
                    #expect(ended.count.withLock { $0 } == 0, "it waited for a scan")
                    group.cancelAll()
                }
            }
        }
    }

    private final class Ended: Sendable {
        let count = Mutex(0)
    }

    @Test func `is away`() async throws {
        var address = ""
        try await ClamdPeer.with(.isSilent) { address = $0.address }
        await #expect(throws: ReaderTrouble.scanner) { try await scan(at: address) }
        await #expect(throws: ReaderTrouble.scanner) { try await scan(at: "/nonexistent/clamd.sock") }
    }

    @Test func `says what it is, and whether it takes files that are large enough`() async throws {
        try await ClamdPeer.with(.takes(300_000)) { peer in
            let scanner = try #require(ClamdScanner(address: peer.address))
            let greeting = try await scanner.greeting(takes: 300_000)
            #expect(greeting.version == "ClamAV 1.4.6/27000" && greeting.isEnough)
            #expect(try await scanner.greeting(takes: 300_001).isEnough == false)
            try await expect(.clean, at: peer.address)
            await #expect(throws: ReaderTrouble.scanner) {
                try await scan(at: peer.address, bytes: [UInt8](repeating: 1, count: 300_001))
            }
        }
    }

    @Test func `has an address that is one`() {
        #expect(ClamdScanner.parse("localhost:3310") == .host("localhost", "3310"))
        #expect(ClamdScanner.parse("[::1]:3310") == .host("::1", "3310"))
        #expect(ClamdScanner.parse("unix:/run/clamd.sock") == .unix("/run/clamd.sock"))
        for text in ["", "localhost", ":3310", "localhost:0", "localhost:70000", "::1:3310", "a b:1", "run/clamd.sock"]
        {
            #expect(ClamdScanner.parse(text) == nil)
        }
    }

    private func expect(_ expected: ScanVerdict, at address: String) async throws {
        let verdict = try await scan(at: address)
        #expect(verdict == expected)
    }

    private func scan(at address: String, seconds: Int = 30, bytes: [UInt8]? = nil) async throws
        -> ScanVerdict
    {
        try await withFolder { folder in
            var scanner = try #require(ClamdScanner(address: address))
            scanner.seconds = seconds
            return try await scanner.scan(try folder.file("file", bytes ?? self.bytes))
        }
    }
}
