import CareDesk

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A connection with a deadline: every wait ends there, also against a peer that trickles. It blocks its thread; used only
/// off the pool. Every failure is `ReaderTrouble.scanner`.
struct PeerSocket: ~Copyable {
    private let descriptor: Int32
    private let deadline: ContinuousClock.Instant

    init(_ address: ClamdScanner.Address, until deadline: ContinuousClock.Instant) throws {
        self.deadline = deadline
        switch address {
        case .unix(let path): descriptor = try Self.connect(unix: path, deadline)
        case .host(let host, let port): descriptor = try Self.connect(host, port, deadline)
        }
    }

    deinit { close(descriptor) }

    borrowing func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                systemSend(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent)
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                try Self.wait(descriptor, POLLOUT | POLLIN, deadline)
                // A peer that talks while it is talked to has not heard everything.
                if hasAnswer() { throw ReaderTrouble.scanner }
            } else if errno != EINTR {
                throw ReaderTrouble.scanner
            }
        }
    }

    /// Whether something came, or the peer hung up, without waiting for it.
    borrowing func hasAnswer() -> Bool {
        var asked = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&asked, 1, 0) != 0
    }

    /// Up to a zero, which is left out. Something after it, no zero or too long: it is not understood.
    borrowing func receive(atMost limit: Int) throws -> String {
        var bytes: [UInt8] = []
        while bytes.count < limit {
            try Self.wait(descriptor, POLLIN, deadline)
            var piece = [UInt8](repeating: 0, count: limit - bytes.count)
            let count = recv(descriptor, &piece, piece.count, 0)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else { throw ReaderTrouble.scanner }
            bytes += piece.prefix(count)
            if let end = bytes.firstIndex(of: 0) {
                guard end == bytes.count - 1, let text = String(validating: bytes.dropLast(), as: UTF8.self) else {
                    break
                }
                return text
            }
        }
        throw ReaderTrouble.scanner
    }

    private static func connect(unix path: String, _ deadline: ContinuousClock.Instant) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let isCopied = withUnsafeMutableBytes(of: &address.sun_path) { place in
            // The last byte stays the zero it is.
            guard bytes.count < place.count else { return false }
            place.copyBytes(from: bytes)
            return true
        }
        guard isCopied else { throw ReaderTrouble.scanner }
        return try withUnsafePointer(to: address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try connect($0, socklen_t(MemoryLayout<sockaddr_un>.size), AF_UNIX, deadline)
            }
        }
    }

    private static func connect(_ host: String, _ port: String, _ deadline: ContinuousClock.Instant) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, port, &hints, &list) == 0, let first = list else { throw ReaderTrouble.scanner }
        defer { freeaddrinfo(first) }
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let place = next {
            if let address = place.pointee.ai_addr,
                let descriptor = try? connect(address, place.pointee.ai_addrlen, place.pointee.ai_family, deadline)
            {
                return descriptor
            }
            next = place.pointee.ai_next
        }
        throw ReaderTrouble.scanner
    }

    private static func connect(
        _ address: UnsafePointer<sockaddr>, _ length: socklen_t, _ family: Int32, _ deadline: ContinuousClock.Instant
    ) throws -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw ReaderTrouble.scanner }
        do {
            if systemConnect(descriptor, address, length) != 0 {
                guard errno == EINPROGRESS else { throw ReaderTrouble.scanner }
                try wait(descriptor, POLLOUT, deadline)
                var code: Int32 = 0
                var size = socklen_t(MemoryLayout<Int32>.size)
                guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0, code == 0 else {
                    throw ReaderTrouble.scanner
                }
            }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func wait(_ descriptor: Int32, _ what: Int32, _ deadline: ContinuousClock.Instant) throws {
        while true {
            let left = deadline - .now
            guard left > .zero else { throw ReaderTrouble.scanner }
            var asked = pollfd(fd: descriptor, events: Int16(what), revents: 0)
            let milliseconds = left.components.seconds * 1_000 + left.components.attoseconds / 1_000_000_000_000_000
            let answer = poll(&asked, 1, Int32(clamping: milliseconds + 1))
            if answer > 0 { return }
            if answer < 0, errno != EINTR { throw ReaderTrouble.scanner }
        }
    }
}

/// The C library's, by names that methods called `send` and `connect` do not hide. A peer that hung up is an error, no signal.
private func systemSend(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    send(descriptor, bytes, count, Int32(MSG_NOSIGNAL))
}

private func systemConnect(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Int32 {
    connect(descriptor, address, length)
}
